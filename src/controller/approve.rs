//! Approve: the decision in a report, held against the plan as it is now.

use jiff::Timestamp;

use crate::api::v1alpha1::ReportStatus;
use crate::engine::plan::{Approved, Ended, Ledger, NoPlan, Plan, Ruling, ruling};
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
    let carried_out = status
        .history
        .iter()
        .rev()
        .find(|entry| entry.plan_hash == approval.plan_hash);
    let is_over = carried_out.is_some_and(|entry| entry.ended_after(approval.at));
    let spent: Vec<String> = status.history.iter().map(|entry| entry.plan_hash.clone()).collect();
    let ended: Vec<(String, Ended)> = superseded(status, plan, now)
        .into_iter()
        .map(|plan| (plan.hash, plan.reason.into()))
        .collect();
    let ledger = Ledger {
        spent: &spent,
        superseded: &ended,
        offered: status.plan.as_ref().map(|plan| plan.hash.as_str()),
    };
    Verdict::Tell(match ruling(&approval.clone().into(), is_over, plan, ledger, now) {
        Ruling::CarryOut(approved) => return Verdict::CarryOut(approved),
        Ruling::Open => Answer::Open,
        Ruling::Denied => Answer::Denied,
        Ruling::Refused(refusal) => Answer::Refused(refusal),
        Ruling::Waits(refusal) => Answer::Waiting {
            reason: "Waits",
            message: format!("approved by {}: {refusal}", approval.by),
        },
        Ruling::CarriedOut => Answer::CarriedOut,
    })
}
