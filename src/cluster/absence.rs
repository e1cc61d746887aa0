//! A kind that the cluster does not serve, or gives no right to: no error, and looked for again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kube::runtime::utils::Backoff;
use kube::runtime::watcher;

use super::WatchBackoff;

/// How often a kind is looked for that is not there.
const PAUSE: Duration = Duration::from_secs(30);

/// Why a kind is not there for us; `None` where the error says something else.
pub(super) fn absence(error: &watcher::Error) -> Option<&'static str> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => {
            match status.code {
                404 => Some("the cluster does not have the kind"),
                // Of a kind that is not there, too: rights are looked at first.
                403 => Some("no right is given to watch the kind"),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A delay that stays long while the kind is not there: nothing comes of asking every second.
#[derive(Default)]
pub(super) struct LookedForAgain {
    usual: WatchBackoff,
    absent: Switch,
}

/// Whether the kind is not there: what follows the watch sets it, the delay reads it.
#[derive(Clone, Default)]
pub(super) struct Switch(Arc<AtomicBool>);

impl Switch {
    pub(super) fn set(&self, absent: bool) {
        self.0.store(absent, Ordering::Relaxed);
    }
}

impl LookedForAgain {
    /// What sets the length of the delay.
    pub(super) fn switch(&self) -> Switch {
        self.absent.clone()
    }
}

impl Iterator for LookedForAgain {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let usual = self.usual.next();
        if self.absent.0.load(Ordering::Relaxed) {
            Some(PAUSE)
        } else {
            usual
        }
    }
}

impl Backoff for LookedForAgain {
    fn reset(&mut self) {
        self.usual.reset();
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn a_kind_that_is_not_there_is_told_from_one_that_may_not_be_read() {
        let answer = |code: u16| {
            let status = Status {
                code,
                ..Status::default()
            };
            absence(&watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status))))
        };
        assert_eq!(answer(404), Some("the cluster does not have the kind"));
        assert_eq!(answer(403), Some("no right is given to watch the kind"));
        assert_eq!(answer(500), None);
        assert_eq!(absence(&watcher::Error::NoResourceVersion), None);
    }
}
