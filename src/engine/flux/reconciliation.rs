//! In what standing a Kustomization of Flux is, when it is reconciled next, and how to ask for it.
//!
//! Flux keeps no state that blocks anything: each interval it tries again. So nothing is ever cleared here; after a
//! heal a request makes the next reconciliation come at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use json_patch::Patch;
use serde_json::{Value, json};

use super::git_repository::GitRepository;
use super::kustomization::Kustomization;
use crate::engine::object::ObjectId;
use crate::engine::tool_object::action::Action;
use crate::engine::tool_object::message::{Refused, comparable, refused};
use crate::engine::tool_object::patch::{NoRequest, add, test};
use crate::engine::tool_object::when::When;

/// The annotation that asks for a reconciliation; its value is a token that comes back in the status.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// In what standing a Kustomization is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconciliation {
    /// It is applied.
    Ready,

    /// The API server refused an object in the dry run before the apply: nothing of this revision is applied.
    FailedDryRun {
        /// Flux's words, comparable.
        message: String,

        /// What was refused and why, where the words tell.
        refused: Vec<Refused>,
    },

    /// Nothing was tried: something else has to be there first. Flux looks for it again and again (every 30 s by
    /// default).
    Waiting {
        /// What for.
        awaited: Awaited,

        /// Flux's words, comparable.
        message: String,
    },

    /// It failed otherwise.
    Failed {
        /// Why, in one word.
        reason: String,

        /// Flux's words, comparable.
        message: String,
    },

    /// It is being reconciled, or its newest spec was not looked at yet.
    Progressing,

    /// It is switched off.
    Suspended,

    /// It failed in a way that only a change of its spec ends.
    Stalled {
        /// Why, in one word.
        reason: String,

        /// Flux's words.
        message: String,
    },

    /// It is being deleted.
    Deleting,
}

/// What a reconciliation waits for before it reads anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Another Kustomization, by `spec.dependsOn`.
    Dependency,

    /// The source's object.
    Source,

    /// The source's artifact.
    Artifact,
}

impl Awaited {
    /// Reads what a Ready that is False says; `None` where the reconciliation was tried.
    ///
    /// Flux has one reason for a source without an artifact and for an artifact that is of no use: its words tell them
    /// apart.
    fn of(reason: &str, message: &str) -> Option<Self> {
        let absent = ["Source artifact not found", "Source is not ready, artifact not found"];
        match reason {
            "DependencyNotReady" => Some(Self::Dependency),
            "ArtifactFailed" if absent.iter().any(|words| message.starts_with(words)) => Some(Self::Artifact),
            "ArtifactFailed" if message.contains(".source.toolkit.fluxcd.io ") && message.ends_with(" not found") => {
                Some(Self::Source)
            }
            _ => None,
        }
    }

    /// What has to be so first.
    pub fn what(self) -> &'static str {
        match self {
            Self::Dependency => "what it depends on is ready",
            Self::Source => "its source is there",
            Self::Artifact => "its source has an artifact",
        }
    }
}

/// Tells in what standing a Kustomization is.
///
/// While it retries, Reconciling is True with the reason `ProgressingWithRetry` beside a Ready that is False: the
/// failure counts.
///
/// Source: `KustomizationReconciler.Reconcile` in `internal/controller/kustomization_controller.go` of
/// kustomize-controller v1.9.5; `DryRunErr` in `ssa/errors/errors.go` of fluxcd/pkg for the words.
pub fn reconciliation(kustomization: &Kustomization) -> Reconciliation {
    if kustomization.deletion_timestamp.is_some() {
        return Reconciliation::Deleting;
    }
    if kustomization.suspend {
        return Reconciliation::Suspended;
    }
    // A condition about an older spec tells nothing of this one.
    let current = |kind: &str| {
        kustomization.condition(kind).filter(|condition| {
            match (condition.observed_generation, kustomization.generation) {
                (Some(observed), Some(generation)) => observed >= generation,
                _ => true,
            }
        })
    };
    if let Some(stalled) = current("Stalled").filter(|stalled| stalled.status == "True") {
        return Reconciliation::Stalled {
            reason: stalled.reason.clone(),
            message: stalled.message.clone(),
        };
    }
    match current("Ready") {
        Some(ready) if ready.status == "True" => Reconciliation::Ready,
        Some(ready) if ready.status == "False" => {
            let message = comparable(&ready.message);
            match Awaited::of(&ready.reason, &message) {
                Some(awaited) => Reconciliation::Waiting { awaited, message },
                None if message.contains(" dry-run failed") => Reconciliation::FailedDryRun {
                    refused: refused(&message),
                    message,
                },
                None => Reconciliation::Failed {
                    reason: ready.reason.clone(),
                    message,
                },
            }
        }
        _ => Reconciliation::Progressing,
    }
}

