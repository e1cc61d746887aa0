//! The next status of a report: what it said before, and what is found now.

use std::borrow::Cow;

use super::build;
use super::conditions::{self, APPROVED, CONFLICTED, DRIFTED, HEALED, PLAN_READY, READY, Said};
use super::confirmed::{confirmed, with_dry_run};
use super::cure::{Heal, HealResult, HistoryEntry, PlanReport};
use super::in_progress;
use super::printer;
use super::remember::{failed_clears, superseded};
use super::status::{OperationReport, ReportStatus};
use super::told::{DryRunReport, PredictionReport};
use crate::engine::diagnose::{FORCE_RECREATES, Weight, with_plan};
use crate::engine::diff::{Masker, Severity};
use crate::engine::object::ObjectId;
use crate::engine::operation::When;
use crate::engine::phase::Phase;
use crate::engine::plan::{Approval, NoPlan, Plan, Refusal};
use crate::engine::predict::Verdict;
use crate::engine::{Assessment, Policy, Snapshot};

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
        Ok(plan) if old.healing.is_none() => with_plan(&assessment.findings, snapshot, found.policy, plan),
        _ => Cow::Borrowed(assessment.findings.as_slice()),
    };
    let findings = build::findings(&findings, masker);
    let new = printer::told(ReportStatus {
        phase: assessment.phase,
        heal,
        summary: build::text(masker, &summary(old, assessment, heal)),
        counts: build::counts(assessment),
        source: snapshot.desired.is_some().then(|| build::source(snapshot)),
        fields,
        fields_omitted: 0,
        findings: with_dry_run(
            findings,
            prediction,
            &snapshot.target.name,
            found.confirmation.as_ref(),
            masker,
        ),
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

fn said(old: &ReportStatus, found: &Findings<'_>, heal: Heal) -> Vec<Said> {
    let assessment = found.assessment;
    let drifted = assessment.of(Severity::Drift).count();
    let refused = is_refused(assessment);
    let mut said = vec![
        Said::when(READY, true, "Assessed", ""),
        match assessment.phase {
            Phase::Missing | Phase::Orphaned => Said::when(
                DRIFTED,
                true,
                if assessment.phase == Phase::Missing {
                    "Missing"
                } else {
                    "Orphaned"
                },
                assessment.summary.clone(),
            ),
            _ if drifted > 0 => Said::when(DRIFTED, true, "FieldsDiffer", assessment.summary.clone()),
            _ => Said::when(DRIFTED, false, "InSync", ""),
        },
        if refused {
            let forced = assessment
                .findings
                .iter()
                .any(|finding| finding.rule == FORCE_RECREATES && finding.weight == Weight::Error);
            let reason = if forced { "NextSyncRecreates" } else { "NextSyncRefused" };
            Said::when(CONFLICTED, true, reason, assessment.summary.clone())
        } else {
            Said::when(CONFLICTED, false, "NextSyncAccepted", "")
        },
        match (&old.healing, found.plan) {
            (Some(healing), _) => in_progress::plan_ready(old, healing),
            (
                None,
                Ok(Plan {
                    hash,
                    waits: Some(waits),
                    ..
                }),
            ) => {
                let message = format!(
                    "plan {} waits for {waits}; approved meanwhile, it is carried out afterwards where it is the same \
                     plan then",
                    short(hash)
                );
                Said::when(PLAN_READY, true, "WaitsForOperation", message)
            }
            (None, Ok(plan)) => Said::when(
                PLAN_READY,
                true,
                "Proposed",
                format!("approve plan {}", short(&plan.hash)),
            ),
            (None, Err(NoPlan::NothingToHeal)) => Said::when(PLAN_READY, false, "NothingToHeal", ""),
            (None, Err(why)) => Said::when(PLAN_READY, false, no_plan_reason(why), why.to_string()),
        },
    ];
    said.extend(approved(old, found, heal));
    // Of an earlier plan nothing is said any more where there is a new one, or something else is wrong.
    if let Some(entry) = old
        .history
        .last()
        .filter(|_| matches!(heal, Heal::Healed | Heal::Failed))
    {
        let healed = entry.result == HealResult::Healed;
        said.push(Said::when(
            HEALED,
            healed,
            if healed { "Verified" } else { "Failed" },
            entry.message.clone(),
        ));
    }
    said.iter_mut()
        .for_each(|condition| condition.message = build::text(found.masker, &condition.message));
    said
}

fn approved(old: &ReportStatus, found: &Findings<'_>, heal: Heal) -> Option<Said> {
    let told = |entry: &&HistoryEntry| {
        entry.result == HealResult::NotCarriedOut || matches!(heal, Heal::Healed | Heal::Failed)
    };
    let last = old.history.last().filter(told);
    let carried_out = |entry: &HistoryEntry| {
        let plan = format!("plan {}, approved by {}, was", short(&entry.plan_hash), entry.by);
        match entry.result {
            HealResult::NotCarriedOut => Said::when(
                APPROVED,
                false,
                "NotCarriedOut",
                format!("{plan} not carried out: {}", entry.message),
            ),
            HealResult::Healed | HealResult::Failed => {
                Said::when(APPROVED, false, "CarriedOut", format!("{plan} carried out"))
            }
        }
    };
    if let Some(healing) = &old.healing {
        return Some(in_progress::approved(healing, &found.answer));
    }
    let Some(approval) = old.approval.as_ref().filter(|_| !is_spent(old)) else {
        return last.map(carried_out);
    };
    match &found.answer {
        Answer::Open => None,
        Answer::Denied => Some(Said::when(
            APPROVED,
            false,
            "Denied",
            denial(approval, &found.snapshot.target),
        )),
        Answer::Refused(refusal) => Some(Said::when(APPROVED, false, refusal.reason(), refusal.to_string())),
        Answer::Waiting { reason, message } => Some(Said::when(APPROVED, true, reason, message.clone())),
        Answer::CarriedOut => last.map(carried_out),
    }
}

/// A denial in words: whose, until when, why, and how it is taken back.
fn denial(approval: &Approval, target: &ObjectId) -> String {
    let until = approval.until.map_or_else(
        || "while the drift stays as it is".to_owned(),
        |until| format!("until {until}"),
    );
    let why = approval
        .reason
        .as_deref()
        .map(str::trim)
        .filter(|reason| !reason.is_empty());
    let why = why.map(|reason| format!(": {reason}")).unwrap_or_default();
    let namespace = target.namespace.as_deref().unwrap_or_default();
    format!(
        "denied by {} {until}{why}; `driftmend deny {} -n {namespace} --withdraw` takes it back",
        approval.by, target.name
    )
}

/// The first digits of a hash, as people say it.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn no_plan_reason(why: &NoPlan) -> &'static str {
    match why {
        NoPlan::NothingToHeal => "NothingToHeal",
        NoPlan::AlertOnly => "AlertOnly",
        NoPlan::Denied => "Denied",
        NoPlan::SideNotKnown => "SideNotKnown",
        NoPlan::Orphaned => "Orphaned",
        NoPlan::OneSided { .. } => "NeedsSync",
        NoPlan::CreationRefused(_) => "CreationRefused",
        NoPlan::SourceTooOld { .. } => "SourceTooOld",
        NoPlan::Paused => "Paused",
        NoPlan::BeingDeleted => "BeingDeleted",
        NoPlan::HeldBack(_) => "HeldBack",
        NoPlan::GitAlone => "GitAlone",
        NoPlan::OnlyGit => "OnlyGit",
        NoPlan::IgnoredInTheWay { .. } => "IgnoredInTheWay",
        NoPlan::NotHandedBack(_) => "NotHandedBack",
        NoPlan::NotRestorable(_) => "NotRestorable",
        NoPlan::StillRefused(_) => "StillRefused",
        NoPlan::RefusedBefore => "RefusedBefore",
        NoPlan::RefusedInDryRun(_) => "RefusedInDryRun",
        NoPlan::UndoneByAdmission { .. } => "UndoneByAdmission",
        NoPlan::NotJudged => "PolicyMissing",
        NoPlan::TwoAppliers(_) => "TwoAppliers",
        NoPlan::TooManyFields(_) => "TooManyFields",
        NoPlan::ClearedInVain(_) => "ClearedInVain",
        NoPlan::ComparisonRefused => "ComparisonRefused",
        NoPlan::BeingCarriedOut => "BeingCarriedOut",
    }
}

#[cfg(test)]
mod tests;
