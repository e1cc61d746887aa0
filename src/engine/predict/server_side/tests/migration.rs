//! What kubectl, Argo CD and Flux take over from other managers of theirs.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::kind::DAEMON_SET;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::predict::{Verdict, predict};
use crate::engine::schema::apply_defaults;
use crate::engine::syncer::{Applier, Strategy, TakesOver};

#[test]
fn kubectl_may_take_what_its_own_last_applied_explains() {
    let before = container(json!({"args": ["serve"]}));
    let mut live = owned(
        &before,
        vec![entry(
            "kubectl-client-side-apply",
            "Update",
            fields_of(&DEPLOYMENT, &before).to_value(),
        )],
    );
    live["metadata"]["annotations"] = json!({LAST_APPLIED: before.to_string()});
    let git = container(json!({"args": ["serve", "--fast"]}));
    let sync_as = |manager: &str| {
        predict(
            &DEPLOYMENT,
            &git,
            &live,
            &Syncer {
                force: Force::No,
                ..Syncer::new(Strategy::ServerSideApply, manager)
            },
        )
        .verdict
    };
    assert_eq!(
        (sync_as("kubectl"), sync_as(TOOL)),
        (Verdict::Reverts, Verdict::Conflict)
    );
}

#[test]
fn an_object_that_nobody_tracks_belongs_to_before_first_apply() {
    let live = owned(&container(json!({"args": ["old"]})), vec![]);
    let answer = sync(&container(json!({"args": ["new"]})), &live, Force::No);
    assert_eq!(
        answer.causes,
        [conflict(
            ".spec.template.spec.containers[name=\"app\"].args",
            "conflict with \"before-first-apply\" using apps/v1"
        )]
    );
}

#[test]
fn what_argo_cd_takes_over_from_kubectl_apply_goes_with_its_own_sync() {
    let kubectl = entry(
        "kubectl-client-side-apply",
        "Update",
        fields_of(&DEPLOYMENT, &tcp()).to_value(),
    );
    let live = owned(&tcp(), vec![kubectl]);
    let taking = |takes_over: TakesOver| Syncer {
        takes_over,
        ..Syncer::new(Strategy::ServerSideApply, TOOL)
    };
    let argo_cd = taking(TakesOver::ClientSideOf("kubectl-client-side-apply".to_owned()));
    assert_eq!(predict(&DEPLOYMENT, &http(), &live, &argo_cd).verdict, Verdict::Reverts);
    assert_eq!(sync(&http(), &live, Force::Yes).verdict, Verdict::Refused);
    assert_eq!(
        crate::engine::predict::request(&DEPLOYMENT, &http(), &live, &argo_cd),
        Err(crate::engine::predict::NoRequest::Migrates)
    );
    assert_eq!(
        predict(&DEPLOYMENT, &http(), &live, &taking(TakesOver::KubectlsAfterDryRun)).verdict,
        Verdict::Refused,
        "the dry run comes first"
    );
}

#[test]
fn flux_removes_what_a_person_added_by_kubectl_where_its_dry_run_passes() {
    let mut live = owned(
        &http(),
        vec![
            applied(&http()),
            entry("kubectl-edit", "Update", json!({"f:spec": {"f:minReadySeconds": {}}})),
        ],
    );
    live["spec"]["minReadySeconds"] = json!(5);
    let flux = Syncer {
        takes_over: TakesOver::KubectlsAfterDryRun,
        ..Syncer::new(Strategy::ServerSideApply, TOOL)
    };
    assert_eq!(predict(&DEPLOYMENT, &http(), &live, &flux).verdict, Verdict::Reverts);
    assert_eq!(sync(&http(), &live, Force::Yes).verdict, Verdict::Residual);
}

/// An object that `kubectl apply` made of a document, with the defaults that it owns then.
pub(super) fn made_by_kubectl(document: &Value) -> Value {
    let mut made = document.clone();
    made["metadata"]["annotations"] = json!({LAST_APPLIED: format!("{document}\n")});
    let mut owned_fields = made.clone();
    apply_defaults(kind_of(document).root, &mut owned_fields);
    let kubectl = entry(
        "kubectl-client-side-apply",
        "Update",
        fields_of(kind_of(document), &owned_fields).to_value(),
    );
    owned(&made, vec![kubectl])
}

