//! What a heal under client-side apply leaves for the next change of Git: such a tool takes out of live only what its
//! last-applied annotation names and Git no longer has.
//!
//! Where the annotation is lost, older than Git or somebody else's, a restored handler would stand beside the next one,
//! and the sync would be refused. The tool's own sync writes the annotation anew; where none follows, the Restore does,
//! with the healed fields and nothing else: what Git dropped and live still has goes at the next sync because the
//! annotation still names it.

use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation, TestOperation};
use serde_json::{Value, json};

use super::step::Step;
use crate::engine::facts::Facts;
use crate::engine::last_applied::{LAST_APPLIED, LastApplied};
use crate::engine::object::{FieldPath, escape_token};
use crate::engine::ownership::{HEAL_MANAGER, ManagedFields, Operation};
use crate::engine::remedy::restore::pointer;
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Strategy, Syncer};

/// The healed fields of Git that the annotation does not name, so that the tool would not take them out when Git drops
/// them; `None` where it names all of them, and there is an annotation.
pub(super) fn unrecorded(facts: &Facts<'_>, syncer: &Syncer, paths: &[FieldPath]) -> Option<Vec<FieldPath>> {
    if syncer.strategy != Strategy::ClientSideApply || facts.last_applied.is_unreadable() {
        return None;
    }
    let applied = facts.last_applied.value();
    let is_named = |path: &FieldPath| applied.is_some_and(|applied| path.get(applied).is_some());
    let unnamed: Vec<_> = paths
        .iter()
        .filter(|path| path.get(facts.desired).is_some() && !is_named(path))
        .cloned()
        .collect();
    (applied.is_none() || !unnamed.is_empty()).then_some(unnamed)
}

/// The first of these fields of Git that the annotation does not name under client-side apply, so that the next change
/// of it leaves it in live; `None` where it names all of them, or where nothing goes by it.
pub fn first_unnamed<'p>(snapshot: &Snapshot, paths: &'p [FieldPath]) -> Option<&'p FieldPath> {
    let (document, live) = (snapshot.desired.as_ref()?, snapshot.live.as_ref()?);
    let last_applied = LastApplied::of(&document.value, live);
    if snapshot.syncer.strategy != Strategy::ClientSideApply || last_applied.is_unreadable() {
        return None;
    }
    paths
        .iter()
        .find(|path| !names(&document.value, live, std::slice::from_ref(path)))
}

/// Lets a cure end with an annotation that names these fields; `by_sync` tells that a sync of the tool follows, which
/// writes it.
pub(super) fn complete(steps: &mut Vec<Step>, facts: &Facts<'_>, syncer: &Syncer, paths: &[FieldPath], by_sync: bool) {
    if paths.is_empty() || by_sync {
        return;
    }
    match steps.first_mut() {
        Some(Step::Restore { operations, .. }) => operations.0.extend(naming(facts, paths)),
        Some(_) => {}
        // Live is as Git says, and only the annotation is to be written.
        None => {
            let (paths, to) = (paths.to_vec(), holder(facts.managed.get(), syncer));
            steps.push(Step::Restore {
                paths: paths.clone(),
                operations: Patch(naming(facts, &paths)),
            });
            steps.push(Step::Transfer {
                paths,
                from: Vec::new(),
                to,
                into: Operation::Update,
            });
        }
    }
}

/// To whom what we write goes where no apply owns it: the manager whose update owns the annotation, or else the tool.
///
/// That one is taken for the client-side manager at a later switch to server-side apply, which makes what it owns the
/// tool's.
pub(super) fn holder(managed: &ManagedFields, syncer: &Syncer) -> String {
    holder_of_annotation(managed).unwrap_or_else(|| syncer.manager.clone())
}

/// The manager whose update owns the annotation; `None` where nobody's does.
pub(super) fn holder_of_annotation(managed: &ManagedFields) -> Option<String> {
    let annotation = FieldPath::of(&["metadata", "annotations", LAST_APPLIED]);
    let is_holder = |manager: &str, operation| operation == Operation::Update && manager != HEAL_MANAGER;
    let mut holding = managed
        .entries()
        .filter(|entry| entry.owner.subresource.is_none() && entry.fields.contains(&annotation));
    let found = holding.find(|entry| is_holder(&entry.owner.manager, entry.owner.operation));
    found.map(|entry| entry.owner.manager.clone())
}

/// The operations that make the annotation name these fields as Git has them, and leave all else of it.
fn naming(facts: &Facts<'_>, paths: &[FieldPath]) -> Vec<PatchOperation> {
    let annotations = facts.live.pointer("/metadata/annotations");
    let old = annotations.and_then(|annotations| annotations.get(LAST_APPLIED));
    let (at, value) = (
        annotation(),
        Value::from(facts.last_applied.naming(facts.desired, paths)),
    );
    match (old, annotations.is_some_and(Value::is_object)) {
        (Some(old), _) => vec![
            PatchOperation::Test(TestOperation {
                path: pointer(&at),
                value: old.clone(),
            }),
            PatchOperation::Replace(ReplaceOperation {
                path: pointer(&at),
                value,
            }),
        ],
        (None, true) => vec![PatchOperation::Add(AddOperation {
            path: pointer(&at),
            value,
        })],
        (None, false) => vec![
            PatchOperation::Add(AddOperation {
                path: pointer("/metadata/annotations"),
                value: json!({}),
            }),
            PatchOperation::Add(AddOperation {
                path: pointer(&at),
                value,
            }),
        ],
    }
}

/// Where the annotation stands.
fn annotation() -> String {
    format!("/metadata/annotations/{}", escape_token(LAST_APPLIED))
}

/// Whether the annotation names what Git says of these fields.
pub(super) fn names(desired: &Value, live: &Value, paths: &[FieldPath]) -> bool {
    let last_applied = LastApplied::of(desired, live);
    let is_named = |path: &FieldPath| last_applied.value().is_some_and(|applied| path.get(applied).is_some());
    paths.iter().all(|path| path.get(desired).is_none() || is_named(path))
}

/// Whether the operations write the annotation, and nothing else.
pub(super) fn is_all_of(operations: &[PatchOperation]) -> bool {
    let is_other = |operation: &PatchOperation| {
        let path = match operation {
            PatchOperation::Replace(replace) => &replace.path,
            PatchOperation::Add(add) => &add.path,
            PatchOperation::Remove(remove) => &remove.path,
            _ => return false,
        };
        !path.as_str().starts_with("/metadata/annotations")
    };
    is_named_by(operations) && !operations.iter().any(is_other)
}

/// Whether the operations write the annotation.
pub(super) fn is_named_by(operations: &[PatchOperation]) -> bool {
    let at = annotation();
    operations.iter().any(|operation| match operation {
        PatchOperation::Replace(replace) => replace.path.as_str() == at,
        PatchOperation::Add(add) => add.path.as_str() == at,
        _ => false,
    })
}

#[cfg(test)]
mod tests;
