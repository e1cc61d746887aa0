//! What a write changed, as sets of fields.
//!
//! Source: structured-merge-diff `typed/compare.go` and `typed/tofieldset.go`.

use super::element::{Class, class, element, entries, is_element, is_named, items, same};
use crate::engine::object::{FieldPath, Segment};
use crate::engine::ownership::FieldSet;
use crate::engine::schema::{Branches, ListKind, Shape, Tree};

/// The fields by which two objects differ. No field is in more than one of the sets.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) removed: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) added: FieldSet,
}

impl Comparison {
    /// Compares two objects as they are written: before defaults, and a quantity by its text.
    pub(super) fn of(before: &Tree<'_>, after: &Tree<'_>, shape: Shape) -> Self {
        let mut comparison = Self::default();
        comparison.node(&FieldPath::root(), Some(before), Some(after), Some(shape));
        comparison
    }

    fn node(&mut self, path: &FieldPath, before: Option<&Tree<'_>>, after: Option<&Tree<'_>>, shape: Option<Shape>) {
        match class(shape, [before, after]) {
            Class::Leaf => return self.leaf(path, before, after),
            Class::Granular => {
                let (empty, old, new) = (Branches::default(), entries(before), entries(after));
                let (old, new) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
                if old.is_empty() && new.is_empty() {
                    return self.leaf(path, before, after);
                }
                let only_new = new.iter().filter(|(name, _)| !old.contains(name));
                for (name, _) in old.iter().chain(only_new) {
                    self.node(
                        &path.field(name),
                        old.get(name),
                        new.get(name),
                        shape.and_then(|shape| shape.child(name)),
                    );
                }
            }
            Class::Items(kind) => {
                let (old, new) = (items(before), items(after));
                if old.is_empty() && new.is_empty() {
                    return self.leaf(path, before, after);
                }
                self.items(path, old, new, kind, shape.and_then(Shape::item));
            }
        }
        if before.is_none() {
            self.added.insert(path);
        } else if after.is_none() {
            self.removed.insert(path);
        }
    }

    fn leaf(&mut self, path: &FieldPath, before: Option<&Tree<'_>>, after: Option<&Tree<'_>>) {
        match (before, after) {
            (None, _) => self.added.insert(path),
            (_, None) => self.removed.insert(path),
            (Some(before), Some(after)) if !same(before, after) => self.modified.insert(path),
            _ => {}
        }
    }

    /// Items that repeat a name are compared as one value under it.
    fn items(&mut self, path: &FieldPath, old: &[Tree<'_>], new: &[Tree<'_>], kind: ListKind, item: Option<Shape>) {
        let (old, new) = (grouped(old, kind), grouped(new, kind));
        let only_new = new.iter().filter(|(name, _)| group(&old, name).is_empty());
        for (name, _) in old.iter().chain(only_new) {
            let here = path.with(name.clone());
            match (group(&old, name), group(&new, name)) {
                (before @ ([] | [_]), after @ ([] | [_])) => {
                    self.node(&here, before.first().copied(), after.first().copied(), item);
                }
                (before @ [_, _, ..], after @ [_, _, ..]) => {
                    if before != after {
                        self.modified.insert(&here);
                    }
                }
                (_, after @ ([] | [_])) => {
                    if let Some(after) = after.first() {
                        self.node(&here, None, Some(after), item);
                    }
                    self.removed.insert(&here);
                }
                (before, _) => {
                    if let Some(before) = before.first() {
                        self.node(&here, Some(before), None, item);
                    }
                    self.added.insert(&here);
                }
            }
        }
    }
}

type Group<'t, 'a> = (Segment, Vec<&'t Tree<'a>>);

/// The items by name, in the order in which names first occur.
fn grouped<'t, 'a>(items: &'t [Tree<'a>], kind: ListKind) -> Vec<Group<'t, 'a>> {
    let mut groups: Vec<Group<'t, 'a>> = Vec::new();
    for (name, item) in items.iter().filter_map(|item| Some((element(kind, item)?, item))) {
        match groups.iter_mut().find(|(other, _)| *other == name) {
            Some((_, group)) => group.push(item),
            None => groups.push((name, vec![item])),
        }
    }
    groups
}

