//! Telling the standings of an operation apart.

use jiff::{SignedDuration, Timestamp};

use super::application::Application;
use super::standing::Standing;
use super::state::{OperationPhase, OperationState};
use super::window::{Leave, Trigger, Windows};
use crate::engine::object::ObjectId;
use crate::engine::tool_object::resource::ResourceRef;

/// How long a running operation may show nothing new before a person is asked: three times a Deployment's default
/// progress deadline. Argo CD itself waits for ever (`controller.sync.timeout.seconds` is 0 by default).
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(30);

/// How long a controller may be silent and count as alive: three times its longest pause between two comparisons of one
/// Application (`timeout.reconciliation` of 120 s and 60 s of jitter by default).
pub const SILENCE: SignedDuration = SignedDuration::from_mins(10);

/// What is known beside the Application.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time of the observation.
    pub now: Timestamp,

    /// When Argo CD's application controller last gave a sign of life, such as the newest `reconciledAt` of all
    /// Applications; `None` where it gave none.
    pub controller_seen_alive: Option<Timestamp>,

    /// The sync windows of the Application's project that match it.
    pub windows: &'a Windows,

    /// The object that is looked at.
    pub target: &'a ObjectId,
}

impl Context<'_> {
    /// Whether Argo CD's controller is believed to be there. A time far ahead is no sign of it: whoever wrote that
    /// would be believed for ever.
    pub fn controller_alive(&self) -> bool {
        self.controller_seen_alive
            .is_some_and(|seen| self.now.duration_since(seen).abs() <= SILENCE)
    }
}

/// Tells in what standing the operation of an Application is.
///
/// Source: `autoSync`, `alreadyAttemptedSync`, `selfHealRemainingBackoff` and `processRequestedAppOperation` in
/// `controller/appcontroller.go` of Argo CD v3.5.7; each row was tried there.
pub fn classify(application: &Application, context: &Context<'_>) -> Standing {
    let standing = match (&application.operation, &application.state) {
        (Some(_), None) => Standing::Requested,
        (Some(request), Some(state)) if state.phase.completed() => {
            let over_for = state.finished_at.map(|end| context.now.duration_since(end));
            // The controller writes the end and takes the request away in one patch. A request like the last one may
            // also be a new one.
            let same = request.whole == state.operation.whole && over_for.is_some_and(|over| over > SILENCE);
            if same && context.controller_alive() {
                Standing::NeverCleared
            } else {
                Standing::Requested
            }
        }
        (Some(_), Some(state)) => under_way(state, context),
        (None, Some(state)) if state.phase.completed() => over(application, state),
        (None, Some(state)) => orphan(application, state),
        (None, None) => compared(application),
    };
    match application.state_appliers.first() {
        Some(manager) if standing.clears() => Standing::CoOwned {
            stale: Box::new(standing),
            manager: manager.clone(),
        },
        _ => standing,
    }
}

/// An operation is there and not over.
fn under_way(state: &OperationState, context: &Context<'_>) -> Standing {
    if !context.controller_alive() {
        return Standing::ControllerNotSeen;
    }
    if let (OperationPhase::Running, Some(failed_at)) = (&state.phase, state.finished_at) {
        let until = state.operation.retry.next_at(failed_at, state.retry_count).ok();
        if until.is_some_and(|until| context.now.duration_since(until) > SILENCE) {
            return Standing::NoProgress { since: Some(failed_at) };
        }
        return Standing::WaitingForRetry {
            retry: state.retry_count,
            until,
        };
    }
    let since = state.started_at.as_ref().map(|started| started.time);
    let patience = since.and_then(|since| since.saturating_add(PATIENCE).ok());
    let patient = patience.is_none_or(|patience| context.now < patience);
    // `setRunningPhase` in gitops-engine/pkg/sync/sync_context.go and `SyncAppState` in controller/sync.go have these
    // words; nothing else of the Application tells for what it waits.
    let waits = |what: &str| state.message.starts_with(what);
    if waits("Sync operation blocked by sync window") {
        let trigger = if state.operation.automated {
            Trigger::Automated
        } else {
            Trigger::Manual
        };
        return Standing::WaitingForWindow {
            until: context.windows.next_change(trigger, context.now),
        };
    }
    if waits("waiting for pruning confirmation of ") {
        return Standing::WaitingForConfirmation;
    }
    if !patient {
        return Standing::NoProgress { since };
    }
    if waits("waiting for completion of hook ") || waits("waiting for deletion of hook ") {
        Standing::WaitingForHook { until: patience }
    } else if waits("waiting for healthy state of ") || waits("waiting for deletion of ") {
        Standing::WaitingForHealth { until: patience }
    } else {
        Standing::Running
    }
}

