//! Derived: the approved plan of a heal in progress, made again from what is there now.

use jiff::Timestamp;

use crate::api::v1alpha1::{DriftReport, Healing, HealingStep, ReportStatus};
use crate::controller::observe::Scene;
use crate::engine::Assessment;
use crate::engine::object::FieldPath;
use crate::engine::plan::{Approved, Begun, Memory, Refusal, Remembered, propose, resume};

/// The report and its heal in progress.
pub(super) fn begun(scene: &Scene) -> Option<(&DriftReport, &Healing)> {
    let report = scene.report.as_deref()?;
    Some((report, report.status.as_ref()?.healing.as_ref()?))
}

/// The approved plan, derived again from what is there now. The time limit of the offer does not count any more: it was
/// approved in time.
pub(super) fn again(
    scene: &Scene,
    assessment: &Assessment,
    report: &DriftReport,
    healing: &Healing,
) -> Result<Approved, Refusal> {
    let default = ReportStatus::default();
    let status = report.status.as_ref().unwrap_or(&default);
    let memory = Memory {
        offered: Some((healing.plan_hash.clone(), Timestamp::MAX)),
        spent: Vec::new(),
        over: Vec::new(),
        decided: None,
        denied: None,
        ..scene.memory()
    };
    let plan = propose(&scene.snapshot, assessment, &scene.policy, &memory);
    let steps = healing.steps.iter().map(|step| Remembered {
        kind: step.kind.into(),
        paths: paths(step).collect(),
        stale: step.stale.clone(),
        revision: step.revision.clone(),
    });
    let begun = Begun {
        plan_hash: &healing.plan_hash,
        uid: &healing.uid,
        by: &healing.by,
        steps: steps.collect(),
    };
    resume(
        &begun,
        status.approval.clone().map(Into::into).as_ref(),
        plan.as_ref(),
        &scene.snapshot,
    )
}

/// The fields of a recorded step.
pub(super) fn paths(step: &HealingStep) -> impl Iterator<Item = FieldPath> {
    step.paths.iter().filter_map(|path| path.parse().ok())
}
