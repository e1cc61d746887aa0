//! How often the tools that sync are written to, whatever the number of heals.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two clears of operation states: each may be followed by a sync of a whole application.
const CLEAR_PAUSE: Duration = Duration::from_secs(10);

/// Between two requests for a comparison that are made again because nobody answered the first.
const ASK_PAUSE: Duration = Duration::from_secs(10);

/// Holds such writes of a process apart.
#[derive(Debug, Default)]
pub struct Pace {
    /// The last clear, and the plan that made it or is about to.
    cleared: Mutex<Option<(Instant, String)>>,
    asked: Mutex<Option<Instant>>,
}

impl Pace {
    /// How long the clear of a plan has to wait; where it has not, the turn is its own from now on: of two that ask at once one waits.
    pub(super) fn wait(&self, plan: &str) -> Option<Duration> {
        let mut cleared = self.cleared.lock().unwrap_or_else(PoisonError::into_inner);
        let others = cleared.as_ref().filter(|(_, by)| by != plan);
        let wait = others.map(|(at, _)| CLEAR_PAUSE.saturating_sub(at.elapsed())).filter(|wait| !wait.is_zero());
        if wait.is_some() {
            return wait;
        }
        *cleared = Some((Instant::now(), plan.to_owned()));
        None
    }

    /// Records the clear of a plan.
    pub(super) fn cleared(&self, plan: &str) {
        *self.cleared.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), plan.to_owned()));
    }

    /// Whether a request may be made again now; if so, that is recorded.
    pub(super) fn may_ask_again(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let may = asked.is_none_or(|asked| asked.elapsed() >= ASK_PAUSE);
        if may {
            *asked = Some(Instant::now());
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_waits_for_the_one_before_and_a_request_is_repeated_once() {
        let pace = Pace::default();
        assert_eq!(pace.wait("one"), None);
        assert!(pace.wait("two").is_some_and(|wait| wait <= CLEAR_PAUSE), "the first has the turn before it has cleared");
        assert_eq!(pace.wait("one"), None, "its own turn");
        pace.cleared("one");
        assert!(pace.wait("two").is_some());
        assert!(pace.may_ask_again() && !pace.may_ask_again());
    }
}
