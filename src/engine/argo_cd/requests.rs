//! The guarded JSON Patches on an Application: clear a stale operation, start a sync, ask for a comparison.
//!
//! An Application has no status subresource, so one patch changes annotations, `operation` and `status` together, or
//! nothing. The lock is a `replace` of the resourceVersion: a stale one is answered by 409, a failed `test` by a bare
//! 422. A `test` of `null` holds for an absent field, at the API server (`Patch.test` in
//! `gopkg.in/evanphx/json-patch.v4/patch.go`; tried), though RFC 6902 and this crate's own library call that an error.
//! Nothing is ever set to `null` here: where a custom resource's schema does not allow it, that ended in a loop of
//! refused writes (argo-cd#29741).

use jiff::Timestamp;
use json_patch::{Patch, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::{Map, Value, json};

use super::application::{Application, REFRESH};
use super::revision::Revision;
use super::state::{OperationPhase, OperationState};
use crate::engine::tool_object::patch::{NoRequest, add, pointer, test};
use crate::engine::tool_object::resource::ResourceRef;

/// What follows a clear.
#[derive(Clone, Debug, PartialEq)]
pub enum Then {
    /// A comparison; Argo CD then syncs by itself whatever is out of sync, where it is automated. Without it nothing
    /// moves.
    Refresh,

    /// An explicit sync.
    Start(Operation),
}

/// A sync to ask for.
///
/// It carries the Application's own sync options and retry, since an operation does not inherit them (tried: without
/// `ServerSideApply=true` such an Application is applied client-side). It never carries manifests or a source: what is
/// synced is what Git has.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Who asks.
    pub username: String,

    /// Pairs of names and values; they tell our operation from any other.
    pub info: Vec<(String, String)>,

    /// The commit; what the target revision means then, where it is `None`.
    pub revision: Option<Revision>,

    /// Whether what Git no longer has is deleted.
    pub prune: bool,

    /// The options.
    pub sync_options: Vec<String>,

    /// How a failure is tried again, as written in the Application.
    pub retry: Option<Value>,

    /// What it is limited to; `None` for all. A limited sync leaves no entry in the history.
    pub resources: Option<Vec<ResourceRef>>,

    /// How many self-heals in a row the last operation was: auto-sync goes on from there, with its wait. Whoever fights
    /// with self-heal is not let off by a heal.
    pub auto_heal_attempts: Option<i64>,
}

impl Operation {
    /// A sync of the revision that was compared last, with the Application's own policy; limited to one Deployment
    /// where one is given.
    ///
    /// It prunes where auto-sync would and nothing is limited.
    pub fn of(
        application: &Application,
        username: &str,
        info: Vec<(String, String)>,
        only: Option<ResourceRef>,
    ) -> Self {
        Self {
            username: username.to_owned(),
            info,
            revision: application.sync.as_ref().and_then(|sync| sync.revision.clone()),
            prune: only.is_none() && application.automated().is_some_and(|automated| automated.prune),
            sync_options: application.policy.sync_options.clone(),
            retry: application.policy.retry_written.clone(),
            resources: only.map(|resource| vec![resource]),
            auto_heal_attempts: application
                .state
                .as_ref()
                .and_then(|state| state.operation.sync.as_ref()?.auto_heal_attempts),
        }
    }

