//! The changes between desired and live, with defaults, aliases and normal form taken out.

use std::borrow::Cow;

use serde_json::Value;

use super::dropped::{as_live_decides, have_same_keys, is_left_to_live, key_of, position, zeroed};
use super::{Change, ChangeKind};
use crate::engine::object::{Look, Segment, Trail, schema_path};
use crate::engine::schema::{self, Branches, ListKind, Members, Shape, Tree, apply_defaults, default_pull_policy};

/// Where kubectl keeps what it applied last. It is a copy of the manifest, so that it differs whenever anything else
/// does.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Metadata that names the object or that only the server writes.
///
/// Source: `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go` ObjectMeta, the fields "populated by the
/// system".
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
/// Server defaults, aliases, canonical quantities, zero values that the server omits, explicit nulls, `status` and
/// server-owned metadata are not changes. What one side lacks is told at the highest absent node, labels and
/// annotations one by one. A list whose keys repeat, a set, and every atomic node is one value.
///
/// # Caveats
/// A field that Git does not set is compared with what the server would default it to, so it shows as
/// [`ChangeKind::Added`] when live has something else. A pull policy that live's own image explains is no change
/// either: it stays when Git changes the image.
pub fn compare(desired: &Value, live: &Value) -> Vec<Change> {
    Wanted::of(desired).compare(live, &expected(live))
}

/// [`compare`] with the pull policies that an earlier image may have left.
#[cfg(test)]
pub(super) fn compare_all(desired: &Value, live: &Value) -> Vec<Change> {
    Wanted::of(desired).compare_all(live, &expected(live))
}

/// Git's document as it is compared, made once for all that it is compared with.
#[derive(Debug)]
pub struct Wanted<'a> {
    document: &'a Value,

    /// What the server makes of it; `None` where the document has something that no change may tell, so that a copy
    /// without it is compared.
    expected: Option<Tree<'a>>,
}

impl<'a> Wanted<'a> {
    /// Prepares a document.
    pub fn of(document: &'a Value) -> Self {
        let has_old_name = document
            .pointer("/spec/template/spec")
            .is_some_and(|pod| pod.get("serviceAccount").is_some());
        let has_last_applied = document
            .pointer("/metadata/annotations")
            .is_some_and(|annotations| annotations.get(LAST_APPLIED).is_some());
        Self {
            document,
            expected: (!has_old_name && !has_last_applied).then(|| expected(document)),
        }
    }

    /// What the server makes of the document, with nothing in it that is never compared.
    pub(in crate::engine) fn expected(&self) -> Cow<'_, Tree<'a>> {
        self.expected
            .as_ref()
            .map_or_else(|| Cow::Owned(expected(self.document)), Cow::Borrowed)
    }

    /// What [`compare`] finds; `stored` is what [`expected`] or [`expected_of`] makes of live.
    pub(in crate::engine) fn compare<L: Look>(&self, live: &L, stored: &Tree<'_>) -> Vec<Change> {
        let mut changes = self.compare_all(live, stored);
        changes.retain(|change| !is_policy_of_live_image(change, live));
        changes
    }

    /// [`Wanted::compare`] with the pull policies that an earlier image may have left.
    pub(super) fn compare_all<L: Look>(&self, live: &L, stored: &Tree<'_>) -> Vec<Change> {
        // Only then is the whole of the metadata told.
        let is_malformed = !live.member("metadata").is_none_or(Look::is_map) || !live.is_map();
        match &self.expected {
            Some(expected) if !is_malformed => walked(self.document, expected, live, stored, Some(schema::DEPLOYMENT)),
            _ => {
                let told = comparable(self.document);
                walked(&told, &expected(&told), live, stored, Some(schema::DEPLOYMENT))
            }
        }
    }
}

/// Finds what differs between two objects of any kind, in path order: nothing is known of defaults or list keys, and a
/// list is one value.
pub fn compare_any(desired: &Value, live: &Value) -> Vec<Change> {
    let (desired, live) = (comparable(desired), comparable(live));
    walked(&desired, &Tree::of(&desired), &live, &Tree::of(&live), None)
}

