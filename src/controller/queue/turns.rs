//! Whose turn it is: namespaces take turns, and each keeps its own order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

/// A key of which it is known who pays for its run.
pub trait Payer {
    /// The namespace whose place a run takes.
    fn namespace(&self) -> &str;
}

/// Keys that are due, in the order in which they get a place.
///
/// # Guarantees
///
/// Within a namespace: first come, first served. Between namespaces: one key each in turn, so that one that comes waits
/// for at most one key of each other one, however many those have. A namespace never has more runs at once than its
/// places; while it has as many, its turn is kept and the next one's comes.
#[derive(Debug)]
pub(super) struct Turns<K> {
    /// How many runs a namespace may have at once.
    places: usize,

    waiting: HashMap<String, VecDeque<K>>,

    /// The namespaces of `waiting`, the next one first.
    order: VecDeque<String>,

    /// All keys of `waiting`.
    due: HashSet<K>,

    running: HashSet<K>,

    /// Those of `running` that are due again.
    again: HashSet<K>,

    taken: HashMap<String, usize>,
}

impl<K: Payer + Eq + Hash + Clone> Turns<K> {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places: places.max(1),
            waiting: HashMap::new(),
            order: VecDeque::new(),
            due: HashSet::new(),
            running: HashSet::new(),
            again: HashSet::new(),
            taken: HashMap::new(),
        }
    }

    /// How many runs are under way.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// A key is due. One that waits already keeps its place in the line, and one that runs is due once more when that
    /// run has ended.
    pub(super) fn add(&mut self, key: K) {
        if self.running.contains(&key) {
            self.again.insert(key);
            return;
        }
        if !self.due.insert(key.clone()) {
            return;
        }
        let namespace = key.namespace().to_owned();
        let line = self.waiting.entry(namespace.clone()).or_default();
        if line.is_empty() {
            self.order.push_back(namespace);
        }
        line.push_back(key);
    }

    /// The key that runs next, which takes a place; `None` while no namespace with a free place has one.
    pub(super) fn take(&mut self) -> Option<K> {
        let free = |namespace: &String| self.taken.get(namespace).is_none_or(|taken| *taken < self.places);
        // Those that are passed over have runs under way: they are fewer than the places of the whole queue.
        let at = self.order.iter().position(free)?;
        let namespace = self.order.remove(at)?;
        let line = self.waiting.get_mut(&namespace)?;
        let key = line.pop_front()?;
        *self.taken.entry(namespace.clone()).or_default() += 1;
        if line.is_empty() {
            self.waiting.remove(&namespace);
        } else {
            self.order.push_back(namespace);
        }
        self.due.remove(&key);
        self.running.insert(key.clone());
        Some(key)
    }

    /// A run has ended and gives its place back.
    pub(super) fn end(&mut self, key: &K) {
        if !self.running.remove(key) {
            return;
        }
        if let Some(taken) = self.taken.get_mut(key.namespace()) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(key.namespace());
            }
        }
        if self.again.remove(key) {
            self.add(key.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    /// The keys that get a place, until nothing more can run.
    fn taken(turns: &mut Turns<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| turns.take()).collect()
    }

    #[test]
    fn a_namespace_keeps_its_order_and_namespaces_take_turns() {
        let mut turns = Turns::new(4);
        for key in ["a/1", "a/2", "a/3", "b/1", "a/4", "c/1", "b/2"] {
            turns.add(key);
        }
        assert_eq!(taken(&mut turns), ["a/1", "b/1", "c/1", "a/2", "b/2", "a/3", "a/4"]);
    }

    #[test]
    fn a_namespace_with_all_its_places_taken_keeps_its_turn() {
        let mut turns = Turns::new(2);
        for key in ["a/1", "a/2", "a/3", "a/4", "b/1"] {
            turns.add(key);
        }
        assert_eq!(taken(&mut turns), ["a/1", "b/1", "a/2"]);
        assert_eq!(turns.running(), 3);
        turns.add("b/2");
        turns.add("b/3");
        turns.end(&"a/2");
        turns.end(&"b/1");
        assert_eq!(taken(&mut turns), ["a/3", "b/2", "b/3"], "a had waited for longer");
    }

    #[test]
    fn a_namespace_that_comes_late_waits_for_one_key_of_each_other_one() {
        let mut turns = Turns::new(4);
        for at in 0..1_000 {
            turns.add(["a/", "b/"][at % 2].to_owned() + &at.to_string());
        }
        assert_eq!(turns.take().as_deref(), Some("a/0"));
        turns.add("late/1".to_owned());
        let next: Vec<_> = (0..2).filter_map(|_| turns.take()).collect();
        assert_eq!(next, ["b/1", "a/2"]);
        assert_eq!(turns.take().as_deref(), Some("late/1"));
    }

    #[test]
    fn a_key_waits_once_and_runs_once_more_where_it_is_due_while_it_runs() {
        let mut turns = Turns::new(4);
        for key in ["a/1", "a/2", "a/1"] {
            turns.add(key);
        }
        assert_eq!(taken(&mut turns), ["a/1", "a/2"]);
        turns.add("a/1");
        turns.add("a/1");
        assert_eq!(turns.take(), None, "never twice at once");
        turns.end(&"a/1");
        assert_eq!(taken(&mut turns), ["a/1"]);
        turns.end(&"a/1");
        assert_eq!(turns.take(), None);
    }

    #[test]
    fn nothing_is_kept_of_a_namespace_that_has_nothing_to_do() {
        let mut turns = Turns::new(4);
        for at in 0..100 {
            turns.add(format!("namespace-{at}/1"));
        }
        while let Some(key) = turns.take() {
            turns.end(&key);
        }
        assert!(
            turns.waiting.is_empty() && turns.order.is_empty() && turns.due.is_empty(),
            "{turns:?}"
        );
        assert!(
            turns.running.is_empty() && turns.again.is_empty() && turns.taken.is_empty(),
            "{turns:?}"
        );
    }
}
