//! The steps on Argo CD's Application: what follows the cure of the Deployment, so that the application is synced,
//! healthy and armed again.

use jiff::Timestamp;
use json_patch::Patch;
use serde_json::{Value, json};

use super::step::RenderError;
use crate::engine::argo_cd::application::Application;
use crate::engine::argo_cd::reference::ApplicationRef;
use crate::engine::argo_cd::requests::{
    Operation, Stale, Then, clear, refresh, refresh_asked, start, started, withdraw_refresh,
};
use crate::engine::argo_cd::revision::Revision;
use crate::engine::argo_cd::state::{OperationPhase, OperationState, Requested, Retry};
use crate::engine::argo_cd::touch::Touches;
use crate::engine::tool_object::patch::NoRequest;
use crate::engine::tool_object::resource::ResourceRef;

mod following;
#[cfg(test)]
mod tests;

pub(super) use following::{Around, Before, after, compared};

/// The name under which our operations are asked for.
const USERNAME: &str = "driftmend";

/// The name of the entry of `operation.info` that carries the plan's hash.
const PLAN_INFO: &str = "driftmend.dev/plan";

/// How often the state of an operation is cleared at one revision: a third sync of the whole would end as the two
/// before.
const CLEARS: usize = 2;

/// A write on an Application.
#[derive(Clone, Debug, PartialEq)]
pub struct OnApplication {
    /// Which.
    pub application: ApplicationRef,

    /// Its uid: one that was made anew is another.
    pub uid: Option<String>,

    /// The sync of a person that is in the way: who decided about what was there before did not know of it.
    pub asked: Option<Asked>,

    /// What is done.
    pub act: Act,
}

/// A sync that a person asked for, and that has not succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who asked.
    pub by: String,

    /// When it began; `None` before that. Its retries do not begin it anew.
    pub began: Option<String>,

    /// What it is limited to and how it syncs: two that began in the same second differ in nothing else. At which
    /// commit is left out, since a retry may take another.
    pub asks: Value,
}

impl Asked {
    /// The bytes that a plan's hash covers.
    fn to_value(&self) -> Value {
        let Self { by, began, asks } = self;
        json!({"by": by, "began": began, "asks": asks})
    }

    /// The one of this Application; `None` where the last operation was Argo CD's own, or ours.
    fn of(application: &Application) -> Option<Self> {
        let state = application.state.as_ref();
        let began = |state: &OperationState| state.started_at.as_ref().map(|began| began.text.clone());
        let (asked, began) = match (&application.operation, state) {
            (Some(asked), Some(state)) if !state.phase.completed() => (asked, began(state)),
            (Some(asked), _) => (asked, None),
            (None, Some(state)) if state.phase != OperationPhase::Succeeded => (&state.operation, began(state)),
            (None, _) => return None,
        };
        let by = asked.username.clone().filter(|by| !asked.automated && by != USERNAME)?;
        Some(Self {
            by,
            began,
            asks: asks(asked),
        })
    }
}

/// What is done to an Application.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A comparison is asked for. It proves that the controller lives, and that `status.sync` is newer than the cure.
    Refresh,

    /// The stale state is removed and a comparison asked for: Argo CD then syncs by itself the whole that is out of
    /// sync. Only for what an operation of ours cannot do, since each clear may be followed by a sync of everything.
    Clear {
        /// Which state: the one that is there when the heal begins.
        stale: Option<Stale>,

        /// What that sync touches.
        touches: Touches,

        /// Why no sync of ours does it, as the end of a sentence.
        why: String,

        /// Which attempt at this revision it is, from 1.
        attempt: usize,
    },

    /// A sync is asked for, limited to this Deployment. Argo CD replaces the state of an operation that is over by the
    /// new one's.
    Start {
        /// Which stale state it replaces: the one that is there when the heal begins.
        replaces: Option<Stale>,

        /// The Deployment.
        only: ResourceRef,

        /// What that sync touches.
        touches: Touches,
    },
}

/// Why a step is not sent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYet(pub String);

