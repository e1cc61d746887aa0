use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::application::SKIP_RECONCILE;
use crate::engine::argo_cd::class::classify;
use crate::engine::argo_cd::shapes::{
    BEFORE, HERE, context, out_of_sync, quiet, read, set, time, under_way, with_state,
};

fn next_under(value: &Value, windows: &Windows) -> When {
    let application = read(value);
    let context = Context { windows, ..context() };
    next_sync(&application, &classify(&application, &context), &context)
}

fn words(value: &Value) -> String {
    next_under(value, &Windows::none()).words()
}

#[test]
fn what_is_free_comes_at_once() {
    let asked = |value: Value| set(value, "/metadata/annotations", json!({REFRESH: "normal"}));
    let free = "at once: a comparison is asked for, and no operation is remembered, so that nothing keeps auto-sync \
                from this revision";
    assert_eq!(words(&asked(out_of_sync(quiet()))), free);
    assert_eq!(
        words(&out_of_sync(with_state("Succeeded", HERE))),
        "at once: self-heal is on"
    );
    assert_eq!(
        words(&set(under_way("Running"), "/status/operationState", Value::Null)),
        "at once: a sync is asked for"
    );
    assert_eq!(words(&under_way("Running")), "at once: a sync is running");
    let unknown = set(quiet(), "/status/sync/status", json!("Unknown"));
    assert_eq!(
        words(&unknown),
        "unknown: Argo CD has not compared the application with its source"
    );
}

/// A cleared state, with no comparison asked for, was left for 25 s beside a real Argo CD: auto-sync is the end of a
/// comparison.
#[test]
fn without_a_comparison_no_sync_begins() {
    let once = |why: &str| format!("once Argo CD compares the application again: {why}");
    let nothing = "so that nothing keeps auto-sync from this revision";
    assert_eq!(
        words(&out_of_sync(quiet())),
        once(&format!("no operation is remembered, {nothing}"))
    );
    assert_eq!(
        words(&out_of_sync(with_state("Failed", BEFORE))),
        once("the last operation was at another revision")
    );
    let lost = out_of_sync(set(
        with_state("Running", HERE),
        "/status/operationState/syncResult",
        Value::Null,
    ));
    assert_eq!(
        words(&lost),
        once(&format!("the last operation has no result, {nothing}"))
    );
    let moved = out_of_sync(set(
        with_state("Succeeded", HERE),
        "/status/operationState/syncResult/source/path",
        json!("elsewhere"),
    ));
    assert_eq!(words(&moved), once("the last operation synced from another source"));
}

/// Argo CD's own comparison does not see a handler that is only live; of what it finds in sync nothing is synced.
#[test]
fn self_heal_comes_only_for_what_argo_cd_finds_out_of_sync() {
    let says =
        |what: &str| format!("it says that {what} is Synced, and auto-sync begins only with what it finds OutOfSync");
    for value in [quiet(), with_state("Succeeded", HERE), with_state("Failed", BEFORE)] {
        assert_eq!(
            words(&value),
            format!("once Argo CD finds a difference: {}", says("the application"))
        );
    }
    let other = out_of_sync(with_state("Succeeded", HERE));
    let other = set(other, "/status/resources/0/status", json!("Synced"));
    let other = set(other, "/status/resources/1/status", json!("OutOfSync"));
    assert_eq!(
        words(&other),
        format!("once Argo CD finds a difference in it: {}", says("this Deployment"))
    );
    let pruned = set(
        set(other, "/status/resources/1/requiresPruning", json!(true)),
        "/spec/syncPolicy/automated/prune",
        json!(false),
    );
    assert_eq!(
        words(&pruned),
        "once Argo CD finds something to apply: what is OutOfSync now would only be pruned, and automated pruning is \
         off"
    );
}

#[test]
fn without_its_controller_nothing_comes() {
    let silent = |value: &Value, controller_seen_alive: Option<Timestamp>| {
        let application = read(value);
        let context = Context {
            controller_seen_alive,
            ..context()
        };
        next_sync(&application, &classify(&application, &context), &context).words()
    };
    for value in [
        out_of_sync(quiet()),
        out_of_sync(with_state("Succeeded", HERE)),
        under_way("Running"),
    ] {
        let seen = Some(time("2026-03-02T09:40:00Z"));
        assert_eq!(
            silent(&value, seen),
            "once Argo CD's controller is back: its last sign of life was at 2026-03-02T09:40:00Z"
        );
        assert_eq!(
            silent(&value, None),
            "once Argo CD's controller is back: it has given no sign of life"
        );
    }
    let failed = silent(&out_of_sync(with_state("Failed", HERE)), None);
    assert!(failed.starts_with("at the next commit: "), "{failed}");
}

