//! Announce: the Events that `kubectl describe` shows, on the Deployment and on its report, for what changed.

use jiff::Timestamp;
use kube::ResourceExt;

use super::Context;
use super::index::Target;
use super::observe::Scene;
use crate::cluster::events::{EventType, ObjectReference, Occurrence};
use crate::controller::index::{Announced, Assessed, Index};
use crate::crd::DriftReport;
use crate::engine::phase::Phase;
use crate::engine::plan::{Approval, Decision};
use crate::engine::rules::{Weight, force_recreates, latent_trap};
use crate::report::conditions::APPROVED;
use crate::report::{Heal, HealResult, HistoryEntry, PredictionReport, ReportStatus};

impl Assessed {
    fn of(status: &ReportStatus) -> Self {
        Self {
            phase: status.phase,
            harms: status.prediction.as_ref().is_some_and(PredictionReport::harms),
            trapped: status
                .findings
                .iter()
                .any(|finding| finding.rule == latent_trap::RULE.id),
        }
    }
}

impl Announced {
    /// What is told with a new status, after what was told `before`.
    fn after(before: Option<&Self>, (old, new): (&ReportStatus, &ReportStatus)) -> Self {
        let assessed = if new.healing.is_some() {
            before.map_or_else(|| Assessed::of(old), |before| before.assessed)
        } else {
            Assessed::of(new)
        };
        Self {
            heal: new.heal,
            healed_at: new.history.last().map(|entry| entry.finished_at),
            decision: new.approval.clone(),
            assessed,
        }
    }
}

/// Records what is told now, and gives what was told before; `None` after a restart.
fn replace(index: &Index, target: &Target, statuses: (&ReportStatus, &ReportStatus)) -> Option<Announced> {
    index.told(target, |told| {
        let now = Announced::after(told.announced.as_ref(), statuses);
        told.announced.replace(now)
    })
}

/// Sends the Events for what changed from the old status to the new one, which the server has by now. `written` is the
/// report that this reconcile wrote; where it wrote none, only what somebody else wrote of a cure is told.
///
/// Nothing here fails: an Event that is lost is only not shown.
pub async fn announce(
    context: &Context,
    target: &Target,
    scene: &Scene,
    written: Option<&DriftReport>,
    (old, new): (&ReportStatus, &ReportStatus),
) {
    let announced = replace(&context.index, target, (old, new));
    let report = match (written, &announced) {
        (Some(report), _) => report,
        // Seen for the first time and not changed: it was told before the restart.
        (None, None) => return,
        (None, Some(_)) => match &scene.report {
            Some(report) => report,
            None => return,
        },
    };
    if let Some((reason, _)) = newly_refused(old, new) {
        context.metrics.approval_refused(reason);
    }
    for mut occurrence in occurrences(target, report, report.status.is_none(), announced, (old, new)) {
        // A reason is whatever a person wrote.
        occurrence.note = context.masker.mask_text(&occurrence.note);
        context.events.publish(occurrence).await;
    }
}

/// The heal that ended since `before`, the end of the last one that was known; whoever carried it out. After a restart
/// nothing is told again.
pub fn ended(before: Option<Option<Timestamp>>, status: &ReportStatus) -> Option<&HistoryEntry> {
    let last = status.history.last()?;
    before
        .is_some_and(|before| before != Some(last.finished_at))
        .then_some(last)
}

/// So much of a plan's hash as tells it from others.
fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

