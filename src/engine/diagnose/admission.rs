//! The tool and admission undo each other: the one writes what Git says, the other changes it on its way in, and
//! neither stops.

use super::words::place;
use super::{Finding, Weight};
use crate::engine::diff::{ChangeKind, Drift, Moved};
use crate::engine::operation::ResourceRef;
use crate::engine::snapshot::Snapshot;

/// How often in a row the same document must have been applied: a second time may be a person's, a third one is
/// nobody's intention.
const IN_A_ROW: usize = 3;

/// The rule's name.
const ADMISSION_LOOP: &str = "admission-loop";

/// Whether a finding is such a loop: it is told although live is what Git says.
pub fn is_a_loop(finding: &Finding) -> bool {
    finding.rule == ADMISSION_LOOP
}

/// One finding for each of Git's values that admission changes each time the tool applies it.
pub fn admission_loop(snapshot: &Snapshot, drifts: &[Drift]) -> Vec<Finding> {
    let Some(argo_cd) = snapshot.tool.argo_cd() else {
        return Vec::new();
    };
    let application = &argo_cd.application;
    let times = application.repeats();
    let deployment = ResourceRef::from(&snapshot.target);
    let differs = application
        .resources
        .iter()
        .any(|found| found.resource == deployment && found.status.as_deref() == Some("OutOfSync"));
    if times < IN_A_ROW || !differs {
        return Vec::new();
    }
    let undone = drifts
        .iter()
        .filter(|drift| drift.moved == Some(Moved::Server) && drift.change.kind != ChangeKind::Added);
    undone
        .map(|drift| Finding {
            rule: ADMISSION_LOOP,
            weight: Weight::Warning,
            path: Some(drift.change.path.clone()),
            message: format!(
                "Argo CD has applied the same commit {times} times in a row and still calls the Deployment OutOfSync: \
                 admission makes something else of {}",
                place(&drift.change.path)
            ),
            evidence: None,
            remedy: Some(
                "write into Git what admission makes of it, exempt the Deployment from the webhook or policy, or name \
                 the field in ignoreDifferences"
                    .to_owned(),
            ),
        })
        .collect()
}
