//! The request that a step makes of the API server.

use json_patch::{Patch, PatchOperation, ReplaceOperation};
use serde_json::Value;

use super::{Step, Written};
use crate::engine::ownership::{HEAL_MANAGER, Operation, transfer};
use crate::engine::plan::ground::Ground;
use crate::engine::plan::on_kustomization;
use crate::engine::remedy::hand_back;
use crate::engine::remedy::hand_back::HandBackError;
use crate::engine::tool_object::patch::NoRequest;

/// One guarded write.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The object it is for.
    pub written: Written,

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

    /// The Application cannot be written in this way.
    #[error("the Application cannot be written: {0}")]
    Application(NoRequest),

    /// The Application is not there.
    #[error("the Application is gone, or cannot be read")]
    NoApplication,

    /// The Kustomization is not there.
    #[error("the Kustomization is gone, or cannot be read")]
    NoKustomization,
}

impl Step {
    /// The one guarded request that carries the step out on these objects; `None` where what it asks for is asked for
    /// already.
    ///
    /// The lock is a `replace` of the resourceVersion: a stale one is answered by 409, where a failed `test` gives a
    /// bare 422 that says nothing (`staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go`).
    ///
    /// # Errors
    /// [`RenderError`] when there is nothing to lock on, or the ownership cannot be moved.
    pub fn render(&self, ground: &Ground<'_>) -> Result<Option<Request>, RenderError> {
        let Ground {
            kind, desired, live, ..
        } = *ground;
        let (written, manager) = (self.written(), HEAL_MANAGER);
        if let Self::OnApplication(step) = self {
            let patch = step.render(ground.application(), ground.plan)?;
            return Ok(patch.map(|patch| Request {
                written,
                patch,
                manager,
            }));
        }
        if let Self::Reconcile { .. } = self {
            let patch = on_kustomization::render(ground.kustomization(), ground.plan)?;
            return Ok(patch.map(|patch| Request {
                written,
                patch,
                manager,
            }));
        }
        let version = live
            .pointer("/metadata/resourceVersion")
            .ok_or(RenderError::NoResourceVersion)?;
        let mut operations = vec![replace("/metadata/resourceVersion", version.clone())];
        match self {
            Self::Restore {
                operations: restoring, ..
            } => operations.extend(restoring.0.iter().cloned()),
            Self::Transfer { paths, from, to, into } => {
                let fields = live.pointer("/metadata/managedFields").unwrap_or(&Value::Null);
                let giver = transfer::Giver {
                    manager: HEAL_MANAGER,
                    operation: Operation::Update,
                };
                let mut moved = match into {
                    Operation::Apply => {
                        transfer::moved(kind, &transfer::with_apply_entry(fields, to), desired, paths, giver, to)?
                    }
                    Operation::Update => transfer::returned(fields, giver, to)?,
                };
                if !from.is_empty() {
                    let both = [Operation::Update, Operation::Apply];
                    let givers = from
                        .iter()
                        .flat_map(|manager| both.map(|operation| transfer::Giver { manager, operation }));
                    let givers: Vec<_> = givers
                        .filter(|giver| giver.manager != to || giver.operation == Operation::Update)
                        .collect();
                    moved = transfer::taken(kind, &moved, desired, paths, &givers, to)?;
                }
                operations.push(replace("/metadata/managedFields", moved));
            }
            Self::HandBack { paths, syncer } => operations.extend(hand_back::operations(live, syncer, paths)?),
            Self::OnApplication(_) | Self::Reconcile { .. } => {}
        }
        Ok(Some(Request {
            written,
            patch: Patch(operations),
            manager,
        }))
    }

    /// What takes back a request that the tool has not answered for too long, so that it can be made again.
    pub fn takes_back(&self, ground: &Ground<'_>) -> Option<Request> {
        let Self::OnApplication(step) = self else { return None };
        let patch = step.takes_back(ground.application())?;
        Some(Request {
            written: self.written(),
            patch,
            manager: HEAL_MANAGER,
        })
    }
}

fn replace(pointer: &'static str, value: Value) -> PatchOperation {
    PatchOperation::Replace(ReplaceOperation {
        path: crate::engine::remedy::restore::pointer(pointer),
        value,
    })
}
