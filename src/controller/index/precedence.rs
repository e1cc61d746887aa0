//! Which watch leads where several name the same object, as the watches tell it of themselves, and what their rules
//! cover.

use std::collections::BTreeSet;

use super::{Index, Target, WatchKey};

/// Which rules of a watch name a field of any object that it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covered {
    /// Not every object has been assessed yet, or there is none.
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
    /// The objects that a watch names and another one leads, with the leader.
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

    /// The other watches that name one of these objects: who leads them may be another one now.
    pub fn rivals(&self, key: &WatchKey, targets: &[Target]) -> Vec<WatchKey> {
        let inner = self.lock();
        let named_by = targets.iter().filter_map(|target| inner.targets.get(target));
        let watches = named_by.flat_map(|entry| &entry.named_by).map(|(_, watch)| watch);
        let rivals: BTreeSet<&WatchKey> = watches.filter(|watch| *watch != key).collect();
        rivals.into_iter().cloned().collect()
    }

    /// Which rules of a watch cover something, once all that it leads was assessed.
    pub fn covered(&self, key: &WatchKey) -> Covered {
        let inner = self.lock();
        let mut led = inner
            .led(key)
            .map(|target| {
                inner
                    .told(target)
                    .and_then(|told| told.outcome)
                    .map(|outcome| outcome.covering)
            })
            .peekable();
        if led.peek().is_none() {
            return Covered::NotKnown;
        }
        led.try_fold(0, |all, covering| Some(all | covering?))
            .map_or(Covered::NotKnown, Covered::Rules)
    }
}
