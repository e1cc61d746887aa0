//! Two Kustomizations of Flux apply one object.

use serde_json::Value;

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::object::FieldPath;
use crate::engine::snapshot::Snapshot;

/// The rule.
pub static RULE: Rule = Rule {
    id: "two-kustomizations",
    title: "Another Kustomization of Flux applies the same object",
    severity: Weight::Error,
    milder: &[],
    meaning: "Another Kustomization applied the object last, as its labels say: at each interval one of the two undoes \
              the other.",
    remedy: "Let one of the two apply it: take it out of the other's folder, with prune off there, so that it is not \
             deleted.",
    in_check: false,
    wants: nothing,
    check: Check::Both(check),
};

/// The labels by which Flux marks what it applies.
///
/// Source: `SetOwnerLabels` in `ssa/manager.go` of fluxcd/pkg, called with the Kustomization's name and namespace.
const OWNER_LABELS: [&str; 2] = [
    "kustomize.toolkit.fluxcd.io/namespace",
    "kustomize.toolkit.fluxcd.io/name",
];

/// One finding where another Kustomization applied the Deployment last: the two take it from each other at each
/// interval.
fn check(case: &Case<'_>) -> Vec<Finding> {
    found(case.snapshot).into_iter().collect()
}

fn found(snapshot: &Snapshot) -> Option<Finding> {
    let ours = &snapshot.tool.flux()?.kustomization;
    let labels = snapshot.live.as_ref()?.pointer("/metadata/labels")?;
    let [namespace, name] = OWNER_LABELS.map(|label| labels.get(label).and_then(Value::as_str));
    let (namespace, name) = namespace
        .zip(name)
        .filter(|other| *other != (ours.namespace.as_str(), ours.name.as_str()))?;
    Some(Finding {
        rule: RULE.id,
        weight: RULE.severity,
        path: Some(FieldPath::of(&["metadata", "labels", OWNER_LABELS[1]])),
        message: format!(
            "Kustomization {namespace}/{name} applied this object last, and Kustomization {}/{} applies it, too: at \
             each interval one undoes the other",
            ours.namespace, ours.name
        ),
        evidence: None,
        remedy: Some(
            "let one of the two apply it: take it out of the other's folder, with prune off there, so that it is not \
             deleted"
                .to_owned(),
        ),
    })
}
