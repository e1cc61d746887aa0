//! The clean replacement patch: one JSON Patch that puts Git's values back and nothing else.
//!
//! Fields that drifted under one small parent (a probe, an env item, the strategy, a volume) are put back by one `test`
//! of the parent's whole live value and one `replace` of it, since the API server validates the end result only and a
//! union must change as one. Fields under a broad parent (the pod spec, a container, labels) are put back one by one.
//! Every list item on the way is held by a `test` of its key at its index: indexes are not stable, and a strategic
//! merge patch prepends what it adds.

use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation};
use serde_json::Value;

use crate::engine::diff::{Change, ChangeKind};
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::predict::without_books;

/// Why drift cannot be put back by a patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A changed field is not where the diff saw it.
    #[error("{0} is not in the live object")]
    Unreachable(FieldPath),

    /// The patch does not apply to the object that it was made from.
    #[error("the patch does not apply: {0}")]
    DoesNotApply(String),

    /// The patch applies and the field still differs.
    #[error("{0} still differs afterwards")]
    LeavesDrift(FieldPath),

    /// What comes of the patch is no valid Deployment.
    #[error("what comes of it is refused: {0}")]
    Invalid(String),
}

/// Maps whose children belong to several people and tools: never replaced whole. Schema paths as [`FieldPath::schema`]
/// writes them.
pub(in crate::engine) const BROAD: &[&str] = &[
    "",
    "metadata",
    "metadata.annotations",
    "metadata.labels",
    "spec",
    "spec.template",
    "spec.template.metadata",
    "spec.template.metadata.annotations",
    "spec.template.metadata.labels",
    "spec.template.spec",
    "spec.template.spec.containers[]",
    "spec.template.spec.ephemeralContainers[]",
    "spec.template.spec.initContainers[]",
];

/// A patch with what it makes of the object that it was made from.
#[derive(Debug)]
pub struct Restored {
    /// The operations, without the lock on the resourceVersion.
    pub operations: Patch,

    /// Live with the patch applied; without status and managedFields where neither Git nor the patch has a word on
    /// them.
    pub healed: Value,
}

/// Makes the operations that undo these changes in `live`.
///
/// # Errors
/// [`RestoreError::Unreachable`] when a change is not of this live object.
pub fn restore(desired: &Value, live: &Value, changes: &[&Change]) -> Result<Restored, RestoreError> {
    let working = if changes.iter().all(|change| spares_books(&change.path)) {
        without_books(live, desired)
    } else {
        live.clone()
    };
    let mut writer = Writer {
        desired,
        working,
        operations: Vec::new(),
        held: Vec::new(),
    };
    let parents = small_parents(live, changes);
    for parent in &parents {
        let below: Vec<&Change> = changes
            .iter()
            .copied()
            .filter(|change| change.path.starts_with(parent))
            .collect();
        writer.replace_whole(parent, &below)?;
    }
    for change in changes
        .iter()
        .filter(|change| !parents.iter().any(|parent| change.path.starts_with(parent)))
    {
        writer.undo(change)?;
        writer.undo_alias(change)?;
    }
    Ok(Restored {
        operations: Patch(writer.operations),
        healed: writer.working,
    })
}

/// Whether a patch of this path leaves alone who owns what and what was applied last: every drift does, but what merely
/// stands beside a field that the server names may be anything of the metadata.
pub(in crate::engine) fn spares_books(path: &FieldPath) -> bool {
    let name = |at: usize| {
        path.0.get(at).and_then(|segment| {
            if let Segment::Field(name) = segment {
                Some(name.as_str())
            } else {
                None
            }
        })
    };
    match (name(0), name(1), name(2)) {
        (Some("metadata"), Some("annotations"), Some(annotation)) => annotation != LAST_APPLIED,
        (Some("metadata"), Some(name), _) => !["annotations", "managedFields", "namespace"].contains(&name),
        (None | Some("metadata" | "status"), ..) => false,
        _ => true,
    }
}

/// The small parents of the changes, outermost only.
fn small_parents(live: &Value, changes: &[&Change]) -> Vec<FieldPath> {
    let mut parents: Vec<FieldPath> = changes
        .iter()
        .filter_map(|change| {
            let parent = change.path.parent()?;
            let is_map = parent.get(live).is_some_and(Value::is_object);
            let by_field = matches!(change.path.0.last(), Some(Segment::Field(_)));
            (is_map && by_field && !BROAD.contains(&parent.schema().as_str())).then_some(parent)
        })
        .collect();
    parents.sort();
    parents.dedup();
    let all = parents.clone();
    parents.retain(|parent| !all.iter().any(|other| other != parent && parent.starts_with(other)));
    parents
}

