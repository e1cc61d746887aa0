//! Requests and limits of the whole pod, and what its containers ask for together.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::causes::Causes;
use super::node::Node;
use super::resources::{canonical, compare, is_huge_page, parse, validate_pod_resource_name, validate_requirements};
use crate::engine::schema::quantity::Quantity;

/// `validatePodResources`.
pub(super) fn validate_pod_resources<'a>(spec: &Node<'a>, claims: &BTreeSet<&str>, out: &mut Causes) {
    let Some(resources) = spec.set("resources") else { return };
    if spec.at("os").at("name").text() == "windows" {
        return out.forbidden(&resources, "may not be set for a windows pod");
    }
    if let Some(set) = resources.set("claims") {
        out.forbidden(&set, "claims may not be set for Resources at pod-level");
    }
    validate_requirements(&resources, validate_pod_resource_name, claims, out);
    validate_consistency(spec, &resources, out);
}

/// `validatePodResourceConsistency`.
fn validate_consistency<'a>(spec: &Node<'a>, resources: &Node<'a>, out: &mut Causes) {
    for (name, sum) in together(spec, "requests") {
        let bound = resources.at("requests").key(name);
        if let Some(shown) = exceeded(&bound, &sum) {
            out.invalid(
                &bound,
                shown.as_str(),
                &format!("must be greater than or equal to aggregate container requests of {sum}"),
            );
        }
    }
    for (name, sum) in together(spec, "limits")
        .into_iter()
        .filter(|(name, _)| is_huge_page(name))
    {
        let bound = resources.at("limits").key(name);
        if let Some(shown) = exceeded(&bound, &sum) {
            out.invalid(
                &bound,
                shown.as_str(),
                &format!("must be greater than or equal to aggregate container limits of {sum}"),
            );
        }
    }
    for (index, container) in spec.at("containers").items().enumerate() {
        for (name, limit) in container.at("resources").at("limits").entries() {
            let bound = resources.at("limits").at(name);
            let exceeds = compare(limit, bound.value()).is_some_and(Ordering::is_gt);
            if let (true, Some(shown), Some(bound)) = (exceeds, canonical(limit), canonical(bound.value())) {
                let reported = resources.at("containers").index(index).key(name).at("limits");
                out.invalid(
                    &reported,
                    shown.as_str(),
                    &format!("must be less than or equal to pod limits of {bound}"),
                );
            }
        }
    }
}

/// The pod's own value as the server shows it, where it is set and the containers' sum is more.
fn exceeded(bound: &Node<'_>, sum: &Quantity) -> Option<String> {
    let own = parse(bound.value())?;
    (*sum > own).then(|| canonical(bound.value())).flatten()
}

type Sums<'a> = BTreeMap<&'a str, Quantity>;

/// What all containers need at the same time: their sum with the sidecars, or an init container beside the sidecars
/// before it, where that is more.
///
/// Source: `AggregateContainerRequests` and `AggregateContainerLimits` of
/// `staging/src/k8s.io/component-helpers/resource/helpers.go`.
fn together<'a>(spec: &Node<'a>, which: &'static str) -> Sums<'a> {
    let of = |container: &Node<'a>| -> Sums<'a> {
        let entries = container.at("resources").at(which).entries();
        entries
            .filter_map(|(name, value)| Some((name, parse(value)?)))
            .collect()
    };
    let mut all = Sums::new();
    for container in spec.at("containers").items() {
        add(&mut all, &of(&container));
    }
    let (mut sidecars, mut most) = (Sums::new(), Sums::new());
    for container in spec.at("initContainers").items() {
        let own = of(&container);
        let while_it_starts = if container.at("restartPolicy").text() == "Always" {
            add(&mut all, &own);
            add(&mut sidecars, &own);
            sidecars.clone()
        } else {
            let mut beside = own;
            add(&mut beside, &sidecars);
            beside
        };
        take_larger(&mut most, while_it_starts);
    }
    take_larger(&mut all, most);
    all
}

/// `addResourceList`. What cannot be held is left out, as no such pod runs anywhere.
fn add<'a>(sums: &mut Sums<'a>, more: &Sums<'a>) {
    for (name, quantity) in more {
        let sum = match sums.get(name) {
            Some(sum) => sum.plus(quantity),
            None => Some(quantity.clone()),
        };
        sums.extend(sum.map(|sum| (*name, sum)));
    }
}

/// `maxResourceList`.
fn take_larger<'a>(sums: &mut Sums<'a>, others: Sums<'a>) {
    for (name, quantity) in others {
        if sums.get(name).is_none_or(|sum| quantity > *sum) {
            sums.insert(name, quantity);
        }
    }
}
