//! The ways in which a case is asked.

use serde::{Deserialize, Serialize};

/// The ways in which the next sync may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Way {
    /// `kubectl apply` over what `kubectl apply` made.
    ClientSide,

    /// Forced server-side apply over what server-side apply made.
    ServerSide,

    /// The same without force.
    Unforced,

    /// Forced server-side apply over what `kubectl apply` made.
    Migrating,

    /// A PUT over what `kubectl apply` made.
    Replace,

    /// `kubectl apply` of what is not there.
    CreateClientSide,

    /// Server-side apply of what is not there.
    CreateServerSide,

    /// A POST, as `kubectl create` sends it.
    CreatePost,

    /// `kubectl apply --server-side --force-conflicts` over what `kubectl apply` made, for real: no dry run shows what
    /// is taken over.
    TakingOver,
}

impl Way {
    pub const ALL: [Self; 9] = [
        Self::ClientSide,
        Self::ServerSide,
        Self::Unforced,
        Self::Migrating,
        Self::Replace,
        Self::CreateClientSide,
        Self::CreateServerSide,
        Self::CreatePost,
        Self::TakingOver,
    ];

    /// The manager that syncs this way; a case names that of a take-over.
    pub fn manager(self) -> &'static str {
        match self {
            Self::ClientSide | Self::CreateClientSide => "kubectl-client-side-apply",
            Self::ServerSide | Self::Unforced | Self::Migrating | Self::CreateServerSide => "kustomize-controller",
            Self::Replace => "kubectl-replace",
            Self::CreatePost => "kubectl-create",
            Self::TakingOver => "kubectl",
        }
    }

    /// Whether the object is new.
    pub fn creates(self) -> bool {
        matches!(self, Self::CreateClientSide | Self::CreateServerSide | Self::CreatePost)
    }

    /// Whether kubectl is asked, by a dry run.
    pub(super) fn is_kubectls(self) -> bool {
        matches!(self, Self::ClientSide | Self::CreateClientSide)
    }
}
