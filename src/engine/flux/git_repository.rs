//! A GitRepository of Flux: where a Kustomization takes its folder from, and which commit it has.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::kustomization::{period, says_something};
use crate::engine::tool_object::fields::{Fields, Place, Unreadable};

/// What is read of a GitRepository (`api/v1/gitrepository_types.go` of source-controller v1.9.6).
#[derive(Clone, Debug, PartialEq)]
pub struct GitRepository {
    /// Its namespace; empty where the object carries none.
    pub namespace: String,

    /// Its name.
    pub name: String,

    /// Its uid.
    pub uid: Option<String>,

    /// What counts the changes of its spec.
    pub generation: Option<i64>,

    /// Its annotations; `None` where there is not even an empty map.
    pub annotations: Option<BTreeMap<String, String>>,

    /// The repository.
    pub url: Option<String>,

    /// What is checked out.
    pub reference: Reference,

    /// How often it is looked at.
    pub interval: Option<SignedDuration>,

    /// Whether it is not looked at.
    pub suspend: bool,

    /// The Secret with its credentials.
    pub secret: Option<String>,

    /// Fields of the spec that make its content another one than the commit's; see [`Self::alters`].
    alters: Vec<&'static str>,

    /// The commit that it has, such as `main@sha1:4be2…`.
    pub revision: Option<String>,

    /// When it got it.
    pub updated_at: Option<Timestamp>,

    /// Its conditions.
    pub conditions: Vec<FluxCondition>,

    /// The request that was last taken up.
    pub last_handled_reconcile_at: Option<String>,
}

/// `spec.ref`; the first that is set wins, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// A commit.
    pub commit: Option<String>,

    /// A full reference such as `refs/pull/1/head`.
    pub name: Option<String>,

    /// A range of versions.
    pub semver: Option<String>,

    /// A tag.
    pub tag: Option<String>,

    /// A branch; `master` when nothing is set.
    pub branch: Option<String>,
}

/// One of `status.conditions` of an object of Flux.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FluxCondition {
    /// `Ready`, `Reconciling`, `Stalled`, `Healthy` …
    pub kind: String,

    /// `True`, `False` or `Unknown`.
    pub status: String,

    /// Why, in one word.
    pub reason: String,

    /// Flux's words.
    pub message: String,

    /// When the status last changed. Each reconciliation sets Ready to Unknown first, so that Ready's is the end of the
    /// last one.
    pub changed_at: Option<Timestamp>,

    /// The generation that it is about.
    pub observed_generation: Option<i64>,
}

impl FluxCondition {
    pub(super) fn read(condition: Fields<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            kind: condition.required_text("type")?,
            status: condition.required_text("status")?,
            reason: condition.text("reason")?.unwrap_or_default(),
            message: condition.text("message")?.unwrap_or_default(),
            changed_at: condition.time("lastTransitionTime")?,
            observed_generation: condition.integer("observedGeneration")?,
        })
    }
}

const ALTERS: &[(&str, &str)] = &[
    ("ignore", "spec.ignore"),
    ("include", "spec.include"),
    ("recurseSubmodules", "spec.recurseSubmodules"),
    ("sparseCheckout", "spec.sparseCheckout"),
];

impl GitRepository {
    /// Reads a GitRepository as the API server returns it.
    ///
    /// # Errors
    /// [`Unreadable`] for a field of a wrong type, or a missing name.
    pub fn read(value: &Value) -> Result<Self, Unreadable> {
        let root = Fields::of(Some(value), &Place::Root)?;
        let mut found = root.object("spec", |spec| {
            let alters = ALTERS.iter().filter(|(name, _)| {
                spec.value(name)
                    .is_some_and(|value| says_something(value) && value != &Value::Bool(false))
            });
            Ok(Self {
                namespace: String::new(),
                name: String::new(),
                uid: None,
                generation: None,
                annotations: None,
                url: spec.text("url")?,
                reference: spec.object("ref", |reference| {
                    Ok(Reference {
                        commit: reference.text("commit")?,
                        name: reference.text("name")?,
                        semver: reference.text("semver")?,
                        tag: reference.text("tag")?,
                        branch: reference.text("branch")?,
                    })
                })?,
                interval: period(&spec, "interval")?,
                suspend: spec.flag("suspend")?.unwrap_or(false),
                secret: spec.object("secretRef", |secret| secret.text("name"))?,
                alters: alters.map(|(_, path)| *path).collect(),
                revision: None,
                updated_at: None,
                conditions: Vec::new(),
                last_handled_reconcile_at: None,
            })
        })?;
        root.object("metadata", |metadata| {
            found.namespace = metadata.text("namespace")?.unwrap_or_default();
            found.name = metadata.required_text("name")?;
            found.uid = metadata.text("uid")?;
            found.generation = metadata.integer("generation")?;
            found.annotations = metadata.text_map("annotations")?;
            Ok(())
        })?;
        root.object("status", |status| {
            (found.revision, found.updated_at) = status.object("artifact", |artifact| {
                Ok((artifact.text("revision")?, artifact.time("lastUpdateTime")?))
            })?;
            found.conditions = status.list("conditions", FluxCondition::read)?;
            found.last_handled_reconcile_at = status.text("lastHandledReconcileAt")?;
            Ok(())
        })?;
        Ok(found)
    }

    /// The commit that it has.
    pub fn commit(&self) -> Option<&str> {
        super::kustomization::commit(self.revision.as_deref()?)
    }

    /// The fields that make its content another one than the commit's, sorted: whoever reads the commit alone must
    /// refuse them by name.
    pub fn alters(&self) -> &[&'static str] {
        &self.alters
    }
}
