//! A tool that is told to delete and create the object where it cannot be changed: an outage, by design.

use serde_json::Value;

use super::object::FieldPath;
use super::predict::{Prediction, Verdict};
use super::snapshot::Snapshot;
use super::syncer::Strategy;
use crate::engine::flux::kustomization::Kustomization;

/// Argo CD's annotation that asks for it.
const ARGO_CD: &str = "argocd.argoproj.io/sync-options";

/// The option in it.
pub(super) const FORCE: &str = "Force=true";

/// Flux's label or annotation that asks for it, and what it says; it counts on the live object, too.
///
/// Source: `ForceSelector` in `internal/controller/kustomization_controller.go` of kustomize-controller,
/// `AnyInMetadata` of fluxcd/pkg's `ssa/utils/meta.go`.
const FLUX: (&str, &str) = ("kustomize.toolkit.fluxcd.io/force", "enabled");

/// A sync that deletes the Deployment and creates it anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recreates {
    /// The tool.
    pub tool: &'static str,

    /// Whether each sync of it does, and not only one that the server refuses.
    pub always: bool,
}

/// Whether the tool is told to delete the Deployment and to create it anew, where it cannot be changed or always.
///
/// Argo CD calls kubectl's code: `kubectl replace --force` deletes before it looks (`forceReplace` in
/// `pkg/cmd/replace/replace.go`), an apply deletes after a 409 or 422 (`Patcher.Patch` in `pkg/cmd/apply/patcher.go`),
/// and a server-side apply knows no such force. Which annotation asks for it is read from Git's document and from live
/// (`applyObject` of gitops-engine's `pkg/sync/sync_context.go`).
pub fn recreates(snapshot: &Snapshot) -> Option<Recreates> {
    if asks_flux(snapshot).is_some() {
        return Some(Recreates {
            tool: "Flux",
            always: false,
        });
    }
    asks_argo_cd(snapshot).map(|_| Recreates {
        tool: "Argo CD",
        always: snapshot.syncer.strategy == Strategy::Replace,
    })
}

/// The same where the next sync does it, as far as it changes anything.
pub fn next_sync_recreates(snapshot: &Snapshot, prediction: &Prediction) -> Option<Recreates> {
    recreates(snapshot).filter(|recreates| match prediction.verdict {
        Verdict::Refused | Verdict::Conflict => true,
        Verdict::Clean => false,
        _ => recreates.always,
    })
}

/// The annotation of Git's document or of live that asks Argo CD for it; a server-side apply does not listen to it.
pub(super) fn asks_argo_cd(snapshot: &Snapshot) -> Option<FieldPath> {
    if snapshot.syncer.strategy == Strategy::ServerSideApply {
        return None;
    }
    let asks = |object: &Value| {
        let options = object
            .pointer("/metadata/annotations")
            .and_then(|annotations| annotations.get(ARGO_CD))
            .and_then(Value::as_str);
        options.is_some_and(|options| options.split(',').any(|set| set.trim() == FORCE))
    };
    let objects = [
        snapshot.desired.as_ref().map(|document| &document.value),
        snapshot.live.as_ref(),
    ];
    objects
        .into_iter()
        .flatten()
        .any(asks)
        .then(|| FieldPath::of(&["metadata", "annotations", ARGO_CD]))
}

/// Where it is asked for.
pub(super) struct Asked {
    /// The field of the Deployment; `None` where the Kustomization asks.
    pub path: Option<FieldPath>,

    /// The words for it.
    pub words: String,
}

/// Where Flux is asked for it: in Git's document, in live or in the Kustomization.
pub(super) fn asks_flux(snapshot: &Snapshot) -> Option<Asked> {
    let (key, word) = FLUX;
    let objects = [
        snapshot.desired.as_ref().map(|document| &document.value),
        snapshot.live.as_ref(),
    ];
    let on_object = objects.into_iter().flatten().find_map(|object| {
        ["labels", "annotations"].into_iter().find(|map| {
            let said = object
                .get("metadata")
                .and_then(|metadata| metadata.get(map)?.get(key)?.as_str());
            said.is_some_and(|said| said.eq_ignore_ascii_case(word))
        })
    });
    if let Some(map) = on_object {
        return Some(Asked {
            path: Some(FieldPath::of(&["metadata", map, key])),
            words: format!("{key}: {word}"),
        });
    }
    let kustomization = kustomization(snapshot).filter(|kustomization| kustomization.force)?;
    let words = format!(
        "spec.force of Kustomization {}/{}",
        kustomization.namespace, kustomization.name
    );
    Some(Asked { path: None, words })
}

pub(super) fn kustomization(snapshot: &Snapshot) -> Option<&Kustomization> {
    snapshot.tool.flux().map(|flux| &*flux.kustomization)
}
