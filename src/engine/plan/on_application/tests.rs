//! What follows a cure on an Application in each standing, when a step is done, and when it waits.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::operation::shapes::{HERE, now, out_of_sync, quiet, read, set, time, under_way, with_state};
use crate::engine::operation::{Revision, Windows};

fn from(commit: &str) -> SourceFacts {
    SourceFacts { revision: commit.to_owned(), ..SourceFacts::default() }
}

fn target() -> ObjectId {
    ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
    }
}

fn argo_cd(object: &Value) -> ArgoCd {
    ArgoCd { application: Arc::new(read(object)), windows: Windows::none(), application_set: None, seen_alive: Some(now()) }
}

/// The acts after a cure, or why there are none.
fn acts(object: &Value, before: Before) -> Result<Vec<&'static str>, String> {
    let steps = after(&argo_cd(object), &target(), before, &from(HERE), now()).map_err(|why| why.to_string())?;
    let act = |step: &Step| match step {
        Step::OnApplication(step) => match step.act {
            Act::Refresh => "refresh",
            Act::Clear { .. } => "clear",
            Act::Start { stale: Some(_), .. } => "clear and start",
            Act::Start { stale: None, .. } => "start",
        },
        other => panic!("{other:?}"),
    };
    Ok(steps.iter().map(act).collect())
}

/// The failed operation was limited to the Deployment, as those of self-heal are.
fn partial(object: Value) -> Value {
    set(object, "/status/operationState/operation/sync/resources", json!([{"group": "apps", "kind": "Deployment", "name": "web"}]))
}

fn manual(object: Value) -> Value {
    set(object, "/spec/syncPolicy/automated", Value::Null)
}

fn without_self_heal(object: Value) -> Value {
    set(object, "/spec/syncPolicy/automated/selfHeal", Value::Null)
}

/// Its last sync was not an automated one: else a manual policy would count as switched off.
fn always_manual(object: Value) -> Value {
    set(manual(object), "/status/history/0/initiatedBy", json!({"username": "ada"}))
}

#[test]
fn what_follows_a_cure_depends_on_what_is_stale_and_on_who_syncs() {
    use Before::{InSync, NeedsSync, Unrecorded};
    let failed = || out_of_sync(with_state("Failed", HERE));
    for (what, object, before, wanted) in [
        ("nothing is stale and live is as Git says", quiet(), InSync, vec!["refresh"]),
        ("self-heal brings it", out_of_sync(quiet()), NeedsSync, vec!["refresh"]),
        ("nobody would bring it", without_self_heal(out_of_sync(with_state("Succeeded", HERE))), NeedsSync, vec!["refresh", "start"]),
        ("a person would", always_manual(out_of_sync(quiet())), NeedsSync, vec!["refresh", "start"]),
        ("a failed sync of the Deployment", partial(failed()), NeedsSync, vec!["refresh", "clear and start"]),
        ("a failed sync of the whole", failed(), NeedsSync, vec!["refresh", "clear"]),
        ("the same, by a person", always_manual(failed()), NeedsSync, vec!["refresh", "clear and start"]),
        ("last-applied does not know it", quiet(), Unrecorded, vec!["refresh", "start"]),
        ("the same after a failed sync of the Deployment", partial(failed()), Unrecorded, vec!["refresh", "clear and start"]),
        ("the same after a failed sync of the whole", failed(), Unrecorded, vec!["refresh", "clear"]),
        ("nothing is left to sync", partial(failed()), InSync, vec!["refresh", "clear"]),
    ] {
        assert_eq!(acts(&object, before), Ok(wanted.clone()), "{what}");
    }
    let waiting = set(out_of_sync(under_way("Running")), "/status/operationState/finishedAt", json!("2026-03-02T10:00:04Z"));
    assert_eq!(acts(&partial(waiting), NeedsSync), Ok(vec!["refresh", "clear and start"]), "a retry waits");
}

