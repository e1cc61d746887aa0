//! What a node of a typed object is to server-side apply: a leaf, a map or a list of items with names.

use serde_json::Value;

use crate::engine::object::{Segment, key_default};
use crate::engine::schema::{ListKind, Shape};

/// How server-side apply looks at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A scalar or an atomic map or list: one value.
    Leaf,

    /// A struct or a map that is merged key by key.
    Granular,

    /// A list whose items are found by key or by value.
    Items(ListKind),
}

/// The class of a node. Without a schema it is deduced from the values, as for an untyped object: lists are atomic.
pub(super) fn class(shape: Option<Shape>, values: [Option<&Value>; 2]) -> Class {
    match shape {
        Some(shape) if shape.is_atomic() => Class::Leaf,
        Some(Shape::Nested(_) | Shape::Map(_)) => Class::Granular,
        Some(Shape::List(kind, _)) => Class::Items(kind),
        Some(_) => Class::Leaf,
        None if values.into_iter().flatten().any(Value::is_object) => Class::Granular,
        None => Class::Leaf,
    }
}

/// The name of a list's item; `None` where it lacks a key that has no default.
///
/// Source: `listItemToPathElement` of structured-merge-diff's `typed/helpers.go`.
pub(super) fn element(kind: ListKind, item: &Value) -> Option<Segment> {
    match kind {
        ListKind::Map(keys) => {
            let mut named = Vec::with_capacity(keys.len());
            for key in keys {
                let value = item.get(*key).filter(|value| !value.is_null()).or_else(|| key_default(key))?;
                named.push(((*key).to_owned(), value.clone()));
            }
            named.sort_by(|one, other| one.0.cmp(&other.0));
            Some(Segment::Key(named))
        }
        ListKind::Set | ListKind::Atomic => Some(Segment::Value(item.clone())),
    }
}

/// Whether two leaves hold the same: as written, except that a number may be an integer or a float.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        _ => one == other,
    }
}

/// The entries of a map, or none for null and for nothing.
pub(super) fn entries(value: Option<&Value>) -> Option<&serde_json::Map<String, Value>> {
    value.and_then(Value::as_object)
}

/// The items of a list, or none for null and for nothing.
pub(super) fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
