use pretty_assertions::assert_eq;

use super::*;
use crate::engine::argo_cd::shapes::{now, set, time};
use crate::engine::flux::kustomization::tests::{read, ready};

fn with_ready(status: &str, reason: &str, message: &str) -> Value {
    let mut value = ready();
    let condition = &mut value["status"]["conditions"][0];
    condition["status"] = json!(status);
    condition["reason"] = json!(reason);
    condition["message"] = json!(message);
    value
}

fn refused_dry_run() -> Value {
    let mut value = with_ready(
        "False",
        "ReconciliationFailed",
        "Deployment/shop/web dry-run failed (Invalid): Deployment.apps \"web\" is invalid: \
         spec.template.spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler \
         type\n",
    );
    let retrying = json!({"type": "Reconciling", "status": "True", "reason": "ProgressingWithRetry", "message": "…",
                          "observedGeneration": 4});
    value["status"]["conditions"]
        .as_array_mut()
        .unwrap()
        .insert(0, retrying);
    value
}

fn name(value: &Value) -> &'static str {
    reconciliation(&read(value)).name()
}

#[test]
fn each_standing_is_told() {
    assert_eq!(name(&ready()), "Ready");
    assert_eq!(
        name(&with_ready("Unknown", "Progressing", "Reconciliation in progress")),
        "Progressing"
    );
    assert_eq!(name(&with_ready("False", "HealthCheckFailed", "timeout")), "Failed");
    assert_eq!(name(&set(ready(), "/spec/suspend", json!(true))), "Suspended");
    assert_eq!(name(&set(refused_dry_run(), "/spec/suspend", json!(true))), "Suspended");
    assert_eq!(
        name(&set(
            ready(),
            "/metadata/deletionTimestamp",
            json!("2026-03-02T10:00:00Z")
        )),
        "Deleting"
    );
    assert_eq!(name(&set(ready(), "/status", Value::Null)), "Progressing");
    // The newest spec was not looked at yet.
    assert_eq!(name(&set(ready(), "/metadata/generation", json!(5))), "Progressing");
    let stalled = json!({"type": "Stalled", "status": "True", "reason": "InvalidCELExpression", "message": "no",
                         "observedGeneration": 4});
    let mut value = with_ready("False", "InvalidCELExpression", "no");
    value["status"]["conditions"].as_array_mut().unwrap().push(stalled);
    assert_eq!(
        (name(&value), reconciliation(&read(&value)).action()),
        ("Stalled", Action::AskAPerson)
    );
}

#[test]
fn a_refused_dry_run_has_its_causes() {
    let found = reconciliation(&read(&refused_dry_run()));
    let Reconciliation::FailedDryRun { message, refused } = &found else {
        panic!("{found:?}")
    };
    assert!(message.ends_with("handler type"));
    assert_eq!(
        (refused[0].name.as_str(), refused[0].causes[0].reason.as_str()),
        ("web", "FieldValueForbidden")
    );
    assert_eq!((found.action(), found.held_back()), (Action::RefreshOnly, false));
    assert!(reconciliation(&read(&set(ready(), "/spec/suspend", json!(true)))).held_back());
}

#[test]
fn the_next_one_comes_after_its_interval() {
    let next = |value: &Value, at: &str| next_reconciliation(&read(value), None, time(at));
    assert_eq!(
        next(&ready(), "2026-03-02T10:00:10Z"),
        When::At {
            time: time("2026-03-02T10:05:00Z"),
            why: "Flux reconciles it 10m after the last time, or at a new commit".to_owned()
        }
    );
    assert!(matches!(next(&ready(), "2026-03-02T10:05:00Z"), When::AtOnce { .. }));
    let When::At { time: retry, .. } = next(&refused_dry_run(), "2026-03-02T09:55:10Z") else {
        panic!("no time")
    };
    assert_eq!(retry, time("2026-03-02T09:56:30Z"));
    let no_retry = set(refused_dry_run(), "/spec/retryInterval", Value::Null);
    let When::At { time: retry, .. } = next(&no_retry, "2026-03-02T09:55:10Z") else {
        panic!("no time")
    };
    assert_eq!(retry, time("2026-03-02T10:05:00Z"));
    assert!(matches!(
        next(&set(ready(), "/spec/suspend", json!(true)), "2026-03-02T10:00:00Z"),
        When::Never { .. }
    ));
    assert!(matches!(
        next(&with_ready("Unknown", "Progressing", ""), "2026-03-02T10:00:00Z"),
        When::AtOnce { .. }
    ));
    assert!(matches!(
        next(&set(ready(), "/spec/interval", Value::Null), "2026-03-02T10:00:00Z"),
        When::Unknown { .. }
    ));
    // The transition of Ready is the newer one after a failure that the history does not have.
    let moved = set(
        refused_dry_run(),
        "/status/conditions/1/lastTransitionTime",
        json!("2026-03-02T10:00:00Z"),
    );
    let When::At { time: retry, .. } = next_reconciliation(&read(&moved), None, now()) else {
        panic!("no time")
    };
    assert_eq!(retry, time("2026-03-02T10:01:30Z"));
}

