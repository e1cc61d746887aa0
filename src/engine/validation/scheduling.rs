//! Where a pod may run: tolerations, affinity, spreading.

use std::collections::BTreeSet;

use super::causes::Causes;
use super::content;
use super::metadata::validate_label_selector;
use super::node::Node;

/// `ValidateTolerations`.
pub(super) fn validate_tolerations(tolerations: &Node<'_>, out: &mut Causes) {
    for toleration in tolerations.items() {
        let (key, operator) = (toleration.at("key"), toleration.at("operator"));
        let (value, effect) = (toleration.at("value").text(), toleration.at("effect"));
        if !key.text().is_empty() {
            out.invalid_text(&key, key.text(), content::qualified_name(key.text()));
        } else if operator.text() != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            out.invalid(&operator, operator.text(), detail);
        }
        if toleration.at("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
            out.invalid(
                &effect,
                effect.text(),
                "effect must be 'NoExecute' when `tolerationSeconds` is set",
            );
        }
        match operator.text() {
            "" | "Equal" => {
                let faults = content::label_value(value);
                if !faults.is_empty() {
                    out.invalid(&operator, value, &faults.join(";"));
                }
            }
            "Exists" => {
                if !value.is_empty() {
                    out.invalid(&operator, value, "value must be empty when `operator` is 'Exists'");
                }
            }
            // Known, but behind a feature gate that is off.
            other @ ("Lt" | "Gt") => out.not_supported(&operator, other, &["Equal", "Exists", "Lt", "Gt"]),
            other => out.not_supported(&operator, other, &["Equal", "Exists"]),
        }
        if !effect.text().is_empty() {
            out.word_if_set(&effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
        }
    }
}

/// Whether a rule's label values must be well-formed: preferred terms are let through, as they can still succeed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Checked,
    Free,
}

/// `validateAffinity`.
pub(super) fn validate_affinity(affinity: &Node<'_>, out: &mut Causes) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    let node = affinity.at("nodeAffinity");
    if let Some(required) = node.set(REQUIRED) {
        let terms = required.at("nodeSelectorTerms");
        if terms.len() == 0 {
            out.required(&terms, "must have at least one node selector term");
        }
        for term in terms.items() {
            validate_node_selector_term(&term, Values::Checked, out);
        }
    }
    for term in node.at(PREFERRED).items() {
        validate_weight(&term.at("weight"), out);
        validate_node_selector_term(&term.at("preference"), Values::Free, out);
    }
    for pods in [affinity.at("podAffinity"), affinity.at("podAntiAffinity")] {
        for term in pods.at(REQUIRED).items() {
            validate_pod_affinity_term(&term, out);
        }
        for term in pods.at(PREFERRED).items() {
            validate_weight(&term.at("weight"), out);
            validate_pod_affinity_term(&term.at("podAffinityTerm"), out);
        }
    }
}

fn validate_weight(weight: &Node<'_>, out: &mut Causes) {
    let value = weight.integer().unwrap_or(0);
    if !(1..=100).contains(&value) {
        out.invalid(weight, &value, "must be in the range 1-100");
    }
}

/// `ValidateNodeSelectorTerm`.
fn validate_node_selector_term(term: &Node<'_>, values: Values, out: &mut Causes) {
    for requirement in term.at("matchExpressions").items() {
        validate_node_selector_requirement(&requirement, values, out);
    }
    for requirement in term.at("matchFields").items() {
        validate_node_field_requirement(&requirement, out);
    }
}

/// `ValidateNodeSelectorRequirement`.
fn validate_node_selector_requirement(requirement: &Node<'_>, check: Values, out: &mut Causes) {
    let (key, operator, values) = (
        requirement.at("key"),
        requirement.at("operator"),
        requirement.at("values"),
    );
    match (operator.text(), values.len()) {
        ("In" | "NotIn", 0) => out.required(&values, "must be specified when `operator` is 'In' or 'NotIn'"),
        ("Exists" | "DoesNotExist", 1..) => {
            out.forbidden(
                &values,
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            );
        }
        ("Gt" | "Lt", 1) | ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => {}
        ("Gt" | "Lt", _) => out.required(
            &values,
            "must be specified single value when `operator` is 'Lt' or 'Gt'",
        ),
        (other, _) => out.invalid(&operator, other, "not a valid selector operator"),
    }
    out.invalid_text(&key, key.text(), content::qualified_name(key.text()));
    if check == Values::Checked {
        for value in values.items() {
            out.invalid_text(&value, value.text(), content::label_value(value.text()));
        }
    }
}

