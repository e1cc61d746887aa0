//! Settle: a drift that lasts only moments is not told. A predicted refusal is told at once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::engine::Assessment;
use crate::engine::phase::Phase;

/// How long to wait before an assessment is told; `None` when it is to be told now.
///
/// `since` is when the drift was first seen here. What managedFields says counts where it is older, so that a restart
/// of the controller does not start the wait again.
pub fn rest(
    assessment: &Assessment,
    since: Timestamp,
    told: bool,
    settle: SignedDuration,
    now: Timestamp,
) -> Option<Duration> {
    if assessment.phase != Phase::Drifted || told {
        return None;
    }
    let since = assessment.since().map_or(since, |recorded| recorded.min(since));
    let age = now.duration_since(since);
    (age < settle).then(|| (settle - age).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(phase: Phase) -> Assessment {
        Assessment::bare(phase, String::new())
    }

    #[test]
    fn only_plain_drift_waits_and_only_for_the_rest_of_the_time() {
        let (start, settle) = (Timestamp::UNIX_EPOCH, SignedDuration::from_secs(30));
        let after = |seconds| start + SignedDuration::from_secs(seconds);
        assert_eq!(
            rest(&of(Phase::Drifted), start, false, settle, after(10)),
            Some(Duration::from_secs(20))
        );
        assert_eq!(rest(&of(Phase::Drifted), start, false, settle, after(30)), None);
        assert_eq!(rest(&of(Phase::Drifted), start, true, settle, after(10)), None);
        assert_eq!(rest(&of(Phase::Conflicted), start, false, settle, after(1)), None);
    }
}
