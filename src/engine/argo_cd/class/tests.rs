use jiff::ToSpan;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::shapes::{
    BEFORE, HERE, context, now, out_of_sync, quiet, read, set, time, under_way, with_state,
};
use crate::engine::tool_object::action::Action;

mod failed;
mod retry;

const STATE: &str = "/status/operationState";

fn standing(value: &Value) -> Standing {
    classify(&read(value), &context())
}

#[track_caller]
fn is(value: &Value, id: Option<&str>, name: &str, action: Action) {
    let found = standing(value);
    assert_eq!(
        (found.id(), found.name(), found.action()),
        (id, name, action),
        "{}",
        found.why()
    );
}

fn without(value: Value, field: &str) -> Value {
    set(value, &format!("{STATE}/{field}"), Value::Null)
}

#[test]
fn quiet_applications_are_idle() {
    is(&quiet(), None, "Idle", Action::Leave);
    is(&with_state("Succeeded", HERE), None, "Idle", Action::Leave);
    is(&out_of_sync(with_state("Succeeded", HERE)), None, "Idle", Action::Leave);
    is(&set(quiet(), "/status", Value::Null), None, "Idle", Action::Leave);
}

#[test]
fn a_synced_of_a_server_side_diff_heals_nothing() {
    let options = json!({"argocd.argoproj.io/compare-options": "IncludeMutationWebhook=true, ServerSideDiff=true"});
    is(
        &set(with_state("Failed", HERE), "/metadata/annotations", options),
        Some("S1"),
        "FailedAtRevision",
        Action::ClearAfterHeal,
    );
}

#[test]
fn s4_orphans_block_only_at_their_own_revision() {
    for phase in ["Running", "Terminating"] {
        is(
            &out_of_sync(with_state(phase, HERE)),
            Some("S4"),
            "Orphaned",
            Action::ClearAfterHeal,
        );
        is(&with_state(phase, HERE), Some("S4"), "Orphaned", Action::Clear);
        is(
            &out_of_sync(with_state(phase, BEFORE)),
            Some("S4"),
            "Orphaned",
            Action::Leave,
        );
        is(
            &out_of_sync(without(with_state(phase, HERE), "syncResult")),
            Some("S4"),
            "Orphaned",
            Action::Leave,
        );
    }
    // The wait for a retry, whose operation somebody took away.
    let waiting = set(
        out_of_sync(with_state("Running", HERE)),
        &format!("{STATE}/finishedAt"),
        json!("2026-03-02T10:00:04Z"),
    );
    is(&waiting, Some("S4"), "Orphaned", Action::ClearAfterHeal);
}

#[test]
fn s5_and_its_look_alikes_are_told_apart() {
    let waiting = |message: &str| set(under_way("Running"), &format!("{STATE}/message"), json!(message));
    let patience = Some(time("2026-03-02T10:30:00Z"));
    for (message, id, name, action, until) in [
        ("", None, "Running", Action::Leave, None),
        (
            "waiting for completion of hook batch/Job/migrate",
            Some("S5"),
            "WaitingForHook",
            Action::Leave,
            patience,
        ),
        (
            "waiting for deletion of hook batch/Job/migrate",
            Some("S5"),
            "WaitingForHook",
            Action::Leave,
            patience,
        ),
        (
            "waiting for healthy state of apps/Deployment/web and 2 more resources",
            Some("S5"),
            "WaitingForHealth",
            Action::Leave,
            patience,
        ),
        (
            "waiting for deletion of /ConfigMap/old",
            Some("S5"),
            "WaitingForHealth",
            Action::Leave,
            patience,
        ),
        (
            "waiting for pruning confirmation of /Namespace/shop",
            Some("S5"),
            "WaitingForConfirmation",
            Action::AskAPerson,
            None,
        ),
        (
            "Sync operation blocked by sync window",
            Some("S5"),
            "WaitingForWindow",
            Action::Leave,
            None,
        ),
    ] {
        let value = waiting(message);
        is(&value, id, name, action);
        assert_eq!(standing(&value).until(), until, "{message}");
    }
    let terminating = under_way("Terminating");
    is(&terminating, None, "Running", Action::Leave);
}

