//! The difference of two objects as a patch: what changed, or what went.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Value, json};

use super::order::{index, normalize_slice_order};
use super::{
    DELETE, DELETE_FROM_LIST, DIRECTIVE, Object, PatchError, RETAIN_KEYS, SET_ELEMENT_ORDER, holds_maps, key_value,
    lookup, merge_key, retains_keys,
};
use crate::engine::schema::shape::{Patch, Shape};
use crate::engine::validation::go::printed;

/// Which half of the difference: the two sets of `DiffOptions` that a three-way patch uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Additions and changes, no deletions: from live to desired.
    Changes,

    /// Deletions alone: from last-applied to desired.
    Deletions,
}

/// Whether the map must name the keys that it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retain {
    Yes,
    No,
}

/// `diffMaps`.
pub(super) fn diff_maps(
    original: &Object,
    modified: &Object,
    shape: Option<Shape>,
    mode: Mode,
    retain: Retain,
) -> Result<Object, PatchError> {
    let mut patch = Object::new();
    for (key, new) in modified {
        match (original.get(key), new) {
            (Some(Value::Object(old)), Value::Object(new)) => diff_map(key, old, new, shape, mode, &mut patch)?,
            (Some(Value::Array(old)), Value::Array(new)) => diff_list(key, old, new, shape, mode, &mut patch)?,
            (old, new) => {
                if mode == Mode::Changes && old != Some(new) {
                    patch.insert(key.clone(), new.clone());
                }
            }
        }
    }
    if mode == Mode::Deletions {
        for key in original.keys().filter(|key| !modified.contains_key(*key)) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    let mut kept: Vec<&String> = modified
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, _)| key)
        .collect();
    if retain == Retain::Yes && !kept.is_empty() && (!patch.is_empty() || has_additional_field(original, modified)) {
        kept.sort();
        patch.insert(RETAIN_KEYS.to_owned(), json!(kept));
    }
    Ok(patch)
}

/// `hasAdditionalNewField`: whether live has a key that desired lacks.
fn has_additional_field(original: &Object, modified: &Object) -> bool {
    original
        .iter()
        .any(|(key, value)| !value.is_null() && !modified.contains_key(key))
}

/// `handleMapDiff`.
fn diff_map(
    key: &str,
    old: &Object,
    new: &Object,
    shape: Option<Shape>,
    mode: Mode,
    patch: &mut Object,
) -> Result<(), PatchError> {
    let (shape, strategy) = match lookup(shape, key) {
        Ok(found) => found,
        // Equal values need no schema.
        Err(_) if old == new => return Ok(()),
        Err(fault) => return Err(fault),
    };
    let inner = diff_maps(old, new, shape, mode, retain(strategy))?;
    if !inner.is_empty() {
        patch.insert(key.to_owned(), inner.into());
    }
    Ok(())
}

fn retain(strategy: Patch) -> Retain {
    if retains_keys(strategy) {
        Retain::Yes
    } else {
        Retain::No
    }
}

/// `handleSliceDiff`.
fn diff_list(
    key: &str,
    old: &[Value],
    new: &[Value],
    shape: Option<Shape>,
    mode: Mode,
    patch: &mut Object,
) -> Result<(), PatchError> {
    let (shape, strategy) = match lookup(shape, key) {
        Ok(found) => found,
        Err(_) if old == new => return Ok(()),
        Err(fault) => return Err(fault),
    };
    if matches!(strategy, Patch::Plain | Patch::Retain) {
        if mode == Mode::Changes && old != new {
            patch.insert(key.to_owned(), json!(new));
        }
        return Ok(());
    }
    let lists = diff_merging_lists(old, new, shape.and_then(Shape::item), strategy, mode)?;
    for (prefix, list) in [
        ("", lists.patch),
        (DELETE_FROM_LIST, lists.delete),
        (SET_ELEMENT_ORDER, lists.order),
    ] {
        if !list.is_empty() {
            patch.insert(format!("{prefix}{key}"), list.into());
        }
    }
    Ok(())
}

/// The three lists of a merging list's patch.
#[derive(Default)]
struct Lists {
    patch: Vec<Value>,
    delete: Vec<Value>,
    order: Vec<Value>,
}

