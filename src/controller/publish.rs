//! Publish: the report's status, Events and metrics. Nothing is written when nothing changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::api::ObjectMeta;
use serde_json::Value;
use tracing::info;

use super::Context;
use super::announce::{announce, ended};
use super::index::{Outcome, Target};
use super::observe::Scene;
use super::queue::Next;
use crate::cluster::resources::merge_patch;
use crate::cluster::{ApiError, DryRun};
use crate::crd::{DriftReport, DriftReportSpec, WatchRef};
use crate::engine::Assessment;
use crate::engine::argo_cd::window::Trigger;
use crate::engine::diff::Severity;
use crate::engine::phase::Phase;
use crate::engine::plan::{NoPlan, Plan};
use crate::engine::predict::{Prediction, Verdict, union_of};
use crate::engine::rules::Finding;
use crate::metrics::{
    Harm, HealResult as HealMetric, ObjectFacts, PlanState, Presence, RefusedSync, SelfHeal, StaleOperation,
};
use crate::report::{Answer, DryRunReport, Findings, Heal, HealResult, ReportStatus, compose, is_news, urgent};

/// Between writes that nobody acts on (counts, findings, another commit) this long passes: five hundred crash-looping
/// pods cost one write a minute.
const QUIET: Duration = Duration::from_secs(60);

/// The same while a heal goes on: how many pods it waits for, its place in a line.
const WHILE_HEALING: Duration = Duration::from_secs(5);

/// What a reconcile found, to be told.
pub struct News<'a> {
    /// What was observed.
    pub scene: &'a Scene,

    /// What was found.
    pub assessment: &'a Assessment,

    /// What the rules say of it.
    pub findings: &'a [Finding],

    /// What a person is asked to approve, or why not.
    pub plan: Result<&'a Plan, &'a NoPlan>,

    /// The server's answer to the plan's first step, where it was asked.
    pub dry_run: Option<String>,

    /// What the server said to a dry run of the next sync, where it was asked.
    pub confirmation: Option<DryRunReport>,

    /// What becomes of the approval.
    pub answer: Answer,
}

/// Tells it, in the report, in Events and in metrics, and says when to look again.
///
/// # Errors
///
/// Requests that may succeed later; what was not told is told then.
pub async fn publish(context: &Context, target: &Target, news: News<'_>) -> Result<Next, ApiError> {
    let scene = news.scene;
    let default = ReportStatus::default();
    let stored = scene.report.as_ref().and_then(|report| report.status.as_ref());
    let old = stored.unwrap_or(&default);
    if news.assessment.is_quiet() && scene.report.is_none() {
        // (no client) metrics and the watch's counts: most Deployments have nothing to tell, and nobody reads what a
        // report would say
        record(context, target, scene, news.assessment, &default);
        return Ok(Next::Done);
    }
    let found = Findings {
        snapshot: &scene.snapshot,
        policy: &scene.policy,
        assessment: news.assessment,
        findings: news.findings,
        plan: news.plan,
        dry_run: news.dry_run,
        confirmation: news.confirmation,
        answer: news.answer,
        masker: &context.masker,
    };
    // Every value of the object passes the mask: other tasks of this thread go elsewhere meanwhile.
    let new = tokio::task::block_in_place(|| compose(old, found));
    // (no client) metrics and the watch's counts
    record(context, target, scene, news.assessment, &new);
    // (client sends) the report, when something changed and not too often
    let pause = if new.heal == Heal::Healing {
        WHILE_HEALING
    } else {
        QUIET
    };
    let wait = pause.saturating_sub(context.index.written_ago(target).unwrap_or(pause));
    if !is_news(old, &new) {
        // (client sends) Events for what whoever carries a heal out wrote
        announce(context, target, scene, None, (old, &new)).await;
        return Ok(later(scene, &new));
    }
    if stored.is_some() && !urgent(old, &new) && !wait.is_zero() {
        return Ok(Next::After(wait));
    }
    // Git names a namespace that is not there yet: there is nowhere to tell it but on the watch.
    let Some(report) = &scene.report else {
        return Ok(Next::After(QUIET));
    };
    // A report without a status has none of the default's values stored, either.
    let stored = stored.map_or_else(|| Value::Object(serde_json::Map::new()), as_json);
    let patch = merge_patch(&stored, &as_json(&new));
    context.cluster.patch_report_status(report, patch, DryRun::No).await?;
    context.index.wrote(target);
    info!(%target, phase = ?new.phase, heal = ?new.heal, summary = new.summary, "told");
    // (client sends) Events for what changed
    announce(context, target, scene, Some(report), (old, &new)).await;
    Ok(later(scene, &new))
}

