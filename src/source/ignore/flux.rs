//! Flux's rules: `spec.ignore` of a Kustomization and `spec.driftDetection.ignore` of a HelmRelease, JSON Pointers with
//! a target.

use std::sync::Arc;

use serde::Deserialize;

use super::Ignored;
use super::reading::Reading;
use super::selector::{Selector, Target};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rule {
    paths: Vec<String>,
    target: Option<Selector>,
}

/// Reads the rules at a JSON Pointer of the object.
pub(super) fn rules(reading: &mut Reading<'_>, pointer: &str) -> bool {
    for (at, rule) in reading.part::<Vec<Rule>>(pointer).into_iter().enumerate() {
        let target = match rule.target.unwrap_or_default().compile(&mut reading.regexes) {
            Ok(compiled) => Arc::new(Target::Selected(Box::new(compiled))),
            Err(error) => {
                let message = format!("the target of rule {at} of {}: {error}", reading.origin);
                reading.problem(&format!("{pointer}/{at}/target"), message, "correct it as Flux demands");
                continue;
            }
        };
        for (item, path) in rule.paths.into_iter().enumerate() {
            reading.ignore(
                || format!("{pointer}/{at}/paths/{item}"),
                &target,
                Ignored::Pointer(path),
            );
        }
    }
    true
}
