//! When the next sync comes.

use jiff::{SignedDuration, Timestamp};

use super::application::{Application, REFRESH, ResourceStatus};
use super::class::Context;
use super::standing::Standing;
use super::state::OperationPhase;
use super::sync_policy::Automated;
use super::window::{Leave, Trigger, Windows};
use crate::engine::tool_object::resource::ResourceRef;
use crate::engine::tool_object::when::When;

/// Tells when Argo CD syncs an Application next.
///
/// Source: `autoSync` and `selfHealRemainingBackoff` in `controller/appcontroller.go`. The waits of self-heal are those
/// of the flags' defaults (`cmd/argocd-application-controller/commands/argocd_application_controller.go`), which no
/// Application shows.
pub fn next_sync(application: &Application, standing: &Standing, context: &Context<'_>) -> When {
    let Context { now, windows, .. } = *context;
    let never = |why: &str| When::Never { why: why.to_owned() };
    if application.skips_reconcile() {
        return never("the application carries skip-reconcile");
    }
    if application.deletion_timestamp.is_some() {
        return never("the application is being deleted");
    }
    match standing {
        Standing::Running => return When::AtOnce { why: standing.why() },
        Standing::Requested | Standing::NeverCleared => return requested(application, windows, now),
        Standing::WaitingForRetry {
            until: Some(time),
            retry,
        } => {
            return When::At {
                time: *time,
                why: format!("the failed sync is tried again (retry {retry})"),
            };
        }
        Standing::WaitingForWindow { until: Some(time) } => {
            return When::At {
                time: *time,
                why: "the sync window changes and the waiting sync goes on".to_owned(),
            };
        }
        Standing::WaitingForRetry { .. }
        | Standing::WaitingForWindow { .. }
        | Standing::WaitingForHook { .. }
        | Standing::WaitingForHealth { .. }
        | Standing::WaitingForConfirmation
        | Standing::NoProgress { .. } => return When::Unknown { why: standing.why() },
        Standing::ControllerNotSeen => return without_controller(context),
        _ => {}
    }
    let Some(automated) = application.automated() else {
        return When::BySomebody;
    };
    match standing {
        Standing::FailedAtRevision { .. } | Standing::Orphaned { blocks: true, .. } => {
            return When::AtNextCommit { why: standing.why() };
        }
        other if other.blocks() => return When::Never { why: other.why() },
        _ => {}
    }
    match windows.may_sync(Trigger::Automated, now, None) {
        Leave::Granted => {}
        Leave::Refused(why) => {
            return match windows.next_change(Trigger::Automated, now) {
                Some(time) => When::At {
                    time,
                    why: format!("the sync window changes; now {why}"),
                },
                None => When::Never { why },
            };
        }
        Leave::Broken(why) => {
            return When::Never {
                why: format!("a sync window of the project cannot be read: {why}"),
            };
        }
        Leave::Unknown => {
            return When::Unknown {
                why: "the project's sync windows are not known".to_owned(),
            };
        }
    }
    if !context.controller_alive() {
        return without_controller(context);
    }
    automated_sync(application, automated, context)
}

