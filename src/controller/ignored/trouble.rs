//! What the jq expressions of one list of rules cost lately: a list that costs too much rests.
//!
//! Each expression has its own limit, and an object may have a hundred of them that use it up, over each of its
//! Deployments and again at each of their events. Nobody else waits for that longer than for a few of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many failures within [`WINDOW`] make a list rest.
const MOST_FAILURES: u32 = 3;

/// How long one question may take without being counted: a good one takes a tenth of it, and more on a busy machine.
const FREE: Duration = Duration::from_millis(500);

/// How much time beyond that makes a list rest, within [`WINDOW`].
const MOST_TIME: Duration = Duration::from_secs(30);

/// What is longer ago does not count.
const WINDOW: Duration = Duration::from_secs(600);

/// How long a list rests: no expression of it is asked that is not known.
const REST: Duration = Duration::from_secs(600);

/// The costs of one list's questions.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Costs>);

#[derive(Clone, Copy, Debug, Default)]
struct Costs {
    since: Option<Instant>,
    failures: u32,
    time: Duration,
    rests_until: Option<Instant>,
}

impl Trouble {
    /// Counts a question.
    pub(super) fn took(&self, time: Duration, failed: bool, now: Instant) {
        let mut costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What was asked before the rest began, and ended in it, neither ends nor prolongs it.
        if costs.rests_until.is_some_and(|until| now < until) {
            return;
        }
        if costs
            .since
            .is_none_or(|since| now.saturating_duration_since(since) >= WINDOW)
        {
            *costs = Costs {
                since: Some(now),
                ..Costs::default()
            };
        }
        costs.failures += u32::from(failed);
        costs.time += time.saturating_sub(FREE);
        if costs.failures >= MOST_FAILURES || costs.time >= MOST_TIME {
            *costs = Costs {
                rests_until: Some(now + REST),
                ..Costs::default()
            };
        }
    }

    /// How long the list still rests; `None` where it does not.
    pub(super) fn rests(&self, now: Instant) -> Option<Duration> {
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner).rests_until?;
        Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn three_failures_or_half_a_minute_make_a_list_rest_and_small_costs_never_do() {
        let now = Instant::now();
        let costs = |questions: u32, time: Duration, failed: bool, apart: Duration| {
            let trouble = Trouble::default();
            (1..=questions).find(|at| {
                trouble.took(time, failed, now + apart * *at);
                trouble.rests(now + apart * *at).is_some()
            })
        };
        assert_eq!(costs(100, SECOND, true, SECOND), Some(3));
        assert_eq!(costs(100, 10 * SECOND, false, 10 * SECOND), Some(4));
        assert_eq!(costs(10_000, SECOND / 3, false, SECOND / 3), None);
        assert_eq!(costs(100, SECOND / 10, true, 301 * SECOND), None, "two in ten minutes");
    }

    #[test]
    fn a_rest_ends() {
        let (trouble, now) = (Trouble::default(), Instant::now());
        (0..3).for_each(|_| trouble.took(SECOND, true, now));
        assert_eq!(trouble.rests(now + SECOND), Some(599 * SECOND));
        trouble.took(SECOND, false, now + SECOND);
        assert_eq!(
            trouble.rests(now + SECOND),
            Some(599 * SECOND),
            "what was under way changes nothing"
        );
        assert_eq!(trouble.rests(now + 600 * SECOND), None);
        trouble.took(SECOND, true, now + 600 * SECOND);
        assert_eq!(trouble.rests(now + 601 * SECOND), None, "it is counted anew");
    }
}
