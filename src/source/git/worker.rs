//! A time limit around calls that cannot be stopped.
//!
//! libgit2 limits how long it waits for one answer, but a server that sends a byte now and then keeps it waiting for ever while it
//! lists references, where there is no callback to say no from. So a call runs on a thread of its own and is given up when its
//! time is over. The thread ends with its connection; until then no other one is started, so a source never costs more than one.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// The one thread that a mirror may have.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    busy: Arc<AtomicBool>,
    /// Held by the thread as well: a folder stays locked until nothing writes to it any more.
    lock: Arc<File>,
}

/// Tells a running call that nobody waits for it any more.
#[derive(Debug, Clone)]
pub(super) struct Abandoned(Arc<AtomicBool>);

/// Why a call gave no result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Overrun {
    /// The time was over.
    TimeOver,

    /// An earlier call has not ended.
    Busy,

    /// The thread could not be started, or panicked.
    Lost,
}

impl Abandoned {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Frees the place of the thread however it ends.
struct Place {
    busy: Arc<AtomicBool>,
    _lock: Arc<File>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.busy.store(false, Ordering::Release);
    }
}

impl Worker {
    pub(super) fn new(lock: File) -> Worker {
        Worker { busy: Arc::new(AtomicBool::new(false)), lock: Arc::new(lock) }
    }

    /// Runs a call and waits for it at most as long as the limit says.
    pub(super) fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        call: impl FnOnce(&Abandoned) -> T + Send + 'static,
    ) -> Result<T, Overrun> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(Overrun::Busy);
        }
        let place = Place { busy: Arc::clone(&self.busy), _lock: Arc::clone(&self.lock) };
        let abandoned = Abandoned(Arc::new(AtomicBool::new(false)));
        let (sender, receiver) = mpsc::sync_channel(1);
        let watched = abandoned.clone();
        let started = std::thread::Builder::new().name("git".to_owned()).spawn(move || {
            let result = call(&watched);
            // The place is free before the result is out, so that the next call does not find it taken.
            drop(place);
            // Nobody receives when the call was given up: its result is not wanted then.
            let _ = sender.send(result);
        });
        if started.is_err() {
            return Err(Overrun::Lost);
        }
        receiver.recv_timeout(limit).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => {
                abandoned.0.store(true, Ordering::Relaxed);
                Overrun::TimeOver
            }
            mpsc::RecvTimeoutError::Disconnected => Overrun::Lost,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    fn worker() -> Worker {
        Worker::new(tempfile::tempfile().expect("a file"))
    }

    #[test]
    fn a_call_in_time_gives_its_result_and_frees_the_place() {
        let worker = worker();
        assert_eq!(worker.run(LONG, |_| 1), Ok(1));
        assert_eq!(worker.run(LONG, |_| 2), Ok(2));
    }

    #[test]
    fn a_call_over_time_is_given_up_and_keeps_its_place_until_it_ends() {
        let worker = worker();
        let (release, wait) = mpsc::channel::<()>();
        let (told, tell) = mpsc::channel();
        let overrun = worker.run(SHORT, move |abandoned| {
            let _ = wait.recv();
            told.send(abandoned.is_set()).expect("the test listens");
        });
        assert_eq!(overrun, Err(Overrun::TimeOver));
        assert_eq!(worker.run(LONG, |_| ()), Err(Overrun::Busy));
        drop(release);
        assert!(tell.recv().expect("the call ends"), "the call must see that it was given up");
        while worker.run(LONG, |_| ()) == Err(Overrun::Busy) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_call_that_panics_is_lost_and_frees_the_place() {
        let worker = worker();
        let lost: Result<(), Overrun> = worker.run(LONG, |_| panic!("on purpose"));
        assert_eq!(lost, Err(Overrun::Lost));
        assert_eq!(worker.run(LONG, |_| 1), Ok(1));
    }
}
