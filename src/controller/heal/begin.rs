//! The record that a heal begins with.

use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::info;

use super::holds::brings_sync;
use super::send::texts;
use super::{Healer, Look, name, now};
use crate::api::v1alpha1::{DriftReport, Healing, HealingStep, StepState};
use crate::cluster::{ApiError, DryRun};
use crate::controller::observe::Scene;
use crate::engine::assess;
use crate::engine::plan::{Approved, Step, reach};
use crate::report::{evidence, fitting, printer};

impl<L: Look> Healer<'_, L> {
    /// Records an approved plan in the report before anything is written to the Deployment.
    ///
    /// # Errors
    ///
    /// `Conflict` when the report changed since it was read: look again before anything is written. `Forbidden` when
    /// the healer may not make one of the plan's writes: nothing began then, and the approval still holds.
    pub async fn begin(
        &self,
        approved: &Approved,
        scene: &Scene,
        report: &DriftReport,
    ) -> Result<DriftReport, ApiError> {
        self.may_write(approved, scene).await?;
        let plan = approved.plan();
        self.pace.enter_with(approved_at(report), plan);
        let assessment = assess(&scene.snapshot, &scene.policy);
        let steps = plan.steps.iter().map(|step| {
            let (stale, revision) = step.remembered();
            let (kind, paths, stale) = (step.kind(), texts(step.paths()), stale.map(str::to_owned));
            let brings = brings_sync(kind).then(|| reach(&assessment, &plan.cautions)).flatten();
            HealingStep {
                kind: kind.into(),
                state: StepState::Pending,
                paths,
                begun_at: None,
                stale,
                revision,
                brings,
            }
        });
        let live = scene.snapshot.live.as_ref().unwrap_or(&Value::Null);
        let (evidence, evidence_omitted) = fitting(&printer::told(evidence(
            scene.snapshot.kind,
            live,
            plan.steps.iter().flat_map(Step::paths),
            self.audit.masker(),
        )));
        let healing = Healing {
            plan_hash: plan.hash.clone(),
            uid: plan.uid.clone(),
            judge: scene.snapshot.judge.clone(),
            by: approved.by().to_owned(),
            healer: self.identity.to_owned(),
            started_at: now(),
            steps: steps.collect(),
            removed: None,
            evidence,
            evidence_omitted,
            requests: Vec::new(),
        };
        info!(report = %name(report), plan = %plan.hash, by = approved.by(), "the heal begins");
        self.cluster
            .patch_report_status(report, json!({"healing": healing, "heal": "Healing"}), DryRun::No)
            .await
    }
}

/// When the plan of a report was approved: the order in which heals are served.
pub(super) fn approved_at(report: &DriftReport) -> Timestamp {
    report
        .status
        .as_ref()
        .and_then(|status| status.approval.as_ref())
        .map_or(Timestamp::MAX, |approval| approval.at)
}
