//! What is known now about each Deployment and watch, from which the gauges are written at every scrape.
//!
//! Kept as facts and not as series, so that forgetting an object forgets each of its series, whatever labels they have.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};

use super::harm::Harm;
use crate::engine::diff::Severity;
use crate::engine::predict::{Strategy, Verdict};

/// What is told about one Deployment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeploymentFacts {
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

/// A stale operation of an Application. Each of its Deployments tells of it, and it counts once.
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

/// Whether a Deployment is where it belongs.
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

/// How the Deployments of a watch are.
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
    pub(super) deployments: BTreeMap<(String, String), DeploymentFacts>,
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

/// The gauges that are written from the board.
pub(super) struct Gauges {
    fields: IntGaugeVec,
    refused: IntGaugeVec,
    harms: IntGaugeVec,
    traps: IntGaugeVec,
    missing: IntGaugeVec,
    orphaned: IntGaugeVec,
    age: GaugeVec,
    plans: IntGaugeVec,
    governed: IntGaugeVec,
    in_sync: IntGaugeVec,
    pending: IntGaugeVec,
    drifted: IntGaugeVec,
    conflicted: IntGaugeVec,
    drifted_denied: IntGaugeVec,
    conflicted_denied: IntGaugeVec,
    denied: IntGaugeVec,
    source_failing: IntGaugeVec,
    assessed: GaugeVec,
    stale: IntGaugeVec,
    stale_age: GaugeVec,
    disarmed: GaugeVec,
}

