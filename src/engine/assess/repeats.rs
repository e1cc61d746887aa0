//! The tool and admission undo each other: the one writes what Git says, the other changes it on its way in, and
//! neither stops.

use crate::engine::diff::Drift;
use crate::engine::snapshot::Snapshot;
use crate::engine::tool_object::resource::ResourceRef;

/// How often in a row the same document must have been applied: a second time may be a person's, a third one is
/// nobody's intention.
const IN_A_ROW: usize = 3;

/// How often in a row Argo CD applied the same document, where it calls the object OutOfSync all the same, since
/// admission changes what it writes.
pub(super) fn applied_in_vain(snapshot: &Snapshot, drifts: &[Drift]) -> Option<usize> {
    let application = &snapshot.tool.argo_cd()?.application;
    let this = ResourceRef::from(&snapshot.target);
    let differs = || {
        let mut found = application.resources.iter();
        found.any(|found| found.resource == this && found.status.as_deref() == Some("OutOfSync"))
    };
    let times = application.repeats();
    (times >= IN_A_ROW && drifts.iter().any(Drift::is_of_admission) && differs()).then_some(times)
}
