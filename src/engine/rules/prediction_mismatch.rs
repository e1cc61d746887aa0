//! The API server says something else of the next sync than we do.

use super::{Case, Check, Finding, Rule, Weight};
use crate::engine::assessment::Assessment;
use crate::engine::evidence::{DryRun, Observed, Wants};
use crate::engine::predict::Verdict;
use crate::engine::snapshot::Snapshot;

/// The rule.
pub static RULE: Rule = Rule {
    id: "prediction-mismatch",
    title: "A dry run says something else than the prediction",
    severity: Weight::Error,
    milder: &[],
    meaning: "The API server was asked by a dry run of the next sync, and its answer is not the refusal that was \
              predicted: mutating admission changes the object on its way in, or the prediction is wrong. It puts \
              the other findings in doubt.",
    remedy: "Believe the server. Look for admission that changes the object; if there is none, report a fault of \
             driftmend, with the message.",
    in_check: false,
    wants,
    check: Check::Both(check),
};

/// A refusal that is foretold is worth a question: a sync that succeeds does no harm, so that nobody needs to know it
/// twice.
pub(super) fn wants(snapshot: &Snapshot, assessment: &Assessment) -> Wants {
    let is_refused = |verdict| matches!(verdict, Verdict::Refused | Verdict::Conflict);
    let foretold = assessment.prediction.as_ref().map(|prediction| prediction.verdict);
    Wants {
        dry_run: snapshot.desired.is_some() && snapshot.live.is_some() && foretold.is_some_and(is_refused),
    }
}

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Observed::Seen(DryRun::Other { server, ours }) = &case.evidence.dry_run else {
        return Vec::new();
    };
    vec![Finding {
        rule: RULE.id,
        weight: RULE.severity,
        path: None,
        message: format!(
            "the server contradicts the prediction in a dry run; we say: {ours}; the server says: {server}"
        ),
        evidence: None,
        remedy: Some(
            "look for admission that changes the object on its way in; if there is none, the prediction is wrong: \
             report it as a fault of driftmend, with this message"
                .to_owned(),
        ),
    }]
}
