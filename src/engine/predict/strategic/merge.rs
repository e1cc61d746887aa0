//! Applying a patch, to an object or to another patch.

use super::order::{deduplicate_scalars, index, normalize_element_order, partition_by_presence};
use super::{
    DELETE, DELETE_FROM_LIST, DIRECTIVE, PatchError, REPLACE, RETAIN_KEYS, SET_ELEMENT_ORDER, holds_maps, key_value,
    lookup, merge_key,
};
use crate::engine::schema::shape::{Patch, Shape};
use crate::engine::schema::{Branches, Members, Tree};
use crate::engine::validation::go::printed;

/// What the patch is applied to: the two sets of `MergeOptions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Another patch: directives and nulls are kept.
    Combine,

    /// An object: directives are carried out, and a null without a counterpart goes.
    Apply,
}

/// `mergeMap`.
pub(super) fn merge_map<'a>(
    mut original: Branches<'a>,
    mut patch: Branches<'a>,
    shape: Option<Shape>,
    mode: Mode,
) -> Result<Branches<'a>, PatchError> {
    if let Some(directive) = patch.remove(DIRECTIVE) {
        return match directive.as_str() {
            Some(REPLACE) => Ok(patch),
            Some(DELETE) => Ok(Branches::default()),
            _ => Err(PatchError::BadDirective {
                directive: DIRECTIVE.to_owned(),
            }),
        };
    }
    apply_retain_keys(&mut original, &mut patch, mode)?;
    merge_ordered_lists(&mut original, &mut patch, shape, mode)?;
    for (key, value) in patch {
        if let Some(name) = key.strip_prefix(DELETE_FROM_LIST) {
            if mode == Mode::Combine {
                original.insert(key, value);
            } else if let Some(list) = original.find(name).and_then(Tree::as_list_mut) {
                let gone = value.as_list().unwrap_or_default();
                list.retain(|item| index(gone, item, None).is_none());
            }
            continue;
        }
        let merged = match (original.remove(key), value) {
            (_, Tree::Null) if mode == Mode::Apply => continue,
            (Some(Tree::Map(old)), Tree::Map(new)) => {
                let (shape, _) = lookup(shape, key)?;
                Some(Tree::Map(merge_map(old, new, shape, mode)?))
            }
            (Some(Tree::List(old)), Tree::List(new)) => {
                let (shape, strategy) = lookup(shape, key)?;
                Some(Tree::List(
                    merge_list(old, new, shape.and_then(Shape::item), strategy, mode)?.merged,
                ))
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
fn apply_retain_keys<'a>(original: &mut Branches<'a>, patch: &mut Branches<'a>, mode: Mode) -> Result<(), PatchError> {
    let fault = || PatchError::BadDirective {
        directive: RETAIN_KEYS.to_owned(),
    };
    let Some(retained) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    if mode == Mode::Combine {
        return match original.get(RETAIN_KEYS) {
            Some(other) if *other != retained => Err(fault()),
            Some(_) => Ok(()),
            None => {
                original.insert(RETAIN_KEYS, retained);
                Ok(())
            }
        };
    }
    let retained: Vec<&str> = retained
        .as_list()
        .ok_or_else(fault)?
        .iter()
        .filter_map(Tree::as_str)
        .collect();
    let is_free = |key: &str| key.starts_with(DELETE_FROM_LIST) || key.starts_with(SET_ELEMENT_ORDER);
    if patch
        .iter()
        .any(|(key, value)| !value.is_null() && !is_free(key) && !retained.contains(&key))
    {
        return Err(fault());
    }
    original.keep(|key, _| retained.contains(&key));
    Ok(())
}

/// `mergePatchIntoOriginal`: the lists whose order the patch tells.
fn merge_ordered_lists<'a>(
    original: &mut Branches<'a>,
    patch: &mut Branches<'a>,
    shape: Option<Shape>,
    mode: Mode,
) -> Result<(), PatchError> {
    let directives: Vec<&'a str> = patch
        .iter()
        .map(|(key, _)| key)
        .filter(|key| key.starts_with(SET_ELEMENT_ORDER))
        .collect();
    for directive in directives {
        let name = &directive[SET_ELEMENT_ORDER.len()..];
        let fault = || PatchError::BadDirective {
            directive: directive.to_owned(),
        };
        let told = patch.remove(directive).unwrap_or_default();
        if mode == Mode::Combine {
            match original.get(directive) {
                Some(other) if *other != told => return Err(fault()),
                Some(_) => {}
                None => {
                    original.insert(directive, told.clone());
                }
            }
        }
        let order = told.as_list().ok_or_else(fault)?;
        let (shape, strategy) = lookup(shape, name)?;
        let key = merge_key(strategy);
        let list = |value: Option<Tree<'a>>| match value {
            Some(Tree::List(items)) => Ok(Some(items)),
            Some(_) => Err(fault()),
            None => Ok(None),
        };
        let (old, new) = (list(original.remove(name))?, list(patch.remove(name))?);
        check_order(new.as_deref().unwrap_or_default(), order, key)?;
        let Merged { merged, server_order } = match (old, new) {
            (None, None) => continue,
            (Some(old), None) => Merged {
                server_order: names(&old, key),
                merged: old,
            },
            (None, Some(new)) => Merged {
                merged: new.into_iter().filter_map(without_directives).collect(),
                server_order: Vec::new(),
            },
            (Some(old), Some(new)) => merge_list(old, new, shape.and_then(Shape::item), strategy, mode)?,
        };
        if let Some(key) = key {
            merged.iter().try_for_each(|item| key_value(item, key).map(|_| ()))?;
        }
        let (from_patch, server_only) = partition_by_presence(merged, order, key);
        let both = normalize_element_order(from_patch, server_only, order, &server_order, key)?;
        original.insert(name, Tree::List(both));
    }
    Ok(())
}

