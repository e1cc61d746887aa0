//! HandBack: foreign fields go to the syncing tool, whose own next sync then removes them.
//!
//! Nothing of the spec is written and nothing of ours is left behind. Under server-side apply a field is the tool's by
//! its `Apply` entry in `managedFields`; under client-side apply by the last-applied annotation, from which a field
//! goes that Git does not have. Which of the two a foreign field lacks is why the tool leaves it, and why a union with
//! two members is refused.

use json_patch::{PatchOperation, ReplaceOperation, TestOperation};
use serde_json::{Map, Value};

use crate::engine::diff::{Change, ChangeKind};
use crate::engine::facts::Facts;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::{FieldPath, escape_token};
use crate::engine::ownership::transfer::{self, Giver, TransferRefusal};
use crate::engine::ownership::{ManagedFields, Operation};
use crate::engine::predict::{Prediction, predict_knowing};
use crate::engine::syncer::{Strategy, Syncer};

#[cfg(test)]
mod tests;

/// Why foreign fields cannot be handed to the syncing tool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandBackError {
    /// Everything that differs is something that a sync puts back by itself.
    #[error("no field of somebody else stands in the way of the sync")]
    NothingForeign,

    /// A PUT of the manifest takes every foreign field away anyway.
    #[error("a replace removes foreign fields by itself")]
    Replace,

    /// Nothing was applied client-side, so nothing is known to have been taken out of Git.
    #[error(
        "the object has no readable annotation {LAST_APPLIED}, from which the tool could take that the field is to go"
    )]
    NoLastApplied,

    /// The ownership cannot be moved.
    #[error("failed to hand the fields over: {0}")]
    Transfer(#[from] TransferRefusal),

    /// The tool's sync would be refused all the same.
    #[error("the sync would be refused all the same: {0}")]
    StillRefused(String),

    /// The tool's sync would leave something.
    #[error("the sync would leave {0} as it is")]
    Leaves(FieldPath),
}

/// The foreign fields that keep the next sync from bringing Git's state: what drifted and Git does not set, and, where
/// the sync is refused, what live alone has beside the field that the server names.
pub fn in_the_way(drifts: &[&Change], prediction: &Prediction) -> Vec<FieldPath> {
    let added = drifts
        .iter()
        .filter(|change| change.kind == ChangeKind::Added)
        .map(|change| change.path.clone());
    let mut paths: Vec<FieldPath> = added.collect();
    paths.extend(prediction.beside.iter().cloned());
    paths.sort();
    paths.dedup();
    let all = paths.clone();
    paths.retain(|path| !all.iter().any(|other| other != path && path.starts_with(other)));
    paths
}

/// The operations that hand these fields to the tool, without the lock on the resourceVersion.
///
/// # Errors
/// [`HandBackError`] where the tool has nothing to write the ownership into.
pub fn operations(live: &Value, syncer: &Syncer, paths: &[FieldPath]) -> Result<Vec<PatchOperation>, HandBackError> {
    match syncer.strategy {
        Strategy::Replace => Err(HandBackError::Replace),
        Strategy::ServerSideApply => {
            let value = with_fields_of_tool(live, syncer, paths)?;
            Ok(vec![PatchOperation::Replace(ReplaceOperation {
                path: super::restore::pointer("/metadata/managedFields"),
                value,
            })])
        }
        Strategy::ClientSideApply => {
            let (old, new) = with_fields_applied(live, paths)?;
            let path = super::restore::pointer(&format!("/metadata/annotations/{}", escape_token(LAST_APPLIED)));
            Ok(vec![
                PatchOperation::Test(TestOperation {
                    path: path.clone(),
                    value: old.into(),
                }),
                PatchOperation::Replace(ReplaceOperation {
                    path,
                    value: new.into(),
                }),
            ])
        }
    }
}

