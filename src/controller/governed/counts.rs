//! How many Deployments of a watch there are of each kind.

use super::{Governed, Inner, Target, WatchKey};
use crate::api::v1alpha1::WatchCounts;
use crate::engine::phase::Phase;

impl Governed {
    /// How many Deployments of a watch there are of each kind.
    pub fn counts(&self, key: &WatchKey) -> WatchCounts {
        let inner = self.lock();
        let mut counts = WatchCounts::default();
        for target in inner.led(key) {
            counts.governed += 1;
            let Some(outcome) = inner.outcomes.get(target) else {
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
    /// How many Deployments the source of a watch dropped that are there still.
    fn orphans(&self, key: &WatchKey) -> usize {
        let dropped = self.dropped.iter().filter(|(_, (by, _))| by == key);
        let orphaned = |target: &Target| {
            self.outcomes
                .get(target)
                .is_some_and(|outcome| outcome.phase == Phase::Orphaned)
        };
        dropped.filter(|(target, _)| orphaned(target)).count()
    }
}
