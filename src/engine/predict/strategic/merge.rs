//! Applying a patch, to an object or to another patch.

use serde_json::Value;

use super::super::go::printed;
use super::order::{deduplicate_scalars, index, normalize_element_order, partition_by_presence};
use super::{
    DELETE, DELETE_FROM_LIST, DIRECTIVE, Object, PatchError, REPLACE, RETAIN_KEYS, SET_ELEMENT_ORDER, holds_maps, key_value, lookup,
    merge_key,
};
use crate::engine::schema::shape::{Patch, Shape};

/// What the patch is applied to: the two sets of `MergeOptions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Another patch: directives and nulls are kept.
    Combine,

    /// An object: directives are carried out, and a null without a counterpart goes.
    Apply,
}

/// `mergeMap`.
pub(super) fn merge_map(mut original: Object, mut patch: Object, shape: Option<Shape>, mode: Mode) -> Result<Object, PatchError> {
    if let Some(directive) = patch.remove(DIRECTIVE) {
        return match directive.as_str() {
            Some(REPLACE) => Ok(patch),
            Some(DELETE) => Ok(Object::new()),
            _ => Err(PatchError::BadDirective { directive: DIRECTIVE.to_owned() }),
        };
    }
    apply_retain_keys(&mut original, &mut patch, mode)?;
    merge_ordered_lists(&mut original, &mut patch, shape, mode)?;
    for (key, value) in patch {
        if let Some(name) = key.strip_prefix(DELETE_FROM_LIST) {
            if mode == Mode::Combine {
                original.insert(key, value);
            } else if let Some(Value::Array(list)) = original.get_mut(name) {
                let gone = value.as_array().cloned().unwrap_or_default();
                list.retain(|item| index(&gone, item, None).is_none());
            }
            continue;
        }
        let merged = match (original.remove(&key), value) {
            (_, Value::Null) if mode == Mode::Apply => continue,
            (Some(Value::Object(old)), Value::Object(new)) => {
                let (shape, _) = lookup(shape, &key)?;
                Some(merge_map(old, new, shape, mode)?.into())
            }
            (Some(Value::Array(old)), Value::Array(new)) => {
                let (shape, strategy) = lookup(shape, &key)?;
                Some(merge_list(old, new, shape.and_then(Shape::item), strategy, mode)?.merged.into())
            }
            (_, mut new) => {
                if mode == Mode::Apply {
                    discard_nulls(&mut new);
                }
                without_directives(new)
            }
        };
        if let Some(merged) = merged {
            original.insert(key, merged);
        }
    }
    Ok(original)
}

/// `applyRetainKeysDirective`.
fn apply_retain_keys(original: &mut Object, patch: &mut Object, mode: Mode) -> Result<(), PatchError> {
    let fault = || PatchError::BadDirective { directive: RETAIN_KEYS.to_owned() };
    let Some(retained) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    if mode == Mode::Combine {
        return match original.get(RETAIN_KEYS) {
            Some(other) if *other != retained => Err(fault()),
            Some(_) => Ok(()),
            None => {
                original.insert(RETAIN_KEYS.to_owned(), retained);
                Ok(())
            }
        };
    }
    let retained: Vec<&str> = retained.as_array().ok_or_else(fault)?.iter().filter_map(Value::as_str).collect();
    let is_free = |key: &str| key.starts_with(DELETE_FROM_LIST) || key.starts_with(SET_ELEMENT_ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && !is_free(key) && !retained.contains(&key.as_str())) {
        return Err(fault());
    }
    original.retain(|key, _| retained.contains(&key.as_str()));
    Ok(())
}

