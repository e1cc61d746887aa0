//! What a node of a typed object is to server-side apply: a leaf, a map or a list of items with names.

use serde_json::Value;

use crate::engine::object::Segment;
use crate::engine::schema::{Branches, ListKind, Shape, Tree};

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
pub(super) fn class(shape: Option<Shape>, values: [Option<&Tree<'_>>; 2]) -> Class {
    match shape {
        Some(shape) if shape.is_atomic() => Class::Leaf,
        Some(Shape::Nested(_) | Shape::Map(_)) => Class::Granular,
        Some(Shape::List(kind, _)) => Class::Items(kind),
        Some(_) => Class::Leaf,
        None if values.into_iter().flatten().any(|value| value.as_map().is_some()) => Class::Granular,
        None => Class::Leaf,
    }
}

/// The name of a list's item; `None` for an item that cannot have one. A key that the item leaves out has its default.
///
/// Source: `listItemToPathElement` of structured-merge-diff's `typed/helpers.go`.
pub(super) fn element(kind: ListKind, item: &Tree<'_>) -> Option<Segment> {
    match (kind, item) {
        (ListKind::Map(keys), Tree::Map(fields)) => {
            let value = |key: &str| fields.get(key).map_or_else(|| default_of(key).into(), Tree::to_value);
            let mut named: Vec<(String, Value)> = keys.iter().map(|key| ((*key).to_owned(), value(key))).collect();
            named.sort_by(|one, other| one.0.cmp(&other.0));
            Some(Segment::Key(named))
        }
        (ListKind::Map(_), _) | (ListKind::Set | ListKind::Atomic, Tree::Map(_) | Tree::List(_) | Tree::Null) => None,
        (ListKind::Set | ListKind::Atomic, scalar) => Some(Segment::Value(scalar.to_value())),
    }
}

/// Whether that is the name that [`element`] gives the item.
pub(super) fn is_element(name: &Segment, kind: ListKind, item: &Tree<'_>) -> bool {
    match (name, kind, item) {
        // The keys in the order of the alphabet, as in both names.
        (Segment::Key(named), ListKind::Map(keys), Tree::Map(fields)) if named.len() == keys.len() => {
            named.iter().all(|(key, value)| {
                keys.contains(&key.as_str())
                    && fields
                        .get(key)
                        .map_or_else(|| default_of(key) == *value, |given| *given == *value)
            })
        }
        (Segment::Value(value), ListKind::Set | ListKind::Atomic, item) => is_named(kind, item) && *item == *value,
        _ => false,
    }
}

/// Whether [`element`] has a name for the item.
pub(super) fn is_named(kind: ListKind, item: &Tree<'_>) -> bool {
    match kind {
        ListKind::Map(_) => item.as_map().is_some(),
        ListKind::Set | ListKind::Atomic => item.is_scalar() && !item.is_null(),
    }
}

/// Whether [`element`] gives both items the same name.
pub(super) fn have_same_name(kind: ListKind, one: &Tree<'_>, other: &Tree<'_>) -> bool {
    match (kind, one, other) {
        (ListKind::Map(keys), Tree::Map(left), Tree::Map(right)) => {
            keys.iter().all(|key| match (left.get(key), right.get(key)) {
                (None, None) => true,
                (Some(given), Some(other)) => given == other,
                (Some(given), None) | (None, Some(given)) => default_of(key) == *given,
            })
        }
        (ListKind::Map(_), ..) => false,
        (ListKind::Set | ListKind::Atomic, ..) => is_named(kind, one) && one == other,
    }
}

/// The default that the published schema gives to a list key. Source:
/// `api/openapi-spec/v3/apis__apps__v1_openapi.json`.
fn default_of(key: &str) -> KeyDefault {
    match key {
        "protocol" => KeyDefault::Text("TCP"),
        "containerPort" => KeyDefault::Number(0),
        _ => KeyDefault::Text(""),
    }
}

/// The default of a list key.
enum KeyDefault {
    Text(&'static str),
    Number(i64),
}

impl From<KeyDefault> for Value {
    fn from(default: KeyDefault) -> Self {
        match default {
            KeyDefault::Text(text) => text.into(),
            KeyDefault::Number(number) => number.into(),
        }
    }
}

impl PartialEq<Tree<'_>> for KeyDefault {
    fn eq(&self, other: &Tree<'_>) -> bool {
        match (self, other) {
            (Self::Text(text), Tree::Text(other)) => text == other,
            (Self::Number(number), Tree::Number(other)) => *other == (*number).into(),
            _ => false,
        }
    }
}

impl PartialEq<Value> for KeyDefault {
    fn eq(&self, other: &Value) -> bool {
        match self {
            Self::Text(text) => other == text,
            Self::Number(number) => other == number,
        }
    }
}

/// Whether two leaves hold the same: as written, except that a number may be an integer or a float.
pub(super) fn same(one: &Tree<'_>, other: &Tree<'_>) -> bool {
    match (one, other) {
        (Tree::Number(left), Tree::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        _ => one == other,
    }
}

/// The entries of a map, or none for null and for nothing.
pub(super) fn entries<'t, 'a>(value: Option<&'t Tree<'a>>) -> Option<&'t Branches<'a>> {
    value.and_then(Tree::as_map)
}

/// The items of a list, or none for null and for nothing.
pub(super) fn items<'t, 'a>(value: Option<&'t Tree<'a>>) -> &'t [Tree<'a>] {
    value.and_then(Tree::as_list).unwrap_or_default()
}
