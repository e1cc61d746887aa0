//! Flux's rules: `spec.ignore` of a Kustomization and `spec.driftDetection.ignore` of a HelmRelease, JSON Pointers with a target.

use serde::Deserialize;

use super::selector::{Selector, Target};
use super::{Ignored, Reading};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rule {
    paths: Vec<String>,
    target: Option<Selector>,
}

/// Reads the rules at a JSON Pointer of the object.
pub(super) fn rules(reading: &mut Reading<'_>, pointer: &str) {
    for (at, rule) in reading.part::<Vec<Rule>>(pointer).into_iter().enumerate() {
        let target = match rule.target.unwrap_or_default().compile() {
            Ok(compiled) => Target::Selected(compiled),
            Err(error) => {
                let message = format!("the target of rule {at} of {}: {error}", reading.origin);
                reading.problem(&format!("{pointer}/{at}/target"), message, "correct it as Flux demands");
                continue;
            }
        };
        for (item, path) in rule.paths.into_iter().enumerate() {
            reading.ignore(&format!("{pointer}/{at}/paths/{item}"), &target, Ignored::Pointer(path));
        }
    }
}
