//! The heals that stand in line to clear in other processes, as their reports tell.

use jiff::Timestamp;

use crate::api::v1alpha1::{DriftReport, StepKind, StepState};

/// A heal of another process that has yet to clear.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Elsewhere {
    /// When its plan was approved.
    pub approved: Timestamp,

    /// The hash of the plan.
    pub plan: String,
}

impl Elsewhere {
    /// What a report tells of one that somebody else than this healer carries out.
    pub fn of(report: &DriftReport, healer: &str) -> Option<Self> {
        let status = report.status.as_ref()?;
        let healing = status.healing.as_ref().filter(|healing| healing.healer != healer)?;
        let approval = status.approval.as_ref()?;
        let clears = healing
            .steps
            .iter()
            .any(|step| step.kind == StepKind::ClearOperation && step.state != StepState::Done);
        clears.then(|| Self {
            approved: approval.at,
            plan: healing.plan_hash.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn one_that_has_yet_to_clear_stands_in_line_and_ones_own_does_not() {
        let told = |state: &str, kind: &str| {
            let report = json!({
                "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
                "metadata": {"namespace": "shop", "name": "deployment-web"},
                "spec": {"target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                         "watchRef": {"namespace": "shop", "name": "shop"}},
                "status": {
                    "approval": {"decision": "Approved", "planHash": "a", "by": "ann", "at": "2026-01-05T10:00:00Z"},
                    "healing": {"planHash": "a", "uid": "u", "by": "ann", "healer": "ann",
                                "startedAt": "2026-01-05T10:00:01Z", "evidence": [],
                        "steps": [{"kind": "Restore", "state": "Done", "paths": []},
                                  {"kind": kind, "state": state, "paths": []}]},
                },
            });
            serde_json::from_value::<DriftReport>(report).unwrap()
        };
        let of = |report: &DriftReport, healer: &str| Elsewhere::of(report, healer).map(|elsewhere| elsewhere.plan);
        let waiting = told("Pending", "ClearOperation");
        assert_eq!(
            (of(&waiting, "controller"), of(&waiting, "ann")),
            (Some("a".to_owned()), None)
        );
        assert_eq!(of(&told("Done", "ClearOperation"), "controller"), None);
        assert_eq!(of(&told("Pending", "StartOperation"), "controller"), None);
    }
}