    /// The value of `operation`.
    ///
    /// Source: `Operation` and `SyncOperation` in `pkg/apis/application/v1alpha1/types.go`; `autoSync` in
    /// `controller/appcontroller.go` takes the count of self-heals from the last operation.
    pub fn to_value(&self) -> Value {
        let mut sync = Map::new();
        match &self.revision {
            Some(Revision::One(revision)) => sync.extend([("revision".to_owned(), json!(revision))]),
            Some(Revision::Several(revisions)) => sync.extend([("revisions".to_owned(), json!(revisions))]),
            None => {}
        }
        if self.prune {
            sync.insert("prune".to_owned(), json!(true));
        }
        if let Some(attempts) = self.auto_heal_attempts.filter(|attempts| *attempts > 0) {
            sync.insert("autoHealAttemptsCount".to_owned(), json!(attempts));
        }
        if !self.sync_options.is_empty() {
            sync.insert("syncOptions".to_owned(), json!(self.sync_options));
        }
        if let Some(resources) = &self.resources {
            let entry = |resource: &ResourceRef| {
                let ResourceRef {
                    group,
                    kind,
                    namespace,
                    name,
                } = resource;
                let fields = [
                    ("group", group),
                    ("kind", kind),
                    ("namespace", namespace),
                    ("name", name),
                ];
                let set = fields.into_iter().filter(|(_, text)| !text.is_empty());
                Value::Object(set.map(|(key, text)| (key.to_owned(), json!(text))).collect())
            };
            sync.insert("resources".to_owned(), resources.iter().map(entry).collect());
        }
        let mut whole = Map::from_iter([
            ("initiatedBy".to_owned(), json!({"username": self.username})),
            ("sync".to_owned(), Value::Object(sync)),
        ]);
        if !self.info.is_empty() {
            let pairs = self
                .info
                .iter()
                .map(|(name, value)| json!({"name": name, "value": value}));
            whole.insert("info".to_owned(), pairs.collect());
        }
        whole.extend(self.retry.clone().map(|retry| ("retry".to_owned(), retry)));
        Value::Object(whole)
    }
}

/// Which operation state is meant: a later one is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The Application's uid.
    pub uid: String,

    /// The state's phase.
    pub phase: OperationPhase,

    /// When it began, as written.
    pub started_at: String,
}

impl Stale {
    /// The state that the Application has now.
    ///
    /// # Errors
    /// [`NoRequest`] where it has none, or none that can be told from others.
    pub fn of(application: &Application) -> Result<Self, NoRequest> {
        let state = application.state.as_ref().ok_or(NoRequest::NoState)?;
        let started_at = state.started_at.as_ref().ok_or(NoRequest::NoStart)?.text.clone();
        Ok(Self {
            uid: application.uid.clone().ok_or(NoRequest::NoLock)?,
            phase: state.phase.clone(),
            started_at,
        })
    }

    /// Whether the Application no longer has this state: none, another one, or it is another Application.
    pub fn cleared(&self, application: &Application) -> bool {
        application.uid.as_ref() != Some(&self.uid)
            || application
                .state
                .as_ref()
                .is_none_or(|state| state.started_at.as_ref().map(|started| &started.text) != Some(&self.started_at))
    }
}

/// Removes the operation state, and asks for a comparison or a sync in the same write.
///
/// # Errors
/// [`NoRequest`] says what is missing, or that an operation is there.
pub fn clear(application: &Application, then: &Then) -> Result<Patch, NoRequest> {
    let stale = Stale::of(application)?;
    let mut operations = locked(application)?;
    operations.push(test(
        &["status", "operationState", "phase"],
        json!(stale.phase.as_str()),
    ));
    operations.push(test(
        &["status", "operationState", "startedAt"],
        json!(stale.started_at),
    ));
    operations.push(PatchOperation::Remove(RemoveOperation {
        path: pointer(&["status", "operationState"]),
    }));
    match then {
        Then::Refresh => operations.extend(ask_for_refresh(application)),
        Then::Start(operation) => operations.push(add(&["operation"], operation.to_value())),
    }
    Ok(Patch(operations))
}

/// Starts a sync where no state is left, or one that is over: Argo CD replaces that one itself (tried).
///
/// A state that is not over would be taken for the new operation's: that one is cleared first, in the same patch, by
/// [`clear`].
///
/// # Errors
/// [`NoRequest`] says what is missing, or that an operation is there.
pub fn start(application: &Application, operation: &Operation) -> Result<Patch, NoRequest> {
    let mut operations = locked(application)?;
    match &application.state {
        Some(state) if !state.phase.completed() => return Err(NoRequest::StateNotOver),
        Some(state) => operations.extend(over(state)?),
        // Without any status the path to the state is missing, and a test of it an error.
        None if application.sync.is_some() => operations.push(test(&["status", "operationState"], Value::Null)),
        None => {}
    }
    operations.push(add(&["operation"], operation.to_value()));
    Ok(Patch(operations))
}

fn over(state: &OperationState) -> Result<[PatchOperation; 2], NoRequest> {
    let started_at = state.started_at.as_ref().ok_or(NoRequest::NoStart)?;
    Ok([
        test(&["status", "operationState", "phase"], json!(state.phase.as_str())),
        test(&["status", "operationState", "startedAt"], json!(started_at.text)),
    ])
}

