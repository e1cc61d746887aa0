//! How long a watch waits before it asks again.

use std::time::Duration;

use futures::{Stream, StreamExt, future};
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::time::Instant;
use tracing::debug;

/// The first delay, client-go's for a reflector (client-go, `tools/cache/reflector.go`, `defaultMinBackoff`).
const FIRST: Duration = Duration::from_millis(800);

/// The longest delay (there, `defaultMaxBackoff`).
const LONGEST: Duration = Duration::from_secs(30);

/// How long a watch must go without failure for the next one to count as the first (there, `defaultBackoffReset`).
const FORGIVEN_AFTER: Duration = Duration::from_secs(120);

/// How far apart two expired watches must be for the second one not to wait.
const APART: Duration = Duration::from_secs(10);

/// Follows a watcher that waits after a failure as long as `backoff` says, and not after a 410.
///
/// A resource version that is too old is no failure of the server: the watcher reads the list anew at once. It is what
/// every watch meets after an outage, when the delay has grown, and Deployments would go unwatched for another half
/// minute with the server back. A second one within ten seconds waits: whatever is wrong then, asking faster does not
/// help.
pub fn patient<K>(
    events: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send,
    backoff: impl Backoff,
) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send
where
    K: Send,
{
    let mut last: Option<Instant> = None;
    let failures = events.filter(move |event| {
        let expired = matches!(event, Err(watcher::Error::WatchError(status)) if status.code == 410);
        let passed_over = expired && last.is_none_or(|last| last.elapsed() > APART);
        if expired {
            last = Some(Instant::now());
            debug!("a watch is too old and begins anew");
        }
        future::ready(!passed_over)
    });
    failures.backoff(backoff)
}

/// A delay that doubles with every failure up to 30 s, and starts again after two quiet minutes.
///
/// kube's default starts again with every item, and a watcher yields one (`Init`) before each list: a server that
/// refuses the list would be asked every second for ever.
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
    use k8s_openapi::api::apps::v1::Deployment;
    use kube::core::Status;

    fn failure(code: u16) -> watcher::Result<watcher::Event<Deployment>> {
        Err(watcher::Error::WatchError(Box::new(
            Status::failure("", "").with_code(code),
        )))
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_expired_begins_anew_at_once_unless_it_expires_again() {
        let events = [
            failure(500),
            failure(410),
            Ok(watcher::Event::InitDone),
            failure(410),
            Ok(watcher::Event::InitDone),
        ];
        let started = Instant::now();
        let seen: Vec<(bool, u64)> = patient(futures::stream::iter(events), WatchBackoff::default())
            .map(|event| {
                (
                    event.is_ok(),
                    started.elapsed().as_millis().try_into().unwrap_or(u64::MAX),
                )
            })
            .collect()
            .await;
        assert_eq!(seen, [(false, 0), (true, 800), (false, 800), (true, 2_400)]);
    }

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
