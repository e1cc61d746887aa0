//! Whether the process works: is it stuck, and does it know the cluster yet?

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long one piece of work may take before the process counts as stuck.
///
/// Every request and fetch has a time limit of at most two minutes, and a reconcile does a few of them: after ten
/// minutes something has no limit that should have one, and only a restart helps.
pub const STUCK_AFTER: Duration = Duration::from_secs(600);

/// The state of health of one process; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Loops that must keep turning, with their last turn.
    loops: BTreeMap<&'static str, Instant>,

    /// Work under way, with its name and beginning.
    work: HashMap<u64, (String, Instant)>,

    /// The next key for `work`.
    next: u64,

    /// Caches that must be filled once, and whether they are.
    caches: BTreeMap<&'static str, Synced>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Synced {
    Yes,
    No,
}

/// Work under way; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "the work counts as ended when this is dropped"]
pub struct Work {
    health: Health,
    key: u64,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.health.state(|state| state.work.remove(&self.key));
    }
}

impl Health {
    /// Says that a loop turns; it must say so again within [`STUCK_AFTER`].
    pub fn beat(&self, name: &'static str) {
        self.state(|state| state.loops.insert(name, Instant::now()));
    }

    /// Says that a loop has ended as it should, and is not to be waited for.
    pub fn rest(&self, name: &'static str) {
        self.state(|state| state.loops.remove(name));
    }

    /// Says that a piece of work begins; it must end within [`STUCK_AFTER`].
    pub fn begin(&self, name: impl Into<String>) -> Work {
        let key = self.state(|state| {
            state.next += 1;
            state.work.insert(state.next, (name.into(), Instant::now()));
            state.next
        });
        Work {
            health: self.clone(),
            key,
        }
    }

    /// Names a cache without which the process is not ready.
    pub fn expect(&self, cache: &'static str) {
        self.state(|state| *state.caches.entry(cache).or_insert(Synced::No));
    }

    /// Says that a cache is filled.
    pub fn synced(&self, cache: &'static str) {
        self.state(|state| state.caches.insert(cache, Synced::Yes));
    }

    /// Says what is stuck, oldest first; empty when the process is alive.
    pub fn stuck(&self) -> Vec<String> {
        let now = Instant::now();
        let mut stuck = self.state(|state| {
            let loops = state
                .loops
                .iter()
                .map(|(name, at)| (*at, format!("{name} has not turned")));
            let work = state
                .work
                .values()
                .map(|(name, at)| (*at, format!("{name} has not ended")));
            loops
                .chain(work)
                .filter(|(at, _)| now.duration_since(*at) > STUCK_AFTER)
                .collect::<Vec<_>>()
        });
        stuck.sort();
        stuck
            .into_iter()
            .map(|(at, what)| format!("{what} for {} s", now.duration_since(at).as_secs()))
            .collect()
    }

    /// Says which caches are not yet filled; empty when the process is ready.
    pub fn waiting_for(&self) -> Vec<&'static str> {
        self.state(|state| {
            state
                .caches
                .iter()
                .filter(|(_, synced)| **synced == Synced::No)
                .map(|(cache, _)| *cache)
                .collect()
        })
    }

    fn state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stops_turning_is_stuck_and_one_that_rests_is_not() {
        let health = Health::default();
        health.beat("queue");
        health.beat("other");
        health.rest("other");
        tokio::time::advance(STUCK_AFTER).await;
        assert_eq!(health.stuck(), [""; 0]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(health.stuck(), ["queue has not turned for 601 s"]);
        health.beat("queue");
        assert_eq!(health.stuck(), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_end_is_stuck_until_it_ends() {
        let health = Health::default();
        let done = health.begin("shop/api");
        let hangs = health.begin("shop/web");
        drop(done);
        tokio::time::advance(STUCK_AFTER + Duration::from_secs(60)).await;
        assert_eq!(health.stuck(), ["shop/web has not ended for 660 s"]);
        drop(hangs);
        assert_eq!(health.stuck(), [""; 0]);
    }

    #[test]
    fn a_process_is_ready_when_every_expected_cache_is_filled() {
        let health = Health::default();
        health.expect("deployments");
        health.expect("watches");
        health.synced("watches");
        health.expect("watches");
        assert_eq!(health.waiting_for(), ["deployments"]);
        health.synced("deployments");
        assert_eq!(health.waiting_for(), [""; 0]);
    }
}
