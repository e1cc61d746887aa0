//! What the kinds have beside the pod: selectors, strategies and numbers.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{pod_with, spec};
use crate::engine::kind::DAEMON_SET;
use crate::engine::validation::{as_stored, refusals_of_new, refusals_of_update};

#[test]
fn the_strategy_and_its_numbers_agree() {
    for (fields, words) in [
        (
            json!({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}),
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ),
        (
            json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}),
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0",
        ),
        (
            json!({"strategy": {"rollingUpdate": {"maxUnavailable": "120%"}}}),
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"120%\": must not be greater than 100%",
        ),
        (
            json!({"strategy": {"type": "Canary"}}),
            "spec.strategy: Unsupported value: {\"Type\":\"Canary\",\"RollingUpdate\":null}: supported values: \
             \"Recreate\", \"RollingUpdate\"",
        ),
        (
            json!({"progressDeadlineSeconds": 30, "minReadySeconds": 30}),
            "spec.progressDeadlineSeconds: Invalid value: 30: must be greater than minReadySeconds",
        ),
        (
            json!({"replicas": -1}),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            json!({"selector": {"matchLabels": {"app": "other"}}}),
            "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template \
             `labels`",
        ),
        (
            json!({"selector": {}}),
            "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
        ),
    ] {
        assert_eq!(spec(fields), [words]);
    }
}

/// A DaemonSet with these fields in its spec.
fn daemon_set(fields: &Value) -> Value {
    pod_with(|object| {
        object["kind"] = json!("DaemonSet");
        json_patch::merge(&mut object["spec"], fields);
    })
}

/// What the server says to it.
fn told(fields: &Value) -> Vec<String> {
    refusals_of_new(DAEMON_SET.root, &DAEMON_SET.validation, &daemon_set(fields))
        .into_iter()
        .map(|cause| format!("{}: {}", cause.field, cause.message))
        .collect()
}

#[test]
fn a_daemon_set_has_a_strategy_and_numbers_of_its_own() {
    assert_eq!(told(&json!({})), [""; 0]);
    let both = "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is \
                non-zero";
    let mismatch = "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match \
                    template `labels`";
    for (fields, words) in [
        // The default of the other one is 1.
        (json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}}), both),
        (
            json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}}),
            "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0",
        ),
        (
            json!({"updateStrategy": {"type": "Recreate"}}),
            "spec.updateStrategy: Unsupported value: {\"Type\":\"Recreate\",\"RollingUpdate\":null}: supported values: \
             \"RollingUpdate\", \"OnDelete\"",
        ),
        (
            json!({"revisionHistoryLimit": -1}),
            "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
        ),
        (json!({"selector": null}), mismatch),
        (
            json!({"template": {"spec": {"activeDeadlineSeconds": 1}}}),
            "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported",
        ),
    ] {
        assert_eq!(told(&fields), [words], "{fields}");
    }
    // With OnDelete nobody looks at the rest of the strategy.
    assert_eq!(
        told(&json!({"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"maxSurge": "x"}}})),
        [""; 0]
    );
}

#[test]
fn a_selector_that_changes_is_told_first_of_a_daemon_set() {
    let (old, new) = (
        daemon_set(&json!({})),
        daemon_set(&json!({"selector": {"matchLabels": {"app": "other"}}})),
    );
    let stored = as_stored(DAEMON_SET.root, crate::engine::schema::Tree::of(&new));
    let causes = refusals_of_update(DAEMON_SET.root, &DAEMON_SET.validation, &stored, &old);
    let fields: Vec<&str> = causes.iter().map(|cause| cause.field.as_str()).collect();
    assert_eq!(fields, ["spec.selector", "spec.template.metadata.labels"]);
}
