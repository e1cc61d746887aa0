//! The steps of a plan: typed intents, each with one guarded request and a test of whether it is done.

use json_patch::{Patch, PatchOperation, ReplaceOperation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hand_back::{self, HandBackError};
use crate::engine::diff::{LAST_APPLIED, compare};
use crate::engine::object::FieldPath;
use crate::engine::ownership::{ManagedFields, Operation, transfer};
use crate::engine::predict::{Strategy, Syncer};

/// The field manager of every heal, whoever carries it out.
///
/// It must not equal the syncing tool's name: an Update entry beside the tool's own Apply entry poisons the next change
/// in Git.
pub const HEAL_MANAGER: &str = "driftmend-heal";

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum StepKind {
    /// Puts Git's values back by one JSON Patch.
    Restore,

    /// Moves the restored fields into the syncing tool's own Apply entry, so that its next change can remove them.
    Transfer,

    /// Hands foreign fields to the syncing tool, whose own next sync removes them and puts Git's values back.
    HandBack,
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

    /// Hand the restored fields to the syncing tool; only `metadata.managedFields` changes.
    Transfer {
        /// The fields that change hands.
        paths: Vec<FieldPath>,

        /// The syncing tool's field manager.
        to: String,
    },

    /// Hand foreign fields to the syncing tool; only what says whose they are changes.
    HandBack {
        /// The fields that change hands.
        paths: Vec<FieldPath>,

        /// The tool that will remove them.
        syncer: Syncer,
    },
}

/// One guarded write.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The JSON Patch, with the lock on the resourceVersion first.
    pub patch: Patch,

    /// The field manager to send it under.
    pub manager: &'static str,
}

/// Why a step has no request for this object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The object carries no resourceVersion to lock on.
    #[error("the live object has no resourceVersion to lock on")]
    NoResourceVersion,

    /// The ownership cannot be moved.
    #[error("failed to hand the fields over: {0}")]
    Transfer(#[from] transfer::TransferRefusal),

    /// The fields cannot be handed to the tool.
    #[error(transparent)]
    HandBack(#[from] HandBackError),
}

impl Step {
    /// What the step does, in one word.
    pub fn kind(&self) -> StepKind {
        match self {
            Self::Restore { .. } => StepKind::Restore,
            Self::Transfer { .. } => StepKind::Transfer,
            Self::HandBack { .. } => StepKind::HandBack,
        }
    }

    /// The fields it is about.
    pub fn paths(&self) -> &[FieldPath] {
        match self {
            Self::Restore { paths, .. } | Self::Transfer { paths, .. } | Self::HandBack { paths, .. } => paths,
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
            Self::Restore { paths, .. } => format!("puts Git's value back: {}", fields(paths)),
            Self::Transfer { paths, to } => {
                format!("rewrites metadata.managedFields only: {to} (Apply) owns {} again, {HEAL_MANAGER} owns nothing", fields(paths))
            }
            Self::HandBack { paths, syncer } => {
                let (manager, fields) = (&syncer.manager, fields(paths));
                match syncer.strategy {
                    Strategy::ServerSideApply => {
                        format!("rewrites metadata.managedFields only: {manager} (Apply) owns {fields}, and its next sync removes it")
                    }
                    Strategy::ClientSideApply | Strategy::Replace => {
                        format!(
                            "rewrites the annotation {LAST_APPLIED} only: it names {fields}, so that the next sync of {manager} removes it"
                        )
                    }
                }
            }
        }
    }

    /// The one guarded request that carries the step out on this object.
    ///
    /// The lock is a `replace` of the resourceVersion: a stale one is answered by 409, where a failed `test` gives a bare
    /// 422 that says nothing (`staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go`).
    ///
    /// # Errors
    /// [`RenderError`] when there is nothing to lock on, or the ownership cannot be moved.
    pub fn render(&self, desired: &Value, live: &Value) -> Result<Request, RenderError> {
        let version = live.pointer("/metadata/resourceVersion").ok_or(RenderError::NoResourceVersion)?;
        let mut operations = vec![replace("/metadata/resourceVersion", version.clone())];
        match self {
            Self::Restore { operations: restoring, .. } => operations.extend(restoring.0.iter().cloned()),
            Self::Transfer { paths, to } => {
                let fields = live.pointer("/metadata/managedFields").unwrap_or(&Value::Null);
                let giver = transfer::Giver { manager: HEAL_MANAGER, operation: Operation::Update };
                let moved = transfer::moved(fields, desired, paths, giver, to)?;
                operations.push(replace("/metadata/managedFields", moved));
            }
            Self::HandBack { paths, syncer } => operations.extend(hand_back::operations(live, syncer, paths)?),
        }
        Ok(Request { patch: Patch(operations), manager: HEAL_MANAGER })
    }

    /// Whether the object is already as the step would leave it.
    pub fn done(&self, desired: &Value, live: &Value) -> bool {
        match self {
            Self::Restore { paths, .. } => {
                let left = compare(desired, live);
                !left.iter().any(|change| paths.iter().any(|path| change.path.starts_with(path) || path.starts_with(&change.path)))
            }
            Self::Transfer { .. } => ManagedFields::of(live).entry(HEAL_MANAGER, Operation::Update, None).is_none(),
            Self::HandBack { paths, syncer } => hand_back::done(live, syncer, paths),
        }
    }

    /// The bytes of intent that a plan's hash covers.
    pub(super) fn intent(&self) -> Value {
        let paths: Vec<String> = self.paths().iter().map(ToString::to_string).collect();
        match self {
            Self::Restore { operations, .. } => {
                serde_json::json!({"kind": "Restore", "paths": paths, "operations": serde_json::to_value(operations).unwrap_or_default()})
            }
            Self::Transfer { to, .. } => serde_json::json!({"kind": "Transfer", "paths": paths, "from": HEAL_MANAGER, "to": to}),
            Self::HandBack { syncer, .. } => serde_json::json!({"kind": "HandBack", "paths": paths, "to": syncer.manager}),
        }
    }
}

fn replace(pointer: &'static str, value: Value) -> PatchOperation {
    PatchOperation::Replace(ReplaceOperation { path: super::restore::pointer(pointer), value })
}
