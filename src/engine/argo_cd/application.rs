//! An Application of Argo CD, as far as its own operation is concerned.
//!
//! Fields of other versions are passed over, and a fact that this version lacks is `None`. The shapes are those of
//! `pkg/apis/application/v1alpha1/types.go`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::revision::Revision;
use super::source::Sources;
use super::state::{OperationState, Requested};
use super::sync_policy::{Automated, SyncPolicy, sync_policy};
use crate::engine::tool_object::fields::{Fields, Place, Unreadable};
use crate::engine::tool_object::resource::ResourceRef;

/// The annotation that asks for a comparison: `normal`, or `hard` to drop the manifests' cache, too.
pub const REFRESH: &str = "argocd.argoproj.io/refresh";

/// The annotation that keeps the controller away from an Application.
pub const SKIP_RECONCILE: &str = "argocd.argoproj.io/skip-reconcile";

const COMPARE_OPTIONS: &str = "argocd.argoproj.io/compare-options";
const MANIFEST_GENERATE_PATHS: &str = "argocd.argoproj.io/manifest-generate-paths";

/// What is read of an Application.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// Its namespace; empty where the object carries none.
    pub namespace: String,

    /// Its name.
    pub name: String,

    /// Its uid.
    pub uid: Option<String>,

    /// What a write locks on.
    pub resource_version: Option<String>,

    /// When it was asked to go.
    pub deletion_timestamp: Option<Timestamp>,

    /// Its annotations; `None` where there is not even an empty map.
    pub annotations: Option<BTreeMap<String, String>>,

    /// The ApplicationSets that own it.
    pub application_sets: Vec<String>,

    /// Its AppProject.
    pub project: String,

    /// Where it is deployed.
    pub destination: Destination,

    /// What it deploys.
    pub sources: Sources,

    /// How it is synced.
    pub policy: SyncPolicy,

    /// The operation that is asked for or under way.
    pub operation: Option<Requested>,

    /// The last comparison's answer for the whole.
    pub sync: Option<SyncStatus>,

    /// How far the last operation came.
    pub state: Option<OperationState>,

    /// What Argo CD complains of.
    pub conditions: Vec<Condition>,

    /// When it was last compared with the newest revision; a comparison after a watch event does not move it.
    pub reconciled_at: Option<Timestamp>,

    /// What it consists of.
    pub resources: Vec<ResourceStatus>,

    /// The successful syncs of the whole, oldest first.
    pub history: Vec<HistoryEntry>,

    /// `Healthy`, `Progressing`, `Degraded` …
    pub health: Option<String>,

    /// Which managers other than Argo CD's controller own `status.operationState` by server-side apply.
    pub state_appliers: Vec<String>,
}

/// Where an Application is deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    /// The API server's address.
    pub server: Option<String>,

    /// The cluster's name, instead of the address.
    pub name: Option<String>,

    /// The namespace for what sets none itself.
    pub namespace: Option<String>,
}

/// `status.sync`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncStatus {
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub status: String,

    /// The revision it was compared with.
    pub revision: Option<Revision>,
}

/// One of `status.conditions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `SyncError`, `ComparisonError` …
    pub kind: String,

    /// Argo CD's words.
    pub message: String,

    /// When it was first so.
    pub changed_at: Option<Timestamp>,
}

/// One of `status.resources`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceStatus {
    /// Which.
    pub resource: ResourceRef,

    /// `Synced`, `OutOfSync` or `Unknown`; absent for hooks.
    pub status: Option<String>,

    /// Whether it is a hook.
    pub hook: bool,

    /// Whether Git no longer has it.
    pub requires_pruning: bool,
}

/// One of `status.history`.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// The commit.
    pub revision: Option<Revision>,

    /// When it was begun; older versions do not tell.
    pub started_at: Option<Timestamp>,

    /// When it was done.
    pub deployed_at: Option<Timestamp>,

    /// Whether auto-sync asked; `None` where this version does not tell.
    pub automated: Option<bool>,

    /// Who asked otherwise.
    pub username: Option<String>,
}

