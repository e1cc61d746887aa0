//! Holds: what keeps a step of an approved plan from being sent now.

use crate::controller::observe::Scene;
use crate::engine::argo_cd::hold::Hold;
use crate::engine::plan::{Step, StepKind, Written};

/// Whether the step syncs the Deployment itself. What follows a clear is Argo CD's own sync, which goes by its own
/// policy.
pub(super) const fn brings_sync(kind: StepKind) -> bool {
    matches!(kind, StepKind::StartOperation)
}

/// What forbids a write on the tool's object now, although the plan was approved: people hold back when they have a
/// reason.
pub(super) fn forbidden(step: &Step, scene: &Scene) -> Option<String> {
    if let (Written::Kustomization(_), Some(flux)) = (step.written(), scene.snapshot.tool.flux()) {
        return flux.held_back();
    }
    let (Written::Application(_), Some(argo_cd)) = (step.written(), scene.snapshot.tool.argo_cd()) else {
        return None;
    };
    // A request for a comparison is what shows whether the controller is alive.
    let asks = step.kind() == StepKind::Refresh;
    let holds = argo_cd.holds(&scene.snapshot.target, scene.snapshot.now).into_iter();
    holds
        .map(|hold| {
            (
                asks && matches!(
                    hold,
                    Hold::ControllerNotSeen { .. } | Hold::OperationPresent | Hold::Window { .. }
                ),
                hold,
            )
        })
        .find_map(|(passed, hold)| (!passed).then(|| hold.why()))
}

/// What a sync is not started before: it is one of the commit that Argo CD compared last, and what that brings must
/// have been read.
pub(super) fn unread(step: &Step, scene: &Scene) -> Option<String> {
    if step.kind() != StepKind::StartOperation {
        return None;
    }
    let tool = &scene.snapshot.tool;
    let failed = tool
        .argo_cd()?
        .application
        .sync
        .as_ref()
        .is_some_and(|sync| sync.status == "Unknown");
    let commit = tool
        .compared_unread(&scene.snapshot.source)
        .map(|commit| format!("what Git says at {commit}, which Argo CD compared, to be read"));
    if failed {
        Some("a comparison by Argo CD, whose last one failed".to_owned())
    } else {
        commit
    }
}
