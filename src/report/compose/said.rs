//! What the conditions of a report say.

use super::{Answer, Findings, is_refused, is_spent};
use crate::api::v1alpha1::{Approval, Heal, HealResult, HistoryEntry, ReportStatus};
use crate::engine::diff::Severity;
use crate::engine::object::ObjectId;
use crate::engine::phase::Phase;
use crate::engine::plan::{NoPlan, Plan};
use crate::engine::rules::{Weight, force_recreates};
use crate::report::conditions::{APPROVED, CONFLICTED, DRIFTED, HEALED, PLAN_READY, READY, Said};
use crate::report::{build, in_progress};

pub(super) fn said(old: &ReportStatus, found: &Findings<'_>, heal: Heal) -> Vec<Said> {
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
            let forced = found
                .findings
                .iter()
                .any(|finding| finding.rule == force_recreates::RULE.id && finding.weight == Weight::Error);
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