/// The state is completed and no operation is there.
fn over(application: &Application, state: &OperationState) -> Standing {
    let healed = healed(application);
    let succeeded = state.phase == OperationPhase::Succeeded;
    let attempts = state
        .operation
        .sync
        .as_ref()
        .and_then(|sync| sync.auto_heal_attempts)
        .unwrap_or(0);
    match (&state.result, succeeded) {
        (None, true) => {
            let self_heal = application.automated().is_some_and(|automated| automated.self_heal);
            // Without its end the wait of self-heal never grows shorter; without an attempt there is no wait.
            let waits_for_ever = attempts >= 1 && state.finished_at.is_none();
            let blocks = application.automated().is_some() && (!self_heal || waits_for_ever);
            Standing::SucceededWithoutResult { blocks, healed }
        }
        (None, false) => Standing::CompletedWithoutResult { healed },
        (Some(_), true) if state.finished_at.is_none() && attempts >= 1 && application.attempted() => {
            let blocks = application.automated().is_some_and(|automated| automated.self_heal);
            Standing::SucceededWithoutResult { blocks, healed }
        }
        (Some(_), true) => compared(application),
        (Some(_), false) if application.attempted() => Standing::FailedAtRevision {
            healed,
            automated: application.automated().is_some(),
            terminated: application.was_terminated(),
        },
        (Some(_), false) => match compared(application) {
            Standing::Idle => Standing::FailedElsewhere,
            other => other,
        },
    }
}

/// The state says Running or Terminating and no operation is there.
fn orphan(application: &Application, state: &OperationState) -> Standing {
    // Without a result it counts as "not attempted", and the next auto-sync replaces it.
    Standing::Orphaned {
        blocks: state.result.is_some() && application.attempted(),
        healed: healed(application),
    }
}

/// Nothing is left to sync, as far as that is to be believed: a comparison by server-side dry run was seen to say so in
/// the middle of the incident.
fn healed(application: &Application) -> bool {
    !application.server_side_diff() && application.sync.as_ref().is_some_and(|sync| sync.status == "Synced")
}

/// What the comparison alone tells.
fn compared(application: &Application) -> Standing {
    let Some(error) = application.condition("ComparisonError") else {
        return Standing::Idle;
    };
    // `serverSideDiff` in gitops-engine/pkg/diff/diff.go; the setting for all Applications shows in nothing else.
    if error.message.contains("serverSideDiff error")
        || application.server_side_diff() && error.message.contains("dryrun")
    {
        Standing::DryRunRefused
    } else {
        Standing::ComparisonFailed
    }
}

/// Whether the Deployment is among what the standing's operation was limited to; an operation without a limit is about
/// everything.
pub fn concerns(application: &Application, context: &Context<'_>) -> bool {
    let target = ResourceRef::from(context.target);
    let sync = application
        .state
        .as_ref()
        .and_then(|state| state.operation.sync.as_ref());
    sync.is_none_or(|sync| sync.resources.is_empty() || sync.resources.iter().any(|entry| target.is_meant_by(entry)))
}

/// What the sync windows say to an automated sync, for a hold.
pub(super) fn window_leave(context: &Context<'_>) -> Leave {
    context.windows.may_sync(Trigger::Automated, context.now, None)
}

#[cfg(test)]
mod tests;
