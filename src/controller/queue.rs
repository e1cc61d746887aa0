//! A queue of keys: what must be looked at, when, and never twice at once.
//!
//! kube's `scheduler` keeps the times; kube's own `Controller` is not used, because its keys are objects of one kind. A key says what to
//! look at and never why: whatever asked for it, the handler reads everything afresh.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::pin::pin;
use std::time::Duration;

use futures::channel::mpsc;
use futures::{FutureExt, StreamExt};
use kube::runtime::scheduler::{ScheduleRequest, scheduler};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span};

use crate::server::Health;

/// How long a key waits for others of its kind: an edit of a person often comes as several writes within a second.
pub const DEBOUNCE: Duration = Duration::from_secs(1);

/// When a key whose handler panicked is looked at again: not at once, since it will most likely panic again.
const AFTER_PANIC: Duration = Duration::from_secs(60);

/// How often the loop says that it turns, also when there is nothing to do.
const BEAT: Duration = Duration::from_secs(30);

/// What a handler wants for its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing until somebody asks.
    Done,

    /// Another look after this time, or earlier if somebody asks.
    After(Duration),
}

/// What a queue is called, and how it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// Its name in logs and in the state of health.
    pub name: &'static str,

    /// How many keys are handled at once.
    pub concurrency: usize,

    /// How long a key asked for by [`Queue::now`] waits for more of the same.
    pub debounce: Duration,
}

/// The asking side; clones feed one queue.
#[derive(Debug)]
pub struct Queue<K> {
    requests: mpsc::UnboundedSender<ScheduleRequest<K>>,
    debounce: Duration,
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self { requests: self.requests.clone(), debounce: self.debounce }
    }
}

impl<K> Queue<K> {
    /// Asks for a key soon: a debounce from the first request on, however many follow.
    pub fn now(&self, key: K) {
        self.after(key, self.debounce);
    }

    /// Asks for a key after some time; an earlier request for it wins.
    pub fn after(&self, key: K, delay: Duration) {
        let run_at = Instant::now() + delay.min(LONGEST);
        // It fails only when the queue has ended, and then nobody is there to look.
        let _ = self.requests.unbounded_send(ScheduleRequest { message: key, run_at });
    }
}

/// The longest delay; an `Instant` so far in the future that it overflows would panic.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The working side of a queue.
#[derive(Debug)]
pub struct Worker<K> {
    settings: QueueSettings,
    queue: Queue<K>,
    requests: mpsc::UnboundedReceiver<ScheduleRequest<K>>,
}

/// Makes a queue: the side that asks and the side that works.
pub fn queue<K>(settings: QueueSettings) -> (Queue<K>, Worker<K>) {
    let (sender, requests) = mpsc::unbounded();
    let queue = Queue { requests: sender, debounce: settings.debounce };
    (queue.clone(), Worker { settings, queue, requests })
}

/// Handles keys until `shutdown`, then lets what is under way end.
///
/// # Guarantees
///
/// One run a key at a time. A key that is asked for while it runs runs once more. A key that is asked for without end runs all the same: the
/// debounce counts from the first request. A handler that panics ends its own run only, and its key is looked at again.
pub async fn run<K, H, F>(worker: Worker<K>, health: Health, shutdown: CancellationToken, handler: H)
where
    K: Eq + Hash + Clone + Display + Send + 'static,
    H: Fn(K) -> F,
    F: Future<Output = Next> + Send + 'static,
{
    let Worker { settings, queue, requests } = worker;
    let mut scheduler = pin!(scheduler(requests));
    let mut runs = Runs::default();
    loop {
        health.beat(settings.name);
        let vacancy = runs.tasks.len() < settings.concurrency;
        let keys = &runs.keys;
        // Nothing is lost when it is dropped: the scheduler keeps what it holds.
        let due = async {
            let mut due = scheduler.as_mut().hold_unless(|key| vacancy && !keys.contains(key));
            due.next().await
        };
        tokio::select! {
            () = shutdown.cancelled() => break,
            key = due.fuse() => match key {
                Some(key) => {
                    let work = health.begin(format!("{} {key}", settings.name));
                    let span = info_span!("run", queue = settings.name, %key);
                    let run = handler(key.clone());
                    runs.start(key, async move { let _work = work; run.await }.instrument(span));
                }
                // Cannot be while `queue` lives, which sends into it.
                None => break,
            },
            Some(ended) = runs.tasks.join_next_with_id(), if !runs.tasks.is_empty() => runs.end(ended, &queue),
            () = tokio::time::sleep(BEAT) => {}
        }
    }
    while let Some(ended) = runs.tasks.join_next_with_id().await {
        health.beat(settings.name);
        runs.end(ended, &queue);
    }
    health.rest(settings.name);
}

/// What is under way.
struct Runs<K> {
    tasks: JoinSet<Next>,
    keys: HashSet<K>,
    by_task: HashMap<Id, K>,
}

impl<K> Default for Runs<K> {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), keys: HashSet::new(), by_task: HashMap::new() }
    }
}

impl<K: Eq + Hash + Clone + Display> Runs<K> {
    fn start(&mut self, key: K, run: impl Future<Output = Next> + Send + 'static) {
        let task = self.tasks.spawn(run);
        self.by_task.insert(task.id(), key.clone());
        self.keys.insert(key);
    }

    fn end(&mut self, ended: Result<(Id, Next), JoinError>, queue: &Queue<K>) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some(key) = self.by_task.remove(&task) else { return };
        self.keys.remove(&key);
        match ended {
            Ok((_, Next::Done)) => {}
            Ok((_, Next::After(delay))) => queue.after(key, delay),
            Err(panic) => {
                error!(%key, %panic, "a run broke off and is tried again later");
                queue.after(key, AFTER_PANIC);
            }
        }
    }
}

#[cfg(test)]
mod tests;
