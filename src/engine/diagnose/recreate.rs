//! A tool that is told to delete and create the object where it cannot be changed: an outage, by design.

use serde_json::Value;

use super::creation::told;
use super::{Finding, Weight};
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::FieldPath;
use crate::engine::operation::Kustomization;
use crate::engine::ownership::migrate::adopted;
use crate::engine::predict::{Prediction, Verdict, predict_new};
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Strategy, TakesOver};

/// The rule of these findings.
pub const FORCE_RECREATES: &str = "force-recreates";

/// Argo CD's annotation that asks for it, and the option in it.
const ARGO_CD: (&str, &str) = ("argocd.argoproj.io/sync-options", "Force=true");

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
    argo_cd(snapshot).map(|_| Recreates {
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

/// Tells what a forced sync is: the tool deletes the Deployment with all its pods and creates it anew.
///
/// Source: `shouldForceApply` in `ssa/manager_apply.go` and `IsImmutableError` in `ssa/errors/immutable.go` of
/// fluxcd/pkg v0.76.2: every answer 422 or 409 to the dry run counts as the change of an immutable field.
pub fn recreated_by_force(snapshot: &Snapshot, prediction: &Prediction) -> Vec<Finding> {
    let refused = matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict);
    let is_next = next_sync_recreates(snapshot, prediction).is_some();
    let by_argo_cd = argo_cd(snapshot).filter(|_| asks_flux(snapshot).is_none()).map(|path| {
        let always = snapshot.syncer.strategy == Strategy::Replace;
        let words = if always {
            "Replace=true with Force=true"
        } else {
            ARGO_CD.1
        };
        let (weight, message) = match (is_next, always) {
            (true, _) => (
                Weight::Error,
                format!(
                    "the next sync is an outage: {words} makes Argo CD delete the Deployment with all its pods and \
                     create it anew{}",
                    not_created(snapshot)
                ),
            ),
            (false, true) => (
                Weight::Warning,
                format!(
                    "{words} makes each sync of it an outage: Argo CD deletes the Deployment with all its pods and \
                         creates it anew"
                ),
            ),
            (false, false) => (
                Weight::Warning,
                format!(
                    "{words} makes Argo CD delete the Deployment and create it anew where the server refuses a change: \
                     all its pods go at once"
                ),
            ),
        };
        let remedy = "take the annotation away and heal the field instead; set it only for the one sync that needs it"
            .to_owned();
        Finding {
            rule: FORCE_RECREATES,
            weight,
            path: Some(path),
            message,
            evidence: None,
            remedy: Some(remedy),
        }
    });
    let by_flux = asks_flux(snapshot).map(|Asked { path, words }| {
        let (weight, message) = match (refused, absent_after(snapshot)) {
            (false, _) => (
                Weight::Warning,
                format!(
                    "{words} makes Flux delete the Deployment and create it anew where the server refuses a \
                         change: all its pods go at once"
                ),
            ),
            (true, None) => (
                Weight::Error,
                format!(
                    "the next reconciliation is an outage: {words} makes Flux delete the Deployment with all its pods \
                     and create it anew{}",
                    not_created(snapshot)
                ),
            ),
            (true, Some(absent)) => (
                Weight::Error,
                format!(
                    "the next reconciliation is an outage: {words} makes Flux delete the Deployment with all its \
                         pods, {absent}"
                ),
            ),
        };
        let remedy = "suspend the Kustomization now if you need time, heal the field before the next reconciliation, \
                      and take the force away; set it only for the one change that needs it";
        Finding {
            rule: FORCE_RECREATES,
            weight,
            path,
            message,
            evidence: None,
            remedy: Some(remedy.to_owned()),
        }
    });
    by_argo_cd.into_iter().chain(by_flux).collect()
}

/// What comes of it where the server refuses to create Git's document, too; kubectl's apply then brings back what it
/// deleted.
fn not_created(snapshot: &Snapshot) -> String {
    let Some(desired) = &snapshot.desired else {
        return String::new();
    };
    let refused = predict_new(
        snapshot.kind,
        &desired.value,
        snapshot.target.namespace.as_deref(),
        &snapshot.syncer,
    )
    .causes;
    match (refused.as_slice(), snapshot.syncer.strategy) {
        ([], _) => String::new(),
        (causes, Strategy::ClientSideApply) => {
            format!(
                "; that is refused, too, and what was there is created anew: {}",
                told(causes)
            )
        }
        (causes, _) => format!(
            "; that is refused, too, and the Deployment stays away: {}",
            told(causes)
        ),
    }
}

/// The annotation of Git's document or of live that asks Argo CD for it; a server-side apply does not listen to it.
fn argo_cd(snapshot: &Snapshot) -> Option<FieldPath> {
    let (name, option) = ARGO_CD;
    if snapshot.syncer.strategy == Strategy::ServerSideApply {
        return None;
    }
    let asks = |object: &Value| {
        let options = object
            .pointer("/metadata/annotations")
            .and_then(|annotations| annotations.get(name))
            .and_then(Value::as_str);
        options.is_some_and(|options| options.split(',').any(|set| set.trim() == option))
    };
    let objects = [
        snapshot.desired.as_ref().map(|document| &document.value),
        snapshot.live.as_ref(),
    ];
    objects
        .into_iter()
        .flatten()
        .any(asks)
        .then(|| FieldPath::of(&["metadata", "annotations", name]))
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

fn kustomization(snapshot: &Snapshot) -> Option<&Kustomization> {
    snapshot.tool.flux().map(|flux| &*flux.kustomization)
}

/// Why the Deployment stays away after Flux deleted it, where it does.
///
/// Flux then still means to take kubectl's traces off the object that it has just deleted, and fails on that before it
/// creates the new one (`ApplyAll` in `ssa/manager_apply.go` of fluxcd/pkg, `cleanupMetadata` of the object read
/// before; seen on kustomize-controller v1.9.5).
fn absent_after(snapshot: &Snapshot) -> Option<String> {
    let live = snapshot.live.as_ref()?;
    if snapshot.syncer.takes_over != TakesOver::KubectlsAfterDryRun {
        return None;
    }
    let metadata = live.get("metadata")?;
    let applied = metadata
        .get("annotations")
        .is_some_and(|annotations| annotations.get(LAST_APPLIED).is_some());
    let adopts = metadata
        .get("managedFields")
        .is_some_and(|managed| adopted(managed, &snapshot.syncer.manager).is_some());
    let until =
        kustomization(snapshot).and_then(|kustomization| kustomization.retry_interval.or(kustomization.interval));
    let until = until.map(|wait| format!(" ({wait:#} later)")).unwrap_or_default();
    (applied || adopts).then(|| {
        format!(
            "and, since a kubectl manager owns fields of it, Flux was seen to fail before it creates it anew: the \
             Deployment stays absent until the retryInterval is over{until}"
        )
    })
}
