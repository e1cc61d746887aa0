//! Which change of a status must not wait.

use super::conditions::{APPROVED, PLAN_READY};
use super::in_progress::{BEING_CARRIED_OUT, TURN};
use crate::api::v1alpha1::{Condition, PredictionReport, ReportStatus};

/// Whether a new status must be written at once: a change that a person or another program acts on. Everything else
/// (counts, findings, another commit) may wait, so that five hundred crash-looping pods cost one write a minute.
pub fn urgent(old: &ReportStatus, new: &ReportStatus) -> bool {
    let said = |status: &ReportStatus, kind: &str| {
        let condition = status.conditions.iter().find(|condition| condition.type_ == kind);
        condition.map(|condition| (condition.reason.clone(), gist(condition)))
    };
    let hash = |status: &ReportStatus| status.plan.as_ref().map(|plan| plan.hash.clone());
    // What a person is to know before a yes; how many others there are comes with the next write.
    let cautions = |status: &ReportStatus| -> Vec<String> {
        status
            .plan
            .iter()
            .flat_map(|plan| &plan.cautions)
            .map(|caution| caution.id.clone())
            .collect()
    };
    let dry_run = |status: &ReportStatus| {
        status
            .prediction
            .as_ref()
            .and_then(|prediction| prediction.dry_run.clone())
    };
    let harms = |status: &ReportStatus| status.prediction.as_ref().is_some_and(PredictionReport::harms);
    let class = |status: &ReportStatus| status.operation.as_ref().map(|operation| operation.class.clone());
    (old.phase, old.heal, hash(old), &old.denied_drift) != (new.phase, new.heal, hash(new), &new.denied_drift)
        || (class(old), cautions(old)) != (class(new), cautions(new))
        || [APPROVED, PLAN_READY]
            .into_iter()
            .any(|kind| said(old, kind) != said(new, kind))
        || dry_run(old) != dry_run(new)
        || harms(old) != harms(new)
}

/// So much of a condition as must not wait. While a heal goes on that is what it waits for, and not how long, how much
/// of it or in which place; of a plan that waits for a person it is the reason.
fn gist(condition: &Condition) -> String {
    match (condition.reason.as_str(), condition.message.split_once(TURN)) {
        (BEING_CARRIED_OUT, Some((before, _))) => format!("{before}{TURN}"),
        (BEING_CARRIED_OUT, None) if condition.type_ == APPROVED => {
            condition.message.chars().filter(|one| !one.is_ascii_digit()).collect()
        }
        (BEING_CARRIED_OUT, None) => condition.message.clone(),
        _ if condition.type_ == PLAN_READY => String::new(),
        _ => condition.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(kind: &str, reason: &str, message: &str) -> ReportStatus {
        let condition = json!({"type": kind, "status": "True", "reason": reason, "message": message,
                               "lastTransitionTime": "2026-01-05T10:00:00Z"});
        serde_json::from_value(json!({"conditions": [condition]})).unwrap()
    }

    #[test]
    fn what_a_heal_waits_for_is_written_at_once_and_how_much_of_it_with_the_next_write() {
        let waits = |message: &str| with(APPROVED, BEING_CARRIED_OUT, message);
        let turn = |place: &str| waits(&format!("approved by ann; waits for {TURN}: {place}"));
        let comparison = waits("approved by ann; waits for Argo CD's comparison");
        let retry = |time: &str| {
            waits(&format!(
                "approved by ann; waits for Argo CD's own retry, at 2026-01-05T10:00:{time}Z"
            ))
        };
        let pods = |ready: u32| waits(&format!("approved by ann; waits for {ready} of 7 pods"));
        for (old, new, at_once) in [
            (waits("approved by ann"), comparison.clone(), true),
            (comparison.clone(), retry("27"), true),
            (retry("27"), retry("47"), false),
            (comparison, turn("3rd of 7"), true),
            (turn("3rd of 7"), turn("2nd of 6"), false),
            (pods(1), pods(2), false),
        ] {
            assert_eq!(urgent(&old, &new), at_once, "{:?}", new.conditions);
        }
    }

    #[test]
    fn which_step_a_heal_is_at_is_written_at_once() {
        let ready = |reason: &str, message: &str| with(PLAN_READY, reason, message);
        let at = |step: u32| {
            ready(
                BEING_CARRIED_OUT,
                &format!("plan 41ca41e9f15f, approved by ann, is being carried out: step {step} of 3"),
            )
        };
        assert!(urgent(&at(1), &at(2)));
        assert!(urgent(&ready("Proposed", "approve plan 41ca41e9f15f"), &at(1)));
        assert!(!urgent(
            &ready("HeldBack", "until 10:00"),
            &ready("HeldBack", "until 11:00")
        ));
    }
}
