//! Runs the controller: stores, leadership, queue and shutdown.

mod follow;
mod lead;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube::runtime::reflector::Store;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::attempts::Attempts;
use super::confirm::DryRuns;
use super::desired::Sources;
use super::heal::{Audit, Pace, Sink};
use super::ignored::Answers;
use super::index::Index;
use super::judge::{self, Judge};
use super::queue::{self, Next, QueueSettings};
use super::tool::{ToolKind, Tools};
use super::triggers::{spawn_tool, spawn_triggers, watch_key};
use super::{Context, Key, Settings};
use crate::cluster::events::Events;
use crate::cluster::live::{self, Scope};
use crate::cluster::{ApiError, Cluster, Retry};
use crate::crd::{ControllerRef, DriftReport, DriftWatch};
use crate::engine::diff::Masker;
use crate::engine::kind::Kind;
use crate::lease::Leadership;
use crate::lease::last_clear::Place;
use crate::metrics::Metrics;
use crate::server::{Health, ServeError, Server};
use follow::follow;
use lead::{gate, lead};

/// How many objects are worked on at once: each is quick.
const CONCURRENCY: usize = 16;

/// How many of them may be of one namespace: a tenant's rules of jq, or writes that its API server is slow with, must
/// not hold up the others.
const PLACES: usize = 4;

/// How many sources are looked at once, in a queue of their own: a Git server that hangs holds its look for a quarter
/// of a minute, and a tenant with many such watches must not hold up the objects of the others.
const LOOKS: usize = 16;

/// How many of them may be of one namespace.
const LOOKS_OF_ONE: usize = 3;

/// How long a key waits for more of the same: one `kubectl` command is often several events.
const DEBOUNCE: Duration = Duration::from_millis(10);

/// The caches without which the process is not ready.
const STORES: &str = "stores";

/// The first delay after a failed reconcile; it doubles up to [`LONGEST_DELAY`].
const FIRST_DELAY: Duration = Duration::from_millis(500);

/// The longest delay after a failed reconcile.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// How often the start asks an API server that is not there.
const START_RETRY: Duration = Duration::from_secs(2);

/// How the process was started, beyond what a reconcile needs.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// What a reconcile needs.
    pub settings: Settings,

    /// The kinds whose objects it follows.
    pub kinds: Vec<&'static Kind>,

    /// The name of this process among its replicas.
    pub instance: String,

    /// The Lease, in the controller's own namespace; `None` runs without one.
    pub lease: Option<String>,

    /// Where metrics and probes are served.
    pub listen: std::net::SocketAddr,
}

/// Why the controller cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The metrics registry refuses its own metrics.
    #[error("failed to set up the metrics")]
    Metrics(#[source] prometheus::Error),

    /// The cache folder cannot be made.
    #[error("failed to make the cache folder {}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,

        /// Why.
        source: std::io::Error,
    },

    /// The port cannot be bound.
    #[error(transparent)]
    Server(#[from] ServeError),

    /// Another process leads now.
    #[error("the Lease was lost: another process may lead now, so this one stops")]
    LeaseLost,
}

impl RunError {
    /// What a person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Server(error) => error.hint(),
            Self::Cache { .. } => Some("name a folder that can be written with --cache-dir".to_owned()),
            Self::Metrics(_) | Self::LeaseLost => None,
        }
    }
}

