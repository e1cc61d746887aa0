//! How soon a source is looked at again that could not be read: each failure in a row doubles the time.
//!
//! A server that does not answer holds a look, and a place of its tenant, for a quarter of a minute. Whoever mends
//! something is not kept waiting: another spec of the watch counts anew, and a change of the tool's object asks for a
//! look by itself.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::ResourceExt;

use super::index::WatchKey;
use crate::api::v1alpha1::DriftWatch;

/// By how much a delay is made shorter or longer by chance, in parts of it: what failed together is not to come back
/// together.
const JITTER: f64 = 0.2;

/// The failures in a row of each watch's source.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<WatchKey, Failing>>);

#[derive(Debug)]
struct Failing {
    /// The watch whose source failed; another spec is another source.
    watch: Arc<DriftWatch>,
    in_a_row: u32,
}

impl Failing {
    /// Whether it is about this watch as it is now, and not about one of its name that was there before.
    fn is_of(&self, watch: &DriftWatch) -> bool {
        self.watch.uid() == watch.uid() && self.watch.spec == watch.spec
    }
}

impl Attempts {
    /// Counts a failed look, and tells how long to wait for the next: `interval` after the first one, twice as long
    /// after each other one, and no longer than `longest` or the interval itself; all of it with some chance.
    pub fn failed(&self, key: &WatchKey, watch: &Arc<DriftWatch>, interval: Duration, longest: Duration) -> Duration {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = failing
            .get(key)
            .filter(|before| before.is_of(watch))
            .map_or(0, |before| before.in_a_row);
        let in_a_row = before.saturating_add(1);
        failing.insert(
            key.clone(),
            Failing {
                watch: watch.clone(),
                in_a_row,
            },
        );
        delay(in_a_row, interval, longest, chance())
    }

    /// Whether the source failed when it was looked at last, as this watch names it now.
    pub fn failing(&self, key: &WatchKey, watch: &DriftWatch) -> bool {
        let failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failing.get(key).is_some_and(|failing| failing.is_of(watch))
    }

    /// Counts anew: the source was read, the watch is gone, or what it names was changed.
    pub fn forget(&self, key: &WatchKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn delay(in_a_row: u32, interval: Duration, longest: Duration, chance: f64) -> Duration {
    let times = 2_u32.saturating_pow(in_a_row.saturating_sub(1));
    let longest = longest.max(interval);
    longest
        .min(interval.saturating_mul(times))
        .mul_f64(1.0 - JITTER + 2.0 * JITTER * chance)
}

/// Any number from 0 up to 1. Not a secret: the hasher's keys are random, which is enough to hold things apart.
fn chance() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    f64::from((random >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn watch(path: &str) -> Arc<DriftWatch> {
        let object = serde_json::json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
            "metadata": {"name": "shop", "namespace": "shop"},
            "spec": {"source": {"git": {"url": "https://git.example/shop.git", "path": path}}},
        });
        Arc::new(serde_json::from_value(object).unwrap())
    }

    fn minutes(delay: Duration) -> u64 {
        (delay.as_secs_f64() / 60.0).round() as u64
    }

    #[test]
    fn each_failure_in_a_row_doubles_the_delay_up_to_the_longest() {
        let delays: Vec<Duration> = (1..=6)
            .map(|in_a_row| delay(in_a_row, MINUTE, 10 * MINUTE, 0.5))
            .collect();
        assert_eq!(
            delays.iter().map(|delay| minutes(*delay)).collect::<Vec<_>>(),
            [1, 2, 4, 8, 10, 10]
        );
        assert_eq!(
            minutes(delay(3, 60 * MINUTE, 10 * MINUTE, 0.5)),
            60,
            "never sooner than one that is well"
        );
        assert_eq!(minutes(delay(u32::MAX, MINUTE, 10 * MINUTE, 0.5)), 10);
        assert!(delay(u32::MAX, Duration::MAX, MINUTE, 0.0) > MINUTE);
    }

    #[test]
    fn chance_holds_apart_what_failed_together() {
        assert_eq!(delay(1, 10 * MINUTE, 10 * MINUTE, 0.0), 8 * MINUTE);
        assert_eq!(delay(1, 10 * MINUTE, 10 * MINUTE, 1.0), 12 * MINUTE);
        let attempts = Attempts::default();
        let key = |at: usize| WatchKey {
            namespace: "shop".to_owned(),
            name: at.to_string(),
        };
        let delays: Vec<Duration> = (0..64)
            .map(|at| attempts.failed(&key(at), &watch("shop"), 10 * MINUTE, 10 * MINUTE))
            .collect();
        assert!(
            delays.iter().all(|delay| (8 * MINUTE..=12 * MINUTE).contains(delay)),
            "{delays:?}"
        );
        assert!(
            delays.iter().max() > delays.iter().min().map(|least| *least + MINUTE).as_ref(),
            "{delays:?}"
        );
    }

    #[test]
    fn a_source_that_was_read_or_a_watch_that_was_changed_counts_anew() {
        let (attempts, key) = (
            Attempts::default(),
            WatchKey {
                namespace: "shop".to_owned(),
                name: "all".to_owned(),
            },
        );
        let failed = |path: &str| attempts.failed(&key, &watch(path), MINUTE, 1_000 * MINUTE);
        let third = |path: &str| [failed(path), failed(path), failed(path)][2];
        assert!(failed("a") < 2 * MINUTE && third("a") > 3 * MINUTE);
        assert!(attempts.failing(&key, &watch("a")) && !attempts.failing(&key, &watch("b")));
        assert!(failed("b") < 2 * MINUTE, "another source");
        assert!(third("b") > 3 * MINUTE);
        attempts.forget(&key);
        assert!(!attempts.failing(&key, &watch("b")));
        assert!(failed("b") < 2 * MINUTE, "it was read in between");
    }
}
