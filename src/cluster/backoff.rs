//! How long a watch waits before it asks again.

use std::time::Duration;

use kube::runtime::utils::Backoff;
use tokio::time::Instant;

/// The first delay, client-go's for a reflector (client-go, `tools/cache/reflector.go`, `defaultMinBackoff`).
const FIRST: Duration = Duration::from_millis(800);

/// The longest delay (there, `defaultMaxBackoff`).
const LONGEST: Duration = Duration::from_secs(30);

/// How long a watch must go without failure for the next one to count as the first (there, `defaultBackoffReset`).
const FORGIVEN_AFTER: Duration = Duration::from_secs(120);

/// A delay that doubles with every failure up to 30 s, and starts again after two quiet minutes.
///
/// kube's default starts again with every item, and a watcher yields one (`Init`) before each list: a server that refuses the
/// list would be asked every second for ever.
#[derive(Clone, Debug, Default)]
pub struct WatchBackoff {
    /// The last delay, and when it ended.
    last: Option<(Duration, Instant)>,
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let delay = match self.last {
            Some((delay, ended)) if now.saturating_duration_since(ended) < FORGIVEN_AFTER => (delay * 2).min(LONGEST),
            _ => FIRST,
        };
        self.last = Some((delay, now + delay));
        Some(delay)
    }
}

impl Backoff for WatchBackoff {
    /// Does nothing: only time proves that a watch works.
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_grows_to_its_limit_whatever_succeeds_between_and_is_forgiven_after_two_quiet_minutes() {
        let mut backoff = WatchBackoff::default();
        let mut delays = Vec::new();
        for _ in 0..8 {
            let delay = backoff.next().unwrap();
            delays.push(delay.as_millis());
            tokio::time::advance(delay).await;
            backoff.reset();
        }
        assert_eq!(delays, [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
        tokio::time::advance(Duration::from_secs(119)).await;
        assert_eq!(backoff.next(), Some(LONGEST));
        tokio::time::advance(LONGEST + Duration::from_secs(120)).await;
        assert_eq!(backoff.next(), Some(FIRST));
    }
}
