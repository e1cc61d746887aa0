//! The next sync undoes a change that a person made in the cluster.

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::diff::{Drift, Moved, Severity};
use crate::engine::ownership::people::{self, Writer};
use crate::engine::predict::{Prediction, Verdict};
use crate::engine::words::{by, cost, place};

/// The rule.
pub static RULE: Rule = Rule {
    id: "hot-fix-lost",
    title: "The next sync undoes a change by hand",
    severity: Weight::Warning,
    milder: &[],
    meaning: "A person changed this field in the cluster, and the next sync puts Git's value back. The change may be \
              what ended an outage.",
    remedy: "Commit the change to Git before the sync, if it is right; else let the sync, or Restore, put Git's value \
             back.",
    in_check: false,
    wants: nothing,
    check: Check::Both(check),
};

/// One finding for each change of a person that the next sync undoes: in an outage the change may be what ended it.
///
/// What stands under the tool's own manager is a person's only where live is known to have moved: somebody applied
/// under the tool's name.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let (snapshot, assessment) = (case.snapshot, case.assessment);
    let succeeds = |prediction: &&Prediction| matches!(prediction.verdict, Verdict::Reverts | Verdict::Residual);
    let Some(prediction) = case.prediction().filter(succeeds) else {
        return Vec::new();
    };
    let is_persons = |drift: &Drift, manager: &str| {
        people::kind_of(manager) == Writer::Person
            && (manager != snapshot.syncer.manager || drift.moved == Some(Moved::Live))
    };
    let lost = assessment.of(Severity::Drift).filter(|drift| {
        !prediction.leaves(drift) && drift.owners.iter().any(|owner| is_persons(drift, &owner.manager))
    });
    lost.map(|drift| Finding {
        rule: RULE.id,
        weight: RULE.severity,
        path: Some(drift.change.path.clone()),
        message: format!(
            "the next sync undoes a change by hand: {}{}",
            place(&drift.change.path),
            by(&[drift])
        ),
        evidence: None,
        remedy: Some(format!(
            "commit it to Git before the sync if it is right (no roll-out); else the sync, or Restore, puts Git's \
             value back ({})",
            cost(snapshot.kind, &[drift])
        )),
    })
    .collect()
}
