//! Publish: the report's status, Events and metrics. Nothing is written when nothing changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube::api::ObjectMeta;
use serde_json::Value;
use tracing::info;

use super::Context;
use super::governed::{Outcome, Target};
use super::observe::Scene;
use super::queue::Next;
use crate::cluster::events::{EventType, ObjectReference, Occurrence};
use crate::cluster::resources::merge_patch;
use crate::cluster::{ApiError, DryRun};
use crate::crd::{DriftReport, DriftReportSpec, TargetRef, WatchRef};
use crate::engine::Assessment;
use crate::engine::diagnose::union_of;
use crate::engine::diff::Severity;
use crate::engine::phase::Phase;
use crate::engine::plan::{NoPlan, Plan};
use crate::engine::predict::Verdict;
use crate::metrics::{DeploymentFacts, HealResult as HealMetric, PlanState, Presence, RefusedSync, SelfHeal, StaleOperation};
use crate::report::conditions::APPROVED;
use crate::report::{Answer, DryRunReport, Findings, Heal, HealResult, HistoryEntry, ReportStatus, compose, urgent};

/// Between writes that nobody acts on (counts, findings, another commit) this long passes: five hundred crash-looping pods
/// cost one write a minute.
const QUIET: Duration = Duration::from_secs(60);

/// What a reconcile found, to be told.
pub struct News<'a> {
    /// What was observed.
    pub scene: &'a Scene,

    /// What was found.
    pub assessment: &'a Assessment,

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
    let old = scene.report.as_ref().and_then(|report| report.status.as_ref()).unwrap_or(&default);
    let new = compose(
        old,
        Findings {
            snapshot: &scene.snapshot,
            assessment: news.assessment,
            plan: news.plan,
            dry_run: news.dry_run,
            confirmation: news.confirmation,
            answer: news.answer,
            masker: &context.masker,
        },
    );
    // (no client) metrics and the watch's counts
    let before = record(context, target, scene, news.assessment, &new);
    if new.phase == Phase::InSync && scene.report.is_none() {
        return Ok(Next::Done);
    }
    // (client sends) the report, when something changed and not too often
    let wait = QUIET.saturating_sub(context.written.age(target).unwrap_or(QUIET));
    if new == *old {
        return Ok(later(scene, &new));
    }
    if scene.report.is_some() && !urgent(old, &new) && !wait.is_zero() {
        return Ok(Next::After(wait));
    }
    let Some(report) = report(context, target, scene).await? else { return Ok(Next::After(QUIET)) };
    // A report without a status has none of the default's values stored, either.
    let stored = report.status.as_ref().map_or_else(|| Value::Object(serde_json::Map::new()), as_json);
    let patch = merge_patch(&stored, &as_json(&new));
    context.cluster.patch_report_status(&report, patch, DryRun::No).await?;
    context.written.now(target);
    info!(%target, phase = ?new.phase, heal = ?new.heal, summary = new.summary, "told");
    // (client sends) Events for what changed
    for occurrence in occurrences(target, scene, &report, before.as_ref(), old, &new) {
        context.events.publish(occurrence).await;
    }
    Ok(later(scene, &new))
}

/// When to look again although nothing happens: when a plan expires, when a quiet report is to go.
fn later(scene: &Scene, status: &ReportStatus) -> Next {
    let now = scene.snapshot.now;
    let times =
        [status.plan.as_ref().map(|plan| plan.expires), status.quiet_since.map(|since| since + scene.watch.spec.report_ttl.signed())];
    match times.into_iter().flatten().min() {
        // A second more, so that the clock is past it.
        Some(time) => Next::After(time.duration_since(now).try_into().unwrap_or(Duration::ZERO) + Duration::from_secs(1)),
        None => Next::Done,
    }
}