/// `mergePatchIntoOriginal`: the lists whose order the patch tells.
fn merge_ordered_lists(original: &mut Object, patch: &mut Object, shape: Option<Shape>, mode: Mode) -> Result<(), PatchError> {
    let directives: Vec<String> = patch.keys().filter(|key| key.starts_with(SET_ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let name = &directive[SET_ELEMENT_ORDER.len()..];
        let fault = || PatchError::BadDirective { directive: directive.clone() };
        let told = patch.remove(&directive).unwrap_or_default();
        if mode == Mode::Combine {
            match original.get(&directive) {
                Some(other) if *other != told => return Err(fault()),
                Some(_) => {}
                None => {
                    original.insert(directive.clone(), told.clone());
                }
            }
        }
        let order = told.as_array().ok_or_else(fault)?;
        let (shape, strategy) = lookup(shape, name)?;
        let key = merge_key(strategy);
        let list = |value: Option<Value>| match value {
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(fault()),
            None => Ok(None),
        };
        let (old, new) = (list(original.remove(name))?, list(patch.remove(name))?);
        check_order(new.as_deref().unwrap_or_default(), order, key)?;
        let Merged { merged, server_order } = match (old, new) {
            (None, None) => continue,
            (Some(old), None) => Merged { server_order: names(&old, key), merged: old },
            (None, Some(new)) => Merged { merged: new.into_iter().filter_map(without_directives).collect(), server_order: Vec::new() },
            (Some(old), Some(new)) => merge_list(old, new, shape.and_then(Shape::item), strategy, mode)?,
        };
        if let Some(key) = key {
            merged.iter().try_for_each(|item| key_value(item, key).map(|_| ()))?;
        }
        let (from_patch, server_only) = partition_by_presence(merged, order, key);
        let both = normalize_element_order(from_patch, server_only, order, &server_order, key)?;
        original.insert(name.to_owned(), both.into());
    }
    Ok(())
}

/// `validatePatchWithSetOrderList`: the patch's items come in the order told.
fn check_order(patch: &[Value], order: &[Value], key: Option<&str>) -> Result<(), PatchError> {
    if order.is_empty() {
        return Ok(());
    }
    let mut told = order.iter();
    for item in patch.iter().filter(|item| item.get(DIRECTIVE).is_none()) {
        if !told.any(|other| index(std::slice::from_ref(other), item, key).is_some()) {
            let list = |items: &[Value]| printed(&Value::from(items));
            return Err(PatchError::Order { patch: list(patch), order: list(order) });
        }
    }
    Ok(())
}

/// A merged list, and the order in which the original believes the server to have had it.
struct Merged {
    merged: Vec<Value>,
    /// The [`names`] of the items.
    server_order: Vec<Value>,
}

/// The items of a list as far as their order goes: each with nothing but its key, or whole where it lacks one, as a message shows it.
fn names(list: &[Value], key: Option<&str>) -> Vec<Value> {
    list.iter().map(|item| name(item, key)).collect()
}

fn name(item: &Value, key: Option<&str>) -> Value {
    match key.and_then(|key| Some((key, item.get(key)?))) {
        Some((key, value)) => Value::Object([(key.to_owned(), value.clone())].into_iter().collect()),
        None => item.clone(),
    }
}

/// `mergeSliceHandler` and `mergeSlice`.
fn merge_list(old: Vec<Value>, new: Vec<Value>, item: Option<Shape>, strategy: Patch, mode: Mode) -> Result<Merged, PatchError> {
    let key = match strategy {
        Patch::Plain | Patch::Retain => return Ok(Merged { merged: new, server_order: old }),
        Patch::Scalars => None,
        Patch::Key(key) | Patch::KeyRetain(key) => Some(key),
    };
    let Some(key) = key.filter(|_| holds_maps([old.as_slice(), new.as_slice()]).unwrap_or(true)) else {
        let all = deduplicate_scalars(old.iter().chain(&new).cloned().collect());
        let (from_patch, server_only) = partition_by_presence(all, &new, None);
        let merged = normalize_element_order(from_patch, server_only, &new, &old, None)?;
        return Ok(Merged { merged, server_order: old });
    };
    holds_maps([old.as_slice(), new.as_slice()])?;
    let SpecialMerge { kept, patch, server_order } = carry_out_directives(old, new, key)?;
    let deleted_order = names(&kept, Some(key));
    let merged = merge_items(kept, &patch, key, item, mode)?;
    // Go appends into the room that deletions left in the very slice that later tells the server's order.
    let mut believed = server_order;
    let room = believed.len();
    for (at, item) in merged.iter().enumerate().skip(deleted_order.len()).take_while(|(at, _)| *at < room) {
        believed[at] = name(item, Some(key));
    }
    let (from_patch, server_only) = partition_by_presence(merged, &patch, Some(key));
    let merged = normalize_element_order(from_patch, server_only, &patch, &deleted_order, Some(key))?;
    Ok(Merged { merged, server_order: believed })
}

/// What `mergeSliceWithSpecialElements` leaves to merge.
struct SpecialMerge {
    kept: Vec<Value>,
    patch: Vec<Value>,
    /// The [`names`] of the original slice at its full length, with what deleting shifted in it.
    server_order: Vec<Value>,
}

/// `mergeSliceWithSpecialElements`.
fn carry_out_directives(old: Vec<Value>, new: Vec<Value>, key: &str) -> Result<SpecialMerge, PatchError> {
    let (mut server_order, mut kept, mut patch, mut replace) = (names(&old, Some(key)), old, Vec::new(), false);
    for item in new {
        match item.get(DIRECTIVE).map(|directive| directive.as_str().unwrap_or_default()) {
            None => patch.push(item),
            Some(DELETE) => {
                key_value(&item, key)?;
                while let Some(at) = index(&kept, &item, Some(key)) {
                    kept.remove(at);
                    server_order.copy_within_from(at, kept.len());
                }
            }
            Some(REPLACE) => replace = true,
            Some(_) => return Err(PatchError::BadDirective { directive: DIRECTIVE.to_owned() }),
        }
    }
    Ok(if replace { SpecialMerge { kept: patch, patch: Vec::new(), server_order } } else { SpecialMerge { kept, patch, server_order } })
}

/// What Go's `append(s[:i], s[i+1:]...)` does to the slice it began with.
trait Shift {
    fn copy_within_from(&mut self, at: usize, kept: usize);
}

impl Shift for Vec<Value> {
    fn copy_within_from(&mut self, at: usize, kept: usize) {
        for place in at..kept {
            self[place] = self[place + 1].clone();
        }
    }
}

/// `mergeSliceWithoutSpecialElements`.
fn merge_items(mut list: Vec<Value>, patch: &[Value], key: &str, item: Option<Shape>, mode: Mode) -> Result<Vec<Value>, PatchError> {
    for new in patch {
        key_value(new, key)?;
        match index(&list, new, Some(key)) {
            None => list.push(new.clone()),
            Some(at) => {
                if let (Value::Object(old), Value::Object(new)) = (list[at].take(), new.clone()) {
                    list[at] = merge_map(old, new, item, mode)?.into();
                }
            }
        }
    }
    Ok(list)
}

/// `discardNullValuesFromPatch`.
fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// `removeDirectives`: `None` for a map that is a directive itself.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(object) if object.contains_key(DIRECTIVE) => None,
        Value::Object(object) => {
            Some(object.into_iter().filter_map(|(key, value)| Some((key, without_directives(value)?))).collect::<Object>().into())
        }
        Value::Array(items) => Some(items.into_iter().filter_map(without_directives).collect::<Vec<_>>().into()),
        scalar => Some(scalar),
    }
}
