//! The steps on Argo CD's Application: what follows the cure of the Deployment, so that the application is synced, healthy and armed again.

use jiff::Timestamp;
use json_patch::Patch;
use serde_json::{Value, json};

use super::NoPlan;
use super::step::{RenderError, Step};
use crate::engine::object::ObjectId;
use crate::engine::operation::{
    Action, Application, Hold, NoRequest, Operation, OperationPhase, ResourceRef, Revision, Stale, Standing, Then, Touches, clear, refresh,
    refresh_asked, short_commit, start, started, touches, withdraw_refresh,
};
use crate::engine::snapshot::SourceFacts;
use crate::engine::tool::ArgoCd;

#[cfg(test)]
mod tests;

/// The name under which our operations are asked for.
const USERNAME: &str = "driftmend";

/// The name of the entry of `operation.info` that carries the plan's hash.
const PLAN_INFO: &str = "driftmend.dev/plan";

/// The Application that a step writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRef {
    /// Its namespace.
    pub namespace: String,

    /// Its name.
    pub name: String,
}

impl ApplicationRef {
    /// The Application as the API server knows it.
    pub fn object(&self) -> ObjectId {
        ObjectId {
            api_version: "argoproj.io/v1alpha1".to_owned(),
            kind: "Application".to_owned(),
            namespace: Some(self.namespace.clone()),
            name: self.name.clone(),
        }
    }
}

impl std::fmt::Display for ApplicationRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Application {}/{}", self.namespace, self.name)
    }
}

/// A write on an Application.
#[derive(Clone, Debug, PartialEq)]
pub struct OnApplication {
    /// Which.
    pub application: ApplicationRef,

    /// What is done.
    pub act: Act,
}

/// What is done to an Application.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A comparison is asked for. It proves that the controller lives, and that `status.sync` is newer than the cure.
    Refresh,

    /// The stale state is removed and a comparison asked for: Argo CD then syncs by itself what is out of sync.
    Clear {
        /// Which state.
        stale: Stale,

        /// What that sync touches.
        touches: Touches,
    },

    /// A sync is asked for, limited to this Deployment; a stale state is removed in the same write.
    Start {
        /// Which state is stale.
        stale: Option<Stale>,

        /// The Deployment.
        only: ResourceRef,

        /// What that sync touches.
        touches: Touches,
    },
}

/// What the cure of the Deployment is, as far as the Application is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Git's values are in the cluster.
    InSync,

    /// Git's values are in the cluster, and client-side apply does not know that they are its own before it has synced once more.
    Unrecorded,

    /// Git's values come by a sync.
    NeedsSync,
}

/// The steps on the Application after a cure that makes the cluster fit for what the source says, or why nothing may be written now.
pub(super) fn after(
    argo_cd: &ArgoCd,
    target: &ObjectId,
    before: Before,
    source: &SourceFacts,
    now: Timestamp,
) -> Result<Vec<Step>, NoPlan> {
    let standing = argo_cd.standing(target, now);
    forbidden(argo_cd, target, &standing, now)?;
    let application = &argo_cd.application;
    let named = ApplicationRef { namespace: application.namespace.clone(), name: application.name.clone() };
    let step = |act| Step::OnApplication(Box::new(OnApplication { application: named.clone(), act }));
    let stale = match standing {
        // The retry may succeed by itself after the cure; what it leaves behind is cleared then.
        Standing::WaitingForRetry { .. } => Stale::of(application).ok(),
        ref standing if standing.clears() => Some(Stale::of(application).map_err(|why| NoPlan::HeldBack(why.to_string()))?),
        _ => None,
    };
    let self_heals = application.automated().is_some_and(|automated| automated.self_heal);
    let only = ResourceRef::deployment(target.namespace.as_deref().unwrap_or_default(), &target.name);
    let limited = Operation::of(application, USERNAME, Vec::new(), Some(only.clone()));
    // After a limited sync the rest of a revision that failed as a whole would stay as it is, without a word: Argo CD takes the revision for
    // synced, and never runs its later hooks. Where it syncs by itself, it does all of it.
    let failed_whole = application.state.as_ref().is_some_and(|state| !state.operation.partial());
    // Nobody waits for a sync that only writes down what was applied: where it cannot be started now, that is written otherwise.
    let later = stale.is_some() && failed_whole && application.automated().is_some() || has_compared(application, source).is_err();
    let before = if before == Before::Unrecorded && later { Before::InSync } else { before };
    let last = match (before, stale) {
        (Before::NeedsSync, None) if self_heals => None,
        (Before::NeedsSync, Some(stale)) if failed_whole && application.automated().is_some() => {
            Some(Act::Clear { stale, touches: touches(application, &Then::Refresh) })
        }
        (Before::NeedsSync | Before::Unrecorded, stale) => {
            Some(Act::Start { stale, only, touches: touches(application, &Then::Start(limited)) })
        }
        (Before::InSync, Some(stale)) => Some(Act::Clear { stale, touches: touches(application, &Then::Refresh) }),
        (Before::InSync, None) => None,
    };
    if last.is_some() {
        has_compared(application, source)?;
    }
    Ok([Some(step(Act::Refresh)), last.map(step)].into_iter().flatten().collect())
}

