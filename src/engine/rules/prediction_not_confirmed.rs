//! The API server was asked about the next sync, and said nothing of it.

use super::{Case, Check, Finding, Rule, Weight, prediction_mismatch};
use crate::engine::evidence::Observed;

/// The rule.
pub static RULE: Rule = Rule {
    id: "prediction-not-confirmed",
    title: "The API server could not be asked about the predicted refusal",
    severity: Weight::Info,
    milder: &[],
    meaning: "A dry run of the next sync was not answered, or the answer is about something else: a right is missing, \
              a webhook has no dry runs, or nobody answered in time. The prediction stands, by our own reckoning.",
    remedy: "Nothing, or give driftmend what the message names. What may pass by itself is asked again after five \
             minutes.",
    in_check: false,
    wants: prediction_mismatch::wants,
    check: Check::Both(check),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Observed::Unreadable(why) = &case.evidence.dry_run else {
        return Vec::new();
    };
    vec![Finding {
        rule: RULE.id,
        weight: RULE.severity,
        path: None,
        message: format!("not confirmed: {why}"),
        evidence: None,
        remedy: None,
    }]
}
