//! What forbids every write on an Application.

use jiff::Timestamp;
use serde_json::Value;

use super::application::Application;
use super::class::{Context, window_leave};
use super::window::{Leave, Trigger};
use crate::engine::tool_object::fields::{Fields, Place};

/// A reason to write nothing on an Application, and nothing under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Somebody keeps Argo CD away from it.
    SkipReconcile,

    /// It is being deleted.
    BeingDeleted,

    /// Its automation was switched off, which people do in order to change the cluster by hand.
    AutomationSwitchedOff {
        /// What tells so.
        how: &'static str,
    },

    /// An ApplicationSet rolls its Applications out in steps and decides itself when this one is synced.
    RollingSync {
        /// The ApplicationSet.
        application_set: String,
    },

    /// An ApplicationSet owns it, and whether that one rolls out in steps is not known.
    ApplicationSetNotRead {
        /// The ApplicationSet.
        application_set: String,
    },

    /// An operation is there: whatever is written now, it overtakes.
    OperationPresent,

    /// No controller of Argo CD would carry anything on.
    ControllerNotSeen {
        /// When one gave its last sign of life.
        seen: Option<Timestamp>,
    },

    /// The sync windows do not let a sync run: an operation written now would fire when they do.
    Window {
        /// Which.
        why: String,

        /// When that changes.
        until: Option<Timestamp>,
    },

    /// The sync windows are not known.
    WindowsNotRead,
}

/// What forbids a write on this Application now. `application_set` is the one that owns it, whole, where it could be
/// read.
///
/// Source: `canProcessApp` and `processAppRefreshQueueItem` in `controller/appcontroller.go`; `IsRollingSyncStrategy`
/// in `applicationset/progressivesync/progressive_sync.go`.
pub fn held_back(application: &Application, application_set: Option<&Value>, context: &Context<'_>) -> Vec<Hold> {
    let mut holds = Vec::new();
    if application.skips_reconcile() {
        holds.push(Hold::SkipReconcile);
    }
    if application.deletion_timestamp.is_some() {
        holds.push(Hold::BeingDeleted);
    }
    holds.extend(switched_off(application).map(|how| Hold::AutomationSwitchedOff { how }));
    if let Some(name) = application.application_sets.first() {
        match application_set.map(rolls_in_steps) {
            Some(false) => {}
            Some(true) => holds.push(Hold::RollingSync {
                application_set: name.clone(),
            }),
            None => holds.push(Hold::ApplicationSetNotRead {
                application_set: name.clone(),
            }),
        }
    }
    if application.operation.is_some() {
        holds.push(Hold::OperationPresent);
    }
    if !context.controller_alive() {
        holds.push(Hold::ControllerNotSeen {
            seen: context.controller_seen_alive,
        });
    }
    match window_leave(context) {
        Leave::Granted => {}
        Leave::Refused(why) => {
            let until = context.windows.next_change(Trigger::Automated, context.now);
            let why = if until.is_some() {
                why
            } else {
                format!("{why}; its end is not in sight")
            };
            holds.push(Hold::Window { why, until });
        }
        Leave::Broken(why) => holds.push(Hold::Window { why, until: None }),
        Leave::Unknown => holds.push(Hold::WindowsNotRead),
    }
    holds
}

/// Only what is visible: the switch itself, or that the newest sync of the whole was automated and nothing is any more.
fn switched_off(application: &Application) -> Option<&'static str> {
    match application.policy.automated {
        Some(automated) => (automated.enabled == Some(false)).then_some("spec.syncPolicy.automated.enabled is false"),
        None => {
            let automated = application.history.last()?.automated == Some(true);
            automated.then_some("its last sync was automated and spec.syncPolicy.automated is gone")
        }
    }
}

/// Unreadable counts as rolling: nothing is written where that is not known.
fn rolls_in_steps(application_set: &Value) -> bool {
    let strategy = Fields::of(Some(application_set), &Place::Root).and_then(|root| {
        root.object("spec", |spec| {
            spec.object("strategy", |strategy| {
                Ok(strategy.text("type")?.as_deref() == Some("RollingSync") && strategy.value("rollingSync").is_some())
            })
        })
    });
    strategy.unwrap_or(true)
}

impl Hold {
    /// The name in reports: one of a fixed set.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SkipReconcile => "SkipReconcile",
            Self::BeingDeleted => "BeingDeleted",
            Self::AutomationSwitchedOff { .. } => "AutomationSwitchedOff",
            Self::RollingSync { .. } => "RollingSync",
            Self::ApplicationSetNotRead { .. } => "ApplicationSetNotRead",
            Self::OperationPresent => "OperationPresent",
            Self::ControllerNotSeen { .. } => "ControllerNotSeen",
            Self::Window { .. } => "SyncWindow",
            Self::WindowsNotRead => "WindowsNotRead",
        }
    }

    /// Why nothing is written, in words.
    pub fn why(&self) -> String {
        match self {
            Self::SkipReconcile => {
                "the application carries skip-reconcile: Argo CD keeps away from it, and so does driftmend".to_owned()
            }
            Self::BeingDeleted => "the application is being deleted".to_owned(),
            Self::AutomationSwitchedOff { how } => {
                format!("the application's automation was switched off ({how}), perhaps for a change by hand")
            }
            Self::RollingSync { application_set } => {
                format!(
                    "the ApplicationSet {application_set} rolls its applications out in steps and decides when this \
                     one is synced"
                )
            }
            Self::ApplicationSetNotRead { application_set } => {
                format!("the ApplicationSet {application_set} owns the application and could not be read")
            }
            Self::OperationPresent => "the application has an operation".to_owned(),
            Self::ControllerNotSeen { seen: Some(seen) } => {
                format!("it waits for Argo CD's controller: last sign of life {seen}")
            }
            Self::ControllerNotSeen { seen: None } => {
                "it waits for Argo CD's controller, which has given no sign of life".to_owned()
            }
            Self::Window {
                why,
                until: Some(until),
            } => format!("{why}; until {until}"),
            Self::Window { why, until: None } => why.clone(),
            Self::WindowsNotRead => {
                "the application's project could not be read, so its sync windows are not known".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests;
