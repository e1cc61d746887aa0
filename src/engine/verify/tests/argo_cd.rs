//! When a heal is over where Argo CD syncs.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::Tool;
use crate::engine::syncer::{Strategy, Syncer};

/// The Application after a sync of the whole that ended in this phase after the heal began, with these results.
fn application(phase: &str, message: &str, results: &Value) -> Value {
    let commit = "4be2c1d0a5f3e6978899aabbccddeeff00112233";
    let source = json!({"repoURL": "https://git.example/shop.git", "path": "web"});
    json!({
        "metadata": {"namespace": "argocd", "name": "shop", "uid": "7d0e", "resourceVersion": "41"},
        "spec": {"project": "default", "source": source, "destination": {"namespace": "shop"},
                 "syncPolicy": {"automated": {"selfHeal": true}}},
        "status": {
            "sync": {"status": "OutOfSync", "revision": commit}, "reconciledAt": "2026-01-05T11:59:30Z",
            "resources": [{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web",
                           "status": "Synced"},
                {"kind": "Service", "namespace": "shop", "name": "web", "status": "OutOfSync"}],
            "operationState": {"phase": phase, "message": message, "startedAt": "2026-01-05T11:59:00Z",
                               "finishedAt": "2026-01-05T11:59:20Z",
                "operation": {"sync": {"revision": commit}},
                "syncResult": {"revision": commit, "source": source, "resources": results}},
        },
    })
}

fn after_sync(application: &Value) -> Verified {
    after_sync_of(application, live())
}

fn after_sync_of(application: &Value, live: Value) -> Verified {
    let snapshot = Snapshot {
        live: Some(live),
        ..beside(application)
    };
    verified(
        &snapshot,
        &[StepKind::Restore, StepKind::Refresh, StepKind::ClearOperation],
    )
}

fn beside(application: &Value) -> Snapshot {
    let application = Arc::new(crate::engine::argo_cd::application::Application::read(application).unwrap());
    let seen_alive = "2026-01-05T11:59:59Z".parse().ok();
    let argo_cd = ArgoCd {
        application,
        windows: crate::engine::argo_cd::window::Windows::none(),
        application_set: None,
        seen_alive,
    };
    Snapshot {
        tool: Tool::ArgoCd(Arc::new(argo_cd)),
        ..scene(READY, 30, live())
    }
}

#[test]
fn under_client_side_apply_the_end_is_an_annotation_that_names_what_was_put_back() {
    let after = |applied: Option<Value>, second: i8| {
        let mut application = application("Succeeded", "successfully synced", &json!([]));
        application["status"]["operationState"]["finishedAt"] = json!(format!("2026-01-05T11:59:{second}Z"));
        let mut snapshot = Snapshot {
            syncer: Syncer::new(Strategy::ClientSideApply, "argocd-controller"),
            ..beside(&application)
        };
        let applied = applied.map(|applied| json!({LAST_APPLIED: applied.to_string()}));
        snapshot.live.as_mut().unwrap()["metadata"]["annotations"] = applied.unwrap_or_default();
        verified(
            &snapshot,
            &[
                StepKind::Restore,
                StepKind::Transfer,
                StepKind::Refresh,
                StepKind::StartOperation,
            ],
        )
    };
    assert_eq!(after(Some(git()), 20), done());
    for applied in [None, Some(json!({"spec": {"paused": false}}))] {
        let Verified::No(why) = after(applied.clone(), 20) else {
            panic!("{applied:?}")
        };
        assert!(
            why.contains("last-applied-configuration does not name .spec.replicas: the next change of it"),
            "{why}"
        );
        // The Deployment was read a moment before the Application.
        assert!(matches!(after(applied, 57), Verified::NotYet(_)));
    }
    // No apply goes by what it cannot read, and whoever applies server-side by none.
    assert!(matches!(
        after_sync(&application("Succeeded", "successfully synced", &json!([]))),
        Verified::Yes(_)
    ));
}

#[test]
fn a_sync_of_argo_cd_that_failed_for_other_objects_only_is_told_and_does_not_end_the_heal_as_failed() {
    let result = |group: &str, kind: &str, status: &str| {
        json!({"group": group, "version": "v1", "kind": kind,
        "namespace": "shop", "name": "web", "status": status, "message": "refused"})
    };
    let whole = "one or more synchronization tasks completed unsuccessfully, reason: refused";
    let beside = json!([
        result("apps", "Deployment", "Synced"),
        result("", "Service", "SyncFailed")
    ]);
    let Verified::Yes(told) = done() else { panic!() };
    let told = Verified::Yes(format!(
        "{told}; beside it Argo CD's sync failed for Service shop/web (refused)"
    ));
    assert_eq!(after_sync(&application("Failed", whole, &beside)), told);
    let ours = json!([
        result("apps", "Deployment", "SyncFailed"),
        result("", "Service", "SyncFailed")
    ]);
    assert_eq!(
        after_sync(&application("Failed", whole, &ours)),
        Verified::No(format!("Argo CD's sync failed again: {whole}"))
    );
    let nobody = "ComparisonError: the repository does not answer";
    assert_eq!(
        after_sync(&application("Error", nobody, &json!([]))),
        Verified::No(format!("Argo CD's sync failed again: {nobody}"))
    );
    // The sync came to this one's turn not yet, and it is not as Git says either.
    let mut behind = application("Failed", whole, &json!([result("", "Service", "SyncFailed")]));
    behind["status"]["resources"][0]["status"] = json!("OutOfSync");
    assert_eq!(
        after_sync(&behind),
        not_yet("Argo CD to call the Deployment Synced; its sync failed for Service shop/web (refused)")
    );
}

