//! A heal in progress as a report tells it. What would be left to do is nothing to decide about meanwhile: the plan
//! that is shown is the one that is carried out.

use super::compose::Answer;
use super::conditions::{APPROVED, PLAN_READY, Said};
use crate::api::v1alpha1::{Healing, PlanReport, ReportStatus, StepState};

/// What a heal waits for that may not clear yet, with its place behind it.
pub const TURN: &str = "its turn to clear";

/// The reason of the conditions that tell of a heal in progress.
pub(super) const BEING_CARRIED_OUT: &str = "BeingCarriedOut";

/// The plan that is carried out, as it was approved; `None` where the report does not show it any more.
pub(super) fn shown(old: &ReportStatus, healing: &Healing) -> Option<PlanReport> {
    let plan = old.plan.clone().filter(|plan| plan.hash == healing.plan_hash)?;
    Some(PlanReport { waits: None, ..plan })
}

/// That a plan is being carried out, and how far it is.
pub(super) fn plan_ready(old: &ReportStatus, healing: &Healing) -> Said {
    let count = healing.steps.len();
    let open = healing
        .steps
        .iter()
        .enumerate()
        .find(|(_, step)| step.state != StepState::Done);
    let far = match open {
        Some((at, step)) => format!("step {} of {count} ({:?})", at + 1, step.kind),
        None if count == 1 => "its step is done, and what came of it is looked at".to_owned(),
        None => format!("its {count} steps are done, and what came of them is looked at"),
    };
    let message = format!(
        "plan {}, approved by {}, is being carried out: {far}",
        healing.short_hash(),
        healing.by
    );
    Said::when(PLAN_READY, shown(old, healing).is_some(), BEING_CARRIED_OUT, message)
}

/// Who approved what is being carried out, and what that waits for.
pub(super) fn approved(healing: &Healing, answer: &Answer) -> Said {
    let waits = match answer {
        Answer::Waiting { message, .. } => format!("; waits for {message}"),
        _ => String::new(),
    };
    Said::when(
        APPROVED,
        true,
        BEING_CARRIED_OUT,
        format!("approved by {}{waits}", healing.by),
    )
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::api::v1alpha1::ConditionStatus;

    #[test]
    fn while_a_plan_is_carried_out_it_is_the_one_that_is_shown_with_the_step_that_it_is_at() {
        let plan = |hash: &str| {
            json!({"hash": hash, "serial": 1, "expires": "2026-01-05T11:00:00Z", "steps": [],
                                       "waits": "the operation"})
        };
        let of = |hash: &str, states: [&str; 2]| -> ReportStatus {
            let steps = [("HandBack", states[0]), ("Refresh", states[1])]
                .map(|(kind, state)| json!({"kind": kind, "state": state}));
            let healing = json!({"planHash": "41ca41e9f15f77", "uid": "", "by": "ada", "healer": "h",
                                 "startedAt": "2026-01-05T10:00:00Z",
                "steps": steps});
            serde_json::from_value(json!({"plan": plan(hash), "healing": healing})).unwrap()
        };
        let told = |status: &ReportStatus| {
            let healing = status.healing.as_ref().unwrap();
            let Said {
                status: holds, message, ..
            } = plan_ready(status, healing);
            (
                holds,
                message,
                shown(status, healing).map(|plan| (plan.hash, plan.waits)),
            )
        };
        let begin = "plan 41ca41e9f15f, approved by ada, is being carried out: ";
        let same = Some(("41ca41e9f15f77".to_owned(), None));
        for (states, far) in [
            (["Pending", "Pending"], "step 1 of 2 (HandBack)"),
            (["Done", "Begun"], "step 2 of 2 (Refresh)"),
            (
                ["Done", "Done"],
                "its 2 steps are done, and what came of them is looked at",
            ),
        ] {
            assert_eq!(
                told(&of("41ca41e9f15f77", states)),
                (ConditionStatus::True, format!("{begin}{far}"), same.clone())
            );
        }
        // One that an earlier version offered meanwhile.
        let other = of("c5a0a668e663", ["Done", "Pending"]);
        assert_eq!(
            told(&other),
            (ConditionStatus::False, format!("{begin}step 2 of 2 (Refresh)"), None)
        );
        // Whoever decided since is not who approved what is carried out.
        let waits = Answer::Waiting {
            reason: "BeingCarriedOut",
            message: "Argo CD's comparison".to_owned(),
        };
        let said = approved(other.healing.as_ref().unwrap(), &waits);
        assert_eq!(said.message, "approved by ada; waits for Argo CD's comparison");
    }
}
