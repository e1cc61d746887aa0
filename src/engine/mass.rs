//! Too many Deployments of one watch drifting at once: rather a wrong branch than an edit.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use jiff::{SignedDuration, Timestamp};

/// Drift that began this close together counts as one event.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// From this share of a watch's Deployments on: one in five.
const SHARE: usize = 5;

/// Below this many the share means nothing: one edit among three Deployments is a third of them.
const LEAST: usize = 5;

/// The Deployments that drifted together, each under what its caller knows it by.
#[derive(Debug)]
pub struct Cohort<K> {
    members: HashSet<K>,
    observed: Option<Timestamp>,
}

/// One mass drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mass {
    /// How many Deployments drifted together and still do.
    pub members: usize,

    /// Of how many.
    pub governed: usize,
}

impl<K> Default for Cohort<K> {
    fn default() -> Self {
        Self {
            members: HashSet::new(),
            observed: None,
        }
    }
}

impl<K: Eq + Hash + Clone> Cohort<K> {
    /// Looks at everything that drifts now, with the time at which each began. The cohort stays together until so many
    /// of it are in order again that the rest is no longer too many.
    pub fn observe(&mut self, drifting: &HashMap<&K, Timestamp>, governed: usize, now: Timestamp) -> Option<Mass> {
        let too_many = |count: usize| count >= LEAST && count * SHARE > governed;
        let recent = || {
            drifting
                .iter()
                .filter(|(_, since)| now.duration_since(**since) <= WINDOW)
                .map(|(target, _)| *target)
        };
        if too_many(recent().count()) {
            let joining: Vec<K> = recent()
                .filter(|target| !self.members.contains(target))
                .cloned()
                .collect();
            self.members.extend(joining);
        }
        self.members.retain(|member| drifting.contains_key(member));
        self.observed = Some(now);
        if !too_many(self.members.len()) {
            self.members.clear();
            return None;
        }
        Some(Mass {
            members: self.members.len(),
            governed,
        })
    }

    /// Whether a Deployment belonged to it when it was observed last.
    pub fn has(&self, target: &K) -> bool {
        self.members.contains(target)
    }

    /// Whether it was observed at this very time, which the caller has in whole seconds.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.observed == Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(count: usize) -> Vec<String> {
        (0..count).map(|at| format!("web-{at}")).collect()
    }

    fn drifting(targets: &[String], since: Timestamp) -> HashMap<&String, Timestamp> {
        targets.iter().map(|target| (target, since)).collect()
    }

    #[test]
    fn more_than_a_fifth_within_a_minute_is_one_mass_drift_until_it_is_mostly_over() {
        let (start, mut cohort, targets) = (Timestamp::UNIX_EPOCH, Cohort::default(), targets(7));
        let later = start + SignedDuration::from_secs(600);
        assert_eq!(cohort.observe(&drifting(&targets[..6], start), 30, start), None);
        assert_eq!(
            cohort.observe(&drifting(&targets, start), 30, start),
            Some(Mass {
                members: 7,
                governed: 30
            })
        );
        assert_eq!(
            cohort.observe(&drifting(&targets, start), 30, later),
            Some(Mass {
                members: 7,
                governed: 30
            })
        );
        assert_eq!(cohort.observe(&drifting(&targets[..4], start), 30, later), None);
    }

    #[test]
    fn old_drift_and_few_deployments_are_no_mass_drift() {
        let (start, mut cohort, targets) = (Timestamp::UNIX_EPOCH, Cohort::default(), targets(9));
        assert_eq!(
            cohort.observe(&drifting(&targets, start), 10, start + SignedDuration::from_secs(61)),
            None
        );
        assert_eq!(cohort.observe(&drifting(&targets[..3], start), 3, start), None);
    }

    #[test]
    fn a_cohort_knows_its_members_and_when_it_was_observed() {
        let (start, mut cohort, targets) = (Timestamp::UNIX_EPOCH, Cohort::default(), targets(6));
        cohort.observe(&drifting(&targets[..5], start), 9, start);
        assert!(cohort.is_current(start) && !cohort.is_current(start + SignedDuration::from_secs(1)));
        assert!(cohort.has(&targets[0]) && !cohort.has(&targets[5]));
    }
}