/// `validatePatchWithSetOrderList`: the patch's items come in the order told.
fn check_order(patch: &[Tree<'_>], order: &[Tree<'_>], key: Option<&str>) -> Result<(), PatchError> {
    if order.is_empty() {
        return Ok(());
    }
    let mut told = order.iter();
    for item in patch.iter().filter(|item| item.get(DIRECTIVE).is_none()) {
        if !told.any(|other| index(std::slice::from_ref(other), item, key).is_some()) {
            let list = |items: &[Tree<'_>]| printed(&items.iter().map(Tree::to_value).collect());
            return Err(PatchError::Order {
                patch: list(patch),
                order: list(order),
            });
        }
    }
    Ok(())
}

/// A merged list, and the order in which the original believes the server to have had it.
struct Merged<'a> {
    merged: Vec<Tree<'a>>,
    /// The [`names`] of the items.
    server_order: Vec<Tree<'a>>,
}

/// The items of a list as far as their order goes: each with nothing but its key, or whole where it lacks one, as a
/// message shows it.
fn names<'a>(list: &[Tree<'a>], key: Option<&'static str>) -> Vec<Tree<'a>> {
    list.iter().map(|item| name(item, key)).collect()
}

fn name<'a>(item: &Tree<'a>, key: Option<&'static str>) -> Tree<'a> {
    match key.and_then(|key| Some((key, item.get(key)?))) {
        Some((key, value)) => Tree::Map([(key, value.clone())].into_iter().collect()),
        None => item.clone(),
    }
}

/// `mergeSliceHandler` and `mergeSlice`.
fn merge_list<'a>(
    old: Vec<Tree<'a>>,
    new: Vec<Tree<'a>>,
    item: Option<Shape>,
    strategy: Patch,
    mode: Mode,
) -> Result<Merged<'a>, PatchError> {
    let key = match strategy {
        Patch::Plain | Patch::Retain => {
            return Ok(Merged {
                merged: new,
                server_order: old,
            });
        }
        Patch::Scalars => None,
        Patch::Key(key) | Patch::KeyRetain(key) => Some(key),
    };
    let Some(key) = key.filter(|_| holds_maps([old.as_slice(), new.as_slice()]).unwrap_or(true)) else {
        let all = deduplicate_scalars(old.iter().chain(&new).cloned().collect());
        let (from_patch, server_only) = partition_by_presence(all, &new, None);
        let merged = normalize_element_order(from_patch, server_only, &new, &old, None)?;
        return Ok(Merged {
            merged,
            server_order: old,
        });
    };
    holds_maps([old.as_slice(), new.as_slice()])?;
    let SpecialMerge {
        kept,
        patch,
        server_order,
    } = carry_out_directives(old, new, key)?;
    let deleted_order = names(&kept, Some(key));
    let merged = merge_items(kept, &patch, key, item, mode)?;
    // Go appends into the room that deletions left in the very slice that later tells the server's order.
    let mut believed = server_order;
    let room = believed.len();
    for (at, item) in merged
        .iter()
        .enumerate()
        .skip(deleted_order.len())
        .take_while(|(at, _)| *at < room)
    {
        believed[at] = name(item, Some(key));
    }
    let (from_patch, server_only) = partition_by_presence(merged, &patch, Some(key));
    let merged = normalize_element_order(from_patch, server_only, &patch, &deleted_order, Some(key))?;
    Ok(Merged {
        merged,
        server_order: believed,
    })
}

