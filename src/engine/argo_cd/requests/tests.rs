use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::argo_cd::shapes::{HERE, out_of_sync, quiet, read, set, time, under_way, with_state};
use crate::engine::kind::DEPLOYMENT;

fn written(patch: &Patch) -> Value {
    serde_json::to_value(patch).unwrap()
}

/// What the API server would make of it: its `test` of `null` holds for what is absent, and `/metadata/resourceVersion`
/// is a lock.
fn applied(value: &Value, patch: &Patch) -> Value {
    let mut patched = value.clone();
    let known = |operation: &&PatchOperation| !matches!(operation, PatchOperation::Test(test) if test.value.is_null());
    let operations = patch.0.iter().filter(known).cloned().collect();
    for operation in &patch.0 {
        if let PatchOperation::Test(test) = operation
            && test.value.is_null()
        {
            assert_eq!(value.pointer(test.path.as_str()), None);
        }
    }
    json_patch::patch(&mut patched, &Patch(operations)).unwrap();
    patched
}

fn ours() -> Operation {
    Operation::of(
        &read(&quiet()),
        "driftmend",
        vec![("driftmend.dev/plan".to_owned(), "7f3a91".to_owned())],
        None,
    )
}

#[test]
fn a_clear_is_guarded_and_asks_for_a_comparison() {
    let value = out_of_sync(with_state("Failed", HERE));
    let patch = clear(&read(&value), &Then::Refresh).unwrap();
    assert_eq!(
        written(&patch),
        json!([
            {"op": "test", "path": "/metadata/uid", "value": "7d0e"},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": "41"},
            {"op": "test", "path": "/operation", "value": null},
            {"op": "test", "path": "/status/operationState/phase", "value": "Failed"},
            {"op": "test", "path": "/status/operationState/startedAt", "value": "2026-03-02T10:00:00Z"},
            {"op": "remove", "path": "/status/operationState"},
            {"op": "add", "path": "/metadata/annotations", "value": {"argocd.argoproj.io/refresh": "normal"}}
        ])
    );
    let after = read(&applied(&value, &patch));
    assert!(Stale::of(&read(&value)).unwrap().cleared(&after) && refresh_asked(&after));
}

#[test]
fn a_clear_keeps_the_other_annotations_and_a_hard_refresh() {
    let noted = set(
        with_state("Failed", HERE),
        "/metadata/annotations",
        json!({"team": "shop"}),
    );
    let after = applied(&noted, &clear(&read(&noted), &Then::Refresh).unwrap());
    assert_eq!(
        after["metadata"]["annotations"],
        json!({"team": "shop", "argocd.argoproj.io/refresh": "normal"})
    );
    let hard = set(
        with_state("Failed", HERE),
        "/metadata/annotations",
        json!({"argocd.argoproj.io/refresh": "hard"}),
    );
    let after = applied(&hard, &clear(&read(&hard), &Then::Refresh).unwrap());
    assert_eq!(
        after["metadata"]["annotations"],
        json!({"argocd.argoproj.io/refresh": "hard"})
    );
}

#[test]
fn a_clear_that_starts_is_one_write() {
    let value = out_of_sync(with_state("Failed", HERE));
    let after = applied(&value, &clear(&read(&value), &Then::Start(ours())).unwrap());
    assert_eq!(after["status"].get("operationState"), None);
    assert_eq!(after["metadata"].get("annotations"), None);
    assert_eq!(
        after["operation"],
        json!({
            "initiatedBy": {"username": "driftmend"},
            "info": [{"name": "driftmend.dev/plan", "value": "7f3a91"}],
            "sync": {"revision": HERE, "prune": true, "syncOptions": ["ServerSideApply=true"]},
            "retry": {"limit": 3, "backoff": {"duration": "4s", "factor": 3, "maxDuration": "1m"}}
        })
    );
    assert!(started(&read(&after), &ours()));
}

#[test]
fn nothing_is_cleared_that_is_alive_or_cannot_be_told() {
    let refused = |value: &Value| clear(&read(value), &Then::Refresh).unwrap_err();
    assert_eq!(refused(&under_way("Running")), NoRequest::OperationPresent);
    assert_eq!(refused(&quiet()), NoRequest::NoState);
    assert_eq!(
        refused(&set(
            with_state("Failed", HERE),
            "/status/operationState/startedAt",
            Value::Null
        )),
        NoRequest::NoStart
    );
    assert_eq!(
        refused(&set(
            with_state("Failed", HERE),
            "/metadata/resourceVersion",
            Value::Null
        )),
        NoRequest::NoLock
    );
    assert_eq!(
        refused(&set(with_state("Failed", HERE), "/metadata/uid", Value::Null)),
        NoRequest::NoLock
    );
}