/// The `managedFields` in which the tool's `Apply` entry holds the fields, and nobody else.
fn with_fields_of_tool(live: &Value, syncer: &Syncer, paths: &[FieldPath]) -> Result<Value, TransferRefusal> {
    let managed = ManagedFields::of(live);
    let is_tool = |manager: &str, operation| manager == syncer.manager && operation == Operation::Apply;
    let (owned, ownerless): (Vec<FieldPath>, Vec<FieldPath>) = paths
        .iter()
        .cloned()
        .partition(|path| managed.entries().any(|entry| entry.fields.contains_or_below(path)));
    let givers: Vec<(String, Operation)> = {
        let holding = managed
            .entries()
            .filter(|entry| owned.iter().any(|path| entry.fields.contains_or_below(path)));
        let mut givers: Vec<_> = holding
            .map(|entry| (entry.owner.manager.clone(), entry.owner.operation))
            .filter(|(manager, operation)| !is_tool(manager, *operation))
            .collect();
        givers.sort();
        givers.dedup();
        givers
    };
    let givers: Vec<Giver<'_>> = givers
        .iter()
        .map(|(manager, operation)| Giver {
            manager,
            operation: *operation,
        })
        .collect();
    let mut fields = live.pointer("/metadata/managedFields").cloned().unwrap_or_default();
    // What the tool holds already needs no giver.
    let foreign: Vec<FieldPath> = owned
        .into_iter()
        .filter(|path| {
            managed.entries().any(|entry| {
                entry.fields.contains_or_below(path) && !is_tool(&entry.owner.manager, entry.owner.operation)
            })
        })
        .collect();
    if !foreign.is_empty() {
        fields = transfer::handed_back(&fields, &foreign, &givers, &syncer.manager)?;
    }
    if !ownerless.is_empty() {
        fields = transfer::handed_back(&fields, &ownerless, &[], &syncer.manager)?;
    }
    Ok(fields)
}

/// The text of the last-applied annotation as it is, and with the fields in it.
fn with_fields_applied(live: &Value, paths: &[FieldPath]) -> Result<(String, String), HandBackError> {
    let old = live
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(LAST_APPLIED))
        .and_then(Value::as_str);
    let old = old.ok_or(HandBackError::NoLastApplied)?;
    // A word or a list is JSON, too, and yet nothing that any apply would read.
    let applied: Map<String, Value> = serde_json::from_str(old).map_err(|_| HandBackError::NoLastApplied)?;
    let mut applied = Value::Object(applied);
    for path in paths {
        if let Some(value) = path.get(live) {
            path.put(&mut applied, value);
        }
    }
    Ok((old.to_owned(), format!("{applied}\n")))
}

/// Whether the tool's next sync removes the fields, or they are gone.
pub fn done(live: &Value, syncer: &Syncer, paths: &[FieldPath]) -> bool {
    let there: Vec<&FieldPath> = paths.iter().filter(|path| path.get(live).is_some()).collect();
    match syncer.strategy {
        Strategy::Replace => there.is_empty(),
        Strategy::ServerSideApply => {
            let managed = ManagedFields::of(live);
            let of_tool = |path: &FieldPath| {
                let mut holding = managed
                    .entries()
                    .filter(|entry| entry.fields.contains_or_below(path))
                    .peekable();
                holding.peek().is_some() && holding.all(|entry| entry.owner.is(&syncer.manager, Operation::Apply))
            };
            there.into_iter().all(of_tool)
        }
        Strategy::ClientSideApply => {
            let text = live
                .pointer("/metadata/annotations")
                .and_then(|annotations| annotations.get(LAST_APPLIED));
            let applied: Option<Value> = text
                .and_then(Value::as_str)
                .and_then(|text| serde_json::from_str(text).ok());
            there
                .into_iter()
                .all(|path| applied.as_ref().is_some_and(|applied| path.get(applied).is_some()))
        }
    }
}

/// Checks a handover before anybody sees it: with it the tool's sync must be accepted and leave none of the drift.
///
/// # Errors
/// [`HandBackError`] that says what would still be wrong.
pub fn check(facts: &Facts<'_>, syncer: &Syncer, paths: &[FieldPath], drifts: &[&Change]) -> Result<(), HandBackError> {
    if paths.is_empty() {
        return Err(HandBackError::NothingForeign);
    }
    let mut handed = facts.live.clone();
    let operations = json_patch::Patch(operations(facts.live, syncer, paths)?);
    json_patch::patch(&mut handed, &operations).map_err(|error| HandBackError::StillRefused(error.to_string()))?;
    let facts = facts.with_live(&handed);
    let after = predict_knowing(&facts, syncer, || facts.changed_paths()).prediction;
    if let Some(cause) = after.causes.first() {
        return Err(HandBackError::StillRefused(cause.told()));
    }
    let left = after
        .residual
        .into_iter()
        .find(|path| drifts.iter().any(|change| path.starts_with(&change.path)));
    left.map_or(Ok(()), |path| Err(HandBackError::Leaves(path)))
}
