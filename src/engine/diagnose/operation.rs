//! The tool's own operation is stale: it stops the next sync, or looks as if it did.

use super::{Finding, Weight};
use crate::engine::operation::{Action, Application, ResourceRef, Standing};
use crate::engine::snapshot::Snapshot;

/// One finding for an operation that will not end or be repeated by itself, told of the Deployments that it concerns.
pub fn operation_stale(snapshot: &Snapshot) -> Vec<Finding> {
    let Some(argo_cd) = snapshot.tool.argo_cd() else {
        return Vec::new();
    };
    let standing = argo_cd.standing(&snapshot.target, snapshot.now);
    let application = &argo_cd.application;
    if !standing.is_stale() || !concerns(application, snapshot) {
        return Vec::new();
    }
    let message = match standing.id() {
        Some(id) => format!("{} ({id}): {}", standing.name(), standing.why()),
        None => format!("{}: {}", standing.name(), standing.why()),
    };
    let remedy = match standing.action() {
        Action::ClearAfterHeal => {
            "heal the Deployment first, then clear the state: cleared before, the same sync fails again"
        }
        Action::Clear => "clear the state: nothing is left to heal",
        Action::RefreshOnly => "heal the Deployment and ask for a comparison: there is no state to clear",
        Action::AskAPerson => "look at the application: no write of ours is safe here",
        Action::Leave => "leave it alone: it ends by itself",
    };
    vec![Finding {
        rule: "operation-stale",
        weight: if standing.blocks() {
            Weight::Error
        } else {
            Weight::Warning
        },
        path: None,
        message: format!("Application {}/{}: {message}", application.namespace, application.name),
        evidence: application
            .state
            .as_ref()
            .map(|state| state.message.clone())
            .filter(|message| !message.is_empty()),
        remedy: Some(remedy.to_owned()),
    }]
}

/// Whether a stale operation stops every further sync, and this Deployment is one that it failed on, or that waits for
/// a sync.
pub fn is_stuck(snapshot: &Snapshot) -> bool {
    let Some(argo_cd) = snapshot.tool.argo_cd() else {
        return false;
    };
    let standing: Standing = argo_cd.standing(&snapshot.target, snapshot.now);
    (standing.blocks() || standing.clears()) && concerns(&argo_cd.application, snapshot)
}

/// Of an Application with a hundred Deployments only those tell of its operation that have to do with it.
fn concerns(application: &Application, snapshot: &Snapshot) -> bool {
    let deployment = ResourceRef::from(&snapshot.target);
    let result = application.state.as_ref().and_then(|state| state.result.as_ref());
    let failed = result.is_some_and(|result| {
        result
            .resources
            .iter()
            .any(|entry| entry.resource == deployment && entry.status.as_deref() == Some("SyncFailed"))
    });
    let waits = application
        .resources
        .iter()
        .any(|found| found.resource == deployment && found.status.as_deref() != Some("Synced"));
    failed || waits
}
