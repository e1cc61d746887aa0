//! Too many Deployments of one watch drifting at once: rather a wrong branch than an edit.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::governed::Target;

/// Drift that began this close together counts as one event.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// From this share of a watch's Deployments on: one in five.
const SHARE: usize = 5;

/// Below this many the share means nothing: one edit among three Deployments is a third of them.
const LEAST: usize = 5;

/// The Deployments that drifted together.
#[derive(Debug, Default)]
pub struct Cohort(BTreeSet<Target>);

/// One mass drift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mass {
    /// The Deployments that drifted together and still do.
    pub members: BTreeSet<Target>,

    /// Of how many.
    pub governed: usize,
}

impl Cohort {
    /// Looks at everything that drifts now, with the time at which each began. The cohort stays together until so many of
    /// it are in order again that the rest is no longer too many.
    pub fn observe(&mut self, drifting: &[(Target, Timestamp)], governed: usize, now: Timestamp) -> Option<Mass> {
        let too_many = |count: usize| count >= LEAST && count * SHARE > governed;
        let recent: BTreeSet<Target> =
            drifting.iter().filter(|(_, since)| now.duration_since(*since) <= WINDOW).map(|(target, _)| target.clone()).collect();
        if too_many(recent.len()) {
            self.0.extend(recent);
        }
        self.0.retain(|member| drifting.iter().any(|(target, _)| target == member));
        if !too_many(self.0.len()) {
            self.0.clear();
            return None;
        }
        Some(Mass { members: self.0.clone(), governed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drifting(count: usize, since: Timestamp) -> Vec<(Target, Timestamp)> {
        (0..count).map(|at| (Target { namespace: "shop".to_owned(), name: format!("web-{at}") }, since)).collect()
    }

    #[test]
    fn more_than_a_fifth_within_a_minute_is_one_mass_drift_until_it_is_mostly_over() {
        let (start, mut cohort) = (Timestamp::UNIX_EPOCH, Cohort::default());
        let later = start + SignedDuration::from_secs(600);
        assert_eq!(cohort.observe(&drifting(6, start), 30, start), None);
        assert_eq!(cohort.observe(&drifting(7, start), 30, start).map(|mass| mass.members.len()), Some(7));
        assert_eq!(cohort.observe(&drifting(7, start), 30, later).map(|mass| mass.members.len()), Some(7));
        assert_eq!(cohort.observe(&drifting(4, start), 30, later), None);
    }

    #[test]
    fn old_drift_and_few_deployments_are_no_mass_drift() {
        let (start, mut cohort) = (Timestamp::UNIX_EPOCH, Cohort::default());
        assert_eq!(cohort.observe(&drifting(9, start), 10, start + SignedDuration::from_secs(61)), None);
        assert_eq!(cohort.observe(&drifting(3, start), 3, start), None);
    }
}
