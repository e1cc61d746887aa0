//! The steps of a plan: typed intents, each with one guarded request and a test of whether it is done.

mod request;

pub use request::{RenderError, Request};

use json_patch::Patch;
use serde_json::Value;

use super::ground::Ground;
use super::last_applied;
use super::on_application::{Act, NotYet, OnApplication};
use super::on_kustomization::{self};
use crate::engine::argo_cd::reference::ApplicationRef;
use crate::engine::diff::compare;
use crate::engine::flux::reference::KustomizationRef;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::{FieldPath, ObjectId};
use crate::engine::ownership::{HEAL_MANAGER, ManagedFields, Operation, Owner};
use crate::engine::remedy::hand_back;
use crate::engine::syncer::{Strategy, Syncer};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StepKind {
    /// Puts Git's values back by one JSON Patch.
    Restore,

    /// Moves fields that are as Git says, restored ones or such that others own as well, into the syncing tool's own
    /// Apply entry, so that its next change can remove them.
    Transfer,

    /// Hands foreign fields to the syncing tool, whose own next sync removes them and puts Git's values back.
    HandBack,

    /// Asks Argo CD to compare the Application anew.
    Refresh,

    /// Removes the Application's stale operation state.
    ClearOperation,

    /// Asks Argo CD for a sync of the Deployment, which replaces a stale operation state.
    StartOperation,

    /// Asks Flux to reconcile the Kustomization.
    Reconcile,
}

/// One typed intent of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Put Git's values back.
    Restore {
        /// The fields that come back.
        paths: Vec<FieldPath>,

        /// The guarded operations, without the lock on the resourceVersion: that one is taken fresh when it is sent.
        operations: Patch,
    },

    /// Make the syncing tool the only owner of fields that are as Git says; only `metadata.managedFields` changes.
    Transfer {
        /// The fields that change hands.
        paths: Vec<FieldPath>,

        /// Who gives them besides ourselves: after a Restore nobody, since what we wrote is ours.
        from: Vec<String>,

        /// The syncing tool's field manager.
        to: String,

        /// Into which of its entries: that of its applies, or, under client-side apply, that of its updates.
        into: Operation,
    },

    /// Hand foreign fields to the syncing tool; only what says whose they are changes.
    HandBack {
        /// The fields that change hands.
        paths: Vec<FieldPath>,

        /// The tool that will remove them.
        syncer: Syncer,
    },

    /// Write the Application.
    OnApplication(Box<OnApplication>),

    /// Ask for a reconciliation of the Kustomization.
    Reconcile {
        /// Which.
        kustomization: KustomizationRef,
    },
}

/// The object that a step writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The object that is to be as Git says.
    Target,

    /// The Application.
    Application(ApplicationRef),

    /// The Kustomization.
    Kustomization(KustomizationRef),
}

impl Written {
    /// The object as the API server knows it; that of the target is the plan's own.
    pub fn object(&self, target: &ObjectId) -> ObjectId {
        match self {
            Self::Target => target.clone(),
            Self::Application(application) => application.object(),
            Self::Kustomization(kustomization) => kustomization.object(),
        }
    }
}

impl Step {
    /// What the step does, in one word.
    pub fn kind(&self) -> StepKind {
        match self {
            Self::Restore { .. } => StepKind::Restore,
            Self::Transfer { .. } => StepKind::Transfer,
            Self::HandBack { .. } => StepKind::HandBack,
            Self::OnApplication(step) => match step.act {
                Act::Refresh => StepKind::Refresh,
                Act::Clear { .. } => StepKind::ClearOperation,
                Act::Start { .. } => StepKind::StartOperation,
            },
            Self::Reconcile { .. } => StepKind::Reconcile,
        }
    }

    /// The fields it is about.
    pub fn paths(&self) -> &[FieldPath] {
        match self {
            Self::Restore { paths, .. } | Self::Transfer { paths, .. } | Self::HandBack { paths, .. } => paths,
            Self::OnApplication(_) | Self::Reconcile { .. } => &[],
        }
    }

    /// Whether it writes down whose a field is, and no field.
    pub(super) fn writes_books_only(&self) -> bool {
        match self {
            Self::Transfer { .. } => true,
            Self::Restore { operations, .. } => last_applied::is_all_of(operations),
            Self::HandBack { .. } | Self::OnApplication(_) | Self::Reconcile { .. } => false,
        }
    }

    /// The object it writes.
    pub fn written(&self) -> Written {
        match self {
            Self::OnApplication(step) => Written::Application(step.application.clone()),
            Self::Reconcile { kustomization } => Written::Kustomization(kustomization.clone()),
            Self::Restore { .. } | Self::Transfer { .. } | Self::HandBack { .. } => Written::Target,
        }
    }

