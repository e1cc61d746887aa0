//! Requests and limits.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::causes::Causes;
use super::content;
use super::node::Node;
use crate::engine::schema::Tree;
use crate::engine::schema::quantity::{self, Quantity, Rounding};

/// `standardResources`. Source: `pkg/apis/core/helper/helpers.go`.
const STANDARD: &[&str] = &[
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];

/// `standardContainerResources`.
const CONTAINER: &[&str] = &["cpu", "memory", "ephemeral-storage"];

/// `integerResources`.
const INTEGER: &[&str] = &[
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// `ValidateContainerResourceRequirements`.
pub(super) fn validate_container_resources(resources: &Node<'_>, claims: &BTreeSet<&str>, out: &mut Causes) {
    validate_requirements(resources, validate_container_resource_name, claims, out);
}

/// `validateResourceRequirements`.
pub(super) fn validate_requirements(
    resources: &Node<'_>,
    validate_name: fn(&str, &Node<'_>, &mut Causes),
    claims: &BTreeSet<&str>,
    out: &mut Causes,
) {
    let (limits, requests) = (resources.at("limits"), resources.at("requests"));
    for (name, quantity) in limits.entries() {
        let at = limits.key(name);
        validate_name(name, &at, out);
        validate_quantity(name, quantity, &at, out);
    }
    for (name, quantity) in requests.entries() {
        let at = requests.key(name);
        validate_name(name, &at, out);
        validate_quantity(name, quantity, &at, out);
        validate_against_limit(name, quantity, &requests, &limits, out);
    }
    let names: BTreeSet<&str> = limits
        .entries()
        .chain(requests.entries())
        .map(|(name, _)| name)
        .collect();
    if names.iter().any(|name| is_huge_page(name)) && !names.contains("cpu") && !names.contains("memory") {
        out.forbidden(resources, "HugePages require cpu or memory");
    }
    validate_claim_names(&resources.at("claims"), claims, out);
}

/// A request above its limit, or for what cannot be overcommitted, beside it. Reported at `requests`, without the key.
fn validate_against_limit<'a>(
    name: &'a str,
    request: &Tree<'_>,
    requests: &Node<'a>,
    limits: &Node<'a>,
    out: &mut Causes,
) {
    let overcommit = is_native(name) && !is_huge_page(name);
    let Some(limit) = limits.set(name) else {
        if !overcommit {
            out.required(limits, "Limit must be set for non overcommitable resources");
        }
        return;
    };
    let (Some(order), Some(shown), Some(bound)) = (
        compare(request, limit.value()),
        canonical(request),
        canonical(limit.value()),
    ) else {
        return;
    };
    if order.is_ne() && !overcommit {
        out.invalid(
            requests,
            shown.as_str(),
            &format!("must be equal to {name} limit of {bound}"),
        );
    } else if order.is_gt() {
        out.invalid(
            requests,
            shown.as_str(),
            &format!("must be less than or equal to {name} limit of {bound}"),
        );
    }
}

/// `ValidateResourceQuantityValue`.
fn validate_quantity(name: &str, quantity: &Tree<'_>, at: &Node<'_>, out: &mut Causes) {
    let Some(shown) = canonical(quantity) else { return };
    if is_negative(quantity) {
        out.invalid(at, shown.as_str(), "must be greater than or equal to 0");
    }
    if (INTEGER.contains(&name) || is_extended(name)) && !is_integer(quantity) {
        out.invalid(at, shown.as_str(), "must be an integer");
    }
    if name
        .strip_prefix("hugepages-")
        .is_some_and(|page| !is_multiple(quantity, page))
    {
        out.invalid(
            at,
            shown.as_str(),
            &format!("{shown} is not positive integer multiple of {name}"),
        );
    }
}

/// `validateContainerResourceName`.
fn validate_container_resource_name(name: &str, at: &Node<'_>, out: &mut Causes) {
    validate_resource_name(name, at, out);
    if !name.contains('/') {
        if !CONTAINER.contains(&name) && !is_huge_page(name) {
            out.invalid(at, name, "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        out.invalid(at, name, "doesn't follow extended resource name standard");
    }
}

/// `validatePodResourceName`.
pub(super) fn validate_pod_resource_name(name: &str, at: &Node<'_>, out: &mut Causes) {
    let mut faults = Causes::default();
    validate_resource_name(name, at, &mut faults);
    if faults.is_empty() && !["cpu", "memory"].contains(&name) && !is_huge_page(name) {
        faults.not_supported(at, name, &["cpu", "hugepages-", "memory"]);
    }
    out.append(faults);
}

/// `validateResourceName`.
fn validate_resource_name(name: &str, at: &Node<'_>, out: &mut Causes) {
    let faults = content::qualified_name(name);
    let known = STANDARD.contains(&name) || is_huge_page(name) || name.starts_with("requests.hugepages-");
    if faults.is_empty() && !name.contains('/') && !known {
        out.invalid(at, name, "must be a standard resource type or fully qualified");
    }
    out.invalid_text(at, name, faults);
}

/// `validateOverhead`.
pub(super) fn validate_overhead(overhead: &Node<'_>, out: &mut Causes) {
    for (name, quantity) in overhead.entries() {
        let at = overhead.at("limits").key(name);
        validate_container_resource_name(name, &at, out);
        validate_quantity(name, quantity, &at, out);
    }
}

pub(super) fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// `IsNativeResource`.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// `IsExtendedResourceName`.
fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && content::qualified_name(&format!("requests.{name}")).is_empty()
}

/// `validateResourceClaimNames`.
fn validate_claim_names(claims: &Node<'_>, known: &BTreeSet<&str>, out: &mut Causes) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for claim in claims.items() {
        let (name, request) = (claim.at("name").text(), claim.at("request"));
        if name.is_empty() {
            out.required(&claim, "");
            continue;
        }
        if seen.contains(name) {
            out.duplicate(&claim, name);
        } else {
            let key = if request.text().is_empty() {
                name.to_owned()
            } else {
                format!("{name}/{}", request.text())
            };
            if !request.text().is_empty() {
                out.invalid_text(&request, request.text(), content::dns1123_label(request.text()));
            } else if seen
                .iter()
                .any(|other| other.split_once('/').is_some_and(|(claim, _)| claim == name))
            {
                out.duplicate(&claim, name);
            }
            if !seen.insert(key.clone()) {
                out.duplicate(&claim, key.as_str());
            }
        }
        if !known.contains(name) {
            let names: Vec<&str> = known.iter().copied().collect();
            let which = if names.is_empty() {
                " which is empty".to_owned()
            } else {
                format!(": {}", names.join(", "))
            };
            out.not_found(
                &claim,
                name,
                &format!("must be one of the names in pod.spec.resourceClaims{which}"),
            );
        }
    }
}

/// The text that the server prints for a quantity, rounded as a resource list rounds; `None` for what is not one.
pub(super) fn canonical(value: &Tree<'_>) -> Option<String> {
    quantity::canonical(&quantity::text_in(value)?, Rounding::Milli)
}

pub(super) fn is_negative(value: &Tree<'_>) -> bool {
    canonical(value).is_some_and(|text| text.starts_with('-'))
}

/// Whether the value has no fraction, or is none that the check could refuse.
fn is_integer(value: &Tree<'_>) -> bool {
    parse(value).is_none_or(|quantity| quantity.integer().is_some())
}

/// `IsHugePageResourceValueDivisible`.
fn is_multiple(value: &Tree<'_>, page: &str) -> bool {
    let integer = |quantity: Quantity| quantity.integer();
    match (parse(value).and_then(integer), quantity::parse(page).and_then(integer)) {
        (Some(value), Some(page)) if page > 0 => value % page == 0,
        _ => false,
    }
}

pub(super) fn parse(value: &Tree<'_>) -> Option<Quantity> {
    quantity::parse(&canonical(value)?)
}

pub(super) fn compare(one: &Tree<'_>, other: &Tree<'_>) -> Option<Ordering> {
    parse(one)?.partial_cmp(&parse(other)?)
}
