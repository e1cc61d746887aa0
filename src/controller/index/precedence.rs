//! Which watch leads where several name the same Deployment, as the watches tell it of themselves, and what their rules
//! cover.

use super::{Index, Target, WatchKey};

/// Which rules of a watch name a field of any Deployment that it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covered {
    /// Not every Deployment has been assessed yet, or there is none.
    NotKnown,

    /// A bit for each rule, the first one lowest; a watch has at most 64.
    Rules(u64),
}

impl Covered {
    /// Whether a rule is known to cover nothing.
    pub fn lacks(self, rule: usize) -> bool {
        match self {
            Self::NotKnown => false,
            Self::Rules(covered) => rule < 64 && covered & (1 << rule) == 0,
        }
    }
}

impl Index {
    /// The Deployments that a watch names and another one leads, with the leader.
    pub fn led_by_others(&self, key: &WatchKey) -> Vec<(Target, WatchKey)> {
        let inner = self.lock();
        let named = inner
            .watches
            .get(key)
            .into_iter()
            .flat_map(|watched| watched.rendition.desired.keys());
        named
            .filter_map(|target| inner.leader(target).map(|(leader, _)| (target.clone(), leader.clone())))
            .filter(|(_, leader)| leader != key)
            .collect()
    }

    /// The other watches that name one of these Deployments: who leads them may be another one now.
    pub fn rivals(&self, key: &WatchKey, targets: &[Target]) -> Vec<WatchKey> {
        let inner = self.lock();
        let names_one =
            |desired: &std::collections::BTreeMap<Target, _>| targets.iter().any(|target| desired.contains_key(target));
        let rivals = inner
            .watches
            .iter()
            .filter(|(other, watched)| *other != key && names_one(&watched.rendition.desired));
        rivals.map(|(other, _)| other.clone()).collect()
    }

    /// Which rules of a watch cover something, once all that it leads was assessed.
    pub fn covered(&self, key: &WatchKey) -> Covered {
        let inner = self.lock();
        let mut led = inner
            .led(key)
            .map(|target| inner.outcomes.get(target).map(|outcome| outcome.covering))
            .peekable();
        if led.peek().is_none() {
            return Covered::NotKnown;
        }
        led.try_fold(0, |all, covering| Some(all | covering?))
            .map_or(Covered::NotKnown, Covered::Rules)
    }
}