impl Application {
    /// Reads an Application as the API server returns it.
    ///
    /// # Errors
    /// [`Unreadable`] for a field of a wrong type, or a missing name.
    pub fn read(value: &Value) -> Result<Self, Unreadable> {
        let root = Fields::of(Some(value), &Place::Root)?;
        let mut application = root.object("metadata", |metadata| {
            Ok(Self {
                namespace: metadata.text("namespace")?.unwrap_or_default(),
                name: metadata.required_text("name")?,
                uid: metadata.text("uid")?,
                resource_version: metadata.text("resourceVersion")?,
                deletion_timestamp: metadata.time("deletionTimestamp")?,
                annotations: metadata.text_map("annotations")?,
                application_sets: owners(&metadata)?,
                state_appliers: metadata
                    .list("managedFields", state_applier)?
                    .into_iter()
                    .flatten()
                    .collect(),
                project: String::new(),
                destination: Destination::default(),
                sources: Sources::Absent,
                policy: SyncPolicy::default(),
                operation: root.optional("operation", Requested::read)?,
                sync: None,
                state: None,
                conditions: Vec::new(),
                reconciled_at: None,
                resources: Vec::new(),
                history: Vec::new(),
                health: None,
            })
        })?;
        let mut detected = Vec::new();
        root.object("status", |status| {
            detected = status.texts("sourceTypes")?;
            if detected.is_empty() {
                detected.extend(status.text("sourceType")?);
            }
            application.read_status(&status)
        })?;
        root.object("spec", |spec| {
            application.project = spec.text("project")?.unwrap_or_else(|| "default".to_owned());
            application.sources = Sources::read(&spec, &detected)?;
            application.destination = spec.object("destination", |to| {
                Ok(Destination {
                    server: to.text("server")?,
                    name: to.text("name")?,
                    namespace: to.text("namespace")?,
                })
            })?;
            application.policy = spec.object("syncPolicy", sync_policy)?;
            Ok(())
        })?;
        Ok(application)
    }

    fn read_status(&mut self, status: &Fields<'_>) -> Result<(), Unreadable> {
        self.sync = status.optional("sync", |sync| {
            Ok(SyncStatus {
                status: sync.text("status")?.unwrap_or_else(|| "Unknown".to_owned()),
                revision: Revision::read(&sync)?,
            })
        })?;
        self.state = status.optional("operationState", OperationState::read)?;
        self.conditions = status.list("conditions", |condition| {
            Ok(Condition {
                kind: condition.required_text("type")?,
                message: condition.text("message")?.unwrap_or_default(),
                changed_at: condition.time("lastTransitionTime")?,
            })
        })?;
        self.reconciled_at = status.time("reconciledAt")?;
        self.resources = status.list("resources", |resource| {
            Ok(ResourceStatus {
                resource: ResourceRef::read(&resource)?,
                status: resource.text("status")?,
                hook: resource.flag("hook")?.unwrap_or(false),
                requires_pruning: resource.flag("requiresPruning")?.unwrap_or(false),
            })
        })?;
        self.history = status.list("history", |entry| {
            let (automated, username) = entry.object("initiatedBy", |by| {
                let automated = by.present().then(|| by.flag("automated")).transpose()?;
                Ok((
                    automated.map(|automated| automated.unwrap_or(false)),
                    by.text("username")?,
                ))
            })?;
            Ok(HistoryEntry {
                revision: Revision::read(&entry)?,
                started_at: entry.time("deployStartedAt")?,
                deployed_at: entry.time("deployedAt")?,
                automated,
                username,
            })
        })?;
        self.health = status.object("health", |health| health.text("status"))?;
        Ok(())
    }

    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether the controller keeps away from it.
    ///
    /// Source: `canProcessApp` in `controller/appcontroller.go`: what `strconv.ParseBool` takes for true.
    pub fn skips_reconcile(&self) -> bool {
        self.annotation(SKIP_RECONCILE)
            .is_some_and(|value| ["1", "t", "T", "TRUE", "true", "True"].contains(&value))
    }

    /// Whether it is synced without anybody asking.
    ///
    /// Source: `SyncPolicy.IsAutomatedSyncEnabled` in `pkg/apis/application/v1alpha1/types.go`.
    pub fn automated(&self) -> Option<Automated> {
        self.policy
            .automated
            .filter(|automated| automated.enabled != Some(false))
    }

    /// Whether the last comparison found a difference, as far as it is to be believed.
    pub fn out_of_sync(&self) -> bool {
        self.sync.as_ref().is_some_and(|sync| sync.status == "OutOfSync")
    }

