//! A tool that is told to delete and create the object where it cannot be changed: an outage, by design.

use serde_json::Value;

use super::{Finding, Weight};
use crate::engine::diff::LAST_APPLIED;
use crate::engine::object::FieldPath;
use crate::engine::operation::Kustomization;
use crate::engine::ownership::migrate::adopted;
use crate::engine::predict::{Prediction, TakesOver, Verdict};
use crate::engine::snapshot::Snapshot;

/// Argo CD's annotation that asks for it, and the option in it.
const ARGO_CD: (&str, &str) = ("argocd.argoproj.io/sync-options", "Force=true");

/// Flux's label or annotation that asks for it, and what it says; it counts on the live object, too.
///
/// Source: `ForceSelector` in `internal/controller/kustomization_controller.go` of kustomize-controller, `AnyInMetadata` of fluxcd/pkg's
/// `ssa/utils/meta.go`.
const FLUX: (&str, &str) = ("kustomize.toolkit.fluxcd.io/force", "enabled");

/// Tells what a forced sync is: after a refusal the tool deletes the Deployment with all its pods and creates it anew.
///
/// Source: `shouldForceApply` in `ssa/manager_apply.go` and `IsImmutableError` in `ssa/errors/immutable.go` of fluxcd/pkg v0.76.2: every
/// answer 422 or 409 to the dry run counts as the change of an immutable field.
pub fn recreated_by_force(snapshot: &Snapshot, prediction: &Prediction) -> Vec<Finding> {
    let refused = prediction.verdict == Verdict::Refused;
    let by_argo_cd = argo_cd(snapshot).map(|path| Finding {
        rule: "force-recreates",
        weight: Weight::Warning,
        path: Some(path),
        message: format!(
            "{} deletes the Deployment and creates it anew where the server refuses a change: all its pods go at once",
            ARGO_CD.1
        ),
        evidence: None,
        remedy: Some("take the annotation away and heal the field instead; set it only for the one sync that needs it".to_owned()),
    });
    let by_flux = asks_flux(snapshot).map(|Asked { path, words }| {
        let (weight, message) = match (refused, absent_after(snapshot)) {
            (false, _) => (
                Weight::Warning,
                format!("{words} makes Flux delete the Deployment and create it anew where the server refuses a change: all its pods go at once"),
            ),
            (true, None) => (
                Weight::Error,
                format!("the next reconciliation is an outage: {words} makes Flux delete the Deployment with all its pods and create it anew"),
            ),
            (true, Some(absent)) => (
                Weight::Error,
                format!("the next reconciliation is an outage: {words} makes Flux delete the Deployment with all its pods, {absent}"),
            ),
        };
        let remedy = "suspend the Kustomization now if you need time, heal the field before the next reconciliation, and take the force away; \
                      set it only for the one change that needs it";
        Finding { rule: "force-recreates", weight, path, message, evidence: None, remedy: Some(remedy.to_owned()) }
    });
    by_argo_cd.into_iter().chain(by_flux).collect()
}

/// Whether Flux would delete and create the Deployment where the server refuses its dry run.
pub fn is_forced_by_flux(snapshot: &Snapshot) -> bool {
    asks_flux(snapshot).is_some()
}

fn argo_cd(snapshot: &Snapshot) -> Option<FieldPath> {
    let (name, option) = ARGO_CD;
    let annotations = snapshot.desired.as_ref()?.value.pointer("/metadata/annotations")?;
    let options = annotations.get(name).and_then(Value::as_str)?;
    let asked = options.split(',').any(|set| set.trim().eq_ignore_ascii_case(option));
    asked.then(|| FieldPath::of(&["metadata", "annotations", name]))
}

/// Where it is asked for.
struct Asked {
    /// The field of the Deployment; `None` where the Kustomization asks.
    path: Option<FieldPath>,

    /// The words for it.
    words: String,
}

fn asks_flux(snapshot: &Snapshot) -> Option<Asked> {
    let (key, word) = FLUX;
    let objects = [snapshot.desired.as_ref().map(|document| &document.value), snapshot.live.as_ref()];
    let on_object = objects.into_iter().flatten().find_map(|object| {
        ["labels", "annotations"].into_iter().find(|map| {
            let said = object.get("metadata").and_then(|metadata| metadata.get(map)?.get(key)?.as_str());
            said.is_some_and(|said| said.eq_ignore_ascii_case(word))
        })
    });
    if let Some(map) = on_object {
        return Some(Asked { path: Some(FieldPath::of(&["metadata", map, key])), words: format!("{key}: {word}") });
    }
    let kustomization = kustomization(snapshot).filter(|kustomization| kustomization.force)?;
    let words = format!("spec.force of Kustomization {}/{}", kustomization.namespace, kustomization.name);
    Some(Asked { path: None, words })
}

fn kustomization(snapshot: &Snapshot) -> Option<&Kustomization> {
    snapshot.tool.flux().map(|flux| &*flux.kustomization)
}

/// Why the Deployment stays away after Flux deleted it, where it does.
///
/// Flux then still means to take kubectl's traces off the object that it has just deleted, and fails on that before it creates the new one
/// (`ApplyAll` in `ssa/manager_apply.go` of fluxcd/pkg, `cleanupMetadata` of the object read before; seen on kustomize-controller v1.9.5).
fn absent_after(snapshot: &Snapshot) -> Option<String> {
    let live = snapshot.live.as_ref()?;
    if snapshot.syncer.takes_over != TakesOver::KubectlsAfterDryRun {
        return None;
    }
    let metadata = live.get("metadata")?;
    let applied = metadata.get("annotations").is_some_and(|annotations| annotations.get(LAST_APPLIED).is_some());
    let adopts = metadata.get("managedFields").is_some_and(|managed| adopted(managed, &snapshot.syncer.manager).is_some());
    let until = kustomization(snapshot).and_then(|kustomization| kustomization.retry_interval.or(kustomization.interval));
    let until = until.map(|wait| format!(" ({wait:#} later)")).unwrap_or_default();
    (applied || adopts).then(|| {
        format!(
            "and, since a kubectl manager owns fields of it, Flux was seen to fail before it creates it anew: the Deployment stays absent until \
             the retryInterval is over{until}"
        )
    })
}
