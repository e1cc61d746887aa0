//! What a node of a typed object is to server-side apply: a leaf, a map or a list of items with names.

use serde_json::Value;

use crate::engine::object::Segment;
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

/// The name of a list's item; `None` for an item that cannot have one. A key that the item leaves out has its default.
///
/// Source: `listItemToPathElement` of structured-merge-diff's `typed/helpers.go`.
pub(super) fn element(kind: ListKind, item: &Value) -> Option<Segment> {
    match (kind, item) {
        (ListKind::Map(keys), Value::Object(fields)) => {
            let value = |key: &str| fields.get(key).cloned().unwrap_or_else(|| default_of(key));
            let mut named: Vec<(String, Value)> = keys.iter().map(|key| ((*key).to_owned(), value(key))).collect();
            named.sort_by(|one, other| one.0.cmp(&other.0));
            Some(Segment::Key(named))
        }
        (ListKind::Map(_), _) | (ListKind::Set | ListKind::Atomic, Value::Object(_) | Value::Array(_) | Value::Null) => None,
        (ListKind::Set | ListKind::Atomic, scalar) => Some(Segment::Value(scalar.clone())),
    }
}

/// Whether that is the name that [`element`] gives the item.
pub(super) fn is_element(name: &Segment, kind: ListKind, item: &Value) -> bool {
    match (name, kind, item) {
        // The keys in the order of the alphabet, as in both names.
        (Segment::Key(named), ListKind::Map(keys), Value::Object(fields)) if named.len() == keys.len() => {
            named.iter().all(|(key, value)| {
                keys.contains(&key.as_str()) && fields.get(key).map_or_else(|| default_of(key) == *value, |given| given == value)
            })
        }
        (Segment::Value(value), ListKind::Set | ListKind::Atomic, item) => is_named(kind, item) && value == item,
        _ => false,
    }
}

/// Whether [`element`] has a name for the item.
pub(super) fn is_named(kind: ListKind, item: &Value) -> bool {
    match kind {
        ListKind::Map(_) => item.is_object(),
        ListKind::Set | ListKind::Atomic => !item.is_object() && !item.is_array() && !item.is_null(),
    }
}

/// Whether [`element`] gives both items the same name.
pub(super) fn have_same_name(kind: ListKind, one: &Value, other: &Value) -> bool {
    match (kind, one, other) {
        (ListKind::Map(keys), Value::Object(left), Value::Object(right)) => {
            keys.iter().all(|key| match (left.get(*key), right.get(*key)) {
                (None, None) => true,
                (Some(given), Some(other)) => given == other,
                (Some(given), None) | (None, Some(given)) => *given == default_of(key),
            })
        }
        (ListKind::Map(_), ..) => false,
        (ListKind::Set | ListKind::Atomic, ..) => is_named(kind, one) && one == other,
    }
}

/// The default that the published schema gives to a list key. Source: `api/openapi-spec/v3/apis__apps__v1_openapi.json`.
fn default_of(key: &str) -> Value {
    match key {
        "protocol" => "TCP".into(),
        "containerPort" => 0.into(),
        _ => "".into(),
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
