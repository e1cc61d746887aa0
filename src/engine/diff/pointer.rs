//! From a JSON Pointer into one object to the path that the same field has in every object.
//!
//! Argo CD and Flux name the fields that they ignore by JSON Pointer, and what jq finds comes as one: list items by
//! position. The position holds for that one object; a path names the item by its keys.

use serde_json::Value;

use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Look, Segment, key_default, unescape_token};
use crate::engine::schema::{ListKind, Shape};

/// One of the two objects that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Git's.
    Desired,

    /// The cluster's.
    Live,
}

/// What a JSON Pointer names inside a value that is one to server-side apply, such as one toleration: it has no path of
/// its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The value that it is a part of.
    pub path: FieldPath,

    /// The JSON Pointer from there; never empty.
    pub pointer: String,

    /// The object whose positions it counts by.
    pub side: Side,
}

/// Where a JSON Pointer leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// To a field with a path.
    Field(FieldPath),

    /// Into a value that is one.
    Part(Part),
}

/// Finds what a JSON Pointer names in an object of this kind; `None` where the object has no such field.
pub fn locate(kind: &Kind, pointer: &str, object: &Value, side: Side) -> Option<Located> {
    let (mut path, mut node, mut shape) = (FieldPath::root(), object, Some(kind.root));
    let mut rest = pointer;
    while let Some(tail) = rest.strip_prefix('/') {
        let items = match (node, shape) {
            (Value::Array(_), Some(Shape::List(ListKind::Map(keys), item))) => Some((keys, item)),
            _ => None,
        };
        if shape.is_some_and(Shape::is_atomic) || (node.is_array() && items.is_none()) {
            node.pointer(rest)?;
            return Some(Located::Part(Part {
                path,
                pointer: rest.to_owned(),
                side,
            }));
        }
        let end = tail.find('/').unwrap_or(tail.len());
        let token = unescape_token(&tail[..end]);
        let (segment, child) = match (node, items) {
            (Value::Object(entries), _) => {
                shape = shape.and_then(|shape| shape.child(&token));
                (Segment::Field(token.clone()), entries.get(&token)?)
            }
            (Value::Array(list), Some((keys, item))) => {
                shape = Some(*item);
                let at: usize = token.parse().ok()?;
                (item_segment(keys, at, list.get(at)?), list.get(at)?)
            }
            _ => return None,
        };
        path = path.with(segment);
        (node, rest) = (child, &tail[end..]);
    }
    rest.is_empty().then_some(Located::Field(path))
}

/// The item of a keyed list as a step of a path: by its keys, or by position where it lacks one.
pub(in crate::engine) fn item_segment<D: Look>(keys: &[&str], at: usize, item: &D) -> Segment {
    let key = |name: &&str| {
        let value = item
            .member(name)
            .map(Look::to_owned_value)
            .or_else(|| key_default(name).cloned())?;
        Some(((*name).to_owned(), value))
    };
    keys.iter()
        .map(key)
        .collect::<Option<_>>()
        .map_or(Segment::Index(at), Segment::Key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn located(pointer: &str) -> Option<String> {
        let object = json!({"metadata": {"annotations": {"a/b~c": "x"}}, "spec": {"template": {"spec": {
            "containers": [{"name": "web", "args": ["a", "b"], "ports": [{"containerPort": 80}]}],
            "tolerations": [{"key": "x"}],
        }}}});
        locate(&DEPLOYMENT, pointer, &object, Side::Live).map(|located| match located {
            Located::Field(path) => path.to_string(),
            Located::Part(part) => format!("{} then {}", part.path, part.pointer),
        })
    }

    #[test]
    fn names_items_by_their_keys_and_stops_at_what_is_one_value() {
        let web = ".spec.template.spec.containers[name=\"web\"]";
        for (pointer, wanted) in [
            ("", Some(String::new())),
            (
                "/metadata/annotations/a~1b~0c",
                Some(".metadata.annotations[\"a/b~c\"]".to_owned()),
            ),
            (
                "/spec/template/spec/containers/0/ports/0",
                Some(format!("{web}.ports[containerPort=80,protocol=\"TCP\"]")),
            ),
            ("/spec/template/spec/containers/0/args", Some(format!("{web}.args"))),
            (
                "/spec/template/spec/containers/0/args/1",
                Some(format!("{web}.args then /1")),
            ),
            (
                "/spec/template/spec/tolerations/0/key",
                Some(".spec.template.spec.tolerations then /0/key".to_owned()),
            ),
            ("/spec/template/spec/tolerations/1", None),
            ("/spec/template/spec/containers/1/args", None),
            ("/spec/template/spec/containers/web", None),
            ("/spec/replicas", None),
            ("spec", None),
        ] {
            assert_eq!(located(pointer), wanted, "{pointer}");
        }
    }
}
