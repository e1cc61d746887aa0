//! The changes between desired and live, with defaults, aliases and normal form taken out.

use serde_json::{Map, Value};

use super::dropped::{drop_what_live_lacks, zero_what_live_has_zero};
use super::{Change, ChangeKind};
use crate::engine::object::{FieldPath, Segment, key_default};
use crate::engine::schema::{self, ListKind, Shape, apply_defaults, default_pull_policy};

/// Where kubectl keeps what it applied last. It is a copy of the manifest, so that it differs whenever anything else does.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Metadata that names the object or that only the server writes.
///
/// Source: `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go` ObjectMeta, the fields "populated by the system".
pub(super) const NOT_COMPARED: [&str; 11] = [
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];

/// Finds every field of a Deployment whose live value is not what Git makes of it, in path order.
///
/// # Guarantees
/// Server defaults, aliases, canonical quantities, zero values that the server omits, explicit nulls, `status` and server-owned metadata are not
/// changes. What one side lacks is told at the highest absent node, labels and annotations one by one. A list whose keys repeat, a set, and
/// every atomic node is one value.
///
/// # Caveats
/// A field that Git does not set is compared with what the server would default it to, so it shows as [`ChangeKind::Added`] when live has
/// something else. A pull policy that live's own image explains is no change either: it stays when Git changes the image.
pub fn compare(desired: &Value, live: &Value) -> Vec<Change> {
    let mut changes = compare_all(desired, live);
    changes.retain(|change| !is_policy_of_live_image(change, live));
    changes
}

/// [`compare`] with the pull policies that an earlier image may have left.
pub(super) fn compare_all(desired: &Value, live: &Value) -> Vec<Change> {
    let raw_live = live;
    let live = defaulted(live);
    let mut raw = comparable(pruned(desired));
    zero_what_live_has_zero(&mut raw, &live, schema::DEPLOYMENT);
    let mut expected = defaulted(&raw);
    drop_what_live_lacks(&mut expected, &live, schema::DEPLOYMENT);
    let mut walk = Walk { changes: Vec::new() };
    walk.node(&FieldPath::root(), Some(schema::DEPLOYMENT), Sides { raw: Some(&raw), expected: Some(&expected), live: Some(&live) });
    let mut changes = walk.changes;
    for change in &mut changes {
        // As the cluster writes it, where the path leads there: a guard of a patch compares texts.
        change.live = change.path.get(raw_live).cloned().or(change.live.take());
    }
    changes.sort_by_cached_key(|change| change.path.to_string());
    changes
}

/// Finds what differs between two objects of any kind, in path order: nothing is known of defaults or list keys, and a list is one value.
pub fn compare_any(desired: &Value, live: &Value) -> Vec<Change> {
    let (desired, live) = (comparable(pruned(desired)), comparable(pruned(live)));
    let mut walk = Walk { changes: Vec::new() };
    walk.node(&FieldPath::root(), None, Sides { raw: Some(&desired), expected: Some(&desired), live: Some(&live) });
    walk.changes.sort_by_cached_key(|change| change.path.to_string());
    walk.changes
}

/// Whether the change is a pull policy that belongs to an image rather than to anybody's choice.
pub(super) fn is_pull_policy(change: &Change) -> bool {
    let Some((Segment::Field(name), parent)) = change.path.0.split_last().map(|(last, rest)| (last.clone(), FieldPath(rest.to_vec())))
    else {
        return false;
    };
    let owner = schema::shape_at(&parent.schema());
    change.kind == ChangeKind::Added && matches!(owner, Some(Shape::Nested(of)) if schema::outlives_its_cause(of, &name))
}

/// Whether the change is the pull policy that the server would give live's own image.
pub(super) fn is_policy_of_live_image(change: &Change, live: &Value) -> bool {
    let parent = change.path.parent().and_then(|parent| parent.get(live).cloned()).unwrap_or_default();
    let image = parent.get("image").or_else(|| parent.get("reference")).and_then(Value::as_str).unwrap_or_default();
    is_pull_policy(change) && change.live.as_ref().and_then(Value::as_str) == Some(default_pull_policy(image))
}