impl Gauges {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        const OBJECT: [&str; 2] = ["namespace", "name"];
        const WATCH: [&str; 2] = ["namespace", "watch"];
        const APPLICATION: [&str; 2] = ["namespace", "application"];
        const STALE: [&str; 3] = ["namespace", "application", "class"];
        let options = |name: &str, help: &str| Opts::new(name, help).namespace("driftmend");
        let whole = |name: &str, help: &str, labels: &[&str]| {
            let gauge = IntGaugeVec::new(options(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let decimal = |name: &str, help: &str, labels: &[&str]| {
            let gauge = GaugeVec::new(options(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(Self {
            fields: whole(
                "drifted_fields",
                "Fields in which live differs from Git.",
                &["namespace", "name", "severity"],
            )?,
            refused: whole(
                "next_sync_refused",
                "The next sync will be refused.",
                &["namespace", "name", "strategy", "union"],
            )?,
            harms: whole(
                "next_sync_harms_fields",
                "Fields that the next sync changes and should not: it breaks what is as Git says, or overwrites what \
                 is ignored.",
                &["namespace", "name", "effect"],
            )?,
            traps: whole(
                "latent_trap_fields",
                "Fields that look in sync and of which Git's next change will be refused: others own them, or \
                 last-applied does not name them.",
                &OBJECT,
            )?,
            missing: whole("missing", "Git wants this Deployment, and it is not there.", &OBJECT)?,
            orphaned: whole(
                "orphaned",
                "Git no longer has this Deployment, and it is still there.",
                &OBJECT,
            )?,
            age: decimal(
                "drift_age_seconds",
                "Time since this Deployment left its source.",
                &OBJECT,
            )?,
            plans: whole("plans", "Plans, by state.", &["state"])?,
            governed: whole("watch_governed", "Deployments that a watch governs.", &WATCH)?,
            in_sync: whole("watch_in_sync", "Governed Deployments that are as Git says.", &WATCH)?,
            pending: whole("watch_pending", "Governed Deployments that are not yet synced.", &WATCH)?,
            drifted: whole("watch_drifted", "Governed Deployments that drifted.", &WATCH)?,
            conflicted: whole(
                "watch_conflicted",
                "Governed Deployments whose next sync will be refused.",
                &WATCH,
            )?,
            drifted_denied: whole(
                "watch_drifted_denied",
                "Governed Deployments that drifted, and a person denied the cure.",
                &WATCH,
            )?,
            conflicted_denied: whole(
                "watch_conflicted_denied",
                "Governed Deployments whose next sync will be refused, and a person denied the cure.",
                &WATCH,
            )?,
            denied: whole("denied", "A person denied the cure of this Deployment.", &OBJECT)?,
            source_failing: whole(
                "source_failing",
                "The source of a watch could not be read when it was looked at last.",
                &["namespace", "watch", "reason"],
            )?,
            assessed: decimal(
                "last_successful_assessment_timestamp_seconds",
                "When a watch was last assessed as a whole.",
                &WATCH,
            )?,
            stale: whole(
                "stale_operations",
                "Applications whose last operation is stale, by its class.",
                &["class"],
            )?,
            stale_age: decimal(
                "stale_operation_age_seconds",
                "Time since the last operation of an Application became stale.",
                &STALE,
            )?,
            disarmed: decimal(
                "self_heal_disarmed_seconds",
                "Time since Argo CD stopped to heal an Application by itself.",
                &APPLICATION,
            )?,
        })
    }

    /// Writes every gauge anew.
    pub(super) fn show(&self, board: &Board, now: Timestamp) {
        let whole = [
            &self.fields,
            &self.refused,
            &self.harms,
            &self.traps,
            &self.missing,
            &self.orphaned,
            &self.plans,
            &self.governed,
            &self.in_sync,
            &self.pending,
            &self.drifted,
            &self.conflicted,
            &self.drifted_denied,
            &self.conflicted_denied,
            &self.denied,
            &self.source_failing,
            &self.stale,
        ];
        whole.into_iter().for_each(IntGaugeVec::reset);
        [&self.age, &self.assessed, &self.stale_age, &self.disarmed]
            .into_iter()
            .for_each(GaugeVec::reset);
        for state in PlanState::ALL {
            self.plans.with_label_values(&[state.label()]).set(0);
        }
        for ((namespace, name), facts) in &board.deployments {
            self.show_deployment([namespace, name], facts, now);
        }
        for ((namespace, watch), facts) in &board.watches {
            self.show_watch([namespace, watch], facts);
        }
        // By name, so that an Application with a hundred Deployments counts once.
        let stale = board.deployments.values().filter_map(|facts| facts.operation.as_ref());
        let stale: BTreeMap<_, _> = stale.map(|operation| (&operation.application, operation)).collect();
        stale
            .into_values()
            .for_each(|operation| self.show_operation(operation, now));
    }

    fn show_operation(&self, operation: &StaleOperation, now: Timestamp) {
        let StaleOperation {
            application: (namespace, name),
            class,
            since,
            self_heal,
        } = operation;
        self.stale.with_label_values(&[class]).inc();
        let Some(since) = since else { return };
        let age = seconds(*since, now);
        self.stale_age
            .with_label_values(&[namespace.as_str(), name, class])
            .set(age);
        if *self_heal == SelfHeal::Disarmed {
            self.disarmed.with_label_values(&[namespace, name]).set(age);
        }
    }

    fn show_deployment(&self, [namespace, name]: [&str; 2], facts: &DeploymentFacts, now: Timestamp) {
        // Ten thousand quiet Deployments have no series: a zero would be one for each.
        for (severity, count) in facts.fields.iter().filter(|(_, count)| **count > 0) {
            self.fields
                .with_label_values(&[namespace, name, severity_label(*severity)])
                .set((*count).into());
        }
        for refused in &facts.refused {
            self.refused
                .with_label_values(&[namespace, name, refused.strategy.name(), refused.union])
                .set(1);
        }
        for (harm, count) in &facts.harms {
            self.harms
                .with_label_values(&[namespace, name, harm.label()])
                .set((*count).into());
        }
        if facts.traps > 0 {
            self.traps.with_label_values(&[namespace, name]).set(facts.traps.into());
        }
        match facts.presence {
            Presence::Present => {}
            Presence::Missing => self.missing.with_label_values(&[namespace, name]).set(1),
            Presence::Orphaned => self.orphaned.with_label_values(&[namespace, name]).set(1),
        }
        if let Some(since) = facts.drifted_since {
            self.age.with_label_values(&[namespace, name]).set(seconds(since, now));
        }
        if facts.plan == Some(PlanState::Denied) {
            self.denied.with_label_values(&[namespace, name]).set(1);
        }
        if let Some(plan) = facts.plan {
            self.plans.with_label_values(&[plan.label()]).inc();
        }
    }

    fn show_watch(&self, labels: [&str; 2], facts: &WatchFacts) {
        let counts = facts.counts;
        self.governed.with_label_values(&labels).set(counts.governed.into());
        self.in_sync.with_label_values(&labels).set(counts.in_sync.into());
        self.pending.with_label_values(&labels).set(counts.pending.into());
        self.drifted.with_label_values(&labels).set(counts.drifted.into());
        self.conflicted.with_label_values(&labels).set(counts.conflicted.into());
        self.drifted_denied
            .with_label_values(&labels)
            .set(counts.drifted_denied.into());
        self.conflicted_denied
            .with_label_values(&labels)
            .set(counts.conflicted_denied.into());
        if let Some(reason) = facts.failing {
            self.source_failing
                .with_label_values(&[labels[0], labels[1], reason])
                .set(1);
        }
        if let Some(assessed) = facts.assessed {
            self.assessed
                .with_label_values(&labels)
                .set(assessed.as_duration().as_secs_f64());
        }
    }
}

/// The clocks of two machines differ: nothing is older than now.
fn seconds(since: Timestamp, now: Timestamp) -> f64 {
    now.duration_since(since).as_secs_f64().max(0.0)
}

const fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Drift => "drift",
        Severity::Pending => "pending",
        Severity::Info => "info",
        Severity::Ignored => "ignored",
    }
}

pub(super) const fn verdict_label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clean => "Clean",
        Verdict::Reverts => "Reverts",
        Verdict::Residual => "Residual",
        Verdict::Conflict => "Conflict",
        Verdict::Refused => "Refused",
    }
}
