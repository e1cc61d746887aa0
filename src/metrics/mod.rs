//! What Prometheus may know: how many, how often, how long, and since when.
//!
//! Labels are bounded: an object, a watch, or a word of a fixed list. A field path, a uid, a value or a message never
//! becomes a label, and every setter here takes types that make it so. The series of an object end when it is
//! forgotten.

mod board;
mod harm;
mod heals;
mod register;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

use crate::cluster::Verb;
use crate::engine::kind::Kind;
use crate::engine::predict::Verdict;
use crate::engine::syncer::Strategy;
pub use board::{ObjectFacts, PlanState, Presence, RefusedSync, SelfHeal, StaleOperation, WatchCounts};
pub use harm::Harm;
pub use heals::HealResult;

use board::{Board, Gauges};
use register::Register;

/// The metrics of one process; clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    board: Mutex<Board>,
    gauges: Gauges,
    leader: IntGauge,
    heals: IntCounterVec,
    approvals_refused: IntCounterVec,
    source_failures: IntCounterVec,
    source_fetches: Histogram,
    assessments: Histogram,
    dry_runs: IntCounterVec,
    mismatches: IntCounterVec,
    api_writes: IntCounterVec,
}

/// Seconds of an assessment: pure work of about a millisecond; above a second something is wrong with the input.
const ASSESSMENT_BUCKETS: [f64; 9] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1.0, 10.0];

/// Seconds of a fetch: a listing of refs over a local network up to the first clone of a large repository.
const FETCH_BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

impl Metrics {
    /// Makes the metrics and their registry, with those of the process (CPU, memory, file descriptors).
    ///
    /// # Errors
    ///
    /// When two metrics have one name; a test keeps it from happening.
    pub fn new() -> Result<Self, prometheus::Error> {
        Self::seen_by(&|_| ())
    }

