//! What Flux makes of a Kustomization's documents before it applies them.
//!
//! Source: `apply` of kustomize-controller's `internal/controller/kustomization_controller.go`, and `fluxcd/pkg/ssa`.

use serde_json::Value;

use super::kustomization::Kustomization;
use crate::engine::syncer::{Applier, Strategy, Syncer, TakesOver};
use crate::engine::tool_object::metadata::{entry, set};

/// Flux's field manager.
pub const MANAGER: &str = "kustomize-controller";

const GROUP: &str = "kustomize.toolkit.fluxcd.io";

/// The annotation with which Kustomize leaves a document out of what it renders.
const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";

/// What Flux makes of a Kustomization's documents.
pub fn dressing(kustomization: &Kustomization) -> Dressing {
    let Kustomization {
        target_namespace,
        name,
        namespace,
        ..
    } = kustomization;
    Dressing {
        target_namespace: target_namespace.clone(),
        name: name.clone(),
        namespace: namespace.clone(),
    }
}

/// What Flux marks its resources with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dressing {
    /// `spec.targetNamespace`, which wins over what a document says.
    pub target_namespace: Option<String>,

    /// The Kustomization's name.
    pub name: String,

    /// The Kustomization's namespace.
    pub namespace: String,
}

impl Dressing {
    /// Sets the labels by which Flux knows its resources again (`SetOwnerLabels`).
    pub(in crate::engine) fn dress(&self, desired: &mut Value) {
        set(desired, "labels", &format!("{GROUP}/name"), &self.name);
        set(desired, "labels", &format!("{GROUP}/namespace"), &self.namespace);
    }
}

/// Why Flux does not keep a document in sync: a label or an annotation of its own says so.
pub(in crate::engine) fn passes_over(desired: &Value) -> Option<&'static str> {
    let says = |key: &str, value: &str| {
        let key = format!("{GROUP}/{key}");
        ["labels", "annotations"]
            .into_iter()
            .any(|map| entry(desired, map, &key).is_some_and(|said| said.eq_ignore_ascii_case(value)))
    };
    match () {
        () if entry(desired, "annotations", LOCAL_CONFIG).is_some_and(|said| said != "false") => {
            Some("with config.kubernetes.io/local-config")
        }
        () if says("reconcile", "disabled") => Some("with kustomize.toolkit.fluxcd.io/reconcile: disabled"),
        () if says("ssa", "Ignore") => Some("with kustomize.toolkit.fluxcd.io/ssa: Ignore"),
        () if says("ssa", "IfNotPresent") => Some("with kustomize.toolkit.fluxcd.io/ssa: IfNotPresent"),
        () => None,
    }
}

/// How Flux applies a document. With `ssa: Merge` it leaves other managers' fields alone.
pub(in crate::engine) fn syncer(desired: &Value) -> Syncer {
    let key = format!("{GROUP}/ssa");
    let merges = ["labels", "annotations"]
        .into_iter()
        .any(|map| entry(desired, map, &key).is_some_and(|said| said == "Merge"));
    let takes_over = if merges {
        TakesOver::Nobodys
    } else {
        TakesOver::KubectlsAfterDryRun
    };
    Syncer {
        takes_over,
        ..Syncer::by(Applier::Flux, Strategy::ServerSideApply, MANAGER)
    }
}