/// `ValidateNodeFieldSelectorRequirement`.
fn validate_node_field_requirement(requirement: &Node<'_>, out: &mut Causes) {
    let (key, operator, values) = (
        requirement.at("key"),
        requirement.at("operator"),
        requirement.at("values"),
    );
    match operator.text() {
        "In" | "NotIn" if values.len() == 1 => {}
        "In" | "NotIn" => out.required(
            &values,
            "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
        ),
        other => out.invalid(&operator, other, "not a valid selector operator"),
    }
    if key.text() == "metadata.name" {
        for value in values.items() {
            out.invalid_text(&value, value.text(), content::dns1123_subdomain(value.text()));
        }
    } else {
        out.invalid(&key, key.text(), "not a valid field selector key");
    }
}

/// `validatePodAffinityTerm`.
fn validate_pod_affinity_term(term: &Node<'_>, out: &mut Causes) {
    validate_label_selector(&term.at("labelSelector"), out);
    validate_label_selector(&term.at("namespaceSelector"), out);
    for namespace in term.at("namespaces").items() {
        out.invalid_text(
            &term.at("namespace"),
            namespace.text(),
            content::dns1123_label(namespace.text()),
        );
    }
    validate_match_label_keys(term, out);
    let key = term.at("topologyKey");
    if key.text().is_empty() {
        out.required(&key, "can not be empty");
    }
    out.invalid_text(&key, key.text(), content::qualified_name(key.text()));
}

/// `ValidateMatchLabelKeysAndMismatchLabelKeys`.
fn validate_match_label_keys(parent: &Node<'_>, out: &mut Causes) {
    let (matching, mismatching, selector) = (
        parent.at("matchLabelKeys"),
        parent.at("mismatchLabelKeys"),
        parent.at("labelSelector"),
    );
    for keys in [&matching, &mismatching] {
        if keys.len() > 0 && !selector.is_set() {
            out.forbidden(keys, "must not be specified when labelSelector is not set");
            continue;
        }
        for key in keys.items() {
            out.invalid_text(&key, key.text(), content::qualified_name(key.text()));
        }
    }
    let mut selected: BTreeSet<&str> = selector.at("matchLabels").entries().map(|(key, _)| key).collect();
    for key in selector
        .at("matchExpressions")
        .items()
        .map(|expression| expression.at("key").text())
    {
        if let Some(index) = matching
            .items()
            .position(|item| item.text() == key)
            .filter(|_| selected.contains(key))
        {
            out.invalid(
                &parent.index(index),
                key,
                "exists in both matchLabelKeys and labelSelector",
            );
        }
        selected.insert(key);
    }
    for key in matching.items() {
        if mismatching.items().any(|other| other.text() == key.text()) {
            out.invalid(&key, key.text(), "exists in both matchLabelKeys and mismatchLabelKeys");
        }
    }
}

/// `validateTopologySpreadConstraints`.
pub(super) fn validate_topology_spread(constraints: &Node<'_>, out: &mut Causes) {
    let pair = |constraint: &Node<'_>| {
        let word = |name: &'static str| constraint.at(name).text().to_owned();
        (word("topologyKey"), word("whenUnsatisfiable"))
    };
    for (index, constraint) in constraints.items().enumerate() {
        let (skew, when) = (constraint.at("maxSkew"), constraint.at("whenUnsatisfiable"));
        validate_positive(&skew, out);
        if constraint.at("topologyKey").text().is_empty() {
            out.required(&constraint.at("topologyKey"), "can not be empty");
        }
        if !["DoNotSchedule", "ScheduleAnyway"].contains(&when.text()) {
            out.not_supported(&when, when.text(), &["DoNotSchedule", "ScheduleAnyway"]);
        }
        if constraints
            .items()
            .skip(index + 1)
            .any(|other| pair(&other) == pair(&constraint))
        {
            let (key, action) = pair(&constraint);
            out.duplicate(
                &constraint.at("{topologyKey, whenUnsatisfiable}"),
                format!("{{{key}, {action}}}").as_str(),
            );
        }
        if let Some(domains) = constraint.set("minDomains") {
            validate_positive(&domains, out);
            if when.text() != "DoNotSchedule" {
                let detail = format!(
                    "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}",
                    when.text()
                );
                out.invalid(&domains, domains.value(), &detail);
            }
        }
        for name in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            out.word_if_set(&constraint.at(name), &["Honor", "Ignore"]);
        }
        validate_match_label_keys(&constraint, out);
        validate_label_selector(&constraint.at("labelSelector"), out);
    }
}

/// `ValidatePositiveField`; an absent number is 0.
fn validate_positive(number: &Node<'_>, out: &mut Causes) {
    if let Some(value) = Some(number.integer().unwrap_or(0)).filter(|value| *value <= 0) {
        out.invalid(number, &value, "must be greater than zero");
    }
}
