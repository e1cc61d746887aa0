//! The pipeline around the engine: one file a step.
//!
//! ```text
//! watch events, intervals ─> queue ─> watch::reconcile   look at the source ─> governed (index) ─> targets
//!                              │
//!                              └────> target::reconcile  observe ─> engine ─> approve ─> heal ─> verify ─> confirm ─>
//!                              publish
//! ```
//!
//! A key says which object to look at and never why: every reconcile checks everything. The index and the stores may be
//! late; whatever decides a write of a heal is read fresh ([`observe::fresh`]).

mod admission;
pub mod announce;
pub mod approve;
pub mod attempts;
pub mod confirm;
pub mod desired;
pub mod dry_run;
pub mod heal;
mod held;
pub mod ignored;
pub mod index;
pub mod judge;
mod mirrors;
pub mod observe;
pub mod origin;
pub mod publish;
pub mod queue;
mod reading;
mod rehearsal;
mod repositories;
pub mod retire;
pub mod run;
pub mod settings;
mod share;
mod source_error;
mod stray;
pub mod target;
mod terms;
pub mod tool;
mod triggers;
pub mod trust;
pub mod watch;

use kube::runtime::reflector::Store;

use crate::cluster::events::Events;
use crate::cluster::live::Live;
use crate::cluster::{ApiError, Cluster};
use crate::crd::{ControllerRef, DriftReport, DriftWatch};
use crate::engine::diff::Masker;
use crate::metrics::Metrics;
use attempts::Attempts;
use confirm::DryRuns;
use index::{Index, Target, WatchKey};
use queue::Queue;
pub use settings::{Power, Settings};
use tool::Tools;

/// What a queue entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Look at a watch and its source.
    Watch(WatchKey),

    /// Write a watch's counts; its source is left alone.
    Counts(WatchKey),

    /// Assess an object.
    Target(Target),

    /// Remove a report that is not named by its target.
    Stray {
        /// Its namespace.
        namespace: String,

        /// Its name.
        name: String,
    },
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Watch(watch) => write!(f, "watch {watch}"),
            Self::Counts(watch) => write!(f, "counts of watch {watch}"),
            Self::Target(target) => write!(f, "{target}"),
            Self::Stray { namespace, name } => write!(f, "stray report {namespace}/{name}"),
        }
    }
}

impl queue::Payer for Key {
    /// That of the watch for a look at its source, and that of the object for its assessment: whoever writes there
    /// makes it slow.
    fn namespace(&self) -> &str {
        match self {
            Self::Watch(watch) | Self::Counts(watch) => &watch.namespace,
            Self::Target(target) => &target.namespace,
            Self::Stray { namespace, .. } => namespace,
        }
    }
}

/// Everything that a reconcile uses.
pub struct Context {
    /// The API server.
    pub cluster: Cluster,

    /// The uid of the namespace `kube-system`: what tells this cluster from any other.
    pub cluster_id: String,

    /// The user name that the API server knows this process by.
    pub identity: String,

    /// What judges approvals.
    pub judge: judge::Judge,

    /// How it was started.
    pub settings: Settings,

    /// What is governed.
    pub index: Index,

    /// Every object of a governed kind, as the watches have it.
    pub live: Live,

    /// Every DriftWatch.
    pub watches: Store<DriftWatch>,

    /// Every DriftReport.
    pub reports: Store<DriftReport>,

    /// Every object of a tool that syncs.
    pub tools: Tools,

    /// Where keys are put.
    pub queue: Queue<Key>,

    /// Where the keys of watches are put whose source is to be looked at.
    pub looks: Queue<Key>,

    /// What Prometheus reads.
    pub metrics: Metrics,

    /// What `kubectl describe` shows.
    pub events: Events,

    /// Hides secrets.
    pub masker: Masker,

    /// How many dry runs of next syncs may be asked for.
    pub dry_runs: DryRuns,

    /// What jq said to rules of the tools that sync.
    pub jq: ignored::Answers,

    /// Holds clears of operation states apart.
    pub pace: heal::Pace,

    /// What of each heal left this process.
    pub outbox: heal::Outbox,

    /// Which controller this is, for who reads a watch's status.
    pub controller: ControllerRef,

    /// Where heals say what they write.
    pub audit: heal::Audit,

    /// How often each source failed in a row.
    pub attempts: Attempts,
}

/// Why a reconcile did not end well; every one is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A request failed.
    #[error(transparent)]
    Api(#[from] ApiError),
}