#[test]
fn s5_is_told_to_a_person_when_patience_ends() {
    let later = Context {
        now: time("2026-03-02T10:30:00Z"),
        controller_seen_alive: Some(time("2026-03-02T10:29:00Z")),
        ..context()
    };
    let hook = set(
        under_way("Running"),
        &format!("{STATE}/message"),
        json!("waiting for completion of hook batch/Job/migrate"),
    );
    let found = classify(&read(&hook), &later);
    assert_eq!(
        (found.id(), found.name(), found.action()),
        (Some("S5"), "NoProgress", Action::AskAPerson)
    );
    // A window opens when it opens.
    let window = set(
        under_way("Running"),
        &format!("{STATE}/message"),
        json!("Sync operation blocked by sync window"),
    );
    assert_eq!(classify(&read(&window), &later).name(), "WaitingForWindow");
}

#[test]
fn s5_without_a_controller_is_not_the_operations_fault() {
    for seen in [None, Some(now() - 11.minutes()), Some(now() + 11.minutes())] {
        let dead = Context {
            controller_seen_alive: seen,
            ..context()
        };
        let found = classify(&read(&under_way("Running")), &dead);
        assert_eq!(
            (found.id(), found.name(), found.action()),
            (Some("S5"), "ControllerNotSeen", Action::AskAPerson)
        );
        // What is over does not need one to be told.
        assert_eq!(classify(&read(&with_state("Failed", HERE)), &dead).id(), Some("S1"));
    }
}

#[test]
fn s6_blocks_by_policy_and_attempts() {
    let lost = |attempts: Value, self_heal: bool| {
        let value = without(
            without(out_of_sync(with_state("Succeeded", HERE)), "syncResult"),
            "finishedAt",
        );
        let value = set(value, "/spec/syncPolicy/automated/selfHeal", json!(self_heal));
        set(
            value,
            &format!("{STATE}/operation/sync/autoHealAttemptsCount"),
            attempts,
        )
    };
    is(
        &lost(Value::Null, true),
        Some("S6"),
        "SucceededWithoutResult",
        Action::Leave,
    );
    is(
        &lost(json!(1), true),
        Some("S6"),
        "SucceededWithoutResult",
        Action::ClearAfterHeal,
    );
    is(
        &lost(Value::Null, false),
        Some("S6"),
        "SucceededWithoutResult",
        Action::ClearAfterHeal,
    );
    let manual = set(lost(Value::Null, false), "/spec/syncPolicy/automated", Value::Null);
    is(&manual, Some("S6"), "SucceededWithoutResult", Action::Leave);
    // With its end the wait of self-heal grows shorter; without it, and with the result, only this revision is blocked.
    is(
        &set(
            lost(json!(2), true),
            &format!("{STATE}/finishedAt"),
            json!("2026-03-02T10:00:04Z"),
        ),
        Some("S6"),
        "SucceededWithoutResult",
        Action::Leave,
    );
    let attempts = set(
        with_state("Succeeded", HERE),
        &format!("{STATE}/operation/sync/autoHealAttemptsCount"),
        json!(2),
    );
    is(
        &without(attempts, "finishedAt"),
        Some("S6"),
        "SucceededWithoutResult",
        Action::Clear,
    );
}

#[test]
fn a_sync_that_somebody_terminated_is_not_called_failed() {
    let terminated = set(
        out_of_sync(with_state("Failed", HERE)),
        &format!("{STATE}/message"),
        json!("Operation terminated"),
    );
    is(&terminated, Some("S1"), "FailedAtRevision", Action::ClearAfterHeal);
    assert!(
        standing(&terminated)
            .why()
            .starts_with("the last sync of this revision was terminated: Argo CD does not try it again")
    );
    assert!(
        standing(&out_of_sync(with_state("Failed", HERE)))
            .why()
            .starts_with("the last sync of this revision failed: ")
    );
}