    /// The same, with somebody who looks at each metric as it is registered: the page that lists them is made so.
    pub(crate) fn seen_by(seen: &dyn Fn(&dyn Collector)) -> Result<Self, prometheus::Error> {
        let registry = Register {
            registry: Registry::new(),
            seen,
        };
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help).namespace("driftmend"), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let histogram = Histogram::with_opts(
                HistogramOpts::new(name, help)
                    .namespace("driftmend")
                    .buckets(buckets.to_vec()),
            )?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let leader =
            IntGauge::with_opts(Opts::new("leader", "Whether this process holds the Lease.").namespace("driftmend"))?;
        registry.register(Box::new(leader.clone()))?;
        Ok(Self(Arc::new(Inner {
            board: Mutex::default(),
            gauges: Gauges::register(&registry)?,
            leader,
            heals: from_zero(
                counter(
                    "heals_total",
                    "Heals that ended, by result; NotCarriedOut: something else was needed before a write.",
                    &["result"],
                )?,
                HealResult::ALL.map(HealResult::label),
            ),
            approvals_refused: counter(
                "approvals_refused_total",
                "Approvals that were not carried out, by reason.",
                &["reason"],
            )?,
            source_failures: counter(
                "source_failures_total",
                "Sources that could not be fetched or rendered.",
                &["namespace", "watch", "reason"],
            )?,
            source_fetches: histogram(
                "source_fetch_duration_seconds",
                "Time to fetch a source.",
                &FETCH_BUCKETS,
            )?,
            assessments: histogram(
                "assessment_duration_seconds",
                "Time to assess one object, without requests.",
                &ASSESSMENT_BUCKETS,
            )?,
            dry_runs: counter(
                "dry_runs_total",
                "Dry runs of the next sync, by the server's verdict.",
                &["verdict"],
            )?,
            mismatches: from_zero(
                counter(
                    "prediction_mismatch_total",
                    "Predictions that a dry run contradicted.",
                    &["strategy"],
                )?,
                // Those that a dry run may be asked for.
                [Strategy::ClientSideApply, Strategy::ServerSideApply].map(Strategy::name),
            ),
            api_writes: counter(
                "api_writes_total",
                "Writes that the API server stored.",
                &["resource", "verb"],
            )?,
            registry: registry.registry,
        })))
    }

    /// Says what is known about an object; replaces what was said before.
    pub fn object(&self, kind: &'static Kind, namespace: &str, name: &str, facts: ObjectFacts) {
        self.board(|board| {
            board
                .objects
                .insert((kind, namespace.to_owned(), name.to_owned()), facts)
        });
    }

    /// Ends the series of an object that is gone or no longer governed.
    pub fn forget(&self, kind: &'static Kind, namespace: &str, name: &str) {
        self.board(|board| board.objects.remove(&(kind, namespace.to_owned(), name.to_owned())));
    }

    /// Says how many objects a watch governs, and how they are.
    pub fn watch(&self, namespace: &str, watch: &str, counts: WatchCounts) {
        self.board(|board| board.watch(namespace, watch).counts = counts);
    }

    /// Says that a watch was assessed as a whole without a failure: silence must differ from health.
    pub fn assessed(&self, namespace: &str, watch: &str, at: Timestamp) {
        self.board(|board| board.watch(namespace, watch).assessed = Some(at));
    }

    /// Ends the series of a watch that is gone.
    pub fn forget_watch(&self, namespace: &str, watch: &str) {
        self.board(|board| {
            let known = board.watches.remove(&(namespace.to_owned(), watch.to_owned()));
            for reason in known.into_iter().flat_map(|facts| facts.failures) {
                // It fails only when the series is not there, which is what is wanted.
                let _ = self.0.source_failures.remove_label_values(&[namespace, watch, reason]);
            }
        });
    }

    /// Counts a source that could not be fetched or rendered; the reason is an error's category.
    pub fn source_failed(&self, namespace: &str, watch: &str, reason: &'static str) {
        self.board(|board| {
            let facts = board.watch(namespace, watch);
            facts.failures.insert(reason);
            facts.failing = Some(reason);
            self.0
                .source_failures
                .with_label_values(&[namespace, watch, reason])
                .inc();
        });
    }

    /// Says that a source could be read.
    pub fn source_read(&self, namespace: &str, watch: &str) {
        self.board(|board| board.watch(namespace, watch).failing = None);
    }

    /// Records how long a fetch took, whatever came of it.
    pub fn source_fetched(&self, took: Duration) {
        self.0.source_fetches.observe(took.as_secs_f64());
    }

    /// Records how long one assessment took.
    pub fn assessment_took(&self, took: Duration) {
        self.0.assessments.observe(took.as_secs_f64());
    }

    /// Counts a heal that ended.
    pub fn heal_ended(&self, result: HealResult) {
        self.0.heals.with_label_values(&[result.label()]).inc();
    }

    /// Counts an approval that was not carried out; the reason is that of the report's condition.
    pub fn approval_refused(&self, reason: &'static str) {
        self.0.approvals_refused.with_label_values(&[reason]).inc();
    }

    /// Counts a dry run of a next sync by what the server answered; `None` where it did not judge the sync.
    pub fn dry_run(&self, verdict: Option<Verdict>) {
        self.0
            .dry_runs
            .with_label_values(&[verdict.map_or("None", board::verdict_label)])
            .inc();
    }

    /// Counts a prediction that a dry run contradicted.
    pub fn prediction_mismatch(&self, strategy: Strategy) {
        self.0.mismatches.with_label_values(&[strategy.name()]).inc();
    }

    /// Counts a write that the API server stored; the resource is one such as `deployments.apps`.
    pub fn api_write(&self, resource: &str, verb: Verb) {
        self.0.api_writes.with_label_values(&[resource, verb.name()]).inc();
    }

    /// Says whether this process holds the Lease.
    pub fn leads(&self, leads: bool) {
        self.0.leader.set(leads.into());
    }

    /// Writes all of it in Prometheus' text format 0.0.4.
    pub fn render(&self) -> String {
        let families = self.board(|board| {
            self.0.gauges.show(board, Timestamp::now());
            self.0.registry.gather()
        });
        // The encoder refuses only a family without a name or samples, which a registry does not hold.
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }

    /// Works on the board; one scrape never sees half of a change.
    fn board<T>(&self, work: impl FnOnce(&mut Board) -> T) -> T {
        work(&mut self.0.board.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Shows a series for each label from the start: Prometheus sees no increase in one that begins with 1.
fn from_zero<const N: usize>(counter: IntCounterVec, labels: [&str; N]) -> IntCounterVec {
    for label in labels {
        counter.with_label_values(&[label]);
    }
    counter
}

#[cfg(test)]
mod tests;