/// A sync is one of the commit that Argo CD compared last: where Git says something else of the Deployment since then, it would bring back what
/// Git no longer says.
fn has_compared(application: &Application, source: &SourceFacts) -> Result<(), NoPlan> {
    let head = source.revision.as_str();
    let fits = |compared: &str| head.is_empty() || compared == head || source.same_at.as_deref() == Some(compared);
    match application.sync.as_ref().and_then(|sync| sync.revision.as_ref()).and_then(Revision::one) {
        Some(compared) if !fits(compared) => {
            let head = short_commit(head);
            Err(NoPlan::HeldBack(format!(
                "Argo CD has not compared commit {head} yet, only {}: it looks into Git every few minutes, or when it is asked for a refresh",
                short_commit(compared)
            )))
        }
        _ => Ok(()),
    }
}

/// The sync window that forbids a heal, in words.
pub(super) fn window(argo_cd: &ArgoCd, target: &ObjectId, now: Timestamp) -> Option<String> {
    argo_cd.holds(target, now).iter().find(|hold| matches!(hold, Hold::Window { .. })).map(Hold::why)
}

/// Legitimate waits are left alone, and so is everything that a person holds back.
fn forbidden(argo_cd: &ArgoCd, target: &ObjectId, standing: &Standing, now: Timestamp) -> Result<(), NoPlan> {
    let retries = matches!(standing, Standing::WaitingForRetry { .. });
    // A retry that waits is the best moment: nothing has to be cleared then. A window may be broken by a person, who is asked for that.
    let passed = |hold: &Hold| matches!(hold, Hold::Window { .. }) || retries && *hold == Hold::OperationPresent;
    let hold = argo_cd.holds(target, now).into_iter().find(|hold| !passed(hold));
    match (hold, standing.action()) {
        (Some(Hold::OperationPresent), _) | (None, Action::AskAPerson) => {
            Err(NoPlan::HeldBack(with_time(standing.why(), standing.until())))
        }
        (Some(hold), _) => Err(NoPlan::HeldBack(hold.why())),
        (None, _) => Ok(()),
    }
}

fn with_time(why: String, until: Option<Timestamp>) -> String {
    match until {
        Some(until) => format!("{why} (until {until})"),
        None => why,
    }
}

/// Why a step is not sent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYet(pub String);

impl OnApplication {
    /// What the step does, in one sentence.
    pub(super) fn summary(&self) -> String {
        let name = &self.application;
        match &self.act {
            Act::Refresh => format!("asks Argo CD to compare {name} anew"),
            Act::Clear { stale, touches } => {
                format!(
                    "removes the stale operation state of {} ({}, since {}) and asks for a comparison: {}",
                    name,
                    stale.phase.as_str(),
                    stale.started_at,
                    touches.sentence()
                )
            }
            Act::Start { stale: Some(stale), touches, only } => format!(
                "removes the stale operation state of {} ({}, since {}) and starts a sync of {only} alone: {}",
                name,
                stale.phase.as_str(),
                stale.started_at,
                touches.sentence()
            ),
            Act::Start { stale: None, touches, only } => format!("starts a sync of {only} alone in {name}: {}", touches.sentence()),
        }
    }

