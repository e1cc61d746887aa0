//! Taking away what the applier owned, applies no longer, and nobody else owns.
//!
//! Source: structured-merge-diff `merge/update.go` prune and `typed/remove.go`.

use super::compare::{field_set, is_named_field};
use super::element::{Class, class, element};
use crate::engine::object::Segment;
use crate::engine::ownership::FieldSet;
use crate::engine::schema::{Shape, Tree};

/// `prune`. `last` is what the applier owned before, `owned` what everybody owns now, its own new fields included.
pub(super) fn prune<'a>(merged: &Tree<'a>, last: &FieldSet, owned: &FieldSet, shape: Shape) -> Tree<'a> {
    let named = |set: &FieldSet| with_named_fields(set, shape);
    let fields_of = |value: &Tree<'_>| named(&field_set(value, shape));
    let last = named(last);
    let all = fields_of(merged);
    let pruned = remove_items(merged, &last, shape);
    // addBackOwnedItems: what goes is neither left over nor anybody's.
    let unowned = all.difference(&fields_of(&pruned).union(&named(owned)));
    let pruned = remove_items(merged, &unowned, shape);
    // addBackDanglingItems: and the applier must have had it.
    let gone = all.difference(&fields_of(&pruned)).intersection(&last);
    remove_items(merged, &gone, shape)
}

/// `EnsureNamedFieldsAreMembers`: with `.a.b.c` also `.a` and `.a.b`, where they are fields of structs.
fn with_named_fields(set: &FieldSet, shape: Shape) -> FieldSet {
    set.including(Some(shape), &|of, segment| match segment {
        Segment::Field(name) => (is_named_field(of, name), of.and_then(|shape| shape.child(name))),
        Segment::Key(_) => (false, of.and_then(Shape::item)),
        _ => (false, None),
    })
}

/// `RemoveItems`. A map or list of which nothing is left becomes null, as in the original.
fn remove_items<'a>(value: &Tree<'a>, gone: &FieldSet, shape: Shape) -> Tree<'a> {
    without(value, gone, Some(shape))
}

fn without<'a>(value: &Tree<'a>, gone: &FieldSet, shape: Option<Shape>) -> Tree<'a> {
    match (class(shape, [Some(value), None]), value) {
        (Class::Granular, Tree::Map(fields)) => {
            let mut kept = fields.iter().filter_map(|(name, inner)| {
                let gone = gone.at(&Segment::Field(name.to_owned()));
                Some((name, rest(inner, gone, shape.and_then(|shape| shape.child(name)))?))
            });
            match kept.next() {
                Some(first) => Tree::Map(std::iter::once(first).chain(kept).collect()),
                None => Tree::Null,
            }
        }
        (Class::Items(kind), Tree::List(items)) => {
            let item = shape.and_then(Shape::item);
            let kept: Vec<Tree<'a>> = items
                .iter()
                .filter_map(|value| rest(value, gone.at(&element(kind, value)?), item))
                .collect();
            if kept.is_empty() { Tree::Null } else { Tree::List(kept) }
        }
        (Class::Leaf, value) if value.is_scalar() => value.clone(),
        _ => Tree::Null,
    }
}

/// What is left of a field or an item; `None` where all of it goes.
fn rest<'a>(value: &Tree<'a>, gone: Option<(bool, &FieldSet)>, shape: Option<Shape>) -> Option<Tree<'a>> {
    match gone {
        Some((true, _)) => None,
        Some((false, below)) => Some(without(value, below, shape)),
        None => Some(value.clone()),
    }
}
