//! The next status of a report: what it said before, and what is found now.

mod said;

use std::borrow::Cow;

use super::confirmed::confirmed;
use super::remember::{failed_clears, superseded};
use super::{build, conditions, in_progress, printer};
use crate::api::v1alpha1::{
    Approval, DryRunReport, Heal, HealResult, OperationReport, PlanReport, PredictionReport, ReportStatus,
};
use crate::engine::diff::Masker;
use crate::engine::object::ObjectId;
use crate::engine::phase::Phase;
use crate::engine::plan::{NoPlan, Plan, Refusal};
use crate::engine::predict::Verdict;
use crate::engine::rules::{Finding, with_plan};
use crate::engine::tool_object::when::When;
use crate::engine::{Assessment, Policy, Snapshot};
use said::said;

/// What becomes of a person's approval.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nobody has decided about the current plan.
    Open,

    /// A person said no.
    Denied,

    /// The approval is not followed.
    Refused(Refusal),

    /// The approval is in order, and something must happen first; the word is the condition's reason.
    Waiting {
        /// One word in PascalCase.
        reason: &'static str,

        /// What must happen.
        message: String,
    },

    /// The approved plan was carried out.
    CarriedOut,
}

/// Everything that a new status is made of.
pub struct Findings<'a> {
    /// What was observed.
    pub snapshot: &'a Snapshot,

    /// What the watch asks for.
    pub policy: &'a Policy,

    /// What was found.
    pub assessment: &'a Assessment,

    /// What the rules say of it, worst first.
    pub findings: &'a [Finding],

    /// What a person is asked to approve, or why not.
    pub plan: Result<&'a Plan, &'a NoPlan>,

    /// The server's answer to the plan's first step, where it was asked in this round.
    pub dry_run: Option<String>,

    /// What the server said to a dry run of the next sync: now, or before to the same question.
    pub confirmation: Option<DryRunReport>,

    /// What becomes of the approval.
    pub answer: Answer,

    /// Hides secrets.
    pub masker: &'a Masker,
}

/// The next status. What a person wrote (`approval`) is taken over as it is until it was carried out, and what a heal
/// wrote (`healing`, `history`).
pub fn compose(old: &ReportStatus, found: Findings<'_>) -> ReportStatus {
    let sides = [
        found.snapshot.desired.as_ref().map(|document| &document.value),
        found.snapshot.live.as_ref(),
    ];
    let found = Findings {
        masker: &found.masker.of_object(sides.into_iter().flatten()),
        ..found
    };
    let Findings {
        snapshot,
        assessment,
        plan,
        ref answer,
        masker,
        ..
    } = found;
    let now = snapshot.now;
    let heal = heal(old, assessment, plan, answer);
    let live = snapshot.live.as_ref();
    let target_uid = live
        .and_then(|live| live.pointer("/metadata/uid"))
        .and_then(serde_json::Value::as_str)
        .map(str::to_owned);
    let generation = live
        .and_then(|live| live.pointer("/metadata/generation"))
        .and_then(serde_json::Value::as_i64);
    let shown = match &old.healing {
        Some(healing) => in_progress::shown(old, healing),
        None => plan
            .ok()
            .map(|plan| plan_report(old, plan, &snapshot.target, found.dry_run.clone(), masker)),
    };
    let fields = assessment
        .drifts
        .iter()
        .map(|drift| build::field(drift, masker))
        .collect();
    let said = said(old, &found, heal);
    let prediction = assessment.prediction.as_ref();
    let findings = match plan {
        // While a heal goes on, what is proposed meanwhile is not what is carried out.
        Ok(plan) if old.healing.is_none() => with_plan(found.findings, snapshot, found.policy, plan),
        _ => Cow::Borrowed(found.findings),
    };
    let new = printer::told(ReportStatus {
        phase: assessment.phase.into(),
        heal,
        summary: build::text(masker, &summary(old, assessment, heal)),
        counts: build::counts(assessment),
        source: snapshot.desired.is_some().then(|| build::source(snapshot)),
        fields,
        fields_omitted: 0,
        findings: build::findings(&findings, masker),
        prediction: prediction.map(|prediction| {
            let when = assessment.next_sync.as_ref().map(When::words);
            PredictionReport {
                when,
                ..confirmed(build::prediction_report(prediction, masker), found.confirmation)
            }
        }),
        operation: build::operation(snapshot, assessment, masker).map(|operation| OperationReport {
            failed_clears: failed_clears(snapshot, old),
            ..operation
        }),
        plan_serial: plan
            .ok()
            .filter(|_| old.healing.is_none())
            .map_or(old.plan_serial, |plan| plan.serial),
        // One that is needed again is offered again.
        superseded_plans: superseded(old, plan, now)
            .into_iter()
            .filter(|ended| !plan.is_ok_and(|plan| plan.hash == ended.hash))
            .collect(),
        denied_drift: match (answer, plan) {
            (Answer::Denied, Ok(plan)) => Some(plan.drift.clone()),
            (Answer::Denied, Err(_)) => old.denied_drift.clone(),
            _ => None,
        },
        plan: shown,
        approval: None,
        healing: None,
        history: Vec::new(),
        conditions: conditions::merge(&old.conditions, said, generation, now),
        cluster: Some(snapshot.cluster.clone()).filter(|cluster| !cluster.is_empty()),
        judge: Some(snapshot.judge.clone()).filter(|judge| !judge.is_empty()),
        target_uid: target_uid.or_else(|| old.target_uid.clone()),
        quiet_since: assessment.is_quiet().then(|| old.quiet_since.unwrap_or(now)),
    });
    let approval = old.approval.clone().filter(|_| !is_spent(old));
    super::fit(ReportStatus {
        approval,
        healing: old.healing.clone(),
        history: old.history.clone(),
        ..new
    })
}