/// Runs until `shutdown`; the queue finishes what it has begun.
///
/// # Errors
///
/// [`RunError`] when it cannot start, or must not go on.
pub async fn run(cluster: Cluster, run: RunSettings, shutdown: CancellationToken) -> Result<(), RunError> {
    let metrics = Metrics::new().map_err(RunError::Metrics)?;
    let (lead_sender, mut leadership) = tokio::sync::watch::channel(Leadership::Standby);
    // The Lease itself is written by whoever does not lead yet.
    let for_lease = {
        let metrics = metrics.clone();
        cluster.observed(Arc::new(move |resource, verb| metrics.api_write(resource, verb)))
    };
    let cluster = for_lease.clone().behind(gate(&leadership));
    let Sources { cache, .. } = &run.settings.sources;
    std::fs::create_dir_all(cache).map_err(|source| RunError::Cache {
        path: cache.clone(),
        source,
    })?;
    let health = Health::default();
    health.expect(STORES);
    // Whatever ends this function ends its helpers, too; the Lease is let go last, when nobody acts under it any more.
    let (helpers, lease) = (CancellationToken::new(), CancellationToken::new());
    let _ended = (helpers.clone().drop_guard(), lease.clone().drop_guard());
    let server = {
        let (server, metrics, health, helpers) = (
            Server::bind(run.listen).await?,
            metrics.clone(),
            health.clone(),
            helpers.clone(),
        );
        tokio::task::spawn_blocking(move || server.run(metrics, health, helpers))
    };
    // (client) who and where we are; the API server may not be there yet
    let Some((identity, cluster_id, judge)) = first_facts(&cluster, &shutdown).await else {
        return Ok(());
    };
    let (queue, mut worker) = queue::queue(QueueSettings {
        name: "reconcile",
        concurrency: CONCURRENCY,
        places: PLACES,
        debounce: DEBOUNCE,
    });
    let (sources, mut source_worker) = queue::queue(QueueSettings {
        name: "sources",
        concurrency: LOOKS,
        places: LOOKS_OF_ONE,
        debounce: DEBOUNCE,
    });
    // (client) the stores fill and stay filled whether this process leads or not
    let (live, touched) = live::watch(&cluster.client(), &run.kinds, &Scope::All);
    let (watches, watch_keys) = follow::<DriftWatch, _>(&cluster, |watch| {
        (watch.namespace().unwrap_or_default(), watch.name_any())
    });
    let (reports, report_keys) = follow::<DriftReport, _>(&cluster, Key::of_report);
    let context = Arc::new(Context {
        events: Events::new(cluster.clone(), &run.instance),
        cluster: cluster.clone(),
        cluster_id,
        identity,
        judge: Judge::new(judge),
        settings: run.settings.clone(),
        index: Index::default(),
        live: live.clone(),
        watches: watches.clone(),
        reports: reports.clone(),
        tools: Tools::beside(run.settings.sources.argo_cd.clone()),
        queue: queue.clone(),
        looks: sources.clone(),
        metrics: metrics.clone(),
        masker: Masker::default(),
        dry_runs: DryRuns::default(),
        jq: Answers::default(),
        pace: Pace::beside(run.lease.clone().map(|name| Place {
            namespace: run.settings.sources.own_namespace.clone(),
            name,
        })),
        outbox: super::heal::Outbox::default(),
        controller: ControllerRef {
            namespace: run.settings.sources.own_namespace.clone(),
            lease: run.lease.clone(),
        },
        audit: Audit::new(Sink::Output, Masker::default()),
        attempts: Attempts::default(),
    });
    spawn_triggers(&context, &sources, touched, watch_keys, report_keys, &helpers);
    for kind in [ToolKind::ArgoCd, ToolKind::Flux] {
        spawn_tool(&context, &sources, kind, &helpers);
    }
    super::repositories::spawn(&context, &sources, &helpers);
    judge::spawn(&context, &helpers);
    let ready = futures::future::join3(
        live.wait_until_known(),
        watches.wait_until_ready(),
        reports.wait_until_ready(),
    );
    tokio::select! {
        _ = ready => info!(objects = live.len(), watches = watches.len(), "the stores are filled"),
        () = shutdown.cancelled() => return Ok(()),
    }
    health.synced(STORES);
    // (client sends) leadership
    let leading = lead(&for_lease, &run, &metrics, &lease, lead_sender);
    tokio::select! {
        elected = leadership.wait_for(|state| matches!(state, Leadership::Leading { .. })) => {
            if elected.is_err() {
                return Ok(());
            }
        }
        _ = futures::future::join(worker.pass_over(), source_worker.pass_over()) => return Ok(()),
        () = shutdown.cancelled() => return Ok(()),
    }
    metrics.leads(true);
    info!(instance = run.instance, "leading");
    discard_unwatched(&run.settings.sources, &watches).await;
    // What was triggered while another process led is long done by it; look at everything once.
    for watch in watches.state() {
        sources.now(Key::Watch(watch_key(&watch)));
    }
    for report in reports.state() {
        queue.now(Key::of_report(&report));
    }
    let failures = Failures::default();
    let (of_targets, of_sources) = ((context.clone(), failures.clone()), (context, failures));
    let targets = queue::run(worker, health.clone(), shutdown.child_token(), move |key| {
        let (context, failures) = of_targets.clone();
        async move { reconcile(&context, &key, &failures).await }
    });
    let stopped = shutdown.clone();
    let looks = queue::run(source_worker, health, shutdown.child_token(), move |key| {
        let ((context, failures), stopped) = (of_sources.clone(), stopped.clone());
        async move {
            // A look writes nothing but a status: it is not worth waiting for a Git server that may hang.
            tokio::select! {
                next = reconcile(&context, &key, &failures) => next,
                () = stopped.cancelled() => Next::Done,
            }
        }
    });
    let work = futures::future::join(targets, looks);
    tokio::pin!(work);
    let lost = tokio::select! {
        _ = &mut work => false,
        _ = leadership.wait_for(|state| *state == Leadership::Standby) => true,
    };
    if lost {
        // What is under way is stopped where it is: every request is guarded, and a heal is taken up again by its
        // report.
        metrics.leads(false);
        return Err(RunError::LeaseLost);
    }
    lease.cancel();
    let _ = leading.await;
    helpers.cancel();
    if let Ok(Err(error)) = server.await {
        warn!(
            error = &error as &dyn std::error::Error,
            "the metrics server ended badly"
        );
    }
    Ok(())
}

