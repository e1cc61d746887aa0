//! A Kustomization of Flux, as far as its reconciliation is concerned.
//!
//! The shapes are those of `api/v1/kustomization_types.go` of kustomize-controller v1.9.5; fields of other versions are
//! passed over, and a fact that this version lacks is `None`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::git_repository::FluxCondition;
use super::reconciliation::comes_after_apply;
use crate::engine::tool_object::duration::duration;
use crate::engine::tool_object::fields::{Fields, Place, Unreadable};
use crate::engine::tool_object::resource::ResourceRef;

/// What is read of a Kustomization.
#[derive(Clone, Debug, PartialEq)]
pub struct Kustomization {
    /// Its namespace; empty where the object carries none.
    pub namespace: String,

    /// Its name.
    pub name: String,

    /// Its uid.
    pub uid: Option<String>,

    /// What counts the changes of its spec.
    pub generation: Option<i64>,

    /// When it was asked to go.
    pub deletion_timestamp: Option<Timestamp>,

    /// Its annotations; `None` where there is not even an empty map.
    pub annotations: Option<BTreeMap<String, String>>,

    /// Where it takes its manifests from.
    pub source: SourceRef,

    /// The folder in the source; the root when absent.
    pub path: Option<String>,

    /// The namespace that every namespaced document goes to, whatever it says itself.
    pub target_namespace: Option<String>,

    /// How long after a success it is reconciled again.
    pub interval: Option<SignedDuration>,

    /// How long after a failure; the interval when absent.
    pub retry_interval: Option<SignedDuration>,

    /// Whether nothing happens.
    pub suspend: bool,

    /// Whether what Git no longer has is deleted.
    pub prune: bool,

    /// Whether an object that the API server refuses is deleted and created again.
    pub force: bool,

    /// Whether its own health checks are waited for.
    pub wait: bool,

    /// Fields of the spec that change what the folder renders to; see [`Self::transforms`].
    transforms: Vec<&'static str>,

    /// Fields of the spec that send it elsewhere or apply it otherwise; see [`Self::diverts`].
    diverts: Vec<&'static str>,

    /// Its conditions.
    pub conditions: Vec<FluxCondition>,

    /// The revision that was last applied with success.
    pub last_applied_revision: Option<String>,

    /// The revision that was last tried.
    pub last_attempted_revision: Option<String>,

    /// The request that was last taken up; see [`super::reconciliation::handled`].
    pub last_handled_reconcile_at: Option<String>,

    /// The generation that the status is about; `-1` before the first reconciliation ended.
    pub observed_generation: Option<i64>,

    /// When it was last reconciled; newer versions keep a history.
    pub last_reconciled: Option<Timestamp>,

    /// What it applied, as `namespace_name_group_kind`.
    pub inventory: Vec<String>,
}

/// `spec.sourceRef`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRef {
    /// `GitRepository`, `OCIRepository`, `Bucket` or `ExternalArtifact`.
    pub kind: String,

    /// Its namespace; the Kustomization's when absent.
    pub namespace: Option<String>,

    /// Its name.
    pub name: String,
}

/// What makes a Kustomization more than its folder. A folder without a `kustomization.yaml` gets one that lists its
/// manifests.
const TRANSFORMS: &[(&str, &str)] = &[
    ("buildMetadata", "spec.buildMetadata"),
    ("commonMetadata", "spec.commonMetadata"),
    ("components", "spec.components"),
    ("decryption", "spec.decryption"),
    ("images", "spec.images"),
    ("namePrefix", "spec.namePrefix"),
    ("nameSuffix", "spec.nameSuffix"),
    ("patches", "spec.patches"),
    ("patchesJson6902", "spec.patchesJson6902"),
    ("patchesStrategicMerge", "spec.patchesStrategicMerge"),
    ("postBuild", "spec.postBuild"),
];

const DIVERTS: &[(&str, &str)] = &[("ignore", "spec.ignore"), ("kubeConfig", "spec.kubeConfig")];