/// What the server makes of an object, be it Git's or one that it wrote itself, without what is never compared.
pub(in crate::engine) fn expected(object: &Value) -> Tree<'_> {
    defaulted(compared(object))
}

/// [`expected`] of an object that is a tree itself.
pub(in crate::engine) fn expected_of<'a>(object: &Tree<'a>) -> Tree<'a> {
    let mut tree = object.clone();
    drop_not_compared(&mut tree, Place::Root);
    defaulted(tree)
}

fn defaulted(mut tree: Tree<'_>) -> Tree<'_> {
    apply_defaults(&mut tree);
    if let Some(root) = tree.as_map_mut() {
        root.remove("status");
    }
    if let Some(pod) = tree.map_at_mut(&["spec", "template", "spec"]) {
        // Normal form has made both names equal.
        pod.remove("serviceAccount");
    }
    tree
}

fn walked<L: Look>(raw: &Value, expected: &Tree<'_>, live: &L, stored: &Tree<'_>, shape: Option<Shape>) -> Vec<Change> {
    let mut walk = Walk {
        live,
        changes: Vec::new(),
    };
    walk.node(
        &Trail::ROOT,
        shape,
        Sides {
            raw: Some(raw),
            expected: Some(expected),
            live: Some(stored),
        },
    );
    let mut changes = walk.changes;
    if changes.len() > 1 {
        changes.sort_by_cached_key(|change| change.path.to_string());
    }
    changes
}

/// Whether the change is a pull policy that belongs to an image rather than to anybody's choice.
pub(in crate::engine) fn is_pull_policy(change: &Change) -> bool {
    let Some((Segment::Field(name), parent)) = change.path.0.split_last() else {
        return false;
    };
    change.kind == ChangeKind::Added
        && schema::may_outlive_its_cause(name)
        && match schema::shape_at(&schema_path(parent)) {
            Some(Shape::Nested(of)) => schema::outlives_its_cause(of, name),
            _ => false,
        }
}

/// Whether the change is the pull policy that the server would give live's own image.
pub(super) fn is_policy_of_live_image<L: Look>(change: &Change, live: &L) -> bool {
    is_pull_policy(change) && {
        let parent = change.path.parent();
        let parent = parent.as_ref().and_then(|parent| parent.get(live));
        let image = parent
            .and_then(|parent| parent.member("image").or_else(|| parent.member("reference")))
            .and_then(Look::text);
        change.live.as_ref().and_then(Value::as_str) == Some(default_pull_policy(image.unwrap_or_default()))
    }
}

/// Whether a member at this place is never compared.
pub(super) fn is_compared(place: Place, name: &str) -> bool {
    match place {
        Place::Root => !["apiVersion", "kind", "status"].contains(&name),
        Place::Metadata => !NOT_COMPARED.contains(&name),
        Place::Annotations => name != LAST_APPLIED,
    }
}

/// The maps that hold what is never compared.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Root,
    Metadata,
    Annotations,
}

impl Place {
    pub(super) fn below(self, name: &str) -> Option<Self> {
        match (self, name) {
            (Self::Root, "metadata") => Some(Self::Metadata),
            (Self::Metadata, "annotations") => Some(Self::Annotations),
            _ => None,
        }
    }
}

/// What is compared of an object, as it stands: most of a live object is `status` and `managedFields`.
fn compared(object: &Value) -> Tree<'_> {
    fn of(value: &Value, place: Option<Place>) -> Tree<'_> {
        match (value, place) {
            (Value::Object(members), Some(place)) => {
                let kept = members.iter().filter(|(name, _)| is_compared(place, name));
                Tree::Map(
                    kept.map(|(name, member)| (name.as_str(), of(member, place.below(name))))
                        .collect(),
                )
            }
            (value, _) => Tree::of(value),
        }
    }
    of(object, Some(Place::Root))
}

/// Takes out of a tree what is never compared.
fn drop_not_compared(tree: &mut Tree<'_>, place: Place) {
    if let Some(members) = tree.as_map_mut() {
        members.keep(|name, member| {
            if let Some(below) = place.below(name) {
                drop_not_compared(member, below);
            }
            is_compared(place, name)
        });
    }
}