/// A copy without what is never compared: most of a live object is `status` and `managedFields`, and copying costs more than comparing.
fn pruned(object: &Value) -> Value {
    fn kept<'a>(map: &'a Map<String, Value>, left_out: &'a [&str]) -> impl Iterator<Item = (&'a String, &'a Value)> {
        map.iter().filter(|(name, _)| !left_out.contains(&name.as_str()))
    }
    let Value::Object(root) = object else { return object.clone() };
    let copied = kept(root, &["apiVersion", "kind", "status"]).map(|(name, value)| match (name.as_str(), value) {
        ("metadata", Value::Object(metadata)) => {
            let copied = kept(metadata, &NOT_COMPARED).map(|(name, value)| match (name.as_str(), value) {
                ("annotations", Value::Object(annotations)) => {
                    let copied = kept(annotations, &[LAST_APPLIED]).map(|(name, value)| (name.clone(), value.clone()));
                    (name.clone(), copied.collect())
                }
                _ => (name.clone(), value.clone()),
            });
            (name.clone(), copied.collect())
        }
        _ => (name.clone(), value.clone()),
    });
    copied.collect()
}

/// Without what defaults add and nobody compares; of the service account's two names only the one that counts.
fn comparable(mut object: Value) -> Value {
    if let Some(root) = object.as_object_mut() {
        root.remove("status");
    }
    if let Some(spec) = object.pointer_mut("/spec/template/spec").and_then(Value::as_object_mut)
        && let Some(alias) = spec.remove("serviceAccount")
        && spec.get("serviceAccountName").is_none_or(|name| name.is_null() || name == "")
    {
        spec.insert("serviceAccountName".to_owned(), alias);
    }
    object
}

/// What the server makes of an object, without what is never compared.
fn defaulted(object: &Value) -> Value {
    let mut object = pruned(object);
    apply_defaults(&mut object);
    comparable(object)
}

/// One node: as Git writes it, as the server would have it, and as it is.
#[derive(Clone, Copy)]
struct Sides<'a> {
    raw: Option<&'a Value>,
    expected: Option<&'a Value>,
    live: Option<&'a Value>,
}

/// Whether two nodes are the same to the letter; only then is the order of a list worth telling.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Equality {
    Same,
    Different,
}

struct Walk {
    changes: Vec<Change>,
}

impl Walk {
    fn node(&mut self, path: &FieldPath, shape: Option<Shape>, sides: Sides<'_>) -> Equality {
        let atomic = shape.is_some_and(Shape::is_atomic);
        match (sides.expected, sides.live) {
            (None, None) => return Equality::Same,
            (Some(expected), Some(live)) if expected == live => return Equality::Same,
            (Some(Value::Object(expected)), Some(Value::Object(live))) if !atomic => {
                return self.map(path, shape, sides.raw, expected, live);
            }
            (Some(Value::Object(expected)), None) if is_metadata_map(path) => {
                return self.map(path, shape, sides.raw, expected, &Map::new());
            }
            // Git's `{}`, which the server omits, is not absent from Git.
            (None, Some(Value::Object(live))) if is_metadata_map(path) || (!atomic && sides.raw.is_some_and(Value::is_object)) => {
                return self.map(path, shape, sides.raw, &Map::new(), live);
            }
            (Some(Value::Array(expected)), Some(Value::Array(live))) => {
                if let Some(equality) = self.list(path, shape, sides.raw, expected, live) {
                    return equality;
                }
            }
            _ => {}
        }
        if let Some(kind) = kind_of(shape, sides) {
            let desired = sides.raw.filter(|raw| !raw.is_null()).cloned();
            self.changes.push(Change { path: path.clone(), kind, desired, live: sides.live.cloned() });
        }
        Equality::Different
    }

    fn map(
        &mut self,
        path: &FieldPath,
        shape: Option<Shape>,
        raw: Option<&Value>,
        expected: &Map<String, Value>,
        live: &Map<String, Value>,
    ) -> Equality {
        let mut equality = Equality::Same;
        let only_live = live.keys().filter(|name| !expected.contains_key(*name));
        for name in expected.keys().chain(only_live) {
            let sides = Sides { raw: raw.and_then(|raw| raw.get(name)), expected: expected.get(name), live: live.get(name) };
            if self.node(&path.field(name), shape.and_then(|shape| shape.child(name)), sides) == Equality::Different {
                equality = Equality::Different;
            }
        }
        equality
    }