impl Kustomization {
    /// Reads a Kustomization as the API server returns it.
    ///
    /// # Errors
    /// [`Unreadable`] for a field of a wrong type, or a missing name or source.
    pub fn read(value: &Value) -> Result<Self, Unreadable> {
        let root = Fields::of(Some(value), &Place::Root)?;
        let mut found = root.object("spec", |spec| {
            let flag = |name| spec.flag(name).map(|flag| flag.unwrap_or(false));
            let set = |fields: &[(&str, &'static str)]| {
                fields
                    .iter()
                    .filter(|(name, _)| spec.value(name).is_some_and(says_something))
                    .map(|(_, path)| *path)
                    .collect()
            };
            Ok(Self {
                namespace: String::new(),
                name: String::new(),
                uid: None,
                generation: None,
                deletion_timestamp: None,
                annotations: None,
                source: spec.object("sourceRef", |source| {
                    Ok(SourceRef {
                        kind: source.required_text("kind")?,
                        namespace: source.text("namespace")?,
                        name: source.required_text("name")?,
                    })
                })?,
                path: spec.text("path")?,
                target_namespace: spec.text("targetNamespace")?.filter(|namespace| !namespace.is_empty()),
                interval: period(&spec, "interval")?,
                retry_interval: period(&spec, "retryInterval")?,
                suspend: flag("suspend")?,
                prune: flag("prune")?,
                force: flag("force")?,
                wait: flag("wait")?,
                transforms: set(TRANSFORMS),
                diverts: set(DIVERTS),
                conditions: Vec::new(),
                last_applied_revision: None,
                last_attempted_revision: None,
                last_handled_reconcile_at: None,
                observed_generation: None,
                last_reconciled: None,
                inventory: Vec::new(),
            })
        })?;
        root.object("metadata", |metadata| {
            found.namespace = metadata.text("namespace")?.unwrap_or_default();
            found.name = metadata.required_text("name")?;
            found.uid = metadata.text("uid")?;
            found.generation = metadata.integer("generation")?;
            found.deletion_timestamp = metadata.time("deletionTimestamp")?;
            found.annotations = metadata.text_map("annotations")?;
            Ok(())
        })?;
        root.object("status", |status| {
            found.conditions = status.list("conditions", FluxCondition::read)?;
            found.last_applied_revision = status.text("lastAppliedRevision")?;
            found.last_attempted_revision = status.text("lastAttemptedRevision")?;
            found.last_handled_reconcile_at = status.text("lastHandledReconcileAt")?;
            found.observed_generation = status.integer("observedGeneration")?;
            found.last_reconciled = status
                .list("history", |entry| entry.time("lastReconciled"))?
                .into_iter()
                .flatten()
                .max();
            found.inventory = status.object("inventory", |inventory| {
                inventory.list("entries", |entry| entry.required_text("id"))
            })?;
            Ok(())
        })?;
        Ok(found)
    }

    /// The first condition of a type.
    pub fn condition(&self, kind: &str) -> Option<&FluxCondition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// The fields that change what the folder renders to, sorted: whoever renders the folder alone must refuse them by
    /// name. `targetNamespace` is not among them: of a Deployment it changes the namespace alone.
    pub fn transforms(&self) -> &[&'static str] {
        &self.transforms
    }

    /// The fields that send it to another cluster, or leave parts of an object alone.
    pub fn diverts(&self) -> &[&'static str] {
        &self.diverts
    }

    /// The commit that the cluster was last brought to, as far as the status tells: the one that was tried last where
    /// only what comes after the apply failed.
    pub fn synced_commit(&self) -> Option<&str> {
        let ready = self
            .condition("Ready")
            .filter(|ready| ready.status == "False" && comes_after_apply(&ready.reason));
        let revision = ready
            .and(self.last_attempted_revision.as_ref())
            .or(self.last_applied_revision.as_ref());
        commit(revision?)
    }

    /// The commit that it tried to apply last, however that ended.
    pub fn attempted_commit(&self) -> Option<&str> {
        commit(self.last_attempted_revision.as_deref()?)
    }

    /// Whether it applied this object.
    ///
    /// Source: `ObjMetadata.String` in `pkg/object/objmetadata.go` of fluxcd/cli-utils.
    pub fn applied(&self, resource: &ResourceRef) -> bool {
        let ResourceRef {
            group,
            kind,
            namespace,
            name,
        } = resource;
        self.inventory.contains(&format!("{namespace}_{name}_{group}_{kind}"))
    }

    /// What is to be said where `spec.force` is set: a person has to know it before Flux meets a refusal.
    ///
    /// Source: `ResourceManager.Apply` in `ssa/manager_apply.go` of fluxcd/pkg: an object that a dry run refuses as
    /// invalid or immutable is deleted and created again.
    pub fn force_caution(&self) -> Option<&'static str> {
        self.force.then_some(
            "spec.force is set: what the API server refuses, Flux deletes and creates again, with all its Pods; where \
             a kubectl manager owns a field of it, the object was seen to stay away until retryInterval",
        )
    }
}

/// The commit of a revision such as `main@sha1:4be2…`; `None` where it names none.
///
/// Source: RFC 0005 of Flux. Before it a revision was `main/4be2…`.
pub fn commit(revision: &str) -> Option<&str> {
    let hex = |text: &str| (40..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digest = revision.rsplit_once('@').map_or(revision, |(_, digest)| digest);
    let commit = match digest.split_once(':') {
        Some(("sha1" | "sha256", commit)) => commit,
        Some(_) => return None,
        None => revision.rsplit_once('/').map_or(revision, |(_, commit)| commit),
    };
    hex(commit).then_some(commit)
}

/// A span of time in a field.
pub(super) fn period(fields: &Fields<'_>, name: &'static str) -> Result<Option<SignedDuration>, Unreadable> {
    let Some(text) = fields.text(name)? else {
        return Ok(None);
    };
    duration(&text)
        .map(Some)
        .map_err(|_| fields.unreadable(name, "a span of time such as 10m"))
}

/// Empty lists and maps say nothing.
pub(super) fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
pub(super) mod tests;
