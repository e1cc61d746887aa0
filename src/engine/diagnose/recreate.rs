//! A manifest that tells its tool to delete and create the object where it cannot be changed: an outage, by design.

use serde_json::Value;

use super::{Finding, Weight};
use crate::engine::object::FieldPath;
use crate::engine::snapshot::Snapshot;

/// The annotations that ask for it, and what they say.
///
/// Source: Argo CD's sync option `Force=true`; Flux's annotation of kustomize-controller.
const ASKS: &[(&str, &str)] = &[("argocd.argoproj.io/sync-options", "Force=true"), ("kustomize.toolkit.fluxcd.io/force", "enabled")];

/// Tells what a forced sync is: after a refusal the tool deletes the Deployment with all its pods and creates it anew.
pub fn recreated_by_force(snapshot: &Snapshot) -> Vec<Finding> {
    let annotation = |name: &str| {
        let annotations = snapshot.desired.as_ref()?.value.pointer("/metadata/annotations")?;
        annotations.get(name).and_then(Value::as_str)
    };
    let asked = ASKS
        .iter()
        .filter(|(name, word)| annotation(name).is_some_and(|text| text.split(',').any(|option| option.trim().eq_ignore_ascii_case(word))));
    asked
        .map(|(name, word)| Finding {
            rule: "force-recreates",
            weight: Weight::Warning,
            path: Some(FieldPath::of(&["metadata", "annotations", name])),
            message: format!(
                "{word} deletes the Deployment and creates it anew where the server refuses a change: all its pods go at once"
            ),
            evidence: None,
            remedy: Some("take the annotation away and heal the field instead; set it only for the one sync that needs it".to_owned()),
        })
        .collect()
}
