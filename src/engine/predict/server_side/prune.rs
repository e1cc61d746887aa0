//! Taking away what the applier owned, applies no longer, and nobody else owns.
//!
//! Source: structured-merge-diff `merge/update.go` prune and `typed/remove.go`.

use serde_json::{Map, Value};

use super::compare::{field_set, is_named_field};
use super::element::{Class, class, element};
use crate::engine::object::{FieldPath, Segment};
use crate::engine::ownership::FieldSet;
use crate::engine::schema::Shape;

/// `prune`. `last` is what the applier owned before, `owned` what everybody owns now, its own new fields included.
pub(super) fn prune(merged: Value, last: &FieldSet, owned: &FieldSet, shape: Shape) -> Value {
    if last.is_empty() {
        return merged;
    }
    let named = |set: &FieldSet| with_named_fields(set, shape);
    let fields_of = |value: &Value| named(&field_set(value, shape));
    let last = named(last);
    let all = fields_of(&merged);
    let pruned = remove_items(&merged, &last, shape);
    // addBackOwnedItems: what goes is neither left over nor anybody's.
    let unowned = all.difference(&fields_of(&pruned).union(&named(owned)));
    let pruned = remove_items(&merged, &unowned, shape);
    // addBackDanglingItems: and the applier must have had it.
    let gone = all.difference(&fields_of(&pruned)).intersection(&last);
    remove_items(&merged, &gone, shape)
}

/// `EnsureNamedFieldsAreMembers`: with `.a.b.c` also `.a` and `.a.b`, where they are fields of structs.
fn with_named_fields(set: &FieldSet, shape: Shape) -> FieldSet {
    let mut all = set.clone();
    for member in set.members() {
        let (mut here, mut of) = (FieldPath::root(), Some(shape));
        for segment in &member.0 {
            here = here.with(segment.clone());
            match segment {
                Segment::Field(name) => {
                    if is_named_field(of, name) {
                        all.insert(&here);
                    }
                    of = of.and_then(|shape| shape.child(name));
                }
                Segment::Key(_) => of = of.and_then(Shape::item),
                _ => of = None,
            }
        }
    }
    all
}

/// `RemoveItems`.
fn remove_items(value: &Value, gone: &FieldSet, shape: Shape) -> Value {
    without(&FieldPath::root(), value, gone, Some(shape))
}

/// A map or list of which nothing is left becomes null, as in the original.
fn without(path: &FieldPath, value: &Value, gone: &FieldSet, shape: Option<Shape>) -> Value {
    match (class(shape, [Some(value), None]), value) {
        (Class::Granular, Value::Object(fields)) => {
            let mut kept = Map::new();
            for (name, inner) in fields {
                let here = path.field(name);
                if gone.contains(&here) {
                    continue;
                }
                let inner = match gone.contains_or_below(&here) {
                    true => without(&here, inner, gone, shape.and_then(|shape| shape.child(name))),
                    false => inner.clone(),
                };
                kept.insert(name.clone(), inner);
            }
            if kept.is_empty() { Value::Null } else { kept.into() }
        }
        (Class::Items(kind), Value::Array(items)) => {
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                let Some(name) = element(kind, item) else { continue };
                let here = path.with(name);
                if gone.contains(&here) {
                    continue;
                }
                kept.push(match gone.contains_or_below(&here) {
                    true => without(&here, item, gone, shape.and_then(Shape::item)),
                    false => item.clone(),
                });
            }
            if kept.is_empty() { Value::Null } else { kept.into() }
        }
        (Class::Leaf, value) if !value.is_object() && !value.is_array() => value.clone(),
        _ => Value::Null,
    }
}
