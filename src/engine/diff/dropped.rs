//! Words of Git that the server may or may not keep: live tells.

use std::borrow::Cow;

use serde_json::Value;

use super::compare::Sides;
use crate::engine::object::key_default;
use crate::engine::schema::shape::Field;
use crate::engine::schema::{ListKind, Members, Shape, Tree, apply_defaults, is_gated};

/// Whether live alone decides about a member of a map, so that it is no change: Git has it and the server dropped it,
/// or Git's null entry is the zero value that live has.
pub(super) fn is_left_to_live(shape: Shape, name: &str, sides: Sides<'_>) -> bool {
    match (shape, sides) {
        (
            Shape::Nested(of),
            Sides {
                expected: Some(expected),
                live: None,
                ..
            },
        ) => match of.field(name) {
            None => true,
            Some(Field(_, _, shape, _)) => is_gated(of, name) || holds_nothing_but_dropped(expected, *shape),
        },
        (
            Shape::Map(inner) | Shape::AtomicMap(inner),
            Sides {
                raw: Some(Value::Null),
                live: Some(live),
                ..
            },
        ) => live.as_str() == Some(zero(*inner)),
        _ => false,
    }
}

fn holds_nothing_but_dropped(expected: &Tree<'_>, shape: Shape) -> bool {
    let mut rest = expected.clone();
    drop_what_live_lacks(&mut rest, None, shape) && is_empty_map(&rest)
}

fn is_empty_map(value: &Tree<'_>) -> bool {
    value.as_map().is_some_and(|members| members.iter().next().is_none())
}

/// Git's value with the zero values that live has for its null entries; `None` where there are none.
pub(super) fn zeroed(shape: Shape, sides: Sides<'_>) -> Option<Value> {
    let (raw, live) = (sides.raw.filter(|raw| holds_null(raw))?, sides.live?);
    let mut zeroed = raw.clone();
    zero_what_live_has_zero(&mut zeroed, live, shape);
    (zeroed != *raw).then_some(zeroed)
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().any(holds_null),
        Value::Array(items) => items.iter().any(holds_null),
        _ => false,
    }
}

/// What is expected of one value where the server may have dropped something in it, or Git's zeros come from live;
/// `None` where neither is so.
pub(super) fn as_live_decides<'t>(shape: Shape, zeroed: Option<&'t Value>, sides: Sides<'t>) -> Option<Tree<'t>> {
    let live = sides.live?;
    let mut expected = match zeroed {
        Some(zeroed) => {
            let mut tree = Tree::of(zeroed);
            apply_defaults(shape, &mut tree);
            tree
        }
        None => sides.expected?.clone(),
    };
    (drop_what_live_lacks(&mut expected, Some(live), shape) || zeroed.is_some()).then_some(expected)
}

/// Removes from `expected` what the server may have dropped: fields behind a gate and fields the schema does not know,
/// where live lacks them. Returns whether anything was removed.
///
/// A field that live has is compared as any other: then the server keeps it.
fn drop_what_live_lacks(expected: &mut Tree<'_>, live: Option<&Tree<'_>>, shape: Shape) -> bool {
    let mut dropped = false;
    match (expected, shape) {
        (Tree::Map(expected), Shape::Nested(of)) => {
            expected.keep(|name, value| {
                let kept = live.and_then(|live| live.get(name));
                let shape = of.field(name).map(|field| field.2);
                let dropped_below = shape.is_some_and(|shape| drop_what_live_lacks(value, kept, shape));
                // What held nothing but dropped fields goes with them.
                let emptied = dropped_below && is_empty_map(value);
                let stays = kept.is_some() || !(emptied || shape.is_none() || is_gated(of, name));
                dropped |= dropped_below || !stays;
                stays
            });
        }
        (Tree::List(expected), Shape::List(kind, item)) => {
            let live = live.and_then(Tree::as_list).unwrap_or_default();
            for (at, value) in expected.iter_mut().enumerate() {
                if let Some(partner) = partner(kind, live, at, value) {
                    dropped |= drop_what_live_lacks(value, Some(partner), *item);
                }
            }
        }
        _ => {}
    }
    dropped
}

/// Makes Git's null entries of maps of strings and quantities the zero values that live has for them.
///
/// Go reads such a null as the zero value, and kubectl leaves it out before it sends the manifest: both are right.
fn zero_what_live_has_zero(desired: &mut Value, live: &Tree<'_>, shape: Shape) {
    match (desired, shape) {
        (Value::Object(desired), Shape::Nested(of)) => {
            for (name, value) in desired
                .iter_mut()
                .filter(|(_, value)| value.is_object() || value.is_array())
            {
                if let (Some(Field(_, _, shape, _)), Some(live)) = (of.field(name), live.get(name)) {
                    zero_what_live_has_zero(value, live, *shape);
                }
            }
        }
        (Value::Object(desired), Shape::Map(inner) | Shape::AtomicMap(inner)) => {
            for (name, value) in desired {
                if value.is_null() && live.get(name).and_then(Tree::as_str) == Some(zero(*inner)) {
                    *value = zero(*inner).into();
                }
            }
        }
        (Value::Array(desired), Shape::List(kind, item)) => {
            let live = live.as_list().unwrap_or_default();
            for (at, value) in desired.iter_mut().enumerate() {
                let partner = partner(kind, live, at, &Tree::of(value));
                if let Some(partner) = partner {
                    zero_what_live_has_zero(value, partner, *item);
                }
            }
        }
        _ => {}
    }
}

/// The zero value of a map's entries, which are strings or quantities.
fn zero(entry: Shape) -> &'static str {
    if matches!(entry, Shape::Quantity) { "0" } else { "" }
}

/// The live item that stands for the item at `at`.
fn partner<'t, 'a>(kind: ListKind, live: &'t [Tree<'a>], at: usize, item: &Tree<'_>) -> Option<&'t Tree<'a>> {
    match kind {
        ListKind::Map(keys) => live.get(position(keys, live, at, item)?),
        ListKind::Set | ListKind::Atomic => live.get(at),
    }
}

/// Where an item with the same keys stands, the one at the same place first: keys may repeat.
pub(super) fn position(keys: &[&str], items: &[Tree<'_>], at: usize, item: &Tree<'_>) -> Option<usize> {
    let is_same = |other: &Tree<'_>| have_same_keys(keys, other, item);
    if items.get(at).is_some_and(is_same) {
        Some(at)
    } else {
        items.iter().position(is_same)
    }
}

/// Whether two items of a keyed list have the same name.
pub(super) fn have_same_keys(keys: &[&str], one: &Tree<'_>, other: &Tree<'_>) -> bool {
    keys.iter().all(|key| key_of(one, key) == key_of(other, key))
}

/// The value of an item's key, by default where the item leaves it out.
pub(super) fn key_of<'t>(item: &'t Tree<'_>, key: &str) -> Option<Cow<'t, Tree<'t>>> {
    item.get(key)
        .map(Cow::Borrowed)
        .or_else(|| key_default(key).map(|default| Cow::Owned(Tree::of(default))))
}
