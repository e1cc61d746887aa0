//! Strategic merge patches, as client-side apply makes them and the server applies them.
//!
//! Source: `staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go`, function by function; keys and
//! strategies are those of the Go struct tags (`patchMergeKey`, `patchStrategy`), which are not server-side apply's. It
//! follows the original down to the order of items, since the order is what an index in the server's messages counts.

mod diff;
mod merge;
mod order;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::engine::kind::Kind;
use crate::engine::object::Look;
use crate::engine::schema::shape::{Field, Patch, Shape};
use crate::engine::schema::{Branches, Tree};
use crate::engine::validation::go::printed;

const DIRECTIVE: &str = "$patch";
const DELETE: &str = "delete";
const REPLACE: &str = "replace";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList/";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";

type Object = Map<String, Value>;

/// A patch that cannot be made or applied, in the words of the client or the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// An item of a merging list lacks the key by which it merges.
    #[error("map: {item} does not contain declared merge key: {key}")]
    NoMergeKey {
        /// The item.
        item: String,
        /// The key it lacks.
        key: String,
    },

    /// A map or list that differs stands under a name that the type does not have.
    #[error("unable to find api field in struct {parent} for the json field {field:?}")]
    UnknownField {
        /// The Go type.
        parent: &'static str,
        /// The name.
        field: String,
    },

    /// Two lists hold values of several types.
    #[error("list element types are not identical: {list}")]
    MixedList {
        /// Both lists.
        list: String,
    },

    /// The items of a patch come in another order than the patch itself tells, as where a key repeats.
    #[error("The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{order}\n")]
    Order {
        /// The items.
        patch: String,
        /// The order that is told.
        order: String,
    },

    /// A directive that the server does not take.
    #[error("invalid patch format of {directive}")]
    BadDirective {
        /// The directive's name.
        directive: String,
    },
}

/// The patch that brings `live` to `desired` and takes away what `last_applied` had and `desired` lacks.
///
/// # Errors
/// [`PatchError`] where the client could not make one.
///
/// Source: `CreateThreeWayMergePatch`, overwriting as `kubectl apply` does.
pub fn three_way_patch(
    kind: &'static Kind,
    last_applied: &Value,
    live: &Value,
    desired: &Value,
) -> Result<Value, PatchError> {
    let empty = Object::new();
    let (last_applied, live, desired) = (
        last_applied.as_object().unwrap_or(&empty),
        live.as_object().unwrap_or(&empty),
        desired.as_object().unwrap_or(&empty),
    );
    let changes = diff::diff_maps(live, desired, Some(kind.root), diff::Mode::Changes, diff::Retain::No)?;
    let deletions = diff::diff_maps(
        last_applied,
        desired,
        Some(kind.root),
        diff::Mode::Deletions,
        diff::Retain::No,
    )?;
    let (deletions, changes) = (Value::Object(deletions), Value::Object(changes));
    let merged = merge::merge_map(
        members(Tree::of(&deletions)),
        members(Tree::of(&changes)),
        Some(kind.root),
        merge::Mode::Combine,
    )?;
    Ok(Tree::Map(merged).to_value())
}

/// What the server makes of `live` when it applies the patch, before defaults and validation.
///
/// # Errors
/// [`PatchError`] where the server answers that it cannot.
///
/// Source: `StrategicMergeMapPatchUsingLookupPatchMeta`.
pub fn apply_patch(kind: &'static Kind, live: &Value, patch: &Value) -> Result<Value, PatchError> {
    patched(kind, Tree::of(live), patch).map(|merged| merged.to_value())
}

/// [`apply_patch`] without a copy of either.
pub(super) fn patched<'a>(kind: &'static Kind, live: Tree<'a>, patch: &'a Value) -> Result<Tree<'a>, PatchError> {
    merge::merge_map(
        members(live),
        members(Tree::of(patch)),
        Some(kind.root),
        merge::Mode::Apply,
    )
    .map(Tree::Map)
}

/// The members of a map; none of anything else.
fn members(tree: Tree<'_>) -> Branches<'_> {
    if let Tree::Map(members) = tree {
        members
    } else {
        Branches::default()
    }
}

/// What is left of a patch after the server has applied it: its merge takes the patch apart as it goes, and then shows
/// the rest where the result is none that it can read.
///
/// Source: `mergePatchIntoOriginal`, `applyRetainKeysDirective` and `discardNullValuesFromPatch`.
pub fn left_of_patch(live: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let ordered: Vec<&str> = patch
        .keys()
        .filter_map(|key| key.strip_prefix(SET_ELEMENT_ORDER))
        .collect();
    let consumed = |key: &str| key == RETAIN_KEYS || key.starts_with(SET_ELEMENT_ORDER) || ordered.contains(&key);
    let kept = patch.iter().filter(|(key, _)| !consumed(key));
    let left = kept.map(|(key, value)| {
        let value = match (live.get(key), value) {
            (Some(live @ Value::Object(_)), Value::Object(_)) => left_of_patch(live, value),
            (Some(Value::Array(_)), Value::Array(_)) => value.clone(),
            (Some(_), value) if !value.is_object() && !value.is_array() => value.clone(),
            _ => without_nulls(value),
        };
        (key.clone(), value)
    });
    Value::Object(left.collect())
}

/// The value without the members of objects that are null, at every depth.
pub(super) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect::<Object>()
            .into(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// What stands under a name of a map and how it is patched; an error where the struct has no such field.
///
/// A shape of `None` is a value that the schema does not look into.
fn lookup(shape: Option<Shape>, name: &str) -> Result<(Option<Shape>, Patch), PatchError> {
    match shape {
        Some(Shape::Nested(of)) => {
            let Field(_, _, shape, patch) = *of.field(name).ok_or_else(|| PatchError::UnknownField {
                parent: of.name,
                field: name.to_owned(),
            })?;
            Ok((Some(shape), patch))
        }
        Some(shape) => Ok((shape.child(name), Patch::Plain)),
        None => Ok((None, Patch::Plain)),
    }
}

/// The merge key of a list's items.
fn merge_key(patch: Patch) -> Option<&'static str> {
    match patch {
        Patch::Key(key) | Patch::KeyRetain(key) => Some(key),
        Patch::Plain | Patch::Retain | Patch::Scalars => None,
    }
}

fn retains_keys(patch: Patch) -> bool {
    matches!(patch, Patch::Retain | Patch::KeyRetain(_))
}

/// The value under the merge key of an item.
fn key_value<'a, D: Look>(item: &'a D, key: &str) -> Result<&'a D, PatchError> {
    item.member(key).ok_or_else(|| PatchError::NoMergeKey {
        item: printed(&item.to_owned_value()),
        key: key.to_owned(),
    })
}

/// `sliceElementType`: whether the items are maps; an error where they are of several types.
fn holds_maps<D: Look>(lists: [&[D]; 2]) -> Result<bool, PatchError> {
    let items = || lists.into_iter().flatten();
    let Some(first) = items().next() else { return Ok(false) };
    if items().any(|item| std::mem::discriminant(item) != std::mem::discriminant(first)) {
        let shown = lists.map(|list| printed(&list.iter().map(Look::to_owned_value).collect::<Value>()));
        let list = format!("[{}]", shown.join(" "));
        return Err(PatchError::MixedList { list });
    }
    Ok(first.is_map())
}

fn is_delete<D: Look>(item: &D) -> bool {
    item.member(DIRECTIVE)
        .is_some_and(|directive| directive.text() == Some(DELETE))
}
