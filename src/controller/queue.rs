//! A queue of keys: what must be looked at, when, by whose turn, and never twice at once.
//!
//! `times` keeps what comes later, `turns` the order of what is due. kube's own `Controller` is not used, because
//! its keys are objects of one kind and whoever has the most of them comes first; nor is its scheduler, which turns the
//! order of one millisecond around. A key says what to look at and never why: whatever asked for it, the handler reads
//! everything afresh.

mod times;
mod turns;

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span};

use crate::server::Health;
use times::Times;
pub use turns::Payer;
use turns::Turns;

/// How long a key waits for others of its kind: an edit of a person often comes as several writes within a second.
pub const DEBOUNCE: Duration = Duration::from_secs(1);

/// When a key whose handler panicked is looked at again: not at once, since it will most likely panic again.
const AFTER_PANIC: Duration = Duration::from_secs(60);

/// How often the loop says that it turns, also when there is nothing to do.
const BEAT: Duration = Duration::from_secs(30);

/// How many requests are taken in before something is started again: a list of ten thousand objects is as many requests
/// at once.
const REQUESTS: usize = 1_000;

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

    /// How many of them may be one namespace's, so that whoever has the most keys, or the slowest, does not hold up the
    /// others.
    pub places: usize,

    /// How long a key asked for by [`Queue::now`] waits for more of the same.
    pub debounce: Duration,
}

/// The asking side; clones feed one queue.
#[derive(Debug)]
pub struct Queue<K> {
    requests: mpsc::UnboundedSender<(K, Instant)>,
    debounce: Duration,
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self {
            requests: self.requests.clone(),
            debounce: self.debounce,
        }
    }
}

impl<K> Queue<K> {
    /// Asks for a key soon: a debounce from the first request on, however many follow.
    pub fn now(&self, key: K) {
        self.after(key, self.debounce);
    }

    /// Asks for a key after some time; an earlier request for it wins.
    pub fn after(&self, key: K, delay: Duration) {
        // It fails only when the queue has ended, and then nobody is there to look.
        let _ = self.requests.unbounded_send((key, Instant::now() + delay.min(LONGEST)));
    }
}

/// The longest delay; an `Instant` so far in the future that it overflows would panic.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The working side of a queue.
#[derive(Debug)]
pub struct Worker<K> {
    settings: QueueSettings,
    queue: Queue<K>,
    requests: mpsc::UnboundedReceiver<(K, Instant)>,
}

impl<K> Worker<K> {
    /// Lets go of what is asked for while another process does the work: nobody takes it from the queue, which would
    /// grow with each event.
    pub async fn pass_over(&mut self) {
        while self.requests.next().await.is_some() {}
    }
}

/// Makes a queue: the side that asks and the side that works.
pub fn queue<K>(settings: QueueSettings) -> (Queue<K>, Worker<K>) {
    let (sender, requests) = mpsc::unbounded();
    let queue = Queue {
        requests: sender,
        debounce: settings.debounce,
    };
    (
        queue.clone(),
        Worker {
            settings,
            queue,
            requests,
        },
    )
}

/// Handles keys until `shutdown`, then lets what is under way end.
///
/// # Guarantees
///
/// One run a key at a time. A key that is asked for while it runs runs once more. A key that is asked for without end
/// runs all the same: the debounce counts from the first request. A handler that panics ends its own run only, and its
/// key is looked at again. Namespaces take turns, each has at most its places, and within one the first to be due is
/// the first to run.
pub async fn run<K, H, F>(worker: Worker<K>, health: Health, shutdown: CancellationToken, handler: H)
where
    K: Payer + Eq + Hash + Clone + Display + Send + 'static,
    H: Fn(K) -> F,
    F: Future<Output = Next> + Send + 'static,
{
    let Worker {
        settings,
        queue,
        requests,
    } = worker;
    let mut requests = requests.ready_chunks(REQUESTS);
    let (mut times, mut runs) = (Times::default(), Runs::<K>::new(settings.places));
    loop {
        health.beat(settings.name);
        let now = Instant::now();
        while let Some(key) = times.due(now) {
            runs.turns.add(key);
        }
        while runs.turns.running() < settings.concurrency
            && let Some(key) = runs.turns.take()
        {
            let work = health.begin(format!("{} {key}", settings.name));
            let span = info_span!("run", queue = settings.name, %key);
            let run = handler(key.clone());
            runs.start(
                key,
                async move {
                    let _work = work;
                    run.await
                }
                .instrument(span),
            );
        }
        let wake = times.next().unwrap_or(now + BEAT).min(now + BEAT);
        tokio::select! {
            () = shutdown.cancelled() => break,
            asked = requests.next() => match asked {
                Some(asked) => asked.into_iter().for_each(|(key, at)| times.ask(key, at)),
                // Cannot be while `queue` lives, which sends into it.
                None => break,
            },
            Some(ended) = runs.tasks.join_next_with_id(), if !runs.tasks.is_empty() => runs.end(ended, &queue),
            () = tokio::time::sleep_until(wake) => {}
        }
    }
    while let Some(ended) = runs.tasks.join_next_with_id().await {
        health.beat(settings.name);
        runs.end(ended, &queue);
    }
    health.rest(settings.name);
}

/// What is under way, and what comes next.
struct Runs<K> {
    tasks: JoinSet<Next>,
    by_task: HashMap<Id, K>,
    turns: Turns<K>,
}

impl<K: Payer + Eq + Hash + Clone + Display> Runs<K> {
    fn new(places: usize) -> Self {
        Self {
            tasks: JoinSet::new(),
            by_task: HashMap::new(),
            turns: Turns::new(places),
        }
    }

    fn start(&mut self, key: K, run: impl Future<Output = Next> + Send + 'static) {
        let task = self.tasks.spawn(run);
        self.by_task.insert(task.id(), key);
    }

    fn end(&mut self, ended: Result<(Id, Next), JoinError>, queue: &Queue<K>) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some(key) = self.by_task.remove(&task) else { return };
        self.turns.end(&key);
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
impl Payer for &'static str {
    fn namespace(&self) -> &str {
        self.split_once('/').map_or(self, |(namespace, _)| namespace)
    }
}

#[cfg(test)]
impl Payer for String {
    fn namespace(&self) -> &str {
        self.split_once('/').map_or(self, |(namespace, _)| namespace)
    }
}

#[cfg(test)]
mod tests;