/// The report to write to: the one that is there, or a new one.
async fn report(context: &Context, target: &Target, scene: &Scene) -> Result<Option<Arc<DriftReport>>, ApiError> {
    if let Some(report) = &scene.report {
        return Ok(Some(report.clone()));
    }
    let report = DriftReport {
        metadata: ObjectMeta { namespace: Some(target.namespace.clone()), name: Some(target.name.clone()), ..ObjectMeta::default() },
        spec: DriftReportSpec {
            target: TargetRef { api_version: "apps/v1".to_owned(), kind: "Deployment".to_owned(), name: target.name.clone() },
            watch_ref: WatchRef { namespace: scene.key.namespace.clone(), name: scene.key.name.clone() },
        },
        status: None,
    };
    match context.cluster.create_report(&report).await {
        Ok(created) => Ok(Some(Arc::new(created))),
        // Git names a namespace that is not there yet: there is nowhere to tell it but on the watch.
        Err(ApiError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Metrics and the watch's counts; gives what was known before.
fn record(context: &Context, target: &Target, scene: &Scene, assessment: &Assessment, status: &ReportStatus) -> Option<Outcome> {
    let before = context.governed.outcome(target);
    let now = scene.snapshot.now;
    let drifting = matches!(assessment.phase, Phase::Drifted | Phase::Conflicted | Phase::Missing);
    let since = || assessment.since().or_else(|| before.and_then(|before| before.drifting_since)).unwrap_or(now);
    let outcome = Outcome {
        phase: assessment.phase,
        ignored: assessment.of(Severity::Ignored).count(),
        drifting_since: drifting.then(since),
        heal: status.heal,
        healed_at: status.history.last().map(|entry| entry.finished_at),
    };
    if context.governed.record(target, Some(outcome)) {
        context.queue.after(super::Key::Counts(scene.key.clone()), Duration::from_secs(1));
    }
    context.metrics.deployment(&target.namespace, &target.name, facts(scene, assessment, status, outcome));
    context.metrics.assessed(&scene.key.namespace, &scene.key.name, now);
    if let Some(entry) = ended(before.as_ref(), status) {
        context.metrics.heal_ended(match entry.result {
            HealResult::Healed => HealMetric::Healed,
            HealResult::Failed => HealMetric::Failed,
        });
    }
    before
}

/// The heal that ended since the last look, whoever carried it out. After a restart nothing is told again.
fn ended<'a>(before: Option<&Outcome>, status: &'a ReportStatus) -> Option<&'a HistoryEntry> {
    let last = status.history.last()?;
    before.is_some_and(|before| before.healed_at != Some(last.finished_at)).then_some(last)
}

fn facts(scene: &Scene, assessment: &Assessment, status: &ReportStatus, outcome: Outcome) -> DeploymentFacts {
    let mut fields: BTreeMap<Severity, u32> = BTreeMap::new();
    for drift in &assessment.drifts {
        *fields.entry(drift.severity).or_default() += 1;
    }
    let refused = assessment.prediction.iter().filter(|prediction| prediction.verdict == Verdict::Refused).flat_map(|prediction| {
        prediction.causes.iter().map(|cause| RefusedSync { strategy: scene.snapshot.syncer.strategy, union: union_of(cause) })
    });
    DeploymentFacts {
        fields,
        refused: refused.collect(),
        presence: if assessment.phase == Phase::Missing { Presence::Missing } else { Presence::Present },
        drifted_since: outcome.drifting_since,
        plan: match status.heal {
            Heal::AwaitingApproval => Some(PlanState::AwaitingApproval),
            Heal::Denied => Some(PlanState::Denied),
            Heal::Healing => Some(PlanState::Healing),
            Heal::Failed => Some(PlanState::Failed),
            Heal::None | Heal::Healed => None,
        },
        operation: stale_operation(scene, assessment),
    }
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
        self_heal: if disarmed { SelfHeal::Disarmed } else { SelfHeal::AsBefore },
    })
}

