//! Approve: what becomes of a person's decision, as data.

use jiff::Timestamp;

use crate::api::v1alpha1::ReportStatus;
use crate::engine::plan::{Approval, Approved, Decision, Ended, Ledger, NoPlan, Plan, Refusal, judge};
use crate::report::{Answer, superseded};

/// What to do about a decision.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Nothing to carry out; what to tell.
    Tell(Answer),

    /// Carry this plan out.
    CarryOut(Box<Approved>),
}

/// Holds the decision in a report against the plan as it is now.
pub fn verdict(status: &ReportStatus, plan: Result<&Plan, &NoPlan>, now: Timestamp) -> Verdict {
    let Some(approval) = &status.approval else {
        return Verdict::Tell(Answer::Open);
    };
    let approval = &Approval::from(approval.clone());
    // A no whose time is over is none any more.
    if approval.decision == Decision::Denied && !approval.denies(now) {
        return Verdict::Tell(Answer::Open);
    }
    // An approval stays where the person wrote it until the report says so: after the heal it is not a new one.
    let carried_out = status
        .history
        .iter()
        .rev()
        .find(|entry| entry.plan_hash == approval.plan_hash);
    if carried_out.is_some_and(|entry| entry.ended_after(approval.at)) {
        return Verdict::Tell(if plan.is_ok() { Answer::Open } else { Answer::CarriedOut });
    }
    let spent: Vec<String> = status.history.iter().map(|entry| entry.plan_hash.clone()).collect();
    let ended: Vec<(String, Ended)> = superseded(status, plan, now)
        .into_iter()
        .map(|plan| (plan.hash, plan.reason.into()))
        .collect();
    let offered = status.plan.as_ref().map(|plan| plan.hash.as_str());
    let judged = judge(
        approval,
        plan,
        Ledger {
            spent: &spent,
            superseded: &ended,
            offered,
        },
        now,
    );
    match (approval.decision, judged) {
        (Decision::Approved, Ok(approved)) => Verdict::CarryOut(Box::new(approved)),
        (Decision::Approved, Err(refusal @ Refusal::Waits { .. })) => Verdict::Tell(Answer::Waiting {
            reason: "Waits",
            message: format!("approved by {}: {refusal}", approval.by),
        }),
        (Decision::Approved, Err(refusal)) => Verdict::Tell(Answer::Refused(refusal)),
        (Decision::Denied, Ok(_) | Err(Refusal::Waits { .. } | Refusal::Window { .. })) => {
            Verdict::Tell(Answer::Denied)
        }
        (Decision::Denied, Err(_)) if matches!(plan, Err(NoPlan::Denied)) => Verdict::Tell(Answer::Denied),
        // The drift changed after the no: the new plan is a new question.
        (Decision::Denied, Err(Refusal::Foreign(hash))) => Verdict::Tell(Answer::Refused(Refusal::Foreign(hash))),
        (Decision::Denied, Err(_)) => Verdict::Tell(Answer::Open),
    }
}