#[test]
fn what_runs_or_is_held_back_is_left_alone() {
    let hook = set(under_way("Running"), "/status/operationState/message", json!("waiting for completion of hook batch/Job/migrate"));
    let skipped = set(quiet(), "/metadata/annotations", json!({"argocd.argoproj.io/skip-reconcile": "true"}));
    for (object, told) in [
        (under_way("Running"), "a sync is running"),
        (hook, "waits for a hook"),
        (skipped, "skip-reconcile"),
        (set(quiet(), "/operation", json!({"sync": {}})), "a sync was asked for"),
        (set(quiet(), "/metadata/deletionTimestamp", json!("2026-03-02T10:00:00Z")), "is being deleted"),
        (manual(quiet()), "automation was switched off"),
    ] {
        let why = acts(&object, Before::InSync).unwrap_err();
        assert!(why.contains(told), "{told:?} is not in {why:?}");
    }
    let silent = ArgoCd { seen_alive: None, ..argo_cd(&quiet()) };
    assert!(after(&silent, &target(), Before::InSync, &from(HERE), now()).is_err(), "nobody is there to go on");
}

#[test]
fn a_sync_of_an_older_commit_than_the_cure_is_for_is_not_planned() {
    let head = "5eedc0de5eedc0de5eedc0de5eedc0de5eedc0de";
    let planned = |object: &Value, before| after(&argo_cd(object), &target(), before, &from(head), now()).map(|steps| steps.len());
    let failed = out_of_sync(with_state("Failed", HERE));
    let why =
        "Argo CD has not compared commit 5eedc0d yet, only 4be2c1d: it looks into Git every few minutes, or when it is asked for a refresh";
    assert_eq!(planned(&failed, Before::InSync), Err(NoPlan::HeldBack(why.to_owned())), "a clear");
    assert_eq!(planned(&always_manual(failed.clone()), Before::NeedsSync), Err(NoPlan::HeldBack(why.to_owned())), "a start");
    assert_eq!(planned(&quiet(), Before::InSync), Ok(1), "a comparison alone");
    assert_eq!(planned(&quiet(), Before::Unrecorded), Ok(1), "nobody waits for a sync that only writes down what was applied");
    let elsewhere = SourceFacts { same_at: Some(HERE.to_owned()), ..from(head) };
    assert!(after(&argo_cd(&failed), &target(), Before::InSync, &elsewhere, now()).is_ok(), "the commit changed something else");
    let never = set(always_manual(out_of_sync(quiet())), "/status/sync/revision", Value::Null);
    assert_eq!(planned(&never, Before::NeedsSync), Ok(2), "nobody says what was compared");
}

fn step(object: &Value, before: Before, at: usize) -> OnApplication {
    match after(&argo_cd(object), &target(), before, &from(HERE), now()).unwrap().remove(at) {
        Step::OnApplication(step) => *step,
        other => panic!("{other:?}"),
    }
}

const PLAN: &str = "c0ffee";

#[test]
fn a_comparison_counts_from_the_next_second_and_is_asked_for_once() {
    let refresh = step(&quiet(), Before::InSync, 0);
    let done =
        |at: &str| refresh.done(Some(&read(&set(quiet(), "/status/reconciledAt", json!(at)))), PLAN, Some(time("2026-03-02T10:00:07Z")));
    assert!(!done("2026-03-02T10:00:07Z"), "it may have come before");
    assert!(done("2026-03-02T10:00:08Z"));
    assert!(!refresh.done(Some(&read(&quiet())), PLAN, None), "it was not asked for");
    let asked = read(&set(quiet(), "/metadata/annotations", json!({"argocd.argoproj.io/refresh": "normal"})));
    assert_eq!(refresh.render(Some(&asked), PLAN).unwrap(), None);
    assert!(refresh.waits(Some(&asked)).is_some() && refresh.waits(Some(&read(&quiet()))).is_none());
    assert!(matches!(refresh.render(None, PLAN), Err(RenderError::NoApplication)));

    // A request that was lost is taken back; somebody's `hard` one is not.
    let back = serde_json::to_value(refresh.takes_back(Some(&asked)).unwrap()).unwrap();
    assert_eq!(
        back.as_array().unwrap().last().unwrap(),
        &json!({"op": "remove", "path": "/metadata/annotations/argocd.argoproj.io~1refresh"})
    );
    let hard = read(&set(quiet(), "/metadata/annotations", json!({"argocd.argoproj.io/refresh": "hard"})));
    assert_eq!((refresh.takes_back(Some(&hard)), refresh.takes_back(Some(&read(&quiet())))), (None, None));
}