/// What `mergeSliceWithSpecialElements` leaves to merge.
struct SpecialMerge<'a> {
    kept: Vec<Tree<'a>>,
    patch: Vec<Tree<'a>>,
    /// The [`names`] of the original slice at its full length, with what deleting shifted in it.
    server_order: Vec<Tree<'a>>,
}

/// `mergeSliceWithSpecialElements`.
fn carry_out_directives<'a>(
    old: Vec<Tree<'a>>,
    new: Vec<Tree<'a>>,
    key: &'static str,
) -> Result<SpecialMerge<'a>, PatchError> {
    let (mut server_order, mut kept, mut patch, mut replace) = (names(&old, Some(key)), old, Vec::new(), false);
    for item in new {
        match item
            .get(DIRECTIVE)
            .map(|directive| directive.as_str().unwrap_or_default())
        {
            None => patch.push(item),
            Some(DELETE) => {
                key_value(&item, key)?;
                while let Some(at) = index(&kept, &item, Some(key)) {
                    kept.remove(at);
                    server_order.copy_within_from(at, kept.len());
                }
            }
            Some(REPLACE) => replace = true,
            Some(_) => {
                return Err(PatchError::BadDirective {
                    directive: DIRECTIVE.to_owned(),
                });
            }
        }
    }
    Ok(if replace {
        SpecialMerge {
            kept: patch,
            patch: Vec::new(),
            server_order,
        }
    } else {
        SpecialMerge {
            kept,
            patch,
            server_order,
        }
    })
}

/// What Go's `append(s[:i], s[i+1:]...)` does to the slice it began with.
trait Shift {
    fn copy_within_from(&mut self, at: usize, kept: usize);
}

impl Shift for Vec<Tree<'_>> {
    fn copy_within_from(&mut self, at: usize, kept: usize) {
        for place in at..kept {
            self[place] = self[place + 1].clone();
        }
    }
}

/// `mergeSliceWithoutSpecialElements`.
fn merge_items<'a>(
    mut list: Vec<Tree<'a>>,
    patch: &[Tree<'a>],
    key: &str,
    item: Option<Shape>,
    mode: Mode,
) -> Result<Vec<Tree<'a>>, PatchError> {
    for new in patch {
        key_value(new, key)?;
        match index(&list, new, Some(key)) {
            None => list.push(new.clone()),
            Some(at) => {
                if let (Tree::Map(old), Tree::Map(new)) = (list[at].take(), new.clone()) {
                    list[at] = Tree::Map(merge_map(old, new, item, mode)?);
                }
            }
        }
    }
    Ok(list)
}

/// `discardNullValuesFromPatch`.
fn discard_nulls(value: &mut Tree<'_>) {
    match value {
        Tree::Map(members) => {
            members.keep(|_, value| !value.is_null());
            members.each(|_, value| discard_nulls(value));
        }
        Tree::List(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// `removeDirectives`: `None` for a map that is a directive itself.
fn without_directives(value: Tree<'_>) -> Option<Tree<'_>> {
    match value {
        Tree::Map(members) if members.contains(DIRECTIVE) => None,
        Tree::Map(members) => Some(Tree::Map(
            members
                .into_iter()
                .filter_map(|(key, value)| Some((key, without_directives(value)?)))
                .collect(),
        )),
        Tree::List(items) => Some(Tree::List(items.into_iter().filter_map(without_directives).collect())),
        scalar => Some(scalar),
    }
}