/// Whether what a person decided was carried out: it stands in the history then, and asks for nothing any more.
fn is_spent(status: &ReportStatus) -> bool {
    let of = |approval: &Approval| {
        status
            .history
            .iter()
            .any(|entry| entry.plan_hash == approval.plan_hash && entry.ended_after(approval.at))
    };
    status.healing.is_none() && status.approval.as_ref().is_some_and(of)
}

/// What is wrong, in one sentence: a heal that failed is not over because the fields are what Git says.
fn summary(old: &ReportStatus, assessment: &Assessment, heal: Heal) -> String {
    let failed = old
        .history
        .last()
        .filter(|_| heal == Heal::Failed && matches!(assessment.phase, Phase::InSync | Phase::Pending));
    failed.map_or_else(
        || assessment.summary.clone(),
        |entry| format!("the last heal failed: {}; now {}", entry.message, assessment.summary),
    )
}

/// How far the cure is.
fn heal(old: &ReportStatus, assessment: &Assessment, plan: Result<&Plan, &NoPlan>, answer: &Answer) -> Heal {
    if old.healing.is_some() {
        return Heal::Healing;
    }
    match (answer, plan) {
        (Answer::Denied, _) => Heal::Denied,
        (Answer::Waiting { .. }, _) => Heal::Approved,
        (_, Ok(_)) => Heal::AwaitingApproval,
        (_, Err(NoPlan::Denied)) => Heal::Denied,
        // What is wrong now came after the heal.
        (_, Err(why)) => match old.history.last() {
            Some(entry) if entry.result == HealResult::Failed => Heal::Failed,
            // That the next sync will be accepted is a part of it.
            Some(entry)
                if entry.result == HealResult::Healed && *why == NoPlan::NothingToHeal && !is_refused(assessment) =>
            {
                Heal::Healed
            }
            Some(_) | None => Heal::None,
        },
    }
}

/// Whether the next sync comes to nothing.
fn is_refused(assessment: &Assessment) -> bool {
    assessment
        .prediction
        .as_ref()
        .is_some_and(|prediction| matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict))
}

fn plan_report(
    old: &ReportStatus,
    plan: &Plan,
    target: &ObjectId,
    dry_run: Option<String>,
    masker: &Masker,
) -> PlanReport {
    let mut report = build::plan(plan, target, masker);
    let before = old.plan.as_ref().filter(|before| before.hash == plan.hash);
    report.dry_run = dry_run
        .map(|answer| build::text(masker, &answer))
        .or_else(|| before.and_then(|before| before.dry_run.clone()));
    report
}

#[cfg(test)]
mod tests;
