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
    cleared: Mutex<Option<Instant>>,
    asked: Mutex<Option<Instant>>,
}

impl Pace {
    /// How long the next clear has to wait.
    pub(super) fn wait(&self) -> Option<Duration> {
        let last = (*self.cleared.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(CLEAR_PAUSE.saturating_sub(last.elapsed())).filter(|wait| !wait.is_zero())
    }

    /// Records a clear.
    pub(super) fn cleared(&self) {
        *self.cleared.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
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
        assert_eq!(pace.wait(), None);
        pace.cleared();
        assert!(pace.wait().is_some_and(|wait| wait <= CLEAR_PAUSE));
        assert!(pace.may_ask_again() && !pace.may_ask_again());
    }
}