/// The Events for what changed, on the Deployment and on the report.
fn occurrences(
    target: &Target,
    report: &DriftReport,
    is_new: bool,
    announced: Option<Announced>,
    (old, new): (&ReportStatus, &ReportStatus),
) -> Vec<Occurrence> {
    let about_target = ObjectReference {
        api_version: Some(target.kind.api_version()),
        kind: Some(target.kind.kind.to_owned()),
        namespace: Some(target.namespace.clone()),
        name: Some(target.name.clone()),
        uid: new.target_uid.clone(),
        ..ObjectReference::default()
    };
    let about_report = ObjectReference {
        api_version: Some("driftmend.dev/v1alpha1".to_owned()),
        kind: Some("DriftReport".to_owned()),
        namespace: Some(target.namespace.clone()),
        name: Some(report.name_any()),
        uid: report.uid(),
        ..ObjectReference::default()
    };
    let mut told: Vec<(EventType, &'static str, &'static str, String)> = Vec::new();
    let now = Assessed::of(new);
    let before = announced
        .as_ref()
        .map_or_else(|| Assessed::of(old), |announced| announced.assessed);
    if new.healing.is_none() && (before != now || is_new) {
        let is_other_phase = before.phase != now.phase || is_new;
        let (kind, reason) = match now.phase {
            Phase::InSync if now.harms => (EventType::Warning, "NextSyncHarms"),
            _ if now.harms && !is_other_phase => (EventType::Warning, "NextSyncHarms"),
            Phase::InSync if now.trapped => (EventType::Warning, "LatentTrap"),
            _ if now.trapped && !is_other_phase && before.harms == now.harms => (EventType::Warning, "LatentTrap"),
            Phase::InSync => (EventType::Normal, "InSync"),
            Phase::Pending => (EventType::Normal, "Pending"),
            Phase::Drifted => (EventType::Warning, "Drifted"),
            Phase::Conflicted if recreates(new) => (EventType::Warning, "NextSyncRecreates"),
            Phase::Conflicted => (EventType::Warning, "NextSyncRefused"),
            Phase::Missing => (EventType::Warning, "Missing"),
            Phase::Orphaned => (EventType::Warning, "Orphaned"),
            Phase::OperationStuck => (EventType::Warning, "OperationStuck"),
        };
        told.push((kind, reason, "Assessed", new.summary.clone()));
    }
    // An answer to what was there before, which is gone with all its pods.
    if let (Some(before), Some(now)) = (&old.target_uid, &new.target_uid)
        && before != now
    {
        let note = format!(
            "the {} was deleted and created anew: its uid was {before} and is {now}; all the pods that it had are gone",
            target.kind
        );
        told.push((EventType::Warning, "Recreated", "Assessed", note));
    }
    if let Some((reason, message)) = newly_refused(old, new) {
        told.push((EventType::Warning, reason, "ApprovalRefused", message.to_owned()));
    }
    told.extend(
        announced
            .as_ref()
            .and_then(|announced| decided(announced.decision.as_ref(), new)),
    );
    if let Some(entry) = ended(announced.as_ref().map(|announced| announced.healed_at), new) {
        // A heal that had nothing to wait for: nobody looked between the yes and its end.
        let is_told = |announced: &Announced| {
            announced.heal == Heal::Healing
                || announced
                    .decision
                    .as_ref()
                    .is_some_and(|decision| decision.plan_hash == entry.plan_hash)
        };
        if !announced.as_ref().is_some_and(is_told) {
            let note = format!("plan {} was approved by {}", short(&entry.plan_hash), entry.by);
            told.push((EventType::Normal, "PlanApproved", "Decide", note));
        }
        told.push(match entry.result {
            HealResult::Healed => (EventType::Normal, "Healed", "Heal", entry.message.clone()),
            HealResult::Failed => (EventType::Warning, "HealFailed", "Heal", entry.message.clone()),
            HealResult::NotCarriedOut => {
                let plan = format!("plan {}, approved by {},", short(&entry.plan_hash), entry.by);
                (
                    EventType::Warning,
                    "NotCarriedOut",
                    "Heal",
                    format!("{plan} was not carried out: {}", entry.message),
                )
            }
        });
    }
    // After a restart nothing was announced by this process; what the report said before was, by the one before.
    if announced.map_or(old.heal, |announced| announced.heal) != new.heal {
        match new.heal {
            Heal::Healing => {
                let plan = new
                    .healing
                    .as_ref()
                    .map(|healing| format!("plan {}, approved by {},", short(&healing.plan_hash), healing.by));
                let plan = plan.unwrap_or_else(|| "an approved plan".to_owned());
                told.push((
                    EventType::Normal,
                    "HealStarted",
                    "Heal",
                    format!("{plan} is being carried out"),
                ));
            }
            Heal::AwaitingApproval => {
                let hash = new.plan.as_ref().map(|plan| short(&plan.hash)).unwrap_or_default();
                told.push((
                    EventType::Normal,
                    "PlanReady",
                    "Plan",
                    format!("plan {hash} waits for an approval"),
                ));
            }
            Heal::None | Heal::Approved | Heal::Denied | Heal::Healed | Heal::Failed => {}
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
            [one(&about_target, &about_report), one(&about_report, &about_target)]
        })
        .collect()
}

/// Whether the next sync deletes the Deployment and creates it anew.
fn recreates(status: &ReportStatus) -> bool {
    status
        .findings
        .iter()
        .any(|finding| finding.rule == force_recreates::RULE.id && finding.severity == Weight::Error)
}

/// What a person decided since `before`, or took back. What was carried out is told as a heal, and goes by itself.
fn decided(
    before: Option<&Approval>,
    status: &ReportStatus,
) -> Option<(EventType, &'static str, &'static str, String)> {
    let hash = |approval: &Approval| short(&approval.plan_hash);
    let Some(approval) = &status.approval else {
        let taken_back =
            before.filter(|before| !status.history.iter().any(|entry| entry.plan_hash == before.plan_hash))?;
        let note = format!(
            "what {} decided about plan {} was taken back",
            taken_back.by,
            hash(taken_back)
        );
        return Some((EventType::Normal, "DecisionTakenBack", "Decide", note));
    };
    if before == Some(approval) {
        return None;
    }
    let (reason, what) = match approval.decision {
        Decision::Approved => ("PlanApproved", "approved"),
        Decision::Denied => ("PlanDenied", "denied"),
    };
    let glass = if approval.break_glass == Some(true) {
        ", although a sync window forbids it"
    } else {
        ""
    };
    let until = approval
        .until
        .filter(|_| approval.decision == Decision::Denied)
        .map(|until| format!(" until {until}"))
        .unwrap_or_default();
    let why = approval
        .reason
        .as_ref()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    Some((
        EventType::Normal,
        reason,
        "Decide",
        format!(
            "plan {} was {what} by {}{until}{glass}{why}",
            hash(approval),
            approval.by
        ),
    ))
}

/// The reason and the words of an approval that is not followed, where the old status did not say so yet.
fn newly_refused<'a>(old: &ReportStatus, new: &'a ReportStatus) -> Option<(&'static str, &'a str)> {
    let condition = new.conditions.iter().find(|condition| condition.type_ == APPROVED)?;
    let before = old.conditions.iter().find(|condition| condition.type_ == APPROVED);
    let is_new =
        before.is_none_or(|before| (&before.reason, &before.message) != (&condition.reason, &condition.message));
    refused_reason(&condition.reason)
        .filter(|_| is_new)
        .map(|reason| (reason, condition.message.as_str()))
}

/// The Event's reason for an approval that is not followed; `None` for one that is, or that waits.
fn refused_reason(reason: &str) -> Option<&'static str> {
    [
        "ApprovalSpent",
        "ApprovalExpired",
        "ApprovalStale",
        "ApprovalForeign",
        "ApprovalMoot",
        "ApprovalTakenBack",
        "ApprovalForOtherObject",
        "ApprovalAltered",
        "CautionNotAcknowledged",
    ]
    .into_iter()
    .find(|known| *known == reason)
}

#[cfg(test)]
mod tests;