/// Takes over the mirrors that an earlier process left in the cache folder, and discards those that nobody watches any
/// more.
async fn discard_unwatched(sources: &Sources, watches: &Store<DriftWatch>) {
    let names = |watch: &Arc<DriftWatch>| (watch.namespace().unwrap_or_default(), watch.name_any());
    let there: HashSet<(String, String)> = watches.state().iter().map(names).collect();
    let (mirrors, cache) = (sources.mirrors.clone(), sources.cache.clone());
    let restored = tokio::task::spawn_blocking(move || {
        mirrors.restore(&cache, |namespace, name| {
            there.contains(&(namespace.to_owned(), name.to_owned()))
        });
    });
    if restored.await.is_err() {
        warn!("the mirrors of an earlier process were not looked through to the end");
    }
}

/// The user name of this process, the uid of `kube-system` and what judges approvals; `None` when the process is
/// stopped before it has them.
async fn first_facts(cluster: &Cluster, stop: &CancellationToken) -> Option<(String, String, String)> {
    loop {
        let facts = async {
            // Apart from the same user's command line, so that neither takes up the other's heal.
            let identity = format!("controller as {}", cluster.whoami().await?.name);
            let system = cluster
                .get_namespace("kube-system")
                .await?
                .map(|namespace| namespace.uid)
                .unwrap_or_default();
            Ok::<_, ApiError>((identity, system, judge::first(cluster).await?))
        };
        let pause = match facts.await {
            Ok(facts) => return Some(facts),
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    hint = error.hint(),
                    "waiting for the API server"
                );
                error.wait(START_RETRY)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return None,
        }
    }
}

/// How often each key failed in a row.
type Failures = Arc<std::sync::Mutex<std::collections::HashMap<Key, u32>>>;

/// One turn of one key; a failure is logged and tried again with a growing delay.
async fn reconcile(context: &Context, key: &Key, failures: &Failures) -> Next {
    let result = match key {
        Key::Watch(watch) => super::watch::reconcile(context, watch).await,
        Key::Counts(watch) => super::watch::counts(context, watch).await,
        Key::Target(target) => super::target::reconcile(context, target).await,
        Key::Stray { namespace, name } => super::stray::reconcile(context, namespace, name)
            .await
            .map_err(Into::into),
    };
    let mut failures = failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let failed = match result {
        Ok(next) => {
            failures.remove(key);
            return next;
        }
        Err(super::ReconcileError::Api(error)) => error,
    };
    // Somebody wrote first: the event that says so is on its way, and this is the normal life of optimistic locks.
    if failed.retry() == Retry::ReadAgain {
        return Next::After(FIRST_DELAY);
    }
    let count = failures.entry(key.clone()).or_default();
    *count += 1;
    let delay = failed.wait(LONGEST_DELAY.min(FIRST_DELAY * 2_u32.saturating_pow((*count - 1).min(10))));
    let error = &failed as &dyn std::error::Error;
    error!(?key, error, hint = failed.hint(), retry_in = ?delay, "the reconcile failed");
    Next::After(delay)
}
