//! What is told of a sync that succeeds and harms, and that each way out does what it says.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::Assessment;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::phase::Phase;
use crate::engine::syncer::TakesOver;

/// Git with so many replicas, or no word on them.
fn with_replicas(replicas: Option<i32>) -> Value {
    let mut object = git();
    match replicas {
        Some(replicas) => object["spec"]["replicas"] = json!(replicas),
        None => drop(object["spec"].as_object_mut().unwrap().remove("replicas")),
    }
    object
}

/// What an autoscaler made of the Deployment after the tool had applied `before`.
fn scaled(strategy: Strategy, before: &Value) -> Value {
    let mut live = before.clone();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut live);
    live["spec"]["replicas"] = json!(5);
    let entry = |manager: &str, operation: &str, fields: Value| {
        json!({"manager": manager, "operation": operation,
        "apiVersion": "apps/v1", "time": "2026-01-05T09:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    let (manager, operation) = if strategy == Strategy::ServerSideApply {
        ("shipper", "Apply")
    } else {
        ("kubectl-client-side-apply", "Update")
    };
    let mut scale = entry(
        "kube-controller-manager",
        "Update",
        json!({"f:spec": {"f:replicas": {}}}),
    );
    scale["subresource"] = "scale".into();
    live["metadata"]["managedFields"] = json!([
        entry(
            manager,
            operation,
            json!({"f:spec": {"f:selector": {}, "f:template": {}}})
        ),
        scale
    ]);
    if strategy == Strategy::ClientSideApply {
        live["metadata"]["annotations"] = json!({LAST_APPLIED: before.to_string()});
    }
    live
}

/// An assessment and what the rules say of it.
struct Told {
    found: Assessment,
    findings: Vec<Finding>,
}

impl std::ops::Deref for Told {
    type Target = Assessment;

    fn deref(&self) -> &Assessment {
        &self.found
    }
}

fn told_of(scene: &Snapshot, policy: &Policy) -> Told {
    let found = assess(scene, policy);
    let findings = findings(scene, &found);
    Told { found, findings }
}

fn assessed(desired: Value, live: Value, strategy: Strategy) -> Told {
    let manager = if strategy == Strategy::ServerSideApply {
        "shipper"
    } else {
        "kubectl-client-side-apply"
    };
    let policy = Policy {
        mode: Mode::Propose,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: SignedDuration::ZERO,
    };
    told_of(
        &Snapshot {
            syncer: Syncer::new(strategy, manager),
            ..snapshot(desired, live)
        },
        &policy,
    )
}

fn of_harm(told: &Told) -> Vec<(&str, &str, &str)> {
    let harms = told
        .findings
        .iter()
        .filter(|finding| finding.rule == "next-sync-breaks" || finding.rule == "next-sync-overwrites");
    harms
        .map(|finding| {
            (
                finding.rule,
                finding.message.as_str(),
                finding.remedy.as_deref().unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn a_sync_that_scales_down_is_told_although_nothing_drifted_and_the_way_out_keeps_the_replicas() {
    let live = scaled(Strategy::ClientSideApply, &with_replicas(Some(2)));
    let found = assessed(with_replicas(Some(2)), live.clone(), Strategy::ClientSideApply);
    assert_eq!((found.phase, found.is_quiet()), (Phase::InSync, false));
    assert_eq!(
        found.summary,
        "live is what Git says; the next sync changes .spec.replicas, although it is ignored"
    );
    let told = "the next sync sets spec.replicas from 5 to 2 (kube-controller-manager wrote it through scale)";
    let way = "take it out of the last-applied annotation first (`kubectl apply edit-last-applied deployment/web -n \
               shop`), then out of Git: left out of Git alone, it becomes 1";
    assert_eq!(of_harm(&found), [("next-sync-overwrites", told, way)]);
    // Left out of Git alone, it becomes 1.
    let alone = assessed(with_replicas(None), live.clone(), Strategy::ClientSideApply);
    let told = "the next sync sets spec.replicas from 5 to 1 (kube-controller-manager wrote it through scale)";
    let way = "take it out of the last-applied annotation before the sync (`kubectl apply edit-last-applied \
               deployment/web -n shop`): else it becomes 1";
    assert_eq!(of_harm(&alone), [("next-sync-overwrites", told, way)]);
    // Taken out of both, it stays.
    let mut edited = live;
    edited["metadata"]["annotations"][LAST_APPLIED] = with_replicas(None).to_string().into();
    let cured = assessed(with_replicas(None), edited, Strategy::ClientSideApply);
    assert_eq!((of_harm(&cured), cured.is_quiet()), (vec![], true));
}

#[test]
fn under_server_side_apply_the_replicas_are_handed_over_before_they_are_left_out_of_git() {
    let live = scaled(Strategy::ServerSideApply, &with_replicas(Some(2)));
    let found = assessed(with_replicas(Some(2)), live.clone(), Strategy::ServerSideApply);
    let way = "hand it over first: apply spec.replicas alone, as it is, server-side and under another manager, then \
               leave it out of Git";
    assert_eq!(
        of_harm(&found).into_iter().map(|(_, _, way)| way).collect::<Vec<_>>(),
        [way]
    );
    // The tool owns the field again after a sync; nobody else does, so that leaving it out takes it away.
    let mut owned = live;
    owned["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:replicas"] = json!({});
    let mut handed = owned.clone();
    let fields = json!({"f:spec": {"f:replicas": {}}});
    handed["metadata"]["managedFields"].as_array_mut().unwrap().push(
        json!({"manager": "handover", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                     "fieldsV1": fields}),
    );
    let after = |live: Value| {
        assessed(with_replicas(None), live, Strategy::ServerSideApply)
            .found
            .prediction
            .unwrap()
    };
    assert_eq!(after(handed).overwrites, []);
    owned["metadata"]["managedFields"].as_array_mut().unwrap().pop();
    assert_ne!(after(owned).verdict, Verdict::Clean);
}

#[test]
fn a_sync_that_takes_out_what_git_sets_is_an_error_with_the_ways_out_that_work() {
    let env = |names: &[&str]| {
        let mut object = git();
        object["spec"]["template"]["spec"]["containers"][0]["env"] =
            names.iter().map(|name| json!({"name": name, "value": "x"})).collect();
        object
    };
    let (now, before) = (env(&["A", "MODE", "B"]), env(&["A", "MODE", "B", "MODE"]));
    let mut live = before.clone();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut live);
    live["metadata"]["annotations"] = json!({LAST_APPLIED: before.to_string()});
    let found = assessed(now, live, Strategy::ClientSideApply);
    let told =
        "the next sync takes out what Git sets, or changes it: env MODE of container web, which is as Git says today";
    assert_eq!(
        of_harm(&found),
        [(
            "next-sync-breaks",
            told,
            "apply server-side, which tells the items of the list apart"
        )]
    );
    assert_eq!(found.findings[0].weight, Weight::Error);
    assert!(
        found
            .summary
            .ends_with("breaks .spec.template.spec.containers[name=\"web\"].env[name=\"MODE\"]"),
        "{}",
        found.summary
    );
}

#[test]
fn what_the_sync_takes_out_is_not_called_right_today_where_it_differs() {
    let env = |value: &str, names: &[&str]| {
        let mut object = git();
        object["spec"]["template"]["spec"]["containers"][0]["env"] = names
            .iter()
            .map(|name| json!({"name": name, "value": if *name == "MODE" { value } else { "x" }}))
            .collect();
        object
    };
    let before = env("x", &["A", "MODE", "B", "MODE"]);
    let mut live = env("", &["A", "MODE", "B", "MODE"]);
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut live);
    live["metadata"]["annotations"] = json!({LAST_APPLIED: before.to_string()});
    let found = assessed(env("x", &["A", "MODE", "B"]), live, Strategy::ClientSideApply);
    let told = "the next sync takes out what Git sets: env MODE of container web, which the cluster has today, if not \
                as Git says";
    assert_eq!(
        of_harm(&found).into_iter().map(|(_, told, _)| told).collect::<Vec<_>>(),
        [told]
    );
}

#[test]
fn what_does_not_count_as_drift_is_not_called_ignored() {
    let mut live = scaled(Strategy::Replace, &git());
    live["spec"]["replicas"] = json!(2);
    live["metadata"]["annotations"]["example.com/note"] = json!("by hand");
    let found = assessed(git(), live, Strategy::Replace);
    let path = r#".metadata.annotations["example.com/note"]"#;
    let told = format!(
        "live is what Git says, but for 1 difference that does not count as drift; the next sync changes {path}, \
         although it does not count as drift"
    );
    assert_eq!(found.summary, told);
}

#[test]
fn what_argo_cd_is_told_to_respect_is_not_overwritten() {
    use crate::engine::argo_cd::application::Application;
    use crate::engine::argo_cd::window::Windows;
    use crate::engine::diff::{IgnoreRule, PathPattern};
    let with_options = |options: Value| {
        let application = Application::read(&json!({
            "metadata": {"namespace": "argocd", "name": "shop", "uid": "u"},
            "spec": {"source": {"repoURL": "https://git.example/shop.git"}, "syncPolicy": {"syncOptions": options}},
        }));
        let application = Arc::new(application.unwrap());
        Tool::ArgoCd(Arc::new(crate::engine::argo_cd::ArgoCd {
            application,
            windows: Windows::none(),
            application_set: None,
            seen_alive: None,
        }))
    };
    let rule = |reason: &str| IgnoreRule {
        paths: vec![PathPattern::parse(".spec.replicas").unwrap()],
        pointers: Vec::new(),
        parts: Vec::new(),
        managers: Vec::new(),
        reason: reason.to_owned(),
        expires: None,
    };
    let of = "Application argocd/shop ignores /spec/replicas";
    for (options, reason, told) in [
        (json!(["RespectIgnoreDifferences=true"]), of, 0),
        (json!([]), of, 1),
        // Argo CD knows nothing of the watch's own rules.
        (json!(["RespectIgnoreDifferences=true"]), "the team scales by hand", 1),
    ] {
        let live = scaled(Strategy::ClientSideApply, &with_replicas(Some(2)));
        let scene = Snapshot {
            tool: with_options(options),
            ..snapshot(with_replicas(Some(2)), live)
        };
        let policy = Policy {
            mode: Mode::Alert,
            remedy: Remedy::Choose,
            ignore: vec![rule(reason)],
            plan_ttl: SignedDuration::ZERO,
        };
        let found = told_of(&scene, &policy);
        assert_eq!((of_harm(&found).len(), found.is_quiet()), (told, told == 0), "{reason}");
        assert_eq!(found.prediction.as_ref().unwrap().verdict == Verdict::Clean, told == 0);
    }
}

#[test]
fn a_restart_by_kubectl_under_flux_is_told_before_flux_takes_it_away_and_one_by_another_manager_is_not() {
    let restarted = |manager: &str| {
        let mut live = scaled(Strategy::ServerSideApply, &git());
        live["spec"]["replicas"] = json!(2);
        live["spec"]["template"]["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/restartedAt": "2026-01-05T10:00:00Z"});
        let annotation = json!({"f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}});
        live["metadata"]["managedFields"][1] = json!({"manager": manager, "operation": "Update",
                                                      "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:template": annotation}}});
        let syncer = Syncer {
            takes_over: TakesOver::KubectlsAfterDryRun,
            ..Syncer::new(Strategy::ServerSideApply, "shipper")
        };
        let policy = Policy {
            mode: Mode::Alert,
            remedy: Remedy::Choose,
            ignore: Vec::new(),
            plan_ttl: SignedDuration::ZERO,
        };
        told_of(
            &Snapshot {
                syncer,
                ..snapshot(git(), live)
            },
            &policy,
        )
    };
    let told = "the next sync takes away spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt \
                (kubectl-rollout wrote it)";
    let way = "shipper takes over what kubectl wrote: write \
               spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt under another field manager \
               (--field-manager); or commit live's value to Git";
    assert_eq!(
        of_harm(&restarted("kubectl-rollout")),
        [("next-sync-overwrites", told, way)]
    );
    assert_eq!(of_harm(&restarted("restarter")), []);
}