#[test]
fn s7_is_a_request_that_stays_after_its_end() {
    let late = Context {
        now: time("2026-03-02T10:20:00Z"),
        controller_seen_alive: Some(time("2026-03-02T10:19:00Z")),
        ..context()
    };
    let value = under_way("Failed");
    assert_eq!(classify(&read(&value), &late).id(), Some("S7"));
    assert_eq!(classify(&read(&value), &late).action(), Action::AskAPerson);
    // Just over, asked anew, or nobody there to begin: a request.
    is(&value, Some("S8"), "Requested", Action::Leave);
    let anew = set(value.clone(), "/operation/initiatedBy", json!({"username": "admin"}));
    assert_eq!(classify(&read(&anew), &late).id(), Some("S8"));
    assert_eq!(
        classify(
            &read(&value),
            &Context {
                controller_seen_alive: None,
                ..late
            }
        )
        .id(),
        Some("S8")
    );
}

#[test]
fn s8_is_left_alone() {
    is(
        &without_state(under_way("Running")),
        Some("S8"),
        "Requested",
        Action::Leave,
    );
    let over_an_old_one = set(under_way("Succeeded"), "/operation/sync/revision", json!(BEFORE));
    is(&over_an_old_one, Some("S8"), "Requested", Action::Leave);
}

fn without_state(value: Value) -> Value {
    set(value, STATE, Value::Null)
}

#[test]
fn s9_needs_an_applier_of_the_state() {
    let entry = |manager: &str, operation: &str, fields: Value| {
        json!([{"manager": manager, "operation": operation,
        "fieldsType": "FieldsV1", "fieldsV1": fields}])
    };
    let state = json!({"f:status": {"f:operationState": {"f:phase": {}}}});
    let failed = out_of_sync(with_state("Failed", HERE));
    let forged = set(
        failed.clone(),
        "/metadata/managedFields",
        entry("argocd-controller", "Apply", state.clone()),
    );
    is(&forged, Some("S9"), "CoOwned", Action::AskAPerson);
    assert!(
        standing(&forged)
            .why()
            .starts_with("argocd-controller applies this state as well")
    );
    // The controller's own way, and an app of apps that leaves the state alone.
    is(
        &set(
            failed.clone(),
            "/metadata/managedFields",
            entry("argocd-application-controller", "Update", state.clone()),
        ),
        Some("S1"),
        "FailedAtRevision",
        Action::ClearAfterHeal,
    );
    is(
        &set(
            failed,
            "/metadata/managedFields",
            entry("argocd-controller", "Apply", json!({"f:spec": {}})),
        ),
        Some("S1"),
        "FailedAtRevision",
        Action::ClearAfterHeal,
    );
    // Nothing stale, nothing to tell.
    is(
        &set(
            quiet(),
            "/metadata/managedFields",
            entry("argocd-controller", "Apply", state),
        ),
        None,
        "Idle",
        Action::Leave,
    );
}

#[test]
fn a_refused_comparison_hides_the_incident() {
    let failing = |message: &str| {
        let value = set(with_state("Succeeded", HERE), "/status/sync/status", json!("Unknown"));
        set(
            value,
            "/status/conditions",
            json!([{"type": "ComparisonError", "message": message}]),
        )
    };
    let refused = failing(
        "Failed to compare desired state to live state: serverSideDiff error: error running server side apply in \
         dryrun mode for resource Deployment/web: …",
    );
    is(&refused, None, "DryRunRefused", Action::RefreshOnly);
    let repository = failing("Failed to load target state: rpc error: code = Unavailable");
    is(&repository, None, "ComparisonFailed", Action::Leave);
    assert!(standing(&refused).blocks() && standing(&repository).blocks());
}

#[test]
fn a_limited_operation_concerns_what_it_names() {
    let limited = |entry: Value| {
        set(
            with_state("Failed", HERE),
            &format!("{STATE}/operation/sync/resources"),
            json!([entry]),
        )
    };
    let concerned = |value: &Value| concerns(&read(value), &context());
    assert!(concerned(&with_state("Failed", HERE)));
    assert!(concerned(&limited(
        json!({"group": "apps", "kind": "Deployment", "name": "web"})
    )));
    assert!(!concerned(&limited(
        json!({"group": "apps", "kind": "Deployment", "name": "web", "namespace": "other"})
    )));
    assert!(!concerned(&limited(json!({"kind": "Service", "name": "web"}))));
}