impl Reconciliation {
    /// The name in reports and in metrics' labels: one of a fixed set.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::FailedDryRun { .. } => "FailedDryRun",
            Self::Waiting { .. } => "Waiting",
            Self::Failed { .. } => "Failed",
            Self::Progressing => "Progressing",
            Self::Suspended => "Suspended",
            Self::Stalled { .. } => "Stalled",
            Self::Deleting => "Deleting",
        }
    }

    /// What it means, in one sentence.
    pub fn why(&self) -> String {
        match self {
            Self::Ready => "the last reconciliation succeeded".to_owned(),
            Self::FailedDryRun { message, .. } => {
                format!("the API server refuses the dry run, so nothing of this revision is applied: {message}")
            }
            Self::Waiting { awaited, message } => {
                format!("the next reconciliation waits until {}: {message}", awaited.what())
            }
            Self::Failed { reason, message } => format!("the last reconciliation failed ({reason}): {message}"),
            Self::Progressing => "a reconciliation is under way".to_owned(),
            Self::Suspended => "the Kustomization is suspended, perhaps for a change by hand".to_owned(),
            Self::Stalled { reason, message } => {
                format!("the Kustomization is stalled ({reason}) until its spec changes: {message}")
            }
            Self::Deleting => "the Kustomization is being deleted".to_owned(),
        }
    }

    /// What is to be done: after a heal of a failure, ask for a reconciliation.
    pub fn action(&self) -> Action {
        match self {
            Self::FailedDryRun { .. } | Self::Failed { .. } => Action::RefreshOnly,
            Self::Stalled { .. } => Action::AskAPerson,
            Self::Ready | Self::Waiting { .. } | Self::Progressing | Self::Suspended | Self::Deleting => Action::Leave,
        }
    }

    /// Whether it forbids every write: people suspend a Kustomization in order to change the cluster by hand.
    pub fn held_back(&self) -> bool {
        matches!(self, Self::Suspended | Self::Deleting)
    }
}

/// Whether a reconciliation that ended with this reason applied everything before it failed.
///
/// Source: the order of `reconcile` in `internal/controller/kustomization_controller.go` of kustomize-controller
/// v1.9.5: apply, prune, health checks.
pub fn comes_after_apply(reason: &str) -> bool {
    matches!(reason, "PruneFailed" | "HealthCheckFailed" | "HealthCheckCanceled")
}

/// Whether Flux's words name this object: `KIND/NAMESPACE/NAME`.
///
/// Source: `FmtUnstructured` in `ssa/utils` of fluxcd/pkg.
pub fn names(message: &str, target: &ObjectId) -> bool {
    let ObjectId {
        kind, namespace, name, ..
    } = target;
    let subject = format!("{kind}/{}/{name}", namespace.as_deref().unwrap_or_default());
    message
        .split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | ',' | '\'' | '"'))
        .any(|word| word.trim_end_matches(':') == subject)
}

/// Tells when Flux reconciles a Kustomization next. A new commit in its source may bring it earlier, as far as the
/// source gets one, and jitter a little earlier or later.
///
/// While it waits no time is told: Flux looks every 30 s by a flag that nobody sees, and Ready keeps the time of the
/// first look.
///
/// Source: the results of `KustomizationReconciler.Reconcile`: the interval after a success, the retry interval after a
/// failure.
pub fn next_reconciliation(kustomization: &Kustomization, repository: Option<&GitRepository>, now: Timestamp) -> When {
    let standing = reconciliation(kustomization);
    let not_fetching = repository.and_then(GitRepository::why_not_fetching);
    let wait = match &standing {
        Reconciliation::Suspended | Reconciliation::Deleting => return When::Never { why: standing.why() },
        Reconciliation::Stalled { .. } => return When::Never { why: standing.why() },
        Reconciliation::Progressing => return When::AtOnce { why: standing.why() },
        Reconciliation::Ready => kustomization.interval,
        Reconciliation::Waiting {
            awaited: Awaited::Artifact,
            ..
        } if let Some(why) = &not_fetching => {
            return When::Never {
                why: format!("its source has no artifact, and {why}"),
            };
        }
        Reconciliation::Waiting { awaited, message } => {
            return When::Once {
                what: awaited.what().to_owned(),
                why: message.clone(),
            };
        }
        Reconciliation::Failed { .. } | Reconciliation::FailedDryRun { .. } => {
            kustomization.retry_interval.or(kustomization.interval)
        }
    };
    let last = [
        kustomization.last_reconciled,
        kustomization.condition("Ready").and_then(|ready| ready.changed_at),
    ];
    let (Some(wait), Some(last)) = (wait, last.into_iter().flatten().max()) else {
        return When::Unknown {
            why: "the Kustomization does not tell its interval, or when it was last reconciled".to_owned(),
        };
    };
    match last.saturating_add(wait) {
        Ok(time) if time > now => {
            let earlier = not_fetching.map_or(", or at a new commit".to_owned(), |why| {
                format!("; no new commit comes, since {why}")
            });
            When::At {
                time,
                why: format!("Flux reconciles it {wait:#} after the last time{earlier}"),
            }
        }
        _ => When::AtOnce {
            why: "its next reconciliation is due".to_owned(),
        },
    }
}

/// Asks for a reconciliation of a Kustomization, or of the source with this uid and these annotations, under a token of
/// the caller's.
///
/// Nothing else is guarded: whatever happens meanwhile, the request is what is wanted.
///
/// # Errors
/// [`NoRequest::NoLock`] without a uid.
pub fn poke(
    uid: Option<&str>,
    annotations: Option<&BTreeMap<String, String>>,
    token: &str,
) -> Result<Patch, NoRequest> {
    let mut operations = vec![test(&["metadata", "uid"], json!(uid.ok_or(NoRequest::NoLock)?))];
    match annotations {
        Some(_) => operations.push(add(&["metadata", "annotations", REQUESTED_AT], json!(token))),
        None => {
            operations.push(test(&["metadata", "annotations"], Value::Null));
            operations.push(add(&["metadata", "annotations"], json!({REQUESTED_AT: token})));
        }
    }
    Ok(Patch(operations))
}

/// Whether the request is written already.
pub fn poked(annotations: Option<&BTreeMap<String, String>>, token: &str) -> bool {
    annotations
        .and_then(|annotations| annotations.get(REQUESTED_AT))
        .is_some_and(|written| written == token)
}

/// Whether a reconciliation took the request up. It may have failed, or be under way: that is what [`reconciliation`]
/// tells.
pub fn handled(kustomization: &Kustomization, token: &str) -> bool {
    kustomization.last_handled_reconcile_at.as_deref() == Some(token)
}

#[cfg(test)]
mod tests;
