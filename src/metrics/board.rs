//! What is known now about each object and watch, from which the gauges are written at every scrape.
//!
//! Kept as facts and not as series, so that forgetting an object forgets each of its series, whatever labels they have.

mod gauges;

pub(super) use gauges::{Gauges, verdict_label};

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::harm::Harm;
use crate::engine::diff::Severity;
use crate::engine::kind::Kind;
use crate::engine::syncer::Strategy;

/// What is told about one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectFacts {
    /// How many fields differ, by severity.
    pub fields: BTreeMap<Severity, u32>,

    /// The syncs that will be refused.
    pub refused: Vec<RefusedSync>,

    /// How many fields the next sync changes that it should leave alone.
    pub harms: BTreeMap<Harm, u32>,

    /// How many fields that look in sync will be in the way of Git's next change.
    pub traps: u32,

    /// Whether it is there.
    pub presence: Presence,

    /// Since when it has drifted; `None` when it has not.
    pub drifted_since: Option<Timestamp>,

    /// Its plan.
    pub plan: Option<PlanState>,

    /// The stale operation of the Application that brings it, where there is one.
    pub operation: Option<StaleOperation>,
}

/// A stale operation of an Application. Each of its objects tells of it, and it counts once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleOperation {
    /// The Application's namespace and name.
    pub application: (String, String),

    /// The name of the operation's standing, out of the engine's fixed set.
    pub class: &'static str,

    /// Since when; `None` where the Application does not tell.
    pub since: Option<Timestamp>,

    /// Whether Argo CD would heal drift by itself, but for it.
    pub self_heal: SelfHeal,
}

/// What a stale operation does to Argo CD's self-heal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfHeal {
    /// Nothing: it is not switched on, or goes on.
    AsBefore,

    /// It is switched on and heals nothing, in the whole Application.
    Disarmed,
}

/// A sync that the API server will refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedSync {
    /// How the syncing tool writes.
    pub strategy: Strategy,

    /// The union that would have two members, such as `probe-handler`: a word of the engine's table, or `other`.
    pub union: &'static str,
}

/// Whether an object is where it belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    #[default]
    Present,

    /// Git wants it, and it is not in the cluster.
    Missing,

    /// Git dropped it, and it is still in the cluster.
    Orphaned,
}

/// How far a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlanState {
    /// A person has to decide.
    AwaitingApproval,

    /// A person said yes, and it waits to be carried out.
    Approved,

    /// A person said no.
    Denied,

    /// It is being carried out.
    Healing,

    /// It was carried out, and something remains.
    Failed,
}

impl PlanState {
    const ALL: [Self; 5] = [
        Self::AwaitingApproval,
        Self::Approved,
        Self::Denied,
        Self::Healing,
        Self::Failed,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "AwaitingApproval",
            Self::Approved => "Approved",
            Self::Denied => "Denied",
            Self::Healing => "Healing",
            Self::Failed => "Failed",
        }
    }
}

/// How the objects of a watch are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchCounts {
    /// Governed by it.
    pub governed: u32,

    /// As Git says.
    pub in_sync: u32,

    /// Not yet synced.
    pub pending: u32,

    /// Drifted, and the next sync succeeds.
    pub drifted: u32,

    /// The next sync will be refused.
    pub conflicted: u32,

    /// Of the drifted, those whose cure a person denied.
    pub drifted_denied: u32,

    /// Of the conflicted, those.
    pub conflicted_denied: u32,
}

/// Everything that is known now.
#[derive(Default)]
pub(super) struct Board {
    pub(super) objects: BTreeMap<(&'static Kind, String, String), ObjectFacts>,
    pub(super) watches: BTreeMap<(String, String), WatchFacts>,
}

/// What is told about one watch.
#[derive(Default)]
pub(super) struct WatchFacts {
    pub(super) counts: WatchCounts,
    pub(super) assessed: Option<Timestamp>,

    /// Why its source could not be read when it was looked at last; `None` where it could.
    pub(super) failing: Option<&'static str>,

    /// The reasons that it has failure counters for.
    pub(super) failures: BTreeSet<&'static str>,
}

impl Board {
    pub(super) fn watch(&mut self, namespace: &str, watch: &str) -> &mut WatchFacts {
        self.watches
            .entry((namespace.to_owned(), watch.to_owned()))
            .or_default()
    }
}
