//! Flux's source stays behind what Git has.

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::flux::fetching::NotFetching;

/// The rule.
pub static RULE: Rule = Rule {
    id: "no-new-commits",
    title: "Flux's source stays behind what Git has",
    severity: Weight::Warning,
    milder: &[],
    meaning: "The GitRepository has another commit than Git and fetches none, since it is suspended or fails: what Git \
              says now is not applied. Only objects that differ from Git tell of it.",
    remedy: "Resume the GitRepository, or look at why it cannot fetch.",
    in_check: false,
    wants: nothing,
    check: Check::Git(check),
};

/// One finding where Flux has another commit than Git and fetches none, told of the Deployments that differ.
fn check(case: &Case<'_>) -> Vec<Finding> {
    found(case).into_iter().collect()
}

fn found(case: &Case<'_>) -> Option<Finding> {
    let snapshot = case.snapshot;
    let flux = snapshot.tool.flux().filter(|_| case.differs())?;
    let message = flux.stays_behind(&snapshot.source.revision)?;
    let (evidence, remedy) = match flux.repository.as_ref()?.not_fetching()? {
        NotFetching::Suspended => (None, "resume it when Git is to be followed again"),
        NotFetching::Failing { message, .. } => (
            Some(message),
            "look at what Flux says; it tries again by itself, unless it is stalled",
        ),
    };
    Some(Finding {
        rule: RULE.id,
        weight: RULE.severity,
        path: None,
        message,
        evidence,
        remedy: Some(remedy.to_owned()),
    })
}
