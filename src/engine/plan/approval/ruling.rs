//! What becomes of a person's decision, as data.

use jiff::Timestamp;

use super::{Approval, Approved, Decision, Ledger, judge};
use crate::engine::plan::{NoPlan, Plan, Refusal};

/// What becomes of a decision.
#[derive(Clone, Debug)]
pub enum Ruling {
    /// Nobody has decided about the current plan.
    Open,

    /// A person said no.
    Denied,

    /// The approval is not followed.
    Refused(Refusal),

    /// The approval is in order, and something must happen first.
    Waits(Refusal),

    /// The approved plan was carried out.
    CarriedOut,

    /// Carry this plan out.
    CarryOut(Box<Approved>),
}

/// Holds a decision against the plan as it is now. `is_over` says that a heal of the plan that it names ended after it
/// was made: an approval stays where the person wrote it until the report says so, and after the heal it is not a new
/// one.
pub fn ruling(
    approval: &Approval,
    is_over: bool,
    plan: Result<&Plan, &NoPlan>,
    ledger: Ledger<'_>,
    now: Timestamp,
) -> Ruling {
    // A no whose time is over is none any more.
    if approval.decision == Decision::Denied && !approval.denies(now) {
        return Ruling::Open;
    }
    if is_over {
        return if plan.is_ok() { Ruling::Open } else { Ruling::CarriedOut };
    }
    match (approval.decision, judge(approval, plan, ledger, now)) {
        (Decision::Approved, Ok(approved)) => Ruling::CarryOut(Box::new(approved)),
        (Decision::Approved, Err(refusal @ Refusal::Waits { .. })) => Ruling::Waits(refusal),
        (Decision::Approved, Err(refusal)) => Ruling::Refused(refusal),
        (Decision::Denied, Ok(_) | Err(Refusal::Waits { .. } | Refusal::Window { .. })) => Ruling::Denied,
        (Decision::Denied, Err(_)) if matches!(plan, Err(NoPlan::Denied)) => Ruling::Denied,
        // The drift changed after the no: the new plan is a new question.
        (Decision::Denied, Err(Refusal::Foreign(hash))) => Ruling::Refused(Refusal::Foreign(hash)),
        (Decision::Denied, Err(_)) => Ruling::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::Memory;
    use crate::engine::plan::tests::{approval, git, proposed, snapshot, switched};

    #[test]
    fn a_decision_is_followed_refused_or_over_and_a_no_counts_while_it_holds() {
        let scene = snapshot(git(), switched());
        let (plan, now) = (proposed(&scene, &Memory::default()).unwrap(), scene.now);
        let ledger = Ledger {
            spent: &[],
            superseded: &[],
            offered: Some(&plan.hash),
        };
        let running = Plan {
            waits: Some("the operation: a sync is running".to_owned()),
            ..plan.clone()
        };
        let yes = approval(&plan.hash);
        let no = Approval {
            decision: Decision::Denied,
            ..yes.clone()
        };
        let old_no = Approval {
            until: Some(now),
            ..no.clone()
        };
        let other_yes = approval(&"f".repeat(64));
        let word = |ruling: Ruling| match ruling {
            Ruling::Open => "open".to_owned(),
            Ruling::Denied => "denied".to_owned(),
            Ruling::Refused(refusal) | Ruling::Waits(refusal) => refusal.reason().to_owned(),
            Ruling::CarriedOut => "carried out".to_owned(),
            Ruling::CarryOut(approved) => approved.by().to_owned(),
        };
        let nothing = NoPlan::NothingToHeal;
        for (what, approval, is_over, plan, wanted) in [
            ("a yes", &yes, false, Ok(&plan), yes.by.as_str()),
            (
                "a yes while an operation runs",
                &yes,
                false,
                Ok(&running),
                "ApprovalWaits",
            ),
            ("a yes to another plan", &other_yes, false, Ok(&plan), "ApprovalForeign"),
            ("a yes after its heal", &yes, true, Err(&nothing), "carried out"),
            (
                "the same where something is to be healed again",
                &yes,
                true,
                Ok(&plan),
                "open",
            ),
            ("a no", &no, false, Ok(&plan), "denied"),
            (
                "a no of which no plan is made",
                &no,
                false,
                Err(&NoPlan::Denied),
                "denied",
            ),
            (
                "a no, and then nothing to heal",
                &no,
                false,
                Err(&nothing),
                "ApprovalForeign",
            ),
            ("a no whose time is over", &old_no, false, Ok(&plan), "open"),
        ] {
            assert_eq!(word(ruling(approval, is_over, plan, ledger, now)), wanted, "{what}");
        }
    }
}