/// What was asked for, as Argo CD reads it: it leaves out what is empty where it remembers an operation.
fn asks(Requested { info, sync, retry, .. }: &Requested) -> Value {
    let sync = sync.as_ref().map(|sync| {
        let resources: Vec<Value> = sync.resources.iter().map(ResourceRef::to_value).collect();
        json!({"prune": sync.prune, "dryRun": sync.dry_run, "resources": resources})
    });
    let Retry {
        limit,
        duration,
        factor,
        max_duration,
    } = retry;
    json!({"info": info, "sync": sync, "retry": [limit, duration, factor, max_duration]})
}

impl OnApplication {
    /// A write on this Application.
    pub(super) fn of(application: &Application, act: Act) -> Self {
        let named = ApplicationRef {
            namespace: application.namespace.clone(),
            name: application.name.clone(),
        };
        let asked = if act == Act::Refresh {
            None
        } else {
            Asked::of(application)
        };
        Self {
            application: named,
            uid: application.uid.clone(),
            asked,
            act,
        }
    }

    /// Lets the act mean the operation state that began then, and no later one.
    pub(super) fn bind(&mut self, began: Option<&str>) {
        let uid = self.uid.clone();
        let (Act::Clear { stale, .. } | Act::Start { replaces: stale, .. }) = &mut self.act else {
            return;
        };
        let phase = stale.take().map_or(OperationPhase::Failed, |stale| stale.phase);
        *stale = uid.zip(began).map(|(uid, began)| Stale {
            uid,
            phase,
            started_at: began.to_owned(),
        });
    }

    /// What the step does, in one sentence.
    pub(super) fn summary(&self) -> String {
        let name = &self.application;
        let told = |stale: &Option<Stale>| {
            stale
                .as_ref()
                .map(|stale| format!(" ({}, since {})", stale.phase.as_str(), stale.started_at))
                .unwrap_or_default()
        };
        match &self.act {
            Act::Refresh => format!("asks Argo CD to compare {name} anew"),
            Act::Clear {
                stale,
                touches,
                why,
                attempt,
            } => format!(
                "attempt {attempt} of {CLEARS} at this revision: removes the operation state of {name}{} and asks for \
                 a comparison, since {why}; {}",
                told(stale),
                touches.sentence()
            ),
            Act::Start {
                replaces: Some(stale),
                touches,
                only,
            } if stale.phase == OperationPhase::Succeeded => format!(
                "starts a sync of {only} alone in {name}, which replaces the operation state that is there by then: {}",
                touches.sentence()
            ),
            Act::Start {
                replaces: Some(stale),
                touches,
                only,
            } => format!(
                "starts a sync of {only} alone in {name}, which replaces the operation state ({}, since {}): {}",
                stale.phase.as_str(),
                stale.started_at,
                touches.sentence()
            ),
            Act::Start {
                replaces: None,
                touches,
                only,
            } => format!("starts a sync of {only} alone in {name}: {}", touches.sentence()),
        }
    }

    /// The bytes of intent that a plan's hash covers.
    ///
    /// Left out is what passes while Argo CD tries a sync again: which state is meant (that is bound when the heal
    /// begins, and tested when the step is sent), its phase, its times and its retries. Only a person's own sync is
    /// told from an earlier one. What a sync of one resource touches is said by its name, and what it brings by the
    /// digest of Git's document: at which commit that stands, any commit elsewhere moves.
    pub(super) fn intent(&self, kind: &str) -> Value {
        let (only, touches) = match &self.act {
            Act::Refresh => (None, Value::Null),
            Act::Clear { touches, .. } => (None, touches.to_value()),
            Act::Start {
                only,
                touches:
                    Touches {
                        to,
                        whole_application,
                        sync_options,
                        retry,
                        ..
                    },
                ..
            } => {
                // Git's document is held against one commit, and not against several.
                let to = to.as_ref().filter(|to| to.one().is_none()).map(Revision::to_value);
                (
                    Some(only.to_value()),
                    json!({"to": to, "wholeApplication": whole_application, "syncOptions": sync_options,
                           "retry": retry}),
                )
            }
        };
        json!({
            "kind": kind, "application": self.application.to_string(), "uid": self.uid,
            "asked": self.asked.as_ref().map(Asked::to_value),
            "only": only, "touches": touches,
        })
    }