    /// The bytes of intent that a plan's hash covers.
    pub(super) fn intent(&self, kind: &str) -> Value {
        let (stale, touches) = match &self.act {
            Act::Refresh => (None, None),
            Act::Clear { stale, touches } => (Some(stale), Some(touches)),
            Act::Start { stale, touches, .. } => (stale.as_ref(), Some(touches)),
        };
        // A failure ends the wait for a retry: the same state under another phase.
        let stale = stale.map(|stale| json!({"uid": stale.uid, "startedAt": stale.started_at}));
        let only = match &self.act {
            Act::Start { only, .. } => Some(only),
            Act::Refresh | Act::Clear { .. } => None,
        };
        json!({"kind": kind, "application": self.application.to_string(), "stale": stale, "only": only, "touches": touches})
    }

    /// The guarded patch; `None` where what it asks for is asked for already.
    pub(super) fn render(&self, application: Option<&Application>, plan: &str) -> Result<Option<Patch>, RenderError> {
        let application = application.ok_or(RenderError::NoApplication)?;
        Ok(match &self.act {
            Act::Refresh => refresh(application)?,
            Act::Clear { .. } => Some(clear(application, &Then::Refresh)?),
            Act::Start { stale, .. } => {
                let operation = self.operation(application, plan).ok_or(RenderError::NoApplication)?;
                Some(match stale {
                    Some(stale) if !stale.cleared(application) => clear(application, &Then::Start(operation))?,
                    _ => start(application, &operation)?,
                })
            }
        })
    }

    /// Our operation, as this plan asks for it.
    fn operation(&self, application: &Application, plan: &str) -> Option<Operation> {
        let Act::Start { only, touches, .. } = &self.act else { return None };
        let info = vec![(PLAN_INFO.to_owned(), plan.to_owned())];
        let asked = Operation::of(application, USERNAME, info, Some(only.clone()));
        Some(Operation { revision: touches.to.clone(), ..asked })
    }

    /// Whether the Application is as the step would leave it. `begun` is when the step was first to be sent.
    pub(super) fn done(&self, application: Option<&Application>, plan: &str, begun: Option<Timestamp>) -> bool {
        let Some(application) = application else { return false };
        let ended = |stale: &Stale| stale.cleared(application) || succeeded(application);
        match &self.act {
            // In whole seconds: one of the same second may have come before.
            Act::Refresh => begun.is_some_and(|begun| application.reconciled_at.is_some_and(|made| made.as_second() > begun.as_second())),
            Act::Clear { stale, .. } => ended(stale),
            Act::Start { stale, .. } => {
                let ours = self.operation(application, plan).is_some_and(|operation| started(application, &operation));
                // With self-heal Argo CD may replace our operation's state by that of its own next one within a tenth of a second.
                let state = application.state.as_ref().and_then(|state| state.started_at.as_ref());
                let newer = matches!((state, begun), (Some(state), Some(begun)) if state.time.as_second() >= begun.as_second());
                ours || newer || stale.as_ref().is_some_and(ended)
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
            Act::Refresh => refresh_asked(application).then(|| NotYet("Argo CD's answer to the request for a comparison".to_owned())),
            Act::Clear { .. } | Act::Start { .. } => {
                application.operation.is_some().then(|| NotYet("the operation that Argo CD carries out itself".to_owned()))
            }
        }
    }
}

fn succeeded(application: &Application) -> bool {
    application.operation.is_none() && application.state.as_ref().is_some_and(|state| state.phase == OperationPhase::Succeeded)
}

impl From<NoRequest> for RenderError {
    fn from(why: NoRequest) -> Self {
        Self::Application(why)
    }
}