    /// What the step does, in one sentence.
    pub fn summary(&self) -> String {
        let fields = |paths: &[FieldPath]| match paths {
            [one] => one.to_string(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
            [] => "nothing".to_owned(),
        };
        match self {
            Self::Restore { paths, operations } if last_applied::is_all_of(operations) => {
                format!(
                    "rewrites the annotation {LAST_APPLIED} only, so that it names what Git says: {}",
                    fields(paths)
                )
            }
            Self::Restore { paths, operations } if last_applied::is_named_by(operations) => {
                format!(
                    "puts Git's value back, and names it in the annotation {LAST_APPLIED}: {}",
                    fields(paths)
                )
            }
            Self::Restore { paths, .. } => format!("puts Git's value back: {}", fields(paths)),
            Self::Transfer { paths, from, to, into } => match from.as_slice() {
                [] => {
                    format!(
                        "rewrites metadata.managedFields only: {to} ({into:?}) owns {} again, {HEAL_MANAGER} owns \
                         nothing",
                        fields(paths)
                    )
                }
                [one] => {
                    format!(
                        "rewrites metadata.managedFields only: {to} ({into:?}) alone owns {}, {one} owns it no longer",
                        fields(paths)
                    )
                }
                some => {
                    let some = some.join(" and ");
                    format!(
                        "rewrites metadata.managedFields only: {to} ({into:?}) alone owns {}, {some} own it no longer",
                        fields(paths)
                    )
                }
            },
            Self::OnApplication(step) => step.summary(),
            Self::Reconcile { kustomization } => {
                format!(
                    "asks Flux to reconcile {kustomization} now: it applies the whole of it, and prunes where that is \
                     on"
                )
            }
            Self::HandBack { paths, syncer } => {
                let (manager, fields) = (&syncer.manager, fields(paths));
                match syncer.strategy {
                    Strategy::ServerSideApply => {
                        format!(
                            "rewrites metadata.managedFields only: {manager} (Apply) owns {fields}, and its next sync \
                             removes it"
                        )
                    }
                    Strategy::ClientSideApply | Strategy::Replace => {
                        format!(
                            "rewrites the annotation {LAST_APPLIED} only: it names {fields}, so that the next sync of \
                             {manager} removes it"
                        )
                    }
                }
            }
        }
    }

    /// Whether the objects are already as the step would leave them.
    pub fn done(&self, ground: &Ground<'_>) -> bool {
        let Ground {
            kind, desired, live, ..
        } = *ground;
        match self {
            Self::Restore { paths, operations } => {
                let left = compare(kind, desired, live);
                let differs = left.iter().any(|change| {
                    paths
                        .iter()
                        .any(|path| change.path.starts_with(path) || path.starts_with(&change.path))
                });
                !differs && (!last_applied::is_named_by(operations) || last_applied::names(desired, live, paths))
            }
            Self::Transfer { paths, from, to, .. } => {
                let managed = ManagedFields::of(live);
                let ours = managed.entry(HEAL_MANAGER, Operation::Update, None).is_some();
                !ours && !holders(&managed, paths, to).any(|holder| from.iter().any(|giver| giver == holder))
            }
            Self::HandBack { paths, syncer } => hand_back::done(live, syncer, paths),
            Self::OnApplication(step) => step.done(ground.application(), ground.plan, ground.begun),
            Self::Reconcile { .. } => on_kustomization::done(ground.kustomization(), ground.plan),
        }
    }

    /// When the operation state began that the step removes or replaces, and the revision that it starts a sync of.
    pub fn remembered(&self) -> (Option<&str>, Option<String>) {
        let Self::OnApplication(step) = self else {
            return (None, None);
        };
        match &step.act {
            Act::Refresh => (None, None),
            Act::Clear { stale, .. } => (stale.as_ref().map(|stale| stale.started_at.as_str()), None),
            Act::Start { replaces, touches, .. } => (
                replaces.as_ref().map(|stale| stale.started_at.as_str()),
                touches.to.as_ref().map(ToString::to_string),
            ),
        }
    }

    /// Lets the step mean the operation state that began then, and no later one.
    pub(super) fn bind(&mut self, stale: Option<&str>) {
        if let Self::OnApplication(step) = self {
            step.bind(stale);
        }
    }

    /// Why the step is not to be sent yet.
    pub fn waits(&self, ground: &Ground<'_>) -> Option<NotYet> {
        match self {
            Self::OnApplication(step) => step.waits(ground.application()),
            Self::Restore { .. } | Self::Transfer { .. } | Self::HandBack { .. } | Self::Reconcile { .. } => None,
        }
    }

    /// The bytes of intent that a plan's hash covers.
    pub(super) fn intent(&self) -> Value {
        let paths: Vec<String> = self.paths().iter().map(ToString::to_string).collect();
        match self {
            Self::Restore { operations, .. } => {
                serde_json::json!({"kind": "Restore", "paths": paths,
                                   "operations": serde_json::to_value(operations).unwrap_or_default()})
            }
            Self::Transfer { from, to, into, .. } => {
                serde_json::json!({"kind": "Transfer", "paths": paths, "from": HEAL_MANAGER, "others": from, "to": to,
                                   "into": format!("{into:?}")})
            }
            Self::HandBack {
                syncer:
                    Syncer {
                        strategy,
                        manager,
                        force,
                        takes_over,
                        dump,
                        validation,
                    },
                ..
            } => {
                let how = format!("{force:?} {takes_over:?} {dump:?} {validation:?}");
                serde_json::json!({"kind": "HandBack", "paths": paths, "to": manager, "strategy": strategy.name(),
                                   "how": how})
            }
            Self::OnApplication(step) => step.intent(match self.kind() {
                StepKind::Refresh => "Refresh",
                StepKind::ClearOperation => "ClearOperation",
                _ => "StartOperation",
            }),
            Self::Reconcile { kustomization } => {
                serde_json::json!({"kind": "Reconcile", "kustomization": kustomization.to_string()})
            }
        }
    }
}

/// Who owns these fields besides the tool and ourselves.
pub(super) fn holders<'a>(
    managed: &'a ManagedFields,
    paths: &'a [FieldPath],
    tool: &'a str,
) -> impl Iterator<Item = &'a str> {
    let is_others = |owner: &Owner| {
        let ours = owner.is(HEAL_MANAGER, Operation::Update) || owner.is(tool, Operation::Apply);
        !ours && owner.subresource.is_none()
    };
    let holding = managed.entries().filter(move |entry| is_others(&entry.owner));
    let holding = holding.filter(|entry| paths.iter().any(|path| entry.fields.contains_or_below(path)));
    holding.map(|entry| entry.owner.manager.as_str())
}
