use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::argo_cd::application::SKIP_RECONCILE;
use crate::engine::argo_cd::shapes::{context, quiet, read, set, time, under_way};
use crate::engine::argo_cd::window::Windows;

fn holds(value: &Value) -> Vec<&'static str> {
    held_back(&read(value), None, &context())
        .iter()
        .map(Hold::name)
        .collect()
}

#[test]
fn a_quiet_application_is_not_held() {
    assert_eq!(holds(&quiet()), Vec::<&str>::new());
}

#[test]
fn each_reason_holds() {
    for (pointer, new, name) in [
        (
            "/metadata/annotations",
            json!({SKIP_RECONCILE: "true"}),
            Some("SkipReconcile"),
        ),
        ("/metadata/annotations", json!({SKIP_RECONCILE: "false"}), None),
        ("/metadata/annotations", json!({SKIP_RECONCILE: "yes"}), None),
        (
            "/metadata/deletionTimestamp",
            json!("2026-03-02T10:00:00Z"),
            Some("BeingDeleted"),
        ),
        (
            "/spec/syncPolicy/automated/enabled",
            json!(false),
            Some("AutomationSwitchedOff"),
        ),
        ("/spec/syncPolicy/automated/enabled", json!(true), None),
        ("/spec/syncPolicy/automated", Value::Null, Some("AutomationSwitchedOff")),
        (
            "/metadata/ownerReferences",
            json!([{"kind": "ApplicationSet", "name": "all"}]),
            Some("ApplicationSetNotRead"),
        ),
        (
            "/metadata/ownerReferences",
            json!([{"kind": "Application", "name": "root"}]),
            None,
        ),
    ] {
        assert_eq!(
            holds(&set(quiet(), pointer, new)),
            name.into_iter().collect::<Vec<_>>(),
            "{pointer}"
        );
    }
    assert_eq!(holds(&under_way("Running")), ["OperationPresent"]);
}

#[test]
fn an_application_that_was_always_synced_by_hand_is_not_held() {
    let by_hand = set(
        set(quiet(), "/spec/syncPolicy/automated", Value::Null),
        "/status/history/0/initiatedBy",
        json!({"username": "admin"}),
    );
    assert_eq!(holds(&by_hand), Vec::<&str>::new());
    let unknown = set(by_hand, "/status/history/0/initiatedBy", Value::Null);
    assert_eq!(holds(&unknown), Vec::<&str>::new());
}

#[test]
fn a_rolling_application_set_holds() {
    let owned = read(&set(
        quiet(),
        "/metadata/ownerReferences",
        json!([{"kind": "ApplicationSet", "name": "all"}]),
    ));
    let names = |set: Value| {
        held_back(&owned, Some(&set), &context())
            .iter()
            .map(Hold::name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(json!({"spec": {"strategy": {"type": "RollingSync", "rollingSync": {"steps": []}}}})),
        ["RollingSync"]
    );
    assert_eq!(
        names(json!({"spec": {"strategy": {"type": "AllAtOnce"}}})),
        Vec::<&str>::new()
    );
    assert_eq!(names(json!({"spec": {}})), Vec::<&str>::new());
    assert_eq!(names(json!({"spec": {"strategy": 7}})), ["RollingSync"]);
}

#[test]
fn windows_and_a_silent_controller_hold() {
    let project = json!({"spec": {"syncWindows": [{"kind": "deny", "schedule": "0 9 * * *", "duration": "2h",
                                                   "applications": ["*"], "description": "market"}]}});
    let application = read(&quiet());
    let windows = Windows::of(&project, &application).unwrap();
    let told = held_back(
        &application,
        None,
        &Context {
            windows: &windows,
            controller_seen_alive: None,
            ..context()
        },
    );
    let why = "a deny window is open: \"0 9 * * *\" for 2h UTC (market)".to_owned();
    assert_eq!(
        told,
        [
            Hold::ControllerNotSeen { seen: None },
            Hold::Window {
                why: why.clone(),
                until: Some(time("2026-03-02T11:00:00Z"))
            }
        ]
    );
    assert_eq!(told[1].why(), format!("{why}; until 2026-03-02T11:00:00Z"));
    let unread = Windows::unread();
    assert_eq!(
        held_back(
            &application,
            None,
            &Context {
                windows: &unread,
                ..context()
            }
        ),
        [Hold::WindowsNotRead]
    );
}
