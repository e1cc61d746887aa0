//! The validation of a DaemonSet's spec.

use super::Validation;
use super::causes::{Causes, Raw};
use super::metadata::{is_well_formed, selects, shown_selector, validate_label_selector};
use super::node::Node;
use super::pod::{self, InUse};
use super::rolling_update::{amount, shown_strategy, validate_amount, validate_at_most_all};

/// Source: `ValidateDaemonSet` and `ValidateDaemonSetUpdate`. What they say of the template's generation never comes:
/// the strategy counts it up itself before.
pub const DAEMON_SET: Validation = Validation {
    spec: validate_spec,
    selector_first: true,
};

/// `ValidateDaemonSetSpec`. An absent selector selects nothing, and one that cannot be read is not held against the
/// template.
fn validate_spec(spec: &Node<'_>, in_use: InUse, out: &mut Causes) {
    let (selector, template) = (spec.at("selector"), spec.at("template"));
    if selector.is_set() {
        validate_label_selector(&selector, out);
    }
    let labels = template.at("metadata").at("labels");
    let selects = || is_well_formed(&selector) && !selects(&selector, &labels);
    if !selector.is_set() || selects() {
        out.invalid(&labels, labels.value(), "`selector` does not match template `labels`");
    }
    if selector.is_set() && selector.at("matchLabels").len() + selector.at("matchExpressions").len() == 0 {
        let shown = shown_selector(&selector);
        out.invalid(&selector, &Raw(&shown), "empty selector is invalid for daemonset");
    }
    pod::validate_pod_template(&template, in_use, out);
    let pod = template.at("spec");
    let policy = pod.at("restartPolicy");
    if policy.text() != "Always" {
        out.not_supported(&policy, policy.text(), &["Always"]);
    }
    if let Some(deadline) = pod.set("activeDeadlineSeconds") {
        out.forbidden(&deadline, "activeDeadlineSeconds in DaemonSet is not Supported");
    }
    out.nonnegative(&spec.at("minReadySeconds"));
    validate_strategy(&spec.at("updateStrategy"), out);
    out.nonnegative(&spec.at("revisionHistoryLimit"));
}

/// `ValidateDaemonSetUpdateStrategy`: with `OnDelete` nobody looks at what else there is.
fn validate_strategy(strategy: &Node<'_>, out: &mut Causes) {
    let rolling = strategy.at("rollingUpdate");
    match strategy.at("type").text() {
        "OnDelete" => {}
        "RollingUpdate" if rolling.is_set() => validate_rolling_update(&rolling, out),
        "RollingUpdate" => out.required(&rolling, ""),
        other => {
            let shown = shown_strategy(other, &rolling);
            out.not_supported(strategy, &Raw(&shown), &["RollingUpdate", "OnDelete"]);
        }
    }
}

/// `ValidateRollingUpdateDaemonSet`: exactly one of the two is not zero.
fn validate_rolling_update(rolling: &Node<'_>, out: &mut Causes) {
    let (unavailable, surge) = (rolling.at("maxUnavailable"), rolling.at("maxSurge"));
    for bound in [&unavailable, &surge] {
        validate_amount(bound, out);
    }
    for bound in [&unavailable, &surge] {
        validate_at_most_all(bound, out);
    }
    match (amount(&unavailable) != 0, amount(&surge) != 0) {
        (true, true) => out.invalid(&surge, surge.value(), "may not be set when maxUnavailable is non-zero"),
        (false, false) => out.required(&unavailable, "cannot be 0 when maxSurge is 0"),
        _ => {}
    }
}
