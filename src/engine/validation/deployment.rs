//! The validation of a Deployment's spec.

use super::Validation;
use super::causes::{Causes, Raw};
use super::metadata::{is_well_formed, selects, shown_selector, validate_label_selector};
use super::node::Node;
use super::pod::{self, InUse};
use super::rolling_update::{amount, shown_strategy, validate_amount, validate_at_most_all};

/// Source: `ValidateDeployment`, `ValidateDeploymentUpdate`, and `ValidateUpdate` of the Deployment's strategy.
pub const DEPLOYMENT: Validation = Validation {
    spec: validate_spec,
    selector_first: false,
};

/// `ValidateDeploymentSpec`.
fn validate_spec(spec: &Node<'_>, in_use: InUse, out: &mut Causes) {
    out.nonnegative(&spec.at("replicas"));
    let selector = spec.at("selector");
    if !selector.is_set() {
        out.required(&selector, "");
    } else {
        validate_label_selector(&selector, out);
        if selector.at("matchLabels").len() + selector.at("matchExpressions").len() == 0 {
            out.invalid(
                &selector,
                &Raw(&shown_selector(&selector)),
                "empty selector is invalid for deployment",
            );
        }
    }
    if selector.is_set() && !is_well_formed(&selector) {
        // The server then does not look at the template at all.
        out.invalid(&selector, &Raw(&shown_selector(&selector)), "invalid label selector");
    } else {
        validate_template(spec, &selector, in_use, out);
    }
    validate_strategy(&spec.at("strategy"), out);
    for name in ["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
        out.nonnegative(&spec.at(name));
    }
    let deadline = spec.at("progressDeadlineSeconds");
    let ready = spec.at("minReadySeconds").integer().unwrap_or(0);
    if let Some(value) = deadline.integer().filter(|value| *value <= ready) {
        out.invalid(&deadline, &value, "must be greater than minReadySeconds");
    }
}

/// `ValidatePodTemplateSpecForReplicaSet`. An absent selector selects nothing, an empty one everything.
fn validate_template(spec: &Node<'_>, selector: &Node<'_>, in_use: InUse, out: &mut Causes) {
    let template = spec.at("template");
    let labels = template.at("metadata").at("labels");
    if !selector.is_set() || !selects(selector, &labels) {
        out.invalid(&labels, labels.value(), "`selector` does not match template `labels`");
    }
    pod::validate_pod_template(&template, in_use, out);
    let pod = template.at("spec");
    let policy = pod.at("restartPolicy");
    if policy.text() != "Always" {
        out.not_supported(&policy, policy.text(), &["Always"]);
    }
    if let Some(deadline) = pod.set("activeDeadlineSeconds") {
        out.forbidden(&deadline, "activeDeadlineSeconds in ReplicaSet is not Supported");
    }
}

/// `ValidateDeploymentStrategy`.
fn validate_strategy(strategy: &Node<'_>, out: &mut Causes) {
    let rolling = strategy.at("rollingUpdate");
    match strategy.at("type").text() {
        "Recreate" => {
            if rolling.is_set() {
                out.forbidden(&rolling, "may not be specified when strategy `type` is 'Recreate'");
            }
        }
        "RollingUpdate" if rolling.is_set() => validate_rolling_update(&rolling, out),
        "RollingUpdate" => out.required(&rolling, "this should be defaulted and never be nil"),
        other => {
            let shown = shown_strategy(other, &rolling);
            out.not_supported(strategy, &Raw(&shown), &["Recreate", "RollingUpdate"]);
        }
    }
}

/// `ValidateRollingUpdateDeployment`.
fn validate_rolling_update(rolling: &Node<'_>, out: &mut Causes) {
    let (unavailable, surge) = (rolling.at("maxUnavailable"), rolling.at("maxSurge"));
    for bound in [&unavailable, &surge] {
        validate_amount(bound, out);
    }
    if amount(&unavailable) == 0 && amount(&surge) == 0 {
        out.invalid(&unavailable, unavailable.value(), "may not be 0 when `maxSurge` is 0");
    }
    validate_at_most_all(&unavailable, out);
}
