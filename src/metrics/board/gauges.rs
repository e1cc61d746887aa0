//! The gauges that show the board.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus::{GaugeVec, IntGaugeVec, Opts};

use super::{Board, ObjectFacts, PlanState, Presence, SelfHeal, StaleOperation, WatchFacts};
use crate::engine::diff::Severity;
use crate::engine::predict::Verdict;
use crate::metrics::register::Register;

/// The gauges that are written from the board.
pub(in crate::metrics) struct Gauges {
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
    pub(in crate::metrics) fn register(registry: &Register<'_>) -> Result<Self, prometheus::Error> {
        const OBJECT: [&str; 3] = ["namespace", "kind", "name"];
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
                &["namespace", "kind", "name", "severity"],
            )?,
            refused: whole(
                "next_sync_refused",
                "The next sync will be refused.",
                &["namespace", "kind", "name", "strategy", "union"],
            )?,
            harms: whole(
                "next_sync_harms_fields",
                "Fields that the next sync changes and should not: it breaks what is as Git says, or overwrites what \
                 is ignored.",
                &["namespace", "kind", "name", "effect"],
            )?,
            traps: whole(
                "latent_trap_fields",
                "Fields that look in sync and of which Git's next change will be refused: others own them, or \
                 last-applied does not name them.",
                &OBJECT,
            )?,
            missing: whole("missing", "Git wants this object, and it is not there.", &OBJECT)?,
            orphaned: whole(
                "orphaned",
                "Git no longer has this object, and it is still there.",
                &OBJECT,
            )?,
            age: decimal("drift_age_seconds", "Time since this object left its source.", &OBJECT)?,
            plans: whole("plans", "Plans, by state.", &["state"])?,
            governed: whole("watch_governed", "Objects that a watch governs.", &WATCH)?,
            in_sync: whole("watch_in_sync", "Governed objects that are as Git says.", &WATCH)?,
            pending: whole("watch_pending", "Governed objects that are not yet synced.", &WATCH)?,
            drifted: whole(
                "watch_drifted",
                "Governed objects that drifted, and whose next sync succeeds.",
                &WATCH,
            )?,
            conflicted: whole(
                "watch_conflicted",
                "Governed objects whose next sync will be refused.",
                &WATCH,
            )?,
            drifted_denied: whole(
                "watch_drifted_denied",
                "Governed objects that drifted, and a person denied the cure.",
                &WATCH,
            )?,
            conflicted_denied: whole(
                "watch_conflicted_denied",
                "Governed objects whose next sync will be refused, and a person denied the cure.",
                &WATCH,
            )?,
            denied: whole("denied", "A person denied the cure of this object.", &OBJECT)?,
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
    pub(in crate::metrics) fn show(&self, board: &Board, now: Timestamp) {
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
        for ((kind, namespace, name), facts) in &board.objects {
            self.show_object([namespace, kind.kind, name], facts, now);
        }
        for ((namespace, watch), facts) in &board.watches {
            self.show_watch([namespace, watch], facts);
        }
        // By name, so that an Application with a hundred objects counts once.
        let stale = board.objects.values().filter_map(|facts| facts.operation.as_ref());
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

    fn show_object(&self, labels: [&str; 3], facts: &ObjectFacts, now: Timestamp) {
        let [namespace, kind, name] = labels;
        // Ten thousand quiet objects have no series: a zero would be one for each.
        for (severity, count) in facts.fields.iter().filter(|(_, count)| **count > 0) {
            self.fields
                .with_label_values(&[namespace, kind, name, severity_label(*severity)])
                .set((*count).into());
        }
        for refused in &facts.refused {
            self.refused
                .with_label_values(&[namespace, kind, name, refused.strategy.name(), refused.union])
                .set(1);
        }
        for (harm, count) in &facts.harms {
            self.harms
                .with_label_values(&[namespace, kind, name, harm.label()])
                .set((*count).into());
        }
        if facts.traps > 0 {
            self.traps.with_label_values(&labels).set(facts.traps.into());
        }
        match facts.presence {
            Presence::Present => {}
            Presence::Missing => self.missing.with_label_values(&labels).set(1),
            Presence::Orphaned => self.orphaned.with_label_values(&labels).set(1),
        }
        if let Some(since) = facts.drifted_since {
            self.age.with_label_values(&labels).set(seconds(since, now));
        }
        if facts.plan == Some(PlanState::Denied) {
            self.denied.with_label_values(&labels).set(1);
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

pub(in crate::metrics) const fn verdict_label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clean => "Clean",
        Verdict::Reverts => "Reverts",
        Verdict::Residual => "Residual",
        Verdict::Conflict => "Conflict",
        Verdict::Refused => "Refused",
    }
}