    /// Compares a list by its keys; `None` where it is one value.
    fn list(
        &mut self,
        path: &FieldPath,
        shape: Option<Shape>,
        raw: Option<&Value>,
        expected: &[Value],
        live: &[Value],
    ) -> Option<Equality> {
        let Some(Shape::List(ListKind::Map(keys), item)) = shape else {
            return None;
        };
        let (wanted, found) = (keyed(keys, expected)?, keyed(keys, live)?);
        let before = self.changes.len();
        let mut equality = Equality::Same;
        for (at, (key, value)) in wanted.iter().enumerate() {
            // Neither normal form nor defaults move the items of a list, so that Git's item has the same index.
            let sides = Sides { raw: raw.and_then(|raw| raw.get(at)), expected: Some(value), live: item_of(&found, key) };
            if self.node(&path.with(Segment::Key(key.clone())), Some(*item), sides) == Equality::Different {
                equality = Equality::Different;
            }
        }
        for (key, value) in found.iter().filter(|(key, _)| item_of(&wanted, key).is_none()) {
            let sides = Sides { raw: None, expected: None, live: Some(value) };
            self.node(&path.with(Segment::Key(key.clone())), Some(*item), sides);
            equality = Equality::Different;
        }
        if equality == Equality::Same && self.changes.len() == before {
            // The items are the same and the lists are not: only the order is left.
            let (desired, live) = (raw.cloned(), Some(live.into()));
            self.changes.push(Change { path: path.clone(), kind: ChangeKind::Reordered, desired, live });
        }
        Some(Equality::Different)
    }
}

/// How a node differs that is not looked into further; `None` where live is what the server makes of Git.
fn kind_of(shape: Option<Shape>, sides: Sides<'_>) -> Option<ChangeKind> {
    let set_by_git = sides.raw.filter(|raw| !raw.is_null());
    match (set_by_git, sides.expected, sides.live) {
        // A default that went with its neighbour is not a change of Git's field.
        (None, Some(_), None) => None,
        (Some(_), Some(_), None) => Some(ChangeKind::Removed),
        (None, _, Some(_)) => Some(ChangeKind::Added),
        // An empty map or list in Git, which the server omits, says as little as none.
        (Some(Value::Object(_) | Value::Array(_)), None, Some(_)) => Some(ChangeKind::Added),
        (Some(_), Some(Value::Array(expected)), Some(Value::Array(live))) if is_set(shape) && same_items(expected, live) => {
            Some(ChangeKind::Reordered)
        }
        (Some(_), _, Some(_)) => Some(ChangeKind::Changed),
        (_, None, None) => None,
    }
}

/// Labels and annotations: each has an owner of its own, and every live object has annotations that do not count.
fn is_metadata_map(path: &FieldPath) -> bool {
    let names: Vec<_> = path.0.iter().rev().take(2).collect();
    matches!(names.as_slice(), [Segment::Field(map), Segment::Field(metadata)] if metadata == "metadata" && (map == "labels" || map == "annotations"))
}

type Item<'a> = (Vec<(String, Value)>, &'a Value);

/// The items with the values of their keys; `None` where an item is not a map, lacks a key, or repeats another's.
fn keyed<'a>(keys: &[&str], items: &'a [Value]) -> Option<Vec<Item<'a>>> {
    let mut out: Vec<Item<'a>> = Vec::with_capacity(items.len());
    for item in items {
        let item_map = item.as_object()?;
        let key = keys
            .iter()
            .map(|name| Some(((*name).to_owned(), item_map.get(*name).or_else(|| key_default(name))?.clone())))
            .collect::<Option<Vec<_>>>()?;
        if item_of(&out, &key).is_some() {
            return None;
        }
        out.push((key, item));
    }
    Some(out)
}

fn item_of<'a>(items: &[Item<'a>], key: &[(String, Value)]) -> Option<&'a Value> {
    items.iter().find(|(other, _)| other == key).map(|(_, value)| *value)
}

fn is_set(shape: Option<Shape>) -> bool {
    matches!(shape, Some(Shape::List(ListKind::Set, _)))
}

fn same_items(one: &[Value], other: &[Value]) -> bool {
    one.len() == other.len() && one.iter().all(|item| other.contains(item))
}

#[cfg(test)]
mod tests;
