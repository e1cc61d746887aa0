//! The tool and admission undo each other.

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::diff::Drift;
use crate::engine::words::place;

/// The rule.
pub static RULE: Rule = Rule {
    id: "admission-loop",
    title: "Admission changes what the syncing tool applies, each time",
    severity: Weight::Warning,
    milder: &[],
    meaning: "Argo CD applied the same commit several times in a row and still calls the object OutOfSync, since a \
              webhook or a policy makes something else of what Git says: neither stops.",
    remedy: "Write into Git what admission makes of it, exempt the object from the webhook or policy, or name the \
             field in ignoreDifferences.",
    in_check: false,
    wants: nothing,
    check: Check::Both(check),
};

/// One finding for each of Git's values that admission changes each time the tool applies it.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(times) = case.assessment.in_vain else {
        return Vec::new();
    };
    let kind = case.snapshot.kind;
    let undone = case.assessment.drifts.iter().filter(|drift| drift.is_of_admission());
    let one = |drift: &Drift| Finding {
        rule: RULE.id,
        weight: RULE.severity,
        path: Some(drift.change.path.clone()),
        message: format!(
            "Argo CD has applied the same commit {times} times in a row and still calls the {kind} OutOfSync: \
             admission makes something else of {}",
            place(&drift.change.path)
        ),
        evidence: None,
        remedy: Some(
            "write into Git what admission makes of it, exempt the object from the webhook or policy, or name the \
             field in ignoreDifferences"
                .to_owned(),
        ),
    };
    undone.map(one).collect()
}