    /// Whether it asks by annotation for a comparison by server-side dry run; the same setting for all Applications is
    /// not visible here.
    ///
    /// `status.sync` is not to be believed then: it was seen to say Synced while a dry run was refused (argo-cd#28722).
    pub fn server_side_diff(&self) -> bool {
        self.annotation(COMPARE_OPTIONS)
            .is_some_and(|options| options.split(',').any(|option| option.trim() == "ServerSideDiff=true"))
    }

    /// Whether commits elsewhere in the repository do not count as new revisions.
    pub(super) fn limits_commits(&self) -> bool {
        self.annotation(MANIFEST_GENERATE_PATHS).is_some()
    }

    /// The revision that was compared last; `None` where the comparison failed: that one names what it was to compare,
    /// which may be a branch.
    pub fn compared_revision(&self) -> Option<&Revision> {
        let sync = self.sync.as_ref().filter(|sync| sync.status != "Unknown")?;
        sync.revision.as_ref()
    }

    /// The first condition of a type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether the last operation was made at the revision and from the sources that are compared now.
    ///
    /// Source: `alreadyAttemptedSync` in `controller/appcontroller.go`. There the revisions are not compared where
    /// `manifest-generate-paths` tells that a commit changed nothing here; that answer is not visible, its consequence,
    /// the condition `SyncError`, is.
    pub(super) fn attempted(&self) -> bool {
        let Some(result) = self.state.as_ref().and_then(|state| state.result.as_ref()) else {
            return false;
        };
        let compared = self.sync.as_ref().and_then(|sync| sync.revision.as_ref());
        let same_revision = result.revision.as_ref() == compared;
        let passed_over = self.limits_commits() && self.condition("SyncError").is_some();
        (same_revision || passed_over) && self.sources.same(&result.sources)
    }

    /// The revision that was last synced with success as a whole.
    ///
    /// The newest entry of the history, or the last operation where it is newer or no history is kept
    /// (`spec.revisionHistoryLimit: 0`). A failed sync does not count, though it applied what came before the failure;
    /// nor does a dry run, nor a sync limited to some resources, for which there is [`Self::synced_revision_of`].
    ///
    /// Source: `SyncAppState` in `controller/sync.go` keeps history for successful, unlimited syncs that are no dry
    /// run.
    pub fn synced_revision(&self) -> Option<&Revision> {
        let operation = self.state.as_ref().filter(|state| {
            state.phase == super::state::OperationPhase::Succeeded
                && state.operation.writes()
                && !state.operation.partial()
        });
        let last = operation.and_then(|state| state.result.as_ref()?.revision.as_ref());
        last.or_else(|| self.history.last()?.revision.as_ref())
    }

    /// The revision from which a resource was last applied, as far as the Application remembers.
    ///
    /// Where the last operation's result names the resource as synced, that is its revision, whatever became of the
    /// rest: resources of one wave are applied although another one of them fails. Otherwise it is
    /// [`Self::synced_revision`]. What is forgotten: a limited or failed sync that applied it, followed by another
    /// operation that did not come to it.
    pub fn synced_revision_of(&self, resource: &ResourceRef) -> Option<&Revision> {
        let applied = self
            .state
            .as_ref()
            .filter(|state| state.operation.writes())
            .and_then(|state| {
                let result = state.result.as_ref()?;
                result
                    .resources
                    .iter()
                    .find(|entry| entry.applied() && entry.resource == *resource)?;
                result.revision.as_ref()
            });
        applied.or_else(|| self.synced_revision())
    }
}

fn owners(metadata: &Fields<'_>) -> Result<Vec<String>, Unreadable> {
    let named = metadata.list("ownerReferences", |owner| {
        let is_set = owner.text("kind")?.as_deref() == Some("ApplicationSet");
        if is_set { owner.text("name") } else { Ok(None) }
    })?;
    Ok(named.into_iter().flatten().collect())
}

/// The manager of a managedFields entry that applies `status.operationState` server-side.
fn state_applier(entry: Fields<'_>) -> Result<Option<String>, Unreadable> {
    let (manager, operation) = (entry.text("manager")?.unwrap_or_default(), entry.text("operation")?);
    let owns = entry.object("fieldsV1", |fields| {
        fields.object("f:status", |status| Ok(status.value("f:operationState").is_some()))
    })?;
    Ok((owns && operation.as_deref() == Some("Apply")).then_some(manager))
}

#[cfg(test)]
mod tests;