    /// The guarded patch; `None` where what it asks for is asked for already.
    pub(super) fn render(&self, application: Option<&Application>, plan: &str) -> Result<Option<Patch>, RenderError> {
        let application = application.ok_or(RenderError::NoApplication)?;
        Ok(match &self.act {
            Act::Refresh => refresh(application)?,
            Act::Clear { .. } => Some(clear(application, &Then::Refresh)?),
            Act::Start { .. } => {
                let operation = self.operation(application, plan).ok_or(RenderError::NoApplication)?;
                // A state that nobody ends would be taken for the new operation's.
                let is_orphan = application.state.as_ref().is_some_and(|state| !state.phase.completed());
                Some(if is_orphan {
                    clear(application, &Then::Start(operation))?
                } else {
                    start(application, &operation)?
                })
            }
        })
    }

    /// Our operation, as this plan asks for it.
    fn operation(&self, application: &Application, plan: &str) -> Option<Operation> {
        let Act::Start { only, touches, .. } = &self.act else {
            return None;
        };
        let info = vec![(PLAN_INFO.to_owned(), plan.to_owned())];
        let asked = Operation::of(application, USERNAME, info, Some(only.clone()));
        // Of one source in a list, the commit is written in a list, too.
        let is_compared = touches
            .to
            .as_ref()
            .and_then(Revision::one)
            .is_some_and(|to| asked.revision.as_ref().and_then(Revision::one) == Some(to));
        let revision = if is_compared {
            asked.revision.clone()
        } else {
            touches.to.clone()
        };
        Some(Operation { revision, ..asked })
    }

    /// Whether the Application is as the step would leave it. `begun` is when the step was first to be sent.
    pub(super) fn done(&self, application: Option<&Application>, plan: &str, begun: Option<Timestamp>) -> bool {
        let Some(application) = application else { return false };
        let ended = |stale: &Stale| stale.cleared(application) || succeeded(application);
        match &self.act {
            // In whole seconds: one of the same second may have come before.
            Act::Refresh => begun.is_some_and(|begun| {
                application
                    .reconciled_at
                    .is_some_and(|made| made.as_second() > begun.as_second())
            }),
            Act::Clear { stale, .. } => stale.as_ref().is_some_and(ended),
            Act::Start { replaces, .. } => {
                let ours = self
                    .operation(application, plan)
                    .is_some_and(|operation| started(application, &operation));
                // With self-heal Argo CD may replace our operation's state by that of its own next one within a tenth
                // of a second.
                let state = application.state.as_ref().and_then(|state| state.started_at.as_ref());
                let newer =
                    matches!((state, begun), (Some(state), Some(begun)) if state.time.as_second() >= begun.as_second());
                ours || newer || replaces.as_ref().is_some_and(ended)
            }
        }
    }

    /// What takes back a request that was not answered, so that it can be made again.
    pub(super) fn takes_back(&self, application: Option<&Application>) -> Option<Patch> {
        match self.act {
            Act::Refresh => withdraw_refresh(application?).ok().flatten(),
            Act::Clear { .. } | Act::Start { .. } => None,
        }
    }

    /// Why the step is to wait.
    pub(super) fn waits(&self, application: Option<&Application>) -> Option<NotYet> {
        let application = application?;
        match &self.act {
            Act::Refresh => refresh_asked(application).then(|| {
                let seen = application
                    .reconciled_at
                    .map(|seen| format!(": last sign of life {seen}"))
                    .unwrap_or_default();
                NotYet(format!(
                    "Argo CD's controller, which answers the request for a comparison{seen}"
                ))
            }),
            Act::Clear { .. } | Act::Start { .. } => application
                .operation
                .is_some()
                .then(|| NotYet("the operation that Argo CD carries out itself".to_owned())),
        }
    }
}

/// Whether the operation succeeded, as a retry does after the cure. A success that lost its end or its result is what
/// is stale.
fn succeeded(application: &Application) -> bool {
    let is_whole = application.state.as_ref().is_some_and(|state| {
        state.phase == OperationPhase::Succeeded && state.finished_at.is_some() && state.result.is_some()
    });
    application.operation.is_none() && is_whole
}

impl From<NoRequest> for RenderError {
    fn from(why: NoRequest) -> Self {
        Self::Application(why)
    }
}