/// `diffLists`.
fn diff_merging_lists(
    old: &[Value],
    new: &[Value],
    item: Option<Shape>,
    strategy: Patch,
    mode: Mode,
) -> Result<Lists, PatchError> {
    if old.is_empty() {
        let patch = if mode == Mode::Changes {
            new.to_vec()
        } else {
            Vec::new()
        };
        return Ok(Lists {
            patch,
            ..Lists::default()
        });
    }
    let of_maps = holds_maps([old, new])?;
    match merge_key(strategy) {
        Some(key) if of_maps => {
            let (patch, delete) = diff_lists_of_maps(old, new, item, key, mode, retain(strategy))?;
            let mut patch = normalize_slice_order(patch, new, Some(key))?;
            let order_same = old.len() == new.len() && index_by_index_same(old, new, key)?;
            patch.extend(delete);
            let ordered = !patch.is_empty() || (mode == Mode::Changes && !order_same);
            let order = if ordered {
                new.iter().map(|item| json!({key: item[key]})).collect()
            } else {
                Vec::new()
            };
            Ok(Lists {
                patch,
                delete: Vec::new(),
                order,
            })
        }
        _ => {
            let (add, delete) = diff_lists_of_scalars(old, new, mode);
            let patch = normalize_slice_order(add, new, None)?;
            let ordered = match mode {
                // Go has sorted the old list in place by now, and looks at that one.
                Mode::Changes => sorted_scalars(old) != new,
                Mode::Deletions => !delete.is_empty(),
            };
            Ok(Lists {
                patch,
                delete,
                order: if ordered { new.to_vec() } else { Vec::new() },
            })
        }
    }
}

/// `isOrderSame`.
fn index_by_index_same(old: &[Value], new: &[Value], key: &str) -> Result<bool, PatchError> {
    for (old, new) in old.iter().zip(new) {
        if key_value(old, key)? != key_value(new, key)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `diffListsOfMaps`: changed and added items, and the directives that delete.
fn diff_lists_of_maps(
    old: &[Value],
    new: &[Value],
    item: Option<Shape>,
    key: &str,
    mode: Mode,
    retain: Retain,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let (old, new) = (sorted_by_key(old, key)?, sorted_by_key(new, key)?);
    let (mut patch, mut delete) = (Vec::new(), Vec::new());
    let (mut left, mut right) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((one, _)), Some((other, _))) => one.cmp(other),
        };
        match order {
            Ordering::Equal => {
                if let (Some((_, Value::Object(old))), Some((_, Value::Object(new)))) = (left.next(), right.next()) {
                    let mut inner = diff_maps(old, new, item, mode, retain)?;
                    if !inner.is_empty() {
                        inner.insert(key.to_owned(), new[key].clone());
                        patch.push(inner.into());
                    }
                }
            }
            Ordering::Greater => patch.extend(
                right
                    .next()
                    .filter(|_| mode == Mode::Changes)
                    .map(|(_, new)| new.clone()),
            ),
            Ordering::Less => {
                let gone = left.next().filter(|_| mode == Mode::Deletions);
                delete.extend(gone.map(|(_, old)| json!({key: old[key], DIRECTIVE: DELETE})));
            }
        }
    }
    Ok((patch, delete))
}

/// `sortMergeListsByNameArray`. Go's sort is not stable: its insertion sort turns items of one key around, which
/// decides what becomes of two ports with one number.
fn sorted_by_key<'a>(list: &'a [Value], key: &str) -> Result<Vec<(Cow<'a, str>, &'a Value)>, PatchError> {
    let mut sorted: Vec<(Cow<'a, str>, &Value)> = Vec::with_capacity(list.len());
    for item in list {
        let name = match key_value(item, key)? {
            Value::String(name) => Cow::Borrowed(name.as_str()),
            other => Cow::Owned(printed(other)),
        };
        let at = sorted.partition_point(|(other, _)| *other < name);
        sorted.insert(at, (name, item));
    }
    Ok(sorted)
}

/// `sortScalars`.
fn sorted_scalars(list: &[Value]) -> Vec<Value> {
    let mut sorted = list.to_vec();
    sorted.sort_by_key(printed);
    sorted
}

/// `diffListsOfScalars`: what came, and what went.
fn diff_lists_of_scalars(old: &[Value], new: &[Value], mode: Mode) -> (Vec<Value>, Vec<Value>) {
    let missing = |from: &[Value], other: &[Value]| -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        for item in from.iter().filter(|item| index(other, item, None).is_none()) {
            if index(&found, item, None).is_none() {
                found.push(item.clone());
            }
        }
        found.sort_by_key(printed);
        found
    };
    match mode {
        Mode::Changes => (missing(new, old), Vec::new()),
        Mode::Deletions => (Vec::new(), missing(old, new)),
    }
}