/// What auto-sync makes of the last comparison. It is asked at the end of each one and at no other time, and goes by
/// what that one found.
fn automated_sync(application: &Application, automated: Automated, context: &Context<'_>) -> When {
    let once = |what: &str, why: String| When::Once {
        what: what.to_owned(),
        why,
    };
    let attempted = application.attempted();
    if attempted && !automated.self_heal {
        return When::AtNextCommit {
            why: "this revision was synced already and self-heal is off".to_owned(),
        };
    }
    if application.sync.as_ref().is_none_or(|sync| sync.status == "Unknown") {
        return When::Unknown {
            why: "Argo CD has not compared the application with its source".to_owned(),
        };
    }
    let says =
        |what: &str| format!("it says that {what} is Synced, and auto-sync begins only with what it finds OutOfSync");
    if !application.out_of_sync() {
        return once("Argo CD finds a difference", says("the application"));
    }
    // `requirePruneOnly` in `autoSync`.
    let differs = |entry: &&ResourceStatus| entry.status.as_deref() != Some("Synced");
    if !automated.prune
        && application
            .resources
            .iter()
            .filter(differs)
            .all(|entry| entry.requires_pruning)
    {
        let why = "what is OutOfSync now would only be pruned, and automated pruning is off";
        return once("Argo CD finds something to apply", why.to_owned());
    }
    if !attempted {
        let why = why_not_attempted(application);
        return match application.annotation(REFRESH) {
            Some(_) => When::AtOnce {
                why: format!("a comparison is asked for, and {why}"),
            },
            None => once("Argo CD compares the application again", why.to_owned()),
        };
    }
    // A self-heal is limited to what is OutOfSync.
    let target = ResourceRef::from(context.target);
    if application
        .resources
        .iter()
        .any(|entry| entry.resource == target && entry.status.as_deref() == Some("Synced"))
    {
        return once(
            "Argo CD finds a difference in it",
            says(&format!("this {}", target.kind)),
        );
    }
    match self_heal_at(application) {
        Some(time) if time > context.now => When::At {
            time,
            why: "self-heal waits between its attempts".to_owned(),
        },
        _ => When::AtOnce {
            why: "self-heal is on".to_owned(),
        },
    }
}

/// Why no state of an operation keeps auto-sync from syncing what it compared.
fn why_not_attempted(application: &Application) -> &'static str {
    let Some(state) = &application.state else {
        return "no operation is remembered, so that nothing keeps auto-sync from this revision";
    };
    let compared = application.sync.as_ref().and_then(|sync| sync.revision.as_ref());
    match &state.result {
        None => "the last operation has no result, so that nothing keeps auto-sync from this revision",
        Some(result) if result.revision.as_ref() == compared => "the last operation synced from another source",
        Some(_) => "the last operation was at another revision",
    }
}

/// An operation, or auto-sync, that nobody carries on.
fn without_controller(context: &Context<'_>) -> When {
    let why = match context.controller_seen_alive {
        Some(seen) => format!("its last sign of life was at {seen}"),
        None => "it has given no sign of life".to_owned(),
    };
    When::Once {
        what: "Argo CD's controller is back".to_owned(),
        why,
    }
}

/// An operation is there and not begun: it asks the windows as a manual one, unless automation wrote it.
fn requested(application: &Application, windows: &Windows, now: Timestamp) -> When {
    let automated = application
        .operation
        .as_ref()
        .is_some_and(|operation| operation.automated);
    let trigger = if automated { Trigger::Automated } else { Trigger::Manual };
    match windows.may_sync(trigger, now, None) {
        Leave::Refused(why) => match windows.next_change(trigger, now) {
            Some(time) => When::At {
                time,
                why: format!("a sync is asked for; now {why}"),
            },
            None => When::Never { why },
        },
        Leave::Broken(why) => When::Never {
            why: format!("a sync window of the project cannot be read: {why}"),
        },
        Leave::Granted | Leave::Unknown => When::AtOnce {
            why: "a sync is asked for".to_owned(),
        },
    }
}

/// When self-heal may act again after the last successful sync: 2 s, 6 s, 18 s … up to 300 s after its first, second,
/// third attempt in a row, and at once after a sync that was none.
fn self_heal_at(application: &Application) -> Option<Timestamp> {
    let state = application
        .state
        .as_ref()
        .filter(|state| state.phase == OperationPhase::Succeeded)?;
    let attempts = state
        .operation
        .sync
        .as_ref()?
        .auto_heal_attempts
        .filter(|attempts| *attempts > 0)?;
    let wait = (1..attempts.min(10)).fold(2, |wait: i64, _| (wait * 3).min(300));
    state.finished_at?.checked_add(SignedDuration::from_secs(wait)).ok()
}

#[cfg(test)]
mod tests;
