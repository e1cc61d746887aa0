//! What is left alone for now: what runs, what is held back, closed windows, older commits.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::ArgoCd;
use crate::engine::argo_cd::shapes::{HERE, now, out_of_sync, quiet, read, set, under_way, with_state};
use crate::engine::argo_cd::window::Windows;
use crate::engine::plan::{Memory, NoPlan};
use crate::engine::source_facts::SourceFacts;

#[test]
fn a_plan_waits_for_what_runs_and_what_is_held_back_is_left_alone() {
    let hook = set(
        under_way("Running"),
        "/status/operationState/message",
        json!("waiting for completion of hook batch/Job/migrate"),
    );
    let applied = json!([{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web",
                          "status": "Synced"}]);
    let hook = set(hook, "/status/operationState/syncResult/resources", applied);
    for (object, told) in [
        (under_way("Running"), "the operation: a sync is running"),
        (hook, "waits for a hook"),
        (set(quiet(), "/operation", json!({"sync": {}})), "a sync was asked for"),
    ] {
        let waits = follow(&object, Before::InSync).unwrap().waits.unwrap();
        assert!(waits.contains(told), "{told:?} is not in {waits:?}");
    }
    // The retry succeeds by itself after the cure.
    let retry = set(
        under_way("Running"),
        "/status/operationState/finishedAt",
        json!("2026-03-02T10:00:04Z"),
    );
    assert_eq!(follow(&retry, Before::InSync).unwrap().waits, None);
    let skipped = set(
        quiet(),
        "/metadata/annotations",
        json!({"argocd.argoproj.io/skip-reconcile": "true"}),
    );
    let unconfirmed = set(
        under_way("Running"),
        "/status/operationState/message",
        json!("waiting for pruning confirmation of v1/Secret/a"),
    );
    for (object, told) in [
        (skipped, "skip-reconcile"),
        (unconfirmed, "until a person confirms"),
        (
            set(quiet(), "/metadata/deletionTimestamp", json!("2026-03-02T10:00:00Z")),
            "is being deleted",
        ),
        (manual(quiet()), "automation was switched off"),
    ] {
        let why = acts(&object, Before::InSync).unwrap_err();
        assert!(why.contains(told), "{told:?} is not in {why:?}");
    }
    let silent = ArgoCd {
        seen_alive: None,
        ..argo_cd(&quiet())
    };
    assert!(
        follows(&silent, Before::InSync, &from(HERE), &Memory::default()).is_err(),
        "nobody is there to go on"
    );
}

#[test]
fn in_a_window_no_operation_is_written_and_the_cure_is_offered_whoever_syncs() {
    let project = json!({"spec": {"syncWindows": [{"kind": "deny", "schedule": "0 9 * * *", "duration": "3h",
                                                   "applications": ["*"]}]}});
    let failed = || out_of_sync(with_state("Failed", HERE));
    let blocked = set(
        out_of_sync(under_way("Running")),
        "/status/operationState/message",
        json!("Sync operation blocked by sync window"),
    );
    for (what, object, cautions) in [
        ("automated", out_of_sync(quiet()), 0),
        ("by a person", always_manual(out_of_sync(quiet())), 0),
        ("automated, and failed before it opened", failed(), 1),
        ("by a person, and failed before it opened", always_manual(failed()), 1),
        ("a sync waits for its end", blocked, 0),
    ] {
        let application = Arc::new(read(&object));
        let windows = Windows::of(&project, &application).unwrap();
        let argo_cd = ArgoCd {
            windows,
            ..argo_cd(&object)
        };
        let follows = follows(&argo_cd, Before::InSync, &from(HERE), &Memory::default()).unwrap();
        let acts: Vec<_> = follows.steps.iter().map(act).collect();
        assert_eq!(
            (acts, follows.cautions.len(), follows.waits),
            (vec!["refresh"], cautions, None),
            "{what}"
        );
        let window = argo_cd.window(&target(), now()).unwrap();
        assert!(
            window.contains("a deny window is open") && window.ends_with("until 2026-03-02T12:00:00Z"),
            "{what}: {window}"
        );
    }
}

#[test]
fn a_sync_of_an_older_commit_than_the_cure_is_for_is_not_planned() {
    let head = "5eedc0de5eedc0de5eedc0de5eedc0de5eedc0de";
    let planned = |object: &Value, before| {
        follows(&argo_cd(object), before, &from(head), &Memory::default()).map(|after| after.steps.len())
    };
    let failed = out_of_sync(with_state("Failed", HERE));
    let why = "Argo CD compared commit 4be2c1d last, and what is to be in the cluster was read at 5eedc0d: whichever \
               is behind comes there with its next look into Git, Argo CD's every few minutes, or when it is asked for \
               a refresh";
    assert_eq!(
        planned(&failed, Before::InSync),
        Err(NoPlan::HeldBack(why.to_owned())),
        "a clear"
    );
    assert_eq!(
        planned(&always_manual(failed.clone()), Before::NeedsSync),
        Err(NoPlan::HeldBack(why.to_owned())),
        "a start"
    );
    assert_eq!(planned(&quiet(), Before::InSync), Ok(1), "a comparison alone");
    assert_eq!(
        planned(&quiet(), Before::Unrecorded),
        Ok(1),
        "nobody waits for a sync that only writes down what was applied"
    );
    let elsewhere = SourceFacts {
        same_at: Some(HERE.to_owned()),
        ..from(head)
    };
    assert!(
        follows(&argo_cd(&failed), Before::InSync, &elsewhere, &Memory::default()).is_ok(),
        "the commit changed something else"
    );
    let never = set(
        always_manual(out_of_sync(quiet())),
        "/status/sync/revision",
        Value::Null,
    );
    assert_eq!(
        planned(&never, Before::NeedsSync),
        Ok(2),
        "nobody says what was compared"
    );
}