#[test]
fn cleared_is_told_from_not_yet() {
    let before = with_state("Failed", HERE);
    let stale = Stale::of(&read(&before)).unwrap();
    assert!(!stale.cleared(&read(&before)));
    // The same operation with another phase is the same state.
    assert!(!stale.cleared(&read(&set(
        before.clone(),
        "/status/operationState/phase",
        json!("Running")
    ))));
    assert!(stale.cleared(&read(&quiet())));
    assert!(stale.cleared(&read(&set(
        before.clone(),
        "/status/operationState/startedAt",
        json!("2026-03-02T10:00:09Z")
    ))));
    assert!(stale.cleared(&read(&set(before, "/metadata/uid", json!("another")))));
}

#[test]
fn a_start_needs_no_clear_where_the_state_is_over() {
    let value = with_state("Succeeded", HERE);
    let after = applied(&value, &start(&read(&value), &ours()).unwrap());
    assert_eq!(
        (&after["status"], after["operation"]["sync"]["revision"].as_str()),
        (&value["status"], Some(HERE))
    );
    let patch = start(&read(&quiet()), &ours()).unwrap();
    assert_eq!(
        written(&patch)[3],
        json!({"op": "test", "path": "/status/operationState", "value": null})
    );
    assert!(started(&read(&applied(&quiet(), &patch)), &ours()));
    let bare = set(quiet(), "/status", Value::Null);
    assert_eq!(
        written(&start(&read(&bare), &ours()).unwrap()).as_array().map(Vec::len),
        Some(4)
    );
    assert_eq!(
        start(&read(&with_state("Running", HERE)), &ours()),
        Err(NoRequest::StateNotOver)
    );
    assert_eq!(
        start(&read(&under_way("Running")), &ours()),
        Err(NoRequest::OperationPresent)
    );
}

#[test]
fn our_operation_is_known_while_it_runs_and_after() {
    let mut value = under_way("Running");
    assert!(!started(&read(&value), &ours()));
    value["status"]["operationState"]["operation"] = ours().to_value();
    assert!(started(&read(&value), &ours()));
    let another = Operation {
        info: vec![("driftmend.dev/plan".to_owned(), "000000".to_owned())],
        ..ours()
    };
    assert!(!started(&read(&value), &another));
}

#[test]
fn an_operation_of_one_deployment_does_not_prune() {
    let only = Operation::of(
        &read(&quiet()),
        "driftmend",
        Vec::new(),
        Some(ResourceRef::of(&DEPLOYMENT, "shop", "web")),
    );
    assert_eq!(
        only.to_value()["sync"],
        json!({"revision": HERE, "syncOptions": ["ServerSideApply=true"],
               "resources": [{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"}]})
    );
    let manual = set(
        set(quiet(), "/spec/syncPolicy", Value::Null),
        "/status/sync",
        json!({"status": "OutOfSync", "revisions": ["a", "b"]}),
    );
    assert_eq!(
        Operation::of(&read(&manual), "driftmend", Vec::new(), None).to_value(),
        json!({"initiatedBy": {"username": "driftmend"}, "sync": {"revisions": ["a", "b"]}})
    );
}

#[test]
fn a_refresh_clobbers_nothing() {
    let patch = refresh(&read(&quiet())).unwrap().unwrap();
    assert_eq!(
        written(&patch),
        json!([
            {"op": "test", "path": "/metadata/uid", "value": "7d0e"},
            {"op": "test", "path": "/metadata/annotations", "value": null},
            {"op": "add", "path": "/metadata/annotations", "value": {"argocd.argoproj.io/refresh": "normal"}}
        ])
    );
    let noted = set(quiet(), "/metadata/annotations", json!({"team": "shop"}));
    assert_eq!(
        written(&refresh(&read(&noted)).unwrap().unwrap()),
        json!([
            {"op": "test", "path": "/metadata/uid", "value": "7d0e"},
            {"op": "test", "path": "/metadata/annotations/argocd.argoproj.io~1refresh", "value": null},
            {"op": "add", "path": "/metadata/annotations/argocd.argoproj.io~1refresh", "value": "normal"}
        ])
    );
    let asked = set(
        quiet(),
        "/metadata/annotations",
        json!({"argocd.argoproj.io/refresh": "hard"}),
    );
    assert_eq!(refresh(&read(&asked)), Ok(None));
    assert_eq!(
        refresh(&read(&set(quiet(), "/metadata/uid", Value::Null))),
        Err(NoRequest::NoLock)
    );
}

#[test]
fn a_refresh_is_done_when_it_is_asked_for_or_answered() {
    let quiet_application = read(&quiet());
    assert!(refreshed(&quiet_application, time("2026-03-02T10:00:05.9Z")));
    assert!(!refreshed(&quiet_application, time("2026-03-02T10:00:06Z")));
    let asked = set(
        quiet(),
        "/metadata/annotations",
        json!({"argocd.argoproj.io/refresh": "normal"}),
    );
    assert!(refreshed(&read(&asked), time("2026-03-02T10:00:06Z")));
}
