use std::sync::{Arc, Mutex};

use pretty_assertions::assert_eq;
use tokio::task::JoinHandle;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// What the handler saw: the key, and the virtual second in which its run began and ended.
type Log = Arc<Mutex<Vec<(&'static str, u64, u64)>>>;

struct Running {
    queue: Queue<&'static str>,
    log: Log,
    health: Health,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

/// Starts a queue whose handler takes `length` and wants `next`, and whose namespaces may have all of it.
fn running(concurrency: usize, length: Duration, next: Next) -> Running {
    running_with(concurrency, concurrency, length, next)
}

/// The same with some places for each namespace.
fn running_with(concurrency: usize, places: usize, length: Duration, next: Next) -> Running {
    let (queue, worker) = queue(QueueSettings {
        name: "test",
        concurrency,
        places,
        debounce: SECOND,
    });
    let (log, health, shutdown, begin) = (
        Log::default(),
        Health::default(),
        CancellationToken::new(),
        Instant::now(),
    );
    let seen = log.clone();
    let handler = move |key: &'static str| {
        let seen = seen.clone();
        async move {
            let from = begin.elapsed().as_secs();
            tokio::time::sleep(length).await;
            assert_ne!(key, "panics");
            seen.lock().unwrap().push((key, from, begin.elapsed().as_secs()));
            next
        }
    };
    let task = tokio::spawn(run(worker, health.clone(), shutdown.clone(), handler));
    Running {
        queue,
        log,
        health,
        shutdown,
        task,
    }
}

impl Running {
    async fn log_after(&self, seconds: u64) -> Vec<(&'static str, u64, u64)> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.log.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn many_requests_within_the_debounce_are_one_run() {
    let running = running(4, Duration::ZERO, Next::Done);
    for _ in 0..50 {
        running.queue.now("web");
        tokio::time::sleep(SECOND / 100).await;
    }
    assert_eq!(running.log_after(100).await, [("web", 1, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_asked_for_without_end_runs_all_the_same() {
    let running = running(4, Duration::ZERO, Next::Done);
    for _ in 0..100 {
        running.queue.now("web");
        tokio::time::sleep(SECOND / 10).await;
    }
    let runs = running.log_after(0).await.len();
    assert!((8..=10).contains(&runs), "{runs}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_asked_for_while_it_runs_runs_once_more_and_never_twice_at_once() {
    let running = running(4, 10 * SECOND, Next::Done);
    running.queue.now("web");
    tokio::time::sleep(3 * SECOND).await;
    for _ in 0..5 {
        running.queue.now("web");
    }
    assert_eq!(running.log_after(100).await, [("web", 1, 11), ("web", 11, 21)]);
}

#[tokio::test(start_paused = true)]
async fn a_running_key_does_not_hold_up_others_and_concurrency_is_kept() {
    let running = running(2, 10 * SECOND, Next::Done);
    for key in ["a", "b", "c", "d"] {
        running.queue.now(key);
    }
    let mut log = running.log_after(100).await;
    log.sort_by_key(|(_, from, _)| *from);
    assert_eq!(
        log.iter().map(|(_, from, to)| (*from, *to)).collect::<Vec<_>>(),
        [(1, 11), (1, 11), (11, 21), (11, 21)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_gets_its_key_back_when_it_wants_or_earlier_when_asked() {
    let running = running(4, Duration::ZERO, Next::After(300 * SECOND));
    running.queue.now("web");
    assert_eq!(running.log_after(310).await, [("web", 1, 1), ("web", 301, 301)]);
    running.queue.now("web");
    assert_eq!(running.log_after(10).await.last(), Some(&("web", 311, 311)));
    // The look planned for 601 gave way to the earlier one, and the next is counted from that.
    assert_eq!(running.log_after(300).await[3..], [("web", 611, 611)]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_run_only() {
    let running = running(1, SECOND, Next::Done);
    running.queue.now("panics");
    tokio::time::sleep(SECOND).await;
    running.queue.now("web");
    assert_eq!(running.log_after(10).await, [("web", 2, 3)]);
    assert!(!running.task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_starts_nothing_new_and_lets_runs_end() {
    let running = running(1, 10 * SECOND, Next::After(SECOND));
    running.queue.now("a");
    running.queue.now("b");
    tokio::time::sleep(3 * SECOND).await;
    running.shutdown.cancel();
    running.task.await.unwrap();
    assert_eq!(running.log.lock().unwrap().len(), 1);
    running.queue.now("c");
}

#[tokio::test(start_paused = true)]
async fn an_idle_queue_is_alive_and_a_run_that_hangs_is_not() {
    let idle = running(1, Duration::ZERO, Next::Done);
    let hangs = running(1, 3_600 * SECOND, Next::Done);
    hangs.queue.now("web");
    tokio::time::sleep(700 * SECOND).await;
    assert_eq!(idle.health.stuck(), [""; 0]);
    assert_eq!(hangs.health.stuck(), ["test web has not ended for 699 s"]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_beyond_all_measure_does_not_break_the_queue() {
    let running = running(1, Duration::ZERO, Next::Done);
    running.queue.after("web", Duration::MAX);
    running.queue.now("api");
    assert_eq!(running.log_after(10).await, [("api", 1, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_has_its_places_and_no_more_however_slow_it_is() {
    let running = running_with(4, 2, 10 * SECOND, Next::Done);
    for key in ["slow/1", "slow/2", "slow/3", "slow/4", "shop/1"] {
        running.queue.now(key);
    }
    let log = running.log_after(15).await;
    let begun: Vec<_> = log.iter().map(|(key, from, _)| (*key, *from)).collect();
    assert_eq!(begun, [("slow/1", 1), ("shop/1", 1), ("slow/2", 1)]);
    // One that comes while the slow ones have all their places begins at once.
    running.queue.now("shop/2");
    let log = running.log_after(100).await;
    let begun: Vec<_> = log[3..].iter().map(|(key, from, _)| (*key, *from)).collect();
    assert_eq!(begun, [("slow/3", 11), ("slow/4", 11), ("shop/2", 16)]);
}

#[tokio::test(start_paused = true)]
async fn namespaces_take_turns_at_a_place_and_each_keeps_its_order() {
    let running = running_with(1, 1, SECOND, Next::Done);
    for key in ["a/1", "a/2", "a/3", "b/1", "c/1", "b/2"] {
        running.queue.now(key);
    }
    let log = running.log_after(100).await;
    assert_eq!(
        log.iter().map(|(key, ..)| *key).collect::<Vec<_>>(),
        ["a/1", "b/1", "c/1", "a/2", "b/2", "a/3"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_due_first_runs_first_also_where_others_are_asked_for_without_end() {
    let running = running_with(1, 1, 10 * SECOND, Next::After(Duration::ZERO));
    running.queue.now("a/1");
    running.queue.now("a/2");
    tokio::time::sleep(5 * SECOND).await;
    running.queue.now("a/3");
    for _ in 0..50 {
        running.queue.now("a/1");
        running.queue.now("a/2");
        tokio::time::sleep(SECOND).await;
    }
    let log = running.log_after(0).await;
    assert_eq!(
        log.iter().map(|(key, ..)| *key).collect::<Vec<_>>(),
        ["a/1", "a/2", "a/3", "a/1", "a/2"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_while_another_process_works_is_let_go() {
    let (queue, mut worker) = queue::<&'static str>(QueueSettings {
        name: "test",
        concurrency: 1,
        places: 1,
        debounce: SECOND,
    });
    (0..1_000).for_each(|_| queue.now("a"));
    let passed = tokio::time::timeout(SECOND, worker.pass_over()).await;
    assert!(passed.is_err(), "it goes on until somebody leads");
    assert!(worker.requests.try_recv().is_err(), "nothing is kept");
    queue.now("b");
    assert_eq!(
        worker.requests.try_recv().map(|(key, _)| key).ok(),
        Some("b"),
        "what comes from then on is"
    );
}