/// A copy of what is compared, with only that one of the service account's two names that counts.
fn comparable(object: &Value) -> Value {
    let mut object = compared(object).to_value();
    if let Some(spec) = object.pointer_mut("/spec/template/spec").and_then(Value::as_object_mut)
        && let Some(alias) = spec.remove("serviceAccount")
        && spec
            .get("serviceAccountName")
            .is_none_or(|name| name.is_null() || name == "")
    {
        spec.insert("serviceAccountName".to_owned(), alias);
    }
    object
}

/// One node: as Git writes it, as the server would have it, and as it is.
#[derive(Clone, Copy)]
pub(super) struct Sides<'t> {
    pub(super) raw: Option<&'t Value>,
    pub(super) expected: Option<&'t Tree<'t>>,
    pub(super) live: Option<&'t Tree<'t>>,
}

/// Whether two nodes are the same to the letter; only then is the order of a list worth telling.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Equality {
    Same,
    Different,
}

struct Walk<'a, L> {
    live: &'a L,
    changes: Vec<Change>,
}

impl<L: Look> Walk<'_, L> {
    fn node(&mut self, trail: &Trail<'_>, shape: Option<Shape>, sides: Sides<'_>) -> Equality {
        let atomic = shape.is_some_and(Shape::is_atomic);
        match (sides.expected, sides.live) {
            (None, None) => return Equality::Same,
            (Some(Tree::Map(expected)), Some(Tree::Map(live))) if !atomic => {
                return self.map(trail, shape, sides.raw, expected, live);
            }
            (Some(expected), Some(live)) if expected == live => return Equality::Same,
            (Some(Tree::Map(expected)), None) if is_metadata_map(trail) => {
                return self.map(trail, shape, sides.raw, expected, &Branches::default());
            }
            // Git's `{}`, which the server omits, is not absent from Git.
            (None, Some(Tree::Map(live)))
                if is_metadata_map(trail) || (!atomic && sides.raw.is_some_and(Value::is_object)) =>
            {
                return self.map(trail, shape, sides.raw, &Branches::default(), live);
            }
            (Some(Tree::List(expected)), Some(Tree::List(live))) => {
                if let Some(equality) = self.list(trail, shape, sides.raw, expected, live) {
                    return equality;
                }
            }
            _ => {}
        }
        self.value(trail, shape, sides)
    }

    /// A node that is one value, or is told as one.
    fn value(&mut self, trail: &Trail<'_>, shape: Option<Shape>, sides: Sides<'_>) -> Equality {
        let zeroed = shape.and_then(|shape| zeroed(shape, sides));
        let raw = zeroed.as_ref().or(sides.raw);
        let decided = shape.and_then(|shape| as_live_decides(shape, zeroed.as_ref(), sides));
        let expected = decided.as_ref().or(sides.expected);
        if expected == sides.live {
            return Equality::Same;
        }
        if let Some(kind) = kind_of(
            shape,
            Sides {
                raw,
                expected,
                live: sides.live,
            },
        ) {
            self.tell(trail, kind, raw, sides.live);
        }
        Equality::Different
    }

    fn tell(&mut self, trail: &Trail<'_>, kind: ChangeKind, raw: Option<&Value>, live: Option<&Tree<'_>>) {
        let path = trail.to_path();
        // As the cluster writes it, where the path leads there: a guard of a patch compares texts.
        let live = path
            .get(self.live)
            .map(Look::to_owned_value)
            .or_else(|| live.map(Tree::to_value));
        self.changes.push(Change {
            path,
            kind,
            desired: raw.filter(|raw| !raw.is_null()).cloned(),
            live,
        });
    }

    fn map(
        &mut self,
        trail: &Trail<'_>,
        shape: Option<Shape>,
        raw: Option<&Value>,
        expected: &Branches<'_>,
        live: &Branches<'_>,
    ) -> Equality {
        let mut equality = Equality::Same;
        for (name, expected, live) in expected.side_by_side(live) {
            // Most are scalars, and the same: they need neither shape nor path.
            if matches!((expected, live), (Some(expected), Some(live)) if expected.is_scalar() && expected == live) {
                continue;
            }
            let sides = Sides {
                raw: raw.and_then(|raw| raw.get(name)),
                expected,
                live,
            };
            if shape.is_some_and(|shape| is_left_to_live(shape, name, sides)) {
                continue;
            }
            if self.node(&trail.field(name), shape.and_then(|shape| shape.child(name)), sides) == Equality::Different {
                equality = Equality::Different;
            }
        }
        equality
    }

    /// Compares a list by its keys; `None` where it is one value.
    fn list(
        &mut self,
        trail: &Trail<'_>,
        shape: Option<Shape>,
        raw: Option<&Value>,
        expected: &[Tree<'_>],
        live: &[Tree<'_>],
    ) -> Option<Equality> {
        let Some(Shape::List(ListKind::Map(keys), item)) = shape else {
            return None;
        };
        if !are_named(keys, expected) || !are_named(keys, live) {
            return None;
        }
        let before = self.changes.len();
        let (mut equality, mut in_order) = (Equality::Same, expected.len() == live.len());
        for (at, value) in expected.iter().enumerate() {
            let partner = position(keys, live, at, value);
            in_order &= partner == Some(at);
            // Neither normal form nor defaults move the items of a list, so that Git's item has the same index.
            let live = partner.and_then(|at| live.get(at));
            let sides = Sides {
                raw: raw.and_then(|raw| raw.get(at)),
                expected: Some(value),
                live,
            };
            if self.node(&trail.item(&|| name_of(keys, value)), Some(*item), sides) == Equality::Different {
                equality = Equality::Different;
            }
        }
        for (_, value) in live
            .iter()
            .enumerate()
            .filter(|(at, value)| position(keys, expected, *at, value).is_none())
        {
            self.node(
                &trail.item(&|| name_of(keys, value)),
                Some(*item),
                Sides {
                    raw: None,
                    expected: None,
                    live: Some(value),
                },
            );
            equality = Equality::Different;
        }
        if equality == Equality::Same && !in_order && self.changes.len() == before {
            // The items are the same and the lists are not: only the order is left.
            let path = trail.to_path();
            let told = path
                .get(self.live)
                .map(Look::to_owned_value)
                .unwrap_or_else(|| live.iter().map(Tree::to_value).collect());
            self.changes.push(Change {
                path,
                kind: ChangeKind::Reordered,
                desired: raw.cloned(),
                live: Some(told),
            });
            equality = Equality::Different;
        }
        Some(equality)
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
        (Some(_), Some(Tree::List(expected)), Some(Tree::List(live)))
            if is_set(shape) && same_items(expected, live) =>
        {
            Some(ChangeKind::Reordered)
        }
        (Some(_), _, Some(_)) => Some(ChangeKind::Changed),
        (_, None, None) => None,
    }
}

/// Labels and annotations: each has an owner of its own, and every live object has annotations that do not count.
fn is_metadata_map(trail: &Trail<'_>) -> bool {
    matches!(trail.last_field(), Some("labels" | "annotations"))
        && trail.above().and_then(Trail::last_field) == Some("metadata")
}

/// Whether every item is a map that has all keys, or their defaults, and none has another's.
fn are_named(keys: &[&str], items: &[Tree<'_>]) -> bool {
    let is_named = |item: &Tree<'_>| item.as_map().is_some() && keys.iter().all(|key| key_of(item, key).is_some());
    items
        .iter()
        .enumerate()
        .all(|(at, item)| is_named(item) && !items[..at].iter().any(|other| have_same_keys(keys, other, item)))
}

/// The item of a keyed list as a step of a path.
fn name_of(keys: &[&str], item: &Tree<'_>) -> Segment {
    Segment::Key(
        keys.iter()
            .filter_map(|key| Some(((*key).to_owned(), key_of(item, key)?.to_value())))
            .collect(),
    )
}

fn is_set(shape: Option<Shape>) -> bool {
    matches!(shape, Some(Shape::List(ListKind::Set, _)))
}

fn same_items(one: &[Tree<'_>], other: &[Tree<'_>]) -> bool {
    one.len() == other.len() && one.iter().all(|item| other.contains(item))
}

#[cfg(test)]
mod tests;