#[test]
fn a_clear_is_done_when_the_state_is_gone_or_the_retry_succeeded() {
    let failed = out_of_sync(with_state("Failed", HERE));
    let clear = step(&failed, Before::InSync, 1);
    let done = |object: &Value| clear.done(Some(&read(object)), PLAN, None);
    assert!(!done(&failed));
    assert!(done(&quiet()));
    assert!(done(&set(failed.clone(), "/status/operationState/startedAt", json!("2026-03-02T10:00:09Z"))), "another operation's state");
    assert!(done(&with_state("Succeeded", HERE)), "the retry of the same operation");
    assert!(clear.waits(Some(&read(&under_way("Running")))).is_some());
    assert!(clear.render(Some(&read(&under_way("Running"))), PLAN).is_err(), "an operation was started since the plan was made");
}

#[test]
fn our_operation_carries_the_plan_and_is_started_once() {
    let failed = partial(out_of_sync(with_state("Failed", HERE)));
    let start = step(&failed, Before::NeedsSync, 1);
    let patch = serde_json::to_value(start.render(Some(&read(&failed)), PLAN).unwrap().unwrap()).unwrap();
    let operation = patch.as_array().unwrap().last().unwrap();
    assert_eq!(operation["path"], "/operation");
    assert_eq!(operation["value"]["info"], json!([{"name": "driftmend.dev/plan", "value": PLAN}]));
    assert_eq!(operation["value"]["sync"]["revision"], HERE);
    assert_eq!(operation["value"]["sync"]["syncOptions"], json!(["ServerSideApply=true"]));
    assert_eq!(
        operation["value"]["sync"]["resources"],
        json!([{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"}])
    );
    assert_eq!(operation["value"]["sync"].get("prune"), None);

    let done = |object: &Value| start.done(Some(&read(object)), PLAN, Some(time("2026-03-02T10:00:07Z")));
    assert!(!done(&failed));
    let cleared = set(failed.clone(), "/status/operationState", Value::Null);
    assert!(done(&set(cleared, "/operation", operation["value"].clone())), "it waits to be taken up");
    assert!(done(&set(failed, "/status/operationState/startedAt", json!("2026-03-02T10:00:08Z"))), "Argo CD's own next one replaced it");
}

#[test]
fn the_hash_covers_which_state_is_removed_and_what_the_sync_touches() {
    let failed = out_of_sync(with_state("Failed", HERE));
    let intent = |object: &Value| step(object, Before::InSync, 1).intent("ClearOperation");
    let first = intent(&failed);
    assert_eq!(intent(&set(failed.clone(), "/status/operationState/message", json!("in other words"))), first);
    assert_ne!(intent(&set(failed.clone(), "/status/operationState/startedAt", json!("2026-03-02T10:00:09Z"))), first);
    assert_ne!(intent(&set(failed.clone(), "/status/resources/1/status", json!("OutOfSync"))), first);
    let mut other = step(&failed, Before::InSync, 1);
    if let Act::Clear { touches, .. } = &mut other.act {
        touches.to = Some(Revision::One("another".to_owned()));
    }
    assert_ne!(other.intent("ClearOperation"), first);
}
