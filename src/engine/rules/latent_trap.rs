//! What looks in sync is in the way of Git's next change.

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::trap::{Trap, clause};

/// The rule.
pub static RULE: Rule = Rule {
    id: "latent-trap",
    title: "A later change of this object will be refused",
    severity: Weight::Warning,
    milder: &[],
    meaning: "Somebody else than the syncing tool owns this field in the cluster, or what client-side apply keeps of \
              the last sync does not name it, so that an apply leaves it when the manifest goes on to another one in \
              its place, and the API server refuses the two together.",
    remedy: "Let the syncing tool own the field alone, or sync once more: driftmend's plan does so, and changes no \
             field.",
    in_check: true,
    wants: nothing,
    check: Check::Both(check),
};

/// One finding for each trap.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let (kind, manager) = (case.snapshot.kind, &case.snapshot.syncer.manager);
    let one = |trap: &Trap| {
        let appliers: Vec<&str> = trap.appliers().collect();
        let remedy = match appliers.as_slice() {
            _ if trap.is_unnamed() => {
                format!(
                    "a sync of this {kind} by {manager} writes the annotation; it starts none by itself where it \
                     finds no difference"
                )
            }
            _ if trap.is_unapplied() => {
                format!(
                    "a sync of this {kind} by {manager}, before Git changes it; it starts none by itself where it \
                     finds no difference"
                )
            }
            [] => format!("Transfer makes {manager} its only owner (managedFields only, no roll-out)"),
            some => format!(
                "decide which one applies this object: {} does, too, and would take the field again",
                some.join(" and ")
            ),
        };
        Finding {
            rule: RULE.id,
            weight: RULE.severity,
            path: Some(trap.path.clone()),
            message: clause(manager, trap),
            evidence: trap
                .cause
                .as_ref()
                .map(|cause| format!("a switch in Git was tried: {}", cause.told())),
            remedy: Some(remedy),
        }
    };
    case.assessment.traps.iter().map(one).collect()
}