#[test]
fn the_second_apply_meets_the_defaults_of_the_first() {
    let daemon_set = |strategy: Value| {
        let mut document = http();
        document["kind"] = json!("DaemonSet");
        document["spec"]["updateStrategy"] = strategy;
        document
    };
    // Beside `OnDelete` the first apply gets two zeros, which are refused without it: kubectl warns, and all stays.
    let live = made_by_kubectl(&daemon_set(json!({"type": "OnDelete"})));
    for manager in ["kubectl", "argocd-controller"] {
        let answer = predict(
            &DAEMON_SET,
            &daemon_set(json!({"rollingUpdate": {}})),
            &live,
            &Syncer::by(Applier::Kubectl, Strategy::ServerSideApply, manager),
        );
        assert_eq!(
            answer.predicted.unwrap()["spec"]["updateStrategy"],
            json!({"type": "OnDelete", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
            "{manager}"
        );
    }
}

#[test]
fn annotations_of_git_that_are_null_are_none_to_what_the_server_keeps_for_kubectl() {
    let mut git = http();
    git["metadata"]["annotations"] = Value::Null;
    let kubectl = Syncer::by(Applier::Kubectl, Strategy::ServerSideApply, "kubectl");
    let answer = predict(&DEPLOYMENT, &git, &made_by_kubectl(&http()), &kubectl);
    let annotations = &answer.predicted.unwrap()["metadata"]["annotations"];
    assert_eq!(annotations[LAST_APPLIED], json!(format!("{}\n", http())));
}

fn with_replicas() -> Value {
    let mut with = http();
    with["spec"]["replicas"] = json!(2);
    with
}

#[test]
fn kubectl_and_argo_cd_remove_what_git_dropped_of_a_client_side_apply_and_another_tool_does_not() {
    let live = made_by_kubectl(&with_replicas());
    for (manager, verdict, annotated) in [
        ("kubectl", Verdict::Reverts, true),
        ("kubectl-mine", Verdict::Reverts, false),
        ("argocd-controller", Verdict::Reverts, false),
        ("kustomize-controller", Verdict::Reverts, false),
        (TOOL, Verdict::Residual, true),
    ] {
        let answer = predict(
            &DEPLOYMENT,
            &http(),
            &live,
            &Syncer::by(Applier::of_manager(manager), Strategy::ServerSideApply, manager),
        );
        assert_eq!((answer.verdict, answer.causes), (verdict, vec![]), "{manager}");
        let predicted = answer.predicted.unwrap();
        assert_eq!(
            predicted["spec"]["replicas"],
            json!(if verdict == Verdict::Reverts { 1 } else { 2 }),
            "{manager}"
        );
        let annotation = predicted["metadata"]["annotations"]
            .get(LAST_APPLIED)
            .and_then(Value::as_str);
        assert_eq!(annotation.is_some(), annotated, "{manager}");
        // The server keeps it up to date for kubectl.
        let wanted = if manager == "kubectl" { http() } else { with_replicas() };
        assert!(
            annotation.is_none_or(|text| serde_json::from_str::<Value>(text).unwrap() == wanted),
            "{manager}"
        );
    }
}

#[test]
fn kubectl_takes_over_after_its_apply_and_only_from_who_owns_the_annotation() {
    let kubectl = Syncer::by(Applier::Kubectl, Strategy::ServerSideApply, "kubectl");
    // What is refused first is not migrated: the handler that was applied client-side stands beside Git's.
    assert_eq!(
        predict(&DEPLOYMENT, &http(), &made_by_kubectl(&tcp()), &kubectl).verdict,
        Verdict::Refused
    );
    let mut without = made_by_kubectl(&with_replicas());
    without["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"]
        .as_object_mut()
        .unwrap()
        .remove("f:annotations");
    assert_eq!(
        predict(&DEPLOYMENT, &http(), &without, &kubectl).verdict,
        Verdict::Residual
    );
    // An annotation in Git other than live's is taken from its owner by the first apply.
    let mut dumped = http();
    dumped["metadata"]["annotations"] = json!({LAST_APPLIED: "{}"});
    assert_eq!(
        predict(&DEPLOYMENT, &dumped, &made_by_kubectl(&with_replicas()), &kubectl).verdict,
        Verdict::Residual
    );
}
