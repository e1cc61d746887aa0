//! The next sync as one request: what the syncing tool would send, as data.

use serde_json::Value;

use super::{client_side, server_side};
use crate::engine::facts::Facts;
use crate::engine::kind::Kind;
use crate::engine::syncer::{FieldValidation, Force, Strategy, Syncer};

/// How a PATCH is meant, and what it carries.
#[derive(Clone, Debug, PartialEq)]
pub enum SyncPatch {
    /// A three-way strategic merge patch (`application/strategic-merge-patch+json`), as `kubectl apply` computes it.
    Strategic(Value),

    /// The manifest itself (`application/apply-patch+yaml`), with or without force.
    Apply(Value, Force),
}

impl SyncPatch {
    /// The media type of the request's body.
    ///
    /// Source: `PatchType` of apimachinery's `pkg/types/patch.go`.
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::Strategic(_) => "application/strategic-merge-patch+json",
            Self::Apply(..) => "application/apply-patch+yaml",
        }
    }

    /// What the request carries, as JSON.
    pub const fn body(&self) -> &Value {
        match self {
            Self::Strategic(body) | Self::Apply(body, _) => body,
        }
    }
}

/// A PATCH of the Deployment, in the name of the syncing tool.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncRequest {
    /// What is sent.
    pub patch: SyncPatch,

    /// The field manager that the server would record.
    pub field_manager: String,

    /// What the server is asked to do about fields that the type does not have.
    pub field_validation: FieldValidation,
}

/// Why the next sync cannot be asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoRequest {
    /// A replace is a PUT, and admission cannot tell a PUT from a PATCH: nobody grants the right to it for a dry run.
    #[error("a replace cannot be asked without the right to replace")]
    Replace,

    /// The syncing tool gives up before it sends anything.
    #[error("the syncing tool gives up before it asks the server")]
    GivesUp,

    /// The tool rewrites `managedFields` before it applies, which a dry run cannot do for it.
    #[error("the syncing tool takes over what was applied client-side first, which no dry run shows")]
    Migrates,
}

/// What the syncing tool would send for `desired` over `live`.
///
/// # Errors
///
/// [`NoRequest`] where nothing is sent, or nothing that may be asked.
pub fn request(kind: &'static Kind, desired: &Value, live: &Value, syncer: &Syncer) -> Result<SyncRequest, NoRequest> {
    let facts = Facts::of(kind, desired, live);
    let patch = match syncer.strategy {
        Strategy::ClientSideApply => SyncPatch::Strategic(
            client_side::patch(kind, desired, live, &facts.last_applied).map_err(|_refused| NoRequest::GivesUp)?,
        ),
        Strategy::ServerSideApply if server_side::before_apply(&facts.managed, syncer).is_some() => {
            return Err(NoRequest::Migrates);
        }
        Strategy::ServerSideApply => SyncPatch::Apply(server_side::manifest_sent(&facts, syncer), syncer.force),
        Strategy::Replace => return Err(NoRequest::Replace),
    };
    Ok(SyncRequest {
        patch,
        field_manager: syncer.manager.clone(),
        field_validation: syncer.validation,
    })
}
