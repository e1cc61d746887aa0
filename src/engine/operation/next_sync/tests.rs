use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::operation::shapes::{BEFORE, HERE, context, now, out_of_sync, quiet, read, set, time, under_way, with_state};
use crate::engine::operation::{SKIP_RECONCILE, classify};

fn next_under(value: &Value, windows: &Windows) -> When {
    let application = read(value);
    let standing = classify(&application, &super::super::Context { windows, ..context() });
    next_sync(&application, &standing, windows, now())
}

fn words(value: &Value) -> String {
    next_under(value, &Windows::none()).words()
}

#[test]
fn what_is_free_comes_at_once() {
    assert_eq!(words(&out_of_sync(quiet())), "at once: this revision was not synced yet");
    assert_eq!(words(&out_of_sync(with_state("Failed", BEFORE))), "at once: this revision was not synced yet");
    assert_eq!(words(&out_of_sync(with_state("Succeeded", HERE))), "at once: self-heal is on");
    assert_eq!(words(&set(under_way("Running"), "/status/operationState", Value::Null)), "at once: a sync is asked for");
    assert_eq!(words(&under_way("Running")), "at once: a sync is running");
    let unknown = set(quiet(), "/status/sync/status", json!("Unknown"));
    assert_eq!(words(&unknown), "unknown: Argo CD has not compared the application with its source");
    assert_eq!(
        words(&out_of_sync(set(with_state("Running", HERE), "/status/operationState/syncResult", Value::Null))),
        "at once: this revision was not synced yet"
    );
}

#[test]
fn waits_have_their_time() {
    let failed = set(under_way("Running"), "/status/operationState/finishedAt", json!("2026-03-02T10:00:04Z"));
    let waiting = set(failed, "/status/operationState/retryCount", json!(1));
    assert_eq!(words(&waiting), "at 2026-03-02T10:00:16Z: the failed sync is tried again (retry 1)");
    // Finished 6 s ago.
    for (attempts, expected) in [
        (1, "at once: self-heal is on"),
        (2, "at once: self-heal is on"),
        (3, "at 2026-03-02T10:00:22Z: self-heal waits between its attempts"),
        (4, "at 2026-03-02T10:00:58Z: self-heal waits between its attempts"),
        (6, "at 2026-03-02T10:05:04Z: self-heal waits between its attempts"),
        (400, "at 2026-03-02T10:05:04Z: self-heal waits between its attempts"),
    ] {
        let value = set(with_state("Succeeded", HERE), "/status/operationState/operation/sync/autoHealAttemptsCount", json!(attempts));
        assert_eq!(words(&out_of_sync(value)), expected, "{attempts}");
    }
}

#[test]
fn what_is_blocked_needs_a_commit_or_more() {
    let s1 = words(&out_of_sync(with_state("Failed", HERE)));
    assert!(s1.starts_with("at the next commit: the last sync of this revision failed"), "{s1}");
    let orphan = words(&out_of_sync(with_state("Running", HERE)));
    assert!(orphan.starts_with("at the next commit: "), "{orphan}");
    let no_heal = set(out_of_sync(with_state("Succeeded", HERE)), "/spec/syncPolicy/automated/selfHeal", json!(false));
    assert_eq!(words(&no_heal), "at the next commit: this revision was synced already and self-heal is off");
    let s2 = words(&set(with_state("Error", HERE), "/status/operationState/syncResult", Value::Null));
    assert!(s2.starts_with("never as it is: the last operation ended without a result"), "{s2}");
    let skipped = set(quiet(), "/metadata/annotations", json!({SKIP_RECONCILE: "true"}));
    assert_eq!(words(&skipped), "never as it is: the application carries skip-reconcile");
    let going = set(quiet(), "/metadata/deletionTimestamp", json!("2026-03-02T10:00:00Z"));
    assert_eq!(words(&going), "never as it is: the application is being deleted");
    let uncompared = set(quiet(), "/status/conditions", json!([{"type": "ComparisonError", "message": "rpc error"}]));
    assert_eq!(words(&uncompared), "never as it is: Argo CD cannot compare the application, so no sync starts");
}

#[test]
fn without_automation_somebody_syncs() {
    for value in [quiet(), out_of_sync(with_state("Failed", HERE))] {
        for automated in [Value::Null, json!({"enabled": false})] {
            assert_eq!(next_under(&set(value.clone(), "/spec/syncPolicy/automated", automated), &Windows::none()), When::BySomebody);
        }
    }
    let hook = set(under_way("Running"), "/status/operationState/message", json!("waiting for completion of hook batch/Job/migrate"));
    assert!(words(&hook).starts_with("unknown: the running sync waits for a hook"));
}

#[test]
fn windows_put_it_off() {
    let windows = |schedule: &str, kind: &str| {
        let project = json!({"spec": {"syncWindows": [{"kind": kind, "schedule": schedule, "duration": "2h", "applications": ["*"]}]}});
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
    assert_eq!(next_under(&value, &windows("0 9 * * *", "allow")), When::AtOnce { why: "this revision was not synced yet".to_owned() });
    let broken = next_under(&value, &windows("@daily", "allow")).words();
    assert!(broken.starts_with("never as it is: a sync window of the project cannot be read"), "{broken}");
    assert!(matches!(next_under(&value, &Windows::unread()), When::Unknown { .. }));
    let asked = set(under_way("Running"), "/status/operationState", Value::Null);
    assert!(matches!(next_under(&asked, &windows("0 9 * * *", "deny")), When::At { .. }));
    let waiting = set(under_way("Running"), "/status/operationState/message", json!("Sync operation blocked by sync window"));
    assert!(matches!(next_under(&waiting, &windows("0 9 * * *", "deny")), When::At { .. }));
}