/// Writes operations and applies each to a working copy, so that the next one's indexes are right.
struct Writer<'a> {
    desired: &'a Value,
    working: Value,
    operations: Vec<PatchOperation>,
    held: Vec<(String, Value)>,
}

impl Writer<'_> {
    /// One `test` and one `replace` of a small parent.
    fn replace_whole(&mut self, parent: &FieldPath, changes: &[&Change]) -> Result<(), RestoreError> {
        let at = self.hold_items(parent)?;
        let unreachable = || RestoreError::Unreachable(parent.clone());
        let old = parent.get(&self.working).cloned().ok_or_else(unreachable)?;
        // The changes are undone one by one in a writer of its own, and the parent is put back for the one `replace`.
        let working = std::mem::take(&mut self.working);
        let mut inner = Writer {
            desired: self.desired,
            working,
            operations: Vec::new(),
            held: Vec::new(),
        };
        for change in changes {
            inner.undo(change)?;
        }
        self.working = inner.working;
        let new = match self.working.pointer_mut(&at) {
            Some(place) => std::mem::replace(place, old.clone()),
            None => return Err(unreachable()),
        };
        self.push(PatchOperation::Test(TestOperation {
            path: pointer(&at),
            value: old,
        }))?;
        self.push(PatchOperation::Replace(ReplaceOperation {
            path: pointer(&at),
            value: new,
        }))
    }

    /// The operations for one field.
    fn undo(&mut self, change: &Change) -> Result<(), RestoreError> {
        let unreachable = || RestoreError::Unreachable(change.path.clone());
        match (change.kind, &change.desired, &change.live) {
            (ChangeKind::Reordered, _, Some(_)) => {
                let at = self.hold_items(&change.path)?;
                let old = change.path.get(&self.working).cloned().ok_or_else(unreachable)?;
                let new = self.reordered(change, &old);
                self.push(PatchOperation::Test(TestOperation {
                    path: pointer(&at),
                    value: old,
                }))?;
                self.push(PatchOperation::Replace(ReplaceOperation {
                    path: pointer(&at),
                    value: new,
                }))
            }
            (_, Some(desired), Some(_)) => {
                let at = self.hold_items(&change.path)?;
                let old = change.path.get(&self.working).cloned().ok_or_else(unreachable)?;
                self.push(PatchOperation::Test(TestOperation {
                    path: pointer(&at),
                    value: old,
                }))?;
                self.push(PatchOperation::Replace(ReplaceOperation {
                    path: pointer(&at),
                    value: desired.clone(),
                }))
            }
            (_, None, Some(_)) => {
                let at = self.hold_items(&change.path)?;
                let old = change.path.get(&self.working).cloned().ok_or_else(unreachable)?;
                self.push(PatchOperation::Test(TestOperation {
                    path: pointer(&at),
                    value: old,
                }))?;
                self.push(PatchOperation::Remove(RemoveOperation { path: pointer(&at) }))
            }
            (_, Some(desired), None) => {
                let at = self.place_for(&change.path)?;
                self.push(PatchOperation::Add(AddOperation {
                    path: pointer(&at),
                    value: desired.clone(),
                }))
            }
            (_, None, None) => Err(unreachable()),
        }
    }

    /// Does to the old name of the service account what was done to the new one: the server would take the value back
    /// from it.
    ///
    /// Source: `pkg/apis/core/v1/conversion.go` Convert_v1_PodSpec_To_core_PodSpec.
    fn undo_alias(&mut self, change: &Change) -> Result<(), RestoreError> {
        let Some((Segment::Field(name), pod)) = change.path.0.split_last() else {
            return Ok(());
        };
        let alias = FieldPath(pod.to_vec()).field("serviceAccount");
        match alias.get(&self.working).cloned() {
            Some(live) if name == "serviceAccountName" => {
                let kind = if change.desired.is_some() {
                    ChangeKind::Changed
                } else {
                    ChangeKind::Added
                };
                self.undo(&Change {
                    path: alias,
                    kind,
                    desired: change.desired.clone(),
                    live: Some(live),
                })
            }
            _ => Ok(()),
        }
    }

    /// Where an absent value goes: its key, or its place among the list's other items in Git's order.
    fn place_for(&mut self, path: &FieldPath) -> Result<String, RestoreError> {
        let unreachable = || RestoreError::Unreachable(path.clone());
        let parent = path.parent().ok_or_else(unreachable)?;
        match path.0.last() {
            Some(Segment::Key(_)) => {
                let list_at = self.hold_items(&parent)?;
                let siblings = parent
                    .get(self.desired)
                    .and_then(Value::as_array)
                    .ok_or_else(unreachable)?;
                let wanted = path.get(self.desired).ok_or_else(unreachable)?;
                let own = siblings
                    .iter()
                    .position(|item| std::ptr::eq(item, wanted))
                    .ok_or_else(unreachable)?;
                let items = parent
                    .get(&self.working)
                    .and_then(Value::as_array)
                    .ok_or_else(unreachable)?;
                let same_key =
                    |one: &Value, other: &Value| keys_of(path).iter().all(|key| one.get(key) == other.get(key));
                let after = siblings[..own]
                    .iter()
                    .rev()
                    .find_map(|before| items.iter().position(|item| same_key(item, before)));
                let index = after.map_or(0, |index| index + 1);
                Ok(format!("{list_at}/{index}"))
            }
            _ => {
                self.hold_items(&parent)?;
                path.pointer(&self.working).ok_or_else(unreachable)
            }
        }
    }

    /// Pins every list item on the way by its key, once, and gives the pointer.
    fn hold_items(&mut self, path: &FieldPath) -> Result<String, RestoreError> {
        let unreachable = || RestoreError::Unreachable(path.clone());
        let at = path.pointer(&self.working).ok_or_else(unreachable)?;
        for (depth, segment) in path.0.iter().enumerate() {
            let Segment::Key(keys) = segment else { continue };
            let item = FieldPath(path.0[..=depth].to_vec());
            let item_at = item.pointer(&self.working).ok_or_else(unreachable)?;
            for (name, value) in keys {
                // A key that the item leaves to its default cannot be tested.
                if item.get(&self.working).and_then(|item| item.get(name)).is_none() {
                    continue;
                }
                let key = (format!("{item_at}/{name}"), value.clone());
                if !self.held.contains(&key) {
                    self.held.push(key.clone());
                    self.push(PatchOperation::Test(TestOperation {
                        path: pointer(&key.0),
                        value: key.1,
                    }))?;
                }
            }
        }
        Ok(at)
    }

    /// The live items in Git's order, items that only live has last.
    fn reordered(&self, change: &Change, live: &Value) -> Value {
        let git = change
            .path
            .get(self.desired)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let mut items = live.as_array().cloned().unwrap_or_default();
        let names = [
            "name",
            "mountPath",
            "containerPort",
            "ip",
            "devicePath",
            "topologyKey",
            "uid",
            "type",
        ];
        let rank = |item: &Value| {
            git.iter().position(|wanted| {
                names
                    .iter()
                    .all(|name| wanted.get(name).is_none() || wanted.get(name) == item.get(name))
            })
        };
        items.sort_by_key(|item| rank(item).unwrap_or(usize::MAX));
        Value::from(items)
    }

    fn push(&mut self, operation: PatchOperation) -> Result<(), RestoreError> {
        json_patch::patch(&mut self.working, std::slice::from_ref(&operation))
            .map_err(|error| RestoreError::DoesNotApply(error.to_string()))?;
        // Items move when one of them comes or goes: what was pinned before holds no longer.
        if matches!(operation, PatchOperation::Add(_) | PatchOperation::Remove(_)) {
            self.held.clear();
        }
        self.operations.push(operation);
        Ok(())
    }
}

fn keys_of(path: &FieldPath) -> Vec<String> {
    match path.0.last() {
        Some(Segment::Key(keys)) => keys.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    }
}

/// A pointer type from text that this module or [`FieldPath::pointer`] wrote: always well formed, so the fallback to
/// the root is never met; a `test` of the root would fail the patch rather than write in the wrong place.
pub(in crate::engine) fn pointer(text: &str) -> json_patch::jsonptr::PointerBuf {
    json_patch::jsonptr::PointerBuf::parse(text).unwrap_or_default()
}