#[test]
fn what_is_waited_for_has_no_time() {
    let absent = "gitrepositories.source.toolkit.fluxcd.io \"shop\" not found";
    for (reason, message, expected) in [
        (
            "DependencyNotReady",
            "dependency 'flux-system/db' is not ready",
            "once what it depends on is ready: dependency 'flux-system/db' is not ready",
        ),
        (
            "ArtifactFailed",
            "Source artifact not found, retrying in 30s",
            "once its source has an artifact: Source artifact not found, retrying in 30s",
        ),
        (
            "ArtifactFailed",
            "Source is not ready, artifact not found, retrying in 30s",
            "once its source has an artifact: Source is not ready, artifact not found, retrying in 30s",
        ),
        ("ArtifactFailed", absent, &format!("once its source is there: {absent}")),
    ] {
        let value = with_ready("False", reason, message);
        assert_eq!(
            (name(&value), reconciliation(&read(&value)).action()),
            ("Waiting", Action::Leave),
            "{message}"
        );
        // Long after the first look: Ready keeps the time of that one.
        assert_eq!(
            next_reconciliation(&read(&value), None, time("2026-03-02T11:00:00Z")).words(),
            expected
        );
    }
    // Tried, and not possible.
    for message in [
        "kustomization path not found: stat /tmp/x/web: no such file or directory",
        "failed to download archive: timeout",
    ] {
        assert_eq!(name(&with_ready("False", "ArtifactFailed", message)), "Failed");
    }
}

#[test]
fn a_source_that_is_not_fetched_brings_no_commit() {
    let repository = |spec: Value| {
        let object = json!({"metadata": {"namespace": "flux-system", "name": "shop"}, "spec": spec});
        GitRepository::read(&object).unwrap()
    };
    let (suspended, followed) = (repository(json!({"suspend": true})), repository(json!({})));
    let next = |value: &Value, repository| {
        next_reconciliation(&read(value), Some(repository), time("2026-03-02T09:55:10Z")).words()
    };
    let at = "at 2026-03-02T10:05:00Z: Flux reconciles it 10m after the last time";
    assert_eq!(next(&ready(), &followed), format!("{at}, or at a new commit"));
    assert_eq!(
        next(&ready(), &suspended),
        format!("{at}; no new commit comes, since GitRepository flux-system/shop is suspended")
    );
    let waiting = with_ready("False", "ArtifactFailed", "Source artifact not found, retrying in 30s");
    assert_eq!(
        next(&waiting, &followed),
        "once its source has an artifact: Source artifact not found, retrying in 30s"
    );
    let never = "never as it is: its source has no artifact, and GitRepository flux-system/shop is suspended";
    assert_eq!(next(&waiting, &suspended), never);
    let waiting = with_ready(
        "False",
        "DependencyNotReady",
        "dependency 'flux-system/db' is not ready",
    );
    assert_eq!(
        next(&waiting, &suspended),
        "once what it depends on is ready: dependency 'flux-system/db' is not ready"
    );
}

#[test]
fn a_poke_is_guarded_by_the_uid_and_told_when_it_is_handled() {
    let written = |patch: Patch| serde_json::to_value(patch).unwrap();
    let bare = read(&ready());
    assert_eq!(
        written(poke(bare.uid.as_deref(), bare.annotations.as_ref(), "token-2").unwrap()),
        json!([
            {"op": "test", "path": "/metadata/uid", "value": "c0de"},
            {"op": "test", "path": "/metadata/annotations", "value": null},
            {"op": "add", "path": "/metadata/annotations", "value": {"reconcile.fluxcd.io/requestedAt": "token-2"}}
        ])
    );
    let value = set(
        ready(),
        "/metadata/annotations",
        json!({"reconcile.fluxcd.io/requestedAt": "token-1", "team": "shop"}),
    );
    let asked = read(&value);
    let patch = poke(asked.uid.as_deref(), asked.annotations.as_ref(), "token-2").unwrap();
    let mut after = value;
    json_patch::patch(&mut after, &patch).unwrap();
    assert_eq!(
        after["metadata"]["annotations"],
        json!({"reconcile.fluxcd.io/requestedAt": "token-2", "team": "shop"})
    );
    assert!(poked(read(&after).annotations.as_ref(), "token-2") && !poked(asked.annotations.as_ref(), "token-2"));
    assert!(handled(&asked, "token-1") && !handled(&asked, "token-2"));
    assert_eq!(poke(None, None, "token"), Err(NoRequest::NoLock));
}
