//! Whose turn it is, and what a heal does that was overtaken.

use super::begin::approved_at;
use super::pace::NotYourTurn;
use super::{Healer, LOOK_AGAIN, Look, Progress, STEP_LIMIT, last_begun, record};
use crate::api::v1alpha1::{DriftReport, HealResult, Healing, StepState};
use crate::cluster::ApiError;
use crate::controller::observe::Scene;
use crate::engine::plan::Refusal;

impl<L: Look> Healer<'_, L> {
    /// Asks for the turn to clear: who was approved before comes first, whoever carries it out.
    pub(super) async fn turn(
        &self,
        report: &DriftReport,
        healing: &Healing,
    ) -> Result<Result<(), NotYourTurn>, ApiError> {
        let others = self.look.elsewhere(self.identity).await?;
        self.pace
            .turn(self.cluster, approved_at(report), &healing.plan_hash, &others)
            .await
    }

    /// What was approved is not what is needed. What passes is waited for; a heal that wrote nothing did not fail.
    pub(super) async fn overtaken(
        &self,
        scene: &Scene,
        report: &DriftReport,
        healing: &Healing,
        refusal: Refusal,
    ) -> Result<Progress, ApiError> {
        if !refusal.is_about_the_plan() {
            return self
                .end(report, healing, HealResult::Failed, &format!("interrupted: {refusal}"))
                .await;
        }
        if nothing_began(healing) {
            record::take_back(self.cluster, report, &refusal).await?;
            self.pace.leave(&healing.plan_hash);
            return Ok(Progress::TakenBack(refusal));
        }
        let since = last_begun(&healing.steps).unwrap_or(healing.started_at);
        if let Some(why) = refusal
            .passes()
            .filter(|_| scene.snapshot.now.duration_since(since) <= STEP_LIMIT)
        {
            return Ok(Progress::Waiting(why.to_owned(), LOOK_AGAIN));
        }
        match self.outbox.nothing_left(&healing.plan_hash) {
            Some(began) => {
                self.end(
                    report,
                    healing,
                    HealResult::NotCarriedOut,
                    &began.overtaken(&refusal, &scene.snapshot),
                )
                .await
            }
            None => {
                self.end(report, healing, HealResult::Failed, &format!("interrupted: {refusal}"))
                    .await
            }
        }
    }
}

/// Whether no request of a heal can have left: of which a step began, that ends by an entry of the history, whatever
/// came of it.
pub(super) fn nothing_began(healing: &Healing) -> bool {
    healing.steps.iter().all(|step| step.state == StepState::Pending)
}