fn group<'g, 't, 'a>(groups: &'g [Group<'t, 'a>], name: &Segment) -> &'g [&'t Tree<'a>] {
    groups
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, group)| group.as_slice())
        .unwrap_or_default()
}

/// Every field that an object sets: `ToFieldSet`.
pub(super) fn field_set(object: &Tree<'_>, shape: Shape) -> FieldSet {
    collect(object, Some(shape)).1
}

/// Whether a node is set as one value, and what is set below it.
fn collect(value: &Tree<'_>, shape: Option<Shape>) -> (bool, FieldSet) {
    let mut below = FieldSet::default();
    match class(shape, [Some(value), None]) {
        Class::Leaf => return (true, below),
        Class::Granular => {
            for (name, inner) in entries(Some(value)).into_iter().flat_map(Branches::iter) {
                let (whole, inside) = collect(inner, shape.and_then(|shape| shape.child(name)));
                let empty = inner.is_null() || inner.as_map().is_some_and(Branches::is_empty);
                below.put(
                    Segment::Field(name.to_owned()),
                    whole || empty || !is_named_field(shape, name),
                    inside,
                );
            }
        }
        Class::Items(kind) => {
            for (name, group) in grouped(items(Some(value)), kind) {
                let inside = match group.as_slice() {
                    [only] => collect(only, shape.and_then(Shape::item)).1,
                    _ => FieldSet::default(),
                };
                below.put(name, true, inside);
            }
        }
    }
    (false, below)
}

/// Whether the applier still sets every one of these fields that it owned before, so that none of them can be pruned
/// from `merged`.
///
/// No step to such a field is unowned, so that none is taken away; and what the applier sets as an empty map stays
/// where every part of the merged one is a field itself.
pub(super) fn sets_all(applied: &Tree<'_>, merged: &Tree<'_>, shape: Option<Shape>, fields: &FieldSet) -> bool {
    let class = class(shape, [Some(applied), None]);
    fields.steps().all(|(segment, member, below)| match (class, segment) {
        (Class::Granular, Segment::Field(name)) => match (applied.get(name), merged.get(name)) {
            (Some(applied), Some(merged)) => {
                let child = shape.and_then(|shape| shape.child(name));
                let whole = self::class(child, [Some(applied), None]) == Class::Leaf;
                let empty = applied.is_null() || applied.as_map().is_some_and(Branches::is_empty);
                let set = whole || !is_named_field(shape, name) || (empty && is_fields_throughout(merged, child));
                (!member || set) && sets_all(applied, merged, child, below)
            }
            _ => false,
        },
        (Class::Items(kind), segment) => {
            let find = |list| items(Some(list)).iter().find(|item| is_element(segment, kind, item));
            let item = shape.and_then(Shape::item);
            match (find(applied), find(merged)) {
                (Some(applied), Some(merged)) => sets_all(applied, merged, item, below),
                _ => false,
            }
        }
        _ => false,
    })
}

/// Whether every part of a value has a place in its [`field_set`]: an empty list and a value of another type have none.
fn is_fields_throughout(value: &Tree<'_>, shape: Option<Shape>) -> bool {
    match (class(shape, [Some(value), None]), value) {
        (Class::Leaf, _) | (_, Tree::Null) => true,
        (Class::Granular, Tree::Map(members)) => members
            .iter()
            .all(|(name, member)| is_fields_throughout(member, shape.and_then(|shape| shape.child(name)))),
        (Class::Items(kind), Tree::List(items)) => {
            let item = shape.and_then(Shape::item);
            !items.is_empty()
                && items
                    .iter()
                    .all(|value| is_named(kind, value) && is_fields_throughout(value, item))
        }
        _ => false,
    }
}

/// Whether a name is a field of a struct, in contrast to a key of a map.
pub(super) fn is_named_field(shape: Option<Shape>, name: &str) -> bool {
    matches!(shape, Some(Shape::Nested(of)) if of.field(name).is_some())
}
