//! When which key is due: one time a key, the earliest that anybody asked for.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use tokio::time::Instant;

/// Keys with their times. Those of the same time are due in the order in which they were asked for.
#[derive(Debug)]
pub(super) struct Times<K> {
    keys: BTreeMap<(Instant, u64), K>,
    times: HashMap<K, (Instant, u64)>,
    asked: u64,
}

impl<K> Default for Times<K> {
    fn default() -> Self {
        Self {
            keys: BTreeMap::new(),
            times: HashMap::new(),
            asked: 0,
        }
    }
}

impl<K: Eq + Hash + Clone> Times<K> {
    /// Asks for a key at a time; an earlier one that is known already stays.
    pub(super) fn ask(&mut self, key: K, at: Instant) {
        if let Some(known) = self.times.get(&key) {
            if known.0 <= at {
                return;
            }
            self.keys.remove(known);
        }
        self.asked += 1;
        self.keys.insert((at, self.asked), key.clone());
        self.times.insert(key, (at, self.asked));
    }

    /// The next key whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<K> {
        let first = self.keys.first_entry().filter(|first| first.key().0 <= now)?;
        let key = first.remove();
        self.times.remove(&key);
        Some(key)
    }

    /// When the next key is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.keys.first_key_value().map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn the_earliest_time_of_a_key_counts_and_those_of_one_time_keep_their_order() {
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let mut times = Times::default();
        for (key, seconds) in [("a", 5), ("b", 2), ("c", 2), ("a", 2), ("b", 9), ("d", 1)] {
            times.ask(key, begin + seconds * second);
        }
        assert_eq!(times.next(), Some(begin + second));
        let mut due =
            |seconds: u32| -> Vec<&str> { std::iter::from_fn(|| times.due(begin + seconds * second)).collect() };
        assert_eq!(due(0), [""; 0]);
        assert_eq!(due(1), ["d"]);
        assert_eq!(due(10), ["b", "c", "a"]);
        assert!(times.keys.is_empty() && times.times.is_empty());
    }
}
