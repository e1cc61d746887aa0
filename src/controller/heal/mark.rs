//! What a heal marks in the report, and its end.

use serde_json::json;

use super::{Healer, LOOK_AGAIN, Look, Progress, name, now, record};
use crate::api::v1alpha1::{DriftReport, HealResult, Healing, SentRequest, StepState};
use crate::cluster::{ApiError, DryRun};
use crate::engine::verify::Verified;

impl<L: Look> Healer<'_, L> {
    /// Records how far one step is.
    pub(super) async fn mark(&self, report: &DriftReport, healing: &Healing, mark: Mark) -> Result<(), ApiError> {
        let mut steps = healing.steps.clone();
        if let Some(step) = steps.get_mut(mark.at) {
            step.state = mark.state;
            if mark.state == StepState::Begun {
                step.begun_at = Some(now());
            }
        }
        let mut patch = json!({"healing": {"steps": steps}});
        if let Some(removed) = mark.removed {
            patch["healing"]["removed"] = removed.into();
        }
        if let Some(request) = mark.request.filter(|_| healing.requests.len() < healing.steps.len()) {
            patch["healing"]["requests"] = json!([&healing.requests[..], &[request]].concat());
        }
        self.cluster
            .patch_report_status(report, patch, DryRun::No)
            .await
            .map(drop)
    }

    pub(super) async fn verified(
        &self,
        report: &DriftReport,
        healing: &Healing,
        verified: Verified,
    ) -> Result<Progress, ApiError> {
        match verified {
            Verified::Yes(message) => self.end(report, healing, HealResult::Healed, &message).await,
            Verified::No(message) => self.end(report, healing, HealResult::Failed, &message).await,
            Verified::NotYet(what) => Ok(Progress::Waiting(what, LOOK_AGAIN)),
        }
    }

    /// Ends a heal: what was approved is spent, whatever the result.
    pub(super) async fn end(
        &self,
        report: &DriftReport,
        healing: &Healing,
        result: HealResult,
        message: &str,
    ) -> Result<Progress, ApiError> {
        // A policy holds what an entry of the history says against what the heal in progress said.
        let known = report
            .status
            .as_ref()
            .and_then(|status| status.healing.as_ref())
            .map_or(0, |healing| healing.requests.len());
        let told = match known < healing.requests.len() {
            true => Some(
                self.cluster
                    .patch_report_status(report, json!({"healing": {"requests": healing.requests}}), DryRun::No)
                    .await?,
            ),
            false => None,
        };
        let entry = record::end(self.cluster, told.as_ref().unwrap_or(report), healing, result, message).await?;
        self.pace.leave(&healing.plan_hash);
        self.outbox.forget(&healing.plan_hash);
        self.audit.line(
            "Ended",
            json!({"report": name(report), "plan": entry.plan_hash, "result": entry.result, "message": entry.message}),
        );
        Ok(Progress::Ended(entry))
    }
}

/// What is recorded of one step.
pub(super) struct Mark {
    pub(super) at: usize,
    pub(super) state: StepState,
    pub(super) removed: Option<String>,
    pub(super) request: Option<SentRequest>,
}