fn as_json(status: &ReportStatus) -> Value {
    serde_json::to_value(status).unwrap_or_default()
}

/// The Events for what changed, on the Deployment and on the report.
fn occurrences(
    target: &Target,
    scene: &Scene,
    report: &DriftReport,
    before: Option<&Outcome>,
    old: &ReportStatus,
    new: &ReportStatus,
) -> Vec<Occurrence> {
    let deployment = ObjectReference {
        api_version: Some("apps/v1".to_owned()),
        kind: Some("Deployment".to_owned()),
        namespace: Some(target.namespace.clone()),
        name: Some(target.name.clone()),
        uid: new.target_uid.clone(),
        ..ObjectReference::default()
    };
    let about_report = ObjectReference {
        api_version: Some("driftmend.dev/v1alpha1".to_owned()),
        kind: Some("DriftReport".to_owned()),
        namespace: Some(target.namespace.clone()),
        name: Some(target.name.clone()),
        uid: report.uid(),
        ..ObjectReference::default()
    };
    let mut told: Vec<(EventType, &'static str, &'static str, String)> = Vec::new();
    if old.phase != new.phase || scene.report.is_none() {
        let (kind, reason) = match new.phase {
            Phase::InSync => (EventType::Normal, "InSync"),
            Phase::Pending => (EventType::Normal, "Pending"),
            Phase::Drifted => (EventType::Warning, "Drifted"),
            Phase::Conflicted => (EventType::Warning, "NextSyncRefused"),
            Phase::Missing => (EventType::Warning, "Missing"),
            Phase::Orphaned => (EventType::Warning, "Orphaned"),
            Phase::OperationStuck => (EventType::Warning, "OperationStuck"),
        };
        told.push((kind, reason, "Assessed", new.summary.clone()));
    }
    let approved = |status: &ReportStatus| status.conditions.iter().find(|condition| condition.type_ == APPROVED).cloned();
    if let Some(condition) = approved(new)
        && approved(old).is_none_or(|before| (&before.reason, &before.message) != (&condition.reason, &condition.message))
        && let Some(reason) = refused_reason(&condition.reason)
    {
        told.push((EventType::Warning, reason, "ApprovalRefused", condition.message));
    }
    if let Some(entry) = ended(before, new) {
        told.push(match entry.result {
            HealResult::Healed => (EventType::Normal, "Healed", "Heal", entry.message.clone()),
            HealResult::Failed => (EventType::Warning, "HealFailed", "Heal", entry.message.clone()),
        });
    }
    if before.is_none_or(|before| before.heal != new.heal) {
        match new.heal {
            Heal::Healing => told.push((EventType::Normal, "HealStarted", "Heal", "an approved plan is being carried out".to_owned())),
            Heal::AwaitingApproval => {
                let hash = new.plan.as_ref().map(|plan| plan.hash.chars().take(12).collect::<String>()).unwrap_or_default();
                told.push((EventType::Normal, "PlanReady", "Plan", format!("plan {hash} waits for an approval")));
            }
            Heal::None | Heal::Denied | Heal::Healed | Heal::Failed => {}
        }
    }
    told.into_iter()
        .flat_map(|(kind, reason, action, note)| {
            let one = |regarding: &ObjectReference, related: &ObjectReference| Occurrence {
                regarding: regarding.clone(),
                related: Some(related.clone()),
                kind,
                reason,
                action,
                note: note.clone(),
            };
            [one(&deployment, &about_report), one(&about_report, &deployment)]
        })
        .collect()
}

/// The Event's reason for an approval that is not followed; `None` for one that is, or that waits.
fn refused_reason(reason: &str) -> Option<&'static str> {
    ["ApprovalSpent", "ApprovalExpired", "ApprovalStale", "ApprovalForeign", "ApprovalMoot", "ApprovalForOtherObject", "ApprovalAltered"]
        .into_iter()
        .find(|known| *known == reason)
}