#[test]
fn what_stays_out_of_sync_until_somebody_syncs_is_a_part_of_the_end() {
    let mut waiting = application("Succeeded", "successfully synced", &json!([]));
    assert_eq!(after_sync(&waiting), done(), "self-heal brings the Service");
    waiting["spec"]["syncPolicy"] = json!({});
    let Verified::Yes(told) = after_sync(&waiting) else {
        panic!("{:?}", after_sync(&waiting))
    };
    assert!(
        told.ends_with("; Service shop/web stays out of sync until somebody syncs Application argocd/shop"),
        "{told}"
    );
}

#[test]
fn a_sync_that_waits_for_its_window_is_not_waited_for() {
    let mut waiting = application("Running", "Sync operation blocked by sync window", &json!([]));
    waiting["operation"] = waiting["status"]["operationState"]["operation"].clone();
    waiting["status"]["operationState"]
        .as_object_mut()
        .unwrap()
        .remove("finishedAt");
    assert_eq!(after_sync(&waiting), done());
    waiting["status"]["operationState"]["message"] = json!("waiting for healthy state of apps/Deployment/web");
    assert_eq!(
        after_sync(&waiting),
        not_yet("the sync of Argo CD: the running sync waits for the resources of a wave")
    );
}

#[test]
fn what_an_autoscaler_wrote_is_out_of_sync_for_argo_cd_until_somebody_syncs() {
    let mut scaled = live();
    scaled["spec"]["replicas"] = json!(5);
    scaled["status"] = json!({"observedGeneration": 3, "replicas": 5, "updatedReplicas": 5, "availableReplicas": 5,
                              "readyReplicas": 5,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]});
    scaled["metadata"]["managedFields"] = json!([
        {"manager": "argocd-controller", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
         "fieldsV1": {"f:spec": {"f:selector": {}}}},
        {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
         "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ]);
    let mut cleared = application("Succeeded", "successfully synced", &json!([]));
    cleared["status"]["resources"] =
        json!([{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web", "status": "OutOfSync"}]);
    assert_eq!(
        after_sync_of(&cleared, scaled.clone()),
        not_yet("Argo CD to call the Deployment Synced"),
        "self-heal syncs it"
    );
    cleared["spec"]["syncPolicy"] = json!({"automated": {"prune": true}});
    assert_eq!(after_sync_of(&cleared, scaled.clone()), done());
    cleared["spec"]["syncPolicy"] = json!({});
    assert_eq!(after_sync_of(&cleared, scaled), done());
    assert_eq!(
        after_sync_of(&cleared, live()),
        not_yet("Argo CD to call the Deployment Synced"),
        "it will, soon"
    );
}

#[test]
fn a_comparison_of_argo_cd_that_errs_does_not_keep_a_heal_from_its_end() {
    let applied = json!([{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web",
                          "status": "Synced"}]);
    let mut errs = application("Succeeded", "successfully synced", &applied);
    errs["status"]["resources"][0]["status"] = json!("OutOfSync");
    let mut managed = live();
    managed["metadata"]["managedFields"][0]["manager"] = json!("argocd-controller");
    let after = |application: &Value, live: &Value, now: &str| {
        let syncer = Syncer::new(Strategy::ServerSideApply, "argocd-controller");
        let snapshot = Snapshot {
            live: Some(live.clone()),
            syncer,
            now: now.parse().unwrap(),
            ..beside(application)
        };
        verified(
            &snapshot,
            &[StepKind::HandBack, StepKind::Refresh, StepKind::StartOperation],
        )
    };
    let Verified::Yes(told) = after(&errs, &managed, "2026-01-05T12:00:00Z") else {
        panic!()
    };
    assert!(
        told.contains("goes on calling the Deployment OutOfSync, although nothing of it differs from Git"),
        "{told}"
    );
    // It may not know of the end of its own sync yet.
    let soon = not_yet("Argo CD to call the Deployment Synced");
    assert_eq!(after(&errs, &managed, "2026-01-05T11:59:24Z"), soon);
    let mut before = errs.clone();
    before["status"]["reconciledAt"] = json!("2026-01-05T11:59:19Z");
    assert_eq!(after(&before, &managed, "2026-01-05T12:00:00Z"), soon);
    // Of what was not synced since, it may come to know later.
    let mut unsynced = errs.clone();
    unsynced["status"]["operationState"]["syncResult"]["resources"] = json!([]);
    assert_eq!(after(&unsynced, &managed, "2026-01-05T12:00:00Z"), soon);
    assert!(matches!(
        after(&unsynced, &managed, "2026-01-05T12:00:21Z"),
        Verified::Yes(_)
    ));
    // What differs for us differs for it.
    let mut differs = managed.clone();
    differs["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:2");
    assert_eq!(
        after(&errs, &differs, "2026-01-05T12:00:00Z"),
        not_yet("the next sync of argocd-controller")
    );
}
