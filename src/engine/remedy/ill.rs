//! What a cure is for: what live moved, and what Git took over and left again.

use crate::engine::diff::{Change, ChangeKind, Drift, Severity};
use crate::engine::last_applied::LastApplied;
use crate::engine::predict::{Prediction, Verdict};
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::Strategy;

/// What is to be cured.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Ill<'a> {
    /// What live moved.
    pub drifts: &'a [&'a Drift],

    /// What Git moved and no sync brought yet, and what weighs nothing.
    pub others: &'a [&'a Drift],

    /// What the next sync gives.
    pub prediction: Option<&'a Prediction>,
}

impl<'a> Ill<'a> {
    /// What waits to go and the sync would leave, where it is refused: Git took a change by hand over and went on from
    /// there, and whoever made it owns the old field still, or the annotation of client-side apply was lost.
    pub fn taken_over(&self, snapshot: &Snapshot) -> Vec<&'a Change> {
        let refused = self
            .prediction
            .is_some_and(|prediction| prediction.verdict == Verdict::Refused);
        let taken_over = |drift: &&&Drift| refused && is_taken_over(drift, snapshot);
        self.others
            .iter()
            .filter(taken_over)
            .map(|drift| &drift.change)
            .collect()
    }

    /// What live moved, and what it took over.
    pub fn changes(&self, snapshot: &Snapshot) -> Vec<&'a Change> {
        self.drifts
            .iter()
            .map(|drift| &drift.change)
            .chain(self.taken_over(snapshot))
            .collect()
    }
}

/// Whether a field of live waits to go, and the tool's sync leaves it: it is others' than the tool's, or client-side
/// apply does not know that it ever applied it.
pub(in crate::engine) fn is_taken_over(drift: &Drift, snapshot: &Snapshot) -> bool {
    let syncer = &snapshot.syncer;
    let goes = drift.severity == Severity::Pending && drift.change.kind == ChangeKind::Added;
    goes && (drift.owners.iter().any(|owner| owner.manager != syncer.manager) || is_unnamed(drift, snapshot))
}

fn is_unnamed(drift: &Drift, snapshot: &Snapshot) -> bool {
    let (Some(document), Some(live)) = (&snapshot.desired, &snapshot.live) else {
        return false;
    };
    let last_applied = LastApplied::of(&document.value, live);
    snapshot.syncer.strategy == Strategy::ClientSideApply
        && !last_applied.is_unreadable()
        && last_applied
            .value()
            .is_none_or(|applied| drift.change.path.get(applied).is_none())
}
