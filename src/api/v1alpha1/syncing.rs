//! How the syncing tool writes, as a DriftWatch spells it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::syncer::{Applier, FieldValidation, Strategy};

/// How the syncing tool writes, as a DriftWatch spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StrategySpec {
    /// A three-way strategic merge patch.
    #[default]
    ClientSideApply,

    /// Server-side apply, forced.
    ServerSideApply,

    /// A PUT of the manifest.
    Replace,
}

impl From<StrategySpec> for Strategy {
    fn from(spec: StrategySpec) -> Self {
        match spec {
            StrategySpec::ClientSideApply => Self::ClientSideApply,
            StrategySpec::ServerSideApply => Self::ServerSideApply,
            StrategySpec::Replace => Self::Replace,
        }
    }
}

/// The program that syncs: it decides whose fields are made its own by a server-side apply. Absent: the manager's name
/// tells, which is `argocd-controller`, `kustomize-controller`, or begins with `kubectl`; under another one it is
/// `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ToolSpec {
    /// kubectl.
    Kubectl,

    /// Argo CD.
    #[serde(rename = "ArgoCD")]
    ArgoCd,

    /// Flux.
    Flux,

    /// Another one, which makes nobody's fields its own.
    Other,
}

impl From<ToolSpec> for Applier {
    fn from(spec: ToolSpec) -> Self {
        match spec {
            ToolSpec::Kubectl => Self::Kubectl,
            ToolSpec::ArgoCd => Self::ArgoCd,
            ToolSpec::Flux => Self::Flux,
            ToolSpec::Other => Self::Other,
        }
    }
}

/// What the syncing tool asks the API server to do about fields that it does not know: `Ignore` and `Warn` let them be
/// forgotten, `Strict` has them refused. Absent: `Strict` for kubectl, as it asks by default; `Warn` for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ValidateSpec {
    /// They are forgotten.
    Ignore,

    /// They are forgotten, and the tool is warned.
    Warn,

    /// They are refused.
    Strict,
}

impl From<ValidateSpec> for FieldValidation {
    fn from(spec: ValidateSpec) -> Self {
        match spec {
            ValidateSpec::Ignore => Self::Ignore,
            ValidateSpec::Warn => Self::Warn,
            ValidateSpec::Strict => Self::Strict,
        }
    }
}