#[test]
fn waits_have_their_time() {
    let failed = set(
        under_way("Running"),
        "/status/operationState/finishedAt",
        json!("2026-03-02T10:00:04Z"),
    );
    let waiting = set(failed, "/status/operationState/retryCount", json!(1));
    assert_eq!(
        words(&waiting),
        "at 2026-03-02T10:00:16Z: the failed sync is tried again (retry 1)"
    );
    // Finished 6 s ago.
    for (attempts, expected) in [
        (1, "at once: self-heal is on"),
        (2, "at once: self-heal is on"),
        (3, "at 2026-03-02T10:00:22Z: self-heal waits between its attempts"),
        (4, "at 2026-03-02T10:00:58Z: self-heal waits between its attempts"),
        (6, "at 2026-03-02T10:05:04Z: self-heal waits between its attempts"),
        (400, "at 2026-03-02T10:05:04Z: self-heal waits between its attempts"),
    ] {
        let value = set(
            with_state("Succeeded", HERE),
            "/status/operationState/operation/sync/autoHealAttemptsCount",
            json!(attempts),
        );
        assert_eq!(words(&out_of_sync(value)), expected, "{attempts}");
    }
}

#[test]
fn what_is_blocked_needs_a_commit_or_more() {
    let s1 = words(&out_of_sync(with_state("Failed", HERE)));
    assert!(
        s1.starts_with("at the next commit: the last sync of this revision failed"),
        "{s1}"
    );
    let orphan = words(&out_of_sync(with_state("Running", HERE)));
    assert!(orphan.starts_with("at the next commit: "), "{orphan}");
    let no_heal = set(
        out_of_sync(with_state("Succeeded", HERE)),
        "/spec/syncPolicy/automated/selfHeal",
        json!(false),
    );
    assert_eq!(
        words(&no_heal),
        "at the next commit: this revision was synced already and self-heal is off"
    );
    let s2 = words(&set(
        with_state("Error", HERE),
        "/status/operationState/syncResult",
        Value::Null,
    ));
    assert!(
        s2.starts_with("never as it is: the last operation ended without a result"),
        "{s2}"
    );
    let skipped = set(quiet(), "/metadata/annotations", json!({SKIP_RECONCILE: "true"}));
    assert_eq!(
        words(&skipped),
        "never as it is: the application carries skip-reconcile"
    );
    let going = set(quiet(), "/metadata/deletionTimestamp", json!("2026-03-02T10:00:00Z"));
    assert_eq!(words(&going), "never as it is: the application is being deleted");
    let uncompared = set(
        quiet(),
        "/status/conditions",
        json!([{"type": "ComparisonError", "message": "rpc error"}]),
    );
    assert_eq!(
        words(&uncompared),
        "never as it is: Argo CD cannot compare the application, so no sync starts"
    );
}

#[test]
fn without_automation_somebody_syncs() {
    for value in [quiet(), out_of_sync(with_state("Failed", HERE))] {
        for automated in [Value::Null, json!({"enabled": false})] {
            assert_eq!(
                next_under(
                    &set(value.clone(), "/spec/syncPolicy/automated", automated),
                    &Windows::none()
                ),
                When::BySomebody
            );
        }
    }
    let hook = set(
        under_way("Running"),
        "/status/operationState/message",
        json!("waiting for completion of hook batch/Job/migrate"),
    );
    assert!(words(&hook).starts_with("unknown: the running sync waits for a hook"));
}

#[test]
fn windows_put_it_off() {
    let windows = |schedule: &str, kind: &str| {
        let project = json!({"spec": {"syncWindows": [{"kind": kind, "schedule": schedule, "duration": "2h",
                                                       "applications": ["*"]}]}});
        Windows::of(&project, &read(&quiet())).unwrap()
    };
    let value = out_of_sync(quiet());
    assert_eq!(
        next_under(&value, &windows("0 9 * * *", "deny")),
        When::At {
            time: time("2026-03-02T11:00:00Z"),
            why: "the sync window changes; now a deny window is open: \"0 9 * * *\" for 2h UTC".to_owned()
        }
    );
    assert!(matches!(
        next_under(&value, &windows("0 9 * * *", "allow")),
        When::Once { .. }
    ));
    let broken = next_under(&value, &windows("@daily", "allow")).words();
    assert!(
        broken.starts_with("never as it is: a sync window of the project cannot be read"),
        "{broken}"
    );
    assert!(matches!(next_under(&value, &Windows::unread()), When::Unknown { .. }));
    let asked = set(under_way("Running"), "/status/operationState", Value::Null);
    assert!(matches!(
        next_under(&asked, &windows("0 9 * * *", "deny")),
        When::At { .. }
    ));
    let waiting = set(
        under_way("Running"),
        "/status/operationState/message",
        json!("Sync operation blocked by sync window"),
    );
    assert!(matches!(
        next_under(&waiting, &windows("0 9 * * *", "deny")),
        When::At { .. }
    ));
}