/// Whether the operation was written: it is there, it runs, or it was the last one that ran. Our pairs of `info` tell
/// it from others.
pub fn started(application: &Application, operation: &Operation) -> bool {
    let ours = |found: &super::state::Requested| {
        found.username.as_ref() == Some(&operation.username) && found.info == operation.info
    };
    application.operation.as_ref().is_some_and(ours)
        || application.state.as_ref().is_some_and(|state| ours(&state.operation))
}

/// Asks for a comparison with the newest revision, whatever else happens to the Application; `None` where that is asked
/// for already.
///
/// A request that somebody else makes meanwhile is kept, since it may be a `hard` one: the API server then answers 422,
/// and the next look finds nothing left to do.
///
/// # Errors
/// [`NoRequest::NoLock`] without a uid.
pub fn refresh(application: &Application) -> Result<Option<Patch>, NoRequest> {
    let uid = application.uid.as_ref().ok_or(NoRequest::NoLock)?;
    if refresh_asked(application) {
        return Ok(None);
    }
    let absent = match application.annotations {
        Some(_) => test(&["metadata", "annotations", REFRESH], Value::Null),
        None => test(&["metadata", "annotations"], Value::Null),
    };
    let mut operations = vec![test(&["metadata", "uid"], json!(uid)), absent];
    operations.extend(ask_for_refresh(application));
    Ok(Some(Patch(operations)))
}

/// Takes a request for an ordinary comparison back, so that it can be made anew; `None` where there is none, or a
/// `hard` one.
///
/// v3.5.7 loses a request that comes while it answers another one (seen under load): the annotation then stays, and
/// nothing happens before the next change of the Application or its next turn minutes later.
///
/// # Errors
/// [`NoRequest::NoLock`] without a uid.
pub fn withdraw_refresh(application: &Application) -> Result<Option<Patch>, NoRequest> {
    let uid = application.uid.as_ref().ok_or(NoRequest::NoLock)?;
    let path = ["metadata", "annotations", REFRESH];
    Ok((application.annotation(REFRESH) == Some("normal")).then(|| {
        let remove = PatchOperation::Remove(RemoveOperation { path: pointer(&path) });
        Patch(vec![
            test(&["metadata", "uid"], json!(uid)),
            test(&path, json!("normal")),
            remove,
        ])
    }))
}

/// Whether a comparison is asked for and not yet made: the controller takes the annotation away.
pub fn refresh_asked(application: &Application) -> bool {
    application.annotation(REFRESH).is_some()
}

/// Whether a comparison asked for at this time was made or is still asked for.
///
/// Only a comparison with the newest revision moves `reconciledAt`; it is in whole seconds, so that one in the same
/// second counts.
pub fn refreshed(application: &Application, asked_at: Timestamp) -> bool {
    let made = application
        .reconciled_at
        .is_some_and(|made| made.as_second() >= asked_at.as_second());
    made || refresh_asked(application)
}

/// The uid, the lock, and that no operation is there.
fn locked(application: &Application) -> Result<Vec<PatchOperation>, NoRequest> {
    let (Some(uid), Some(version)) = (&application.uid, &application.resource_version) else {
        return Err(NoRequest::NoLock);
    };
    if application.operation.is_some() {
        return Err(NoRequest::OperationPresent);
    }
    Ok(vec![
        test(&["metadata", "uid"], json!(uid)),
        PatchOperation::Replace(ReplaceOperation {
            path: pointer(&["metadata", "resourceVersion"]),
            value: json!(version),
        }),
        test(&["operation"], Value::Null),
    ])
}

/// Source: `IsRefreshRequested` in `pkg/apis/application/v1alpha1/types.go`. A `hard` one that is asked for already
/// stays.
fn ask_for_refresh(application: &Application) -> Option<PatchOperation> {
    match &application.annotations {
        Some(annotations) if annotations.contains_key(REFRESH) => None,
        Some(_) => Some(add(&["metadata", "annotations", REFRESH], json!("normal"))),
        None => Some(add(&["metadata", "annotations"], json!({REFRESH: "normal"}))),
    }
}

#[cfg(test)]
mod tests;