/// When to look again although nothing happens: when a plan expires, when a denial ends, when a quiet report is to go,
/// and when a sync window opens or closes, of which nobody tells.
fn later(scene: &Scene, status: &ReportStatus) -> Next {
    let now = scene.snapshot.now;
    let argo_cd = scene.snapshot.tool.argo_cd().filter(|_| status.quiet_since.is_none());
    let window = |trigger| argo_cd?.windows.next_change(trigger, now);
    let times = [
        status
            .plan
            .as_ref()
            .filter(|_| status.healing.is_none())
            .map(|plan| plan.expires),
        status
            .quiet_since
            .map(|since| since + scene.watch.spec.report_ttl.signed()),
        status
            .approval
            .as_ref()
            .and_then(|approval| approval.until)
            .filter(|until| *until > now),
        window(Trigger::Automated),
        window(Trigger::Manual),
    ];
    match times.into_iter().flatten().min() {
        // A second more, so that the clock is past it.
        Some(time) => {
            Next::After(time.duration_since(now).try_into().unwrap_or(Duration::ZERO) + Duration::from_secs(1))
        }
        None => Next::Done,
    }
}

/// Makes the report of a Deployment; `None` where its namespace is not there.
///
/// # Errors
///
/// `Conflict` where there is one by now, and requests that may succeed later.
pub async fn create_report(
    context: &Context,
    target: &Target,
    scene: &Scene,
) -> Result<Option<Arc<DriftReport>>, ApiError> {
    let report = DriftReport {
        metadata: ObjectMeta {
            namespace: Some(target.namespace.clone()),
            name: Some(target.report_name()),
            ..ObjectMeta::default()
        },
        spec: DriftReportSpec {
            target: target.target_ref(),
            watch_ref: WatchRef {
                namespace: scene.key.namespace.clone(),
                name: scene.key.name.clone(),
            },
        },
        status: None,
    };
    match context.cluster.create_report(&report).await {
        Ok(created) => Ok(Some(Arc::new(created))),
        Err(ApiError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Metrics and the watch's counts.
fn record(context: &Context, target: &Target, scene: &Scene, assessment: &Assessment, status: &ReportStatus) {
    let before = context.index.outcome(target);
    let now = scene.snapshot.now;
    let drifting = matches!(assessment.phase, Phase::Drifted | Phase::Conflicted | Phase::Missing);
    let since = || {
        assessment
            .since()
            .or_else(|| before.and_then(|before| before.drifting_since))
            .unwrap_or(now)
    };
    let outcome = Outcome {
        phase: assessment.phase,
        ignored: assessment.of(Severity::Ignored).count(),
        denied: status.heal == Heal::Denied,
        drifting_since: drifting.then(since),
        healed_at: status.history.last().map(|entry| entry.finished_at),
        covering: covering(scene),
    };
    if context.index.record(target, outcome) {
        context
            .queue
            .after(super::Key::Counts(scene.key.clone()), Duration::from_secs(1));
    }
    context.metrics.object(
        target.kind,
        &target.namespace,
        &target.name,
        facts(scene, assessment, status, outcome),
    );
    context.metrics.assessed(&scene.key.namespace, &scene.key.name, now);
    if let Some(entry) = ended(before.map(|before| before.healed_at), status) {
        // A clear in vain is one of the Application: the plans of the others count it.
        let tool = entry
            .failed_clear()
            .and_then(|_| context.index.watch(&scene.key))
            .and_then(|watched| watched.tool.clone());
        for other in tool.iter().flat_map(|tool| context.index.beside(tool, target)) {
            context.queue.after(super::Key::Target(other), Duration::from_secs(1));
        }
        context.metrics.heal_ended(match entry.result {
            HealResult::Healed => HealMetric::Healed,
            HealResult::Failed => HealMetric::Failed,
            HealResult::NotCarriedOut => HealMetric::NotCarriedOut,
        });
    }
}

/// Which of the watch's own ignore rules name a field of the Deployment; they stand before those of its tool.
fn covering(scene: &Scene) -> u64 {
    let Some(document) = &scene.snapshot.desired else {
        return 0;
    };
    let own = scene
        .policy
        .ignore
        .iter()
        .take(scene.watch.spec.ignore.len().min(64))
        .enumerate();
    own.filter(|(_, rule)| rule.finds(scene.snapshot.kind, &document.value, scene.snapshot.live.as_ref()))
        .fold(0, |all, (at, _)| all | 1 << at)
}

fn facts(scene: &Scene, assessment: &Assessment, status: &ReportStatus, outcome: Outcome) -> ObjectFacts {
    let mut fields: BTreeMap<Severity, u32> = BTreeMap::new();
    for drift in &assessment.drifts {
        *fields.entry(drift.severity).or_default() += 1;
    }
    let refused = assessment
        .prediction
        .iter()
        .filter(|prediction| prediction.verdict == Verdict::Refused)
        .flat_map(|prediction| {
            prediction.causes.iter().map(|cause| RefusedSync {
                strategy: scene.snapshot.syncer.strategy,
                union: union_of(cause),
            })
        });
    ObjectFacts {
        fields,
        refused: refused.collect(),
        harms: assessment.prediction.as_ref().map(harms).unwrap_or_default(),
        traps: u32::try_from(assessment.traps.len()).unwrap_or(u32::MAX),
        presence: match assessment.phase {
            Phase::Missing => Presence::Missing,
            Phase::Orphaned => Presence::Orphaned,
            _ => Presence::Present,
        },
        drifted_since: outcome.drifting_since,
        plan: match status.heal {
            Heal::AwaitingApproval => Some(PlanState::AwaitingApproval),
            Heal::Approved => Some(PlanState::Approved),
            Heal::Denied => Some(PlanState::Denied),
            Heal::Healing => Some(PlanState::Healing),
            Heal::Failed => Some(PlanState::Failed),
            Heal::None | Heal::Healed => None,
        },
        operation: stale_operation(scene, assessment),
    }
}

/// How many fields the next sync breaks and overwrites.
fn harms(prediction: &Prediction) -> BTreeMap<Harm, u32> {
    let counts = [
        (Harm::Breaks, prediction.breaks.len()),
        (Harm::Overwrites, prediction.overwrites.len()),
    ];
    counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(harm, count)| (harm, u32::try_from(count).unwrap_or(u32::MAX)))
        .collect()
}

fn stale_operation(scene: &Scene, assessment: &Assessment) -> Option<StaleOperation> {
    let (argo_cd, standing) = (scene.snapshot.tool.argo_cd()?, assessment.standing.as_ref()?);
    if !standing.is_stale() {
        return None;
    }
    let application = &argo_cd.application;
    let disarmed = standing.blocks() && application.automated().is_some_and(|automated| automated.self_heal);
    Some(StaleOperation {
        application: (application.namespace.clone(), application.name.clone()),
        class: standing.name(),
        since: argo_cd.since(standing),
        self_heal: if disarmed {
            SelfHeal::Disarmed
        } else {
            SelfHeal::AsBefore
        },
    })
}

fn as_json(status: &ReportStatus) -> Value {
    serde_json::to_value(status).unwrap_or_default()
}
