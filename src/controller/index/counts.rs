//! How many objects of a watch there are in each state.

use super::{Index, Inner, WatchKey};
use crate::crd::WatchCounts;
use crate::engine::phase::Phase;

impl Index {
    /// How many objects of a watch there are in each state.
    pub fn counts(&self, key: &WatchKey) -> WatchCounts {
        let inner = self.lock();
        let mut counts = WatchCounts::default();
        for target in inner.led(key) {
            counts.governed += 1;
            let Some(outcome) = inner.told(target).and_then(|told| told.outcome) else {
                continue;
            };
            match outcome.phase {
                Phase::InSync => counts.in_sync += 1,
                Phase::Pending => counts.pending += 1,
                Phase::Conflicted => counts.conflicted += 1,
                Phase::Drifted | Phase::Missing | Phase::Orphaned | Phase::OperationStuck => counts.drifted += 1,
            }
            counts.ignored += outcome.ignored;
            counts.denied += usize::from(outcome.denied);
            counts.conflicted_denied += usize::from(outcome.denied && outcome.phase == Phase::Conflicted);
        }
        counts.orphaned = inner.orphans(key);
        counts
    }
}

impl Inner {
    /// How many objects the source of a watch dropped that are there still.
    fn orphans(&self, key: &WatchKey) -> usize {
        let orphaned = self.targets.values().map(|entry| &entry.memory).filter(|memory| {
            let phase = memory.told.outcome.map(|outcome| outcome.phase);
            let by = memory.dropped.as_ref().map(|(by, _)| by);
            by == Some(key) && phase == Some(Phase::Orphaned)
        });
        orphaned.count()
    }
}
