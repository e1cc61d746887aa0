//! The changes between desired and live, with defaults, aliases and normal form taken out.

mod walk;

pub(super) use walk::Sides;

use std::borrow::Cow;

use serde_json::Value;

use super::{Change, ChangeKind};
use crate::engine::kind::Kind;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::{Look, Segment, Trail, schema_path};
use crate::engine::schema::{self, Members, Shape, Tree, apply_defaults, default_pull_policy};
use walk::Walk;

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

/// Finds every field of an object of this kind whose live value is not what Git makes of it, in path order.
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
///
/// # Example
/// ```
/// use driftmend::engine::diff::{ChangeKind, compare};
/// use driftmend::engine::kind::DEPLOYMENT;
/// use serde_json::json;
///
/// let desired = json!({"metadata": {"name": "web"}, "spec": {"replicas": 3}});
/// let live = json!({"metadata": {"name": "web", "uid": "1"}, "spec": {"replicas": 5, "revisionHistoryLimit": 10}});
///
/// // Ten is what the API server fills in, and a uid is its own.
/// let changes = compare(&DEPLOYMENT, &desired, &live);
/// assert_eq!(changes.len(), 1);
/// assert_eq!(changes[0].path.to_string(), ".spec.replicas");
/// assert_eq!(changes[0].kind, ChangeKind::Changed);
/// ```
pub fn compare(kind: &'static Kind, desired: &Value, live: &Value) -> Vec<Change> {
    Wanted::of(kind, desired).compare(live, &expected(kind, live))
}

/// [`compare`] with the pull policies that an earlier image may have left.
#[cfg(test)]
pub(super) fn compare_all(kind: &'static Kind, desired: &Value, live: &Value) -> Vec<Change> {
    Wanted::of(kind, desired).compare_all(live, &expected(kind, live))
}

/// Git's document as it is compared, made once for all that it is compared with.
#[derive(Debug)]
pub struct Wanted<'a> {
    kind: &'static Kind,

    document: &'a Value,

    /// What the server makes of it; `None` where the document has something that no change may tell, so that a copy
    /// without it is compared.
    expected: Option<Tree<'a>>,
}

impl<'a> Wanted<'a> {
    /// Prepares a document.
    pub fn of(kind: &'static Kind, document: &'a Value) -> Self {
        let has_old_name = kind
            .pod_spec(document)
            .is_some_and(|pod| pod.get("serviceAccount").is_some());
        let has_last_applied = document
            .pointer("/metadata/annotations")
            .is_some_and(|annotations| annotations.get(LAST_APPLIED).is_some());
        Self {
            kind,
            document,
            expected: (!has_old_name && !has_last_applied).then(|| expected(kind, document)),
        }
    }

    /// What the server makes of the document, with nothing in it that is never compared.
    pub(in crate::engine) fn expected(&self) -> Cow<'_, Tree<'a>> {
        self.expected
            .as_ref()
            .map_or_else(|| Cow::Owned(expected(self.kind, self.document)), Cow::Borrowed)
    }

    /// What [`compare`] finds; `stored` is what [`expected`] or [`expected_of`] makes of live.
    pub(in crate::engine) fn compare<L: Look>(&self, live: &L, stored: &Tree<'_>) -> Vec<Change> {
        let mut changes = self.compare_all(live, stored);
        changes.retain(|change| !is_policy_of_live_image(self.kind, change, live));
        changes
    }

    /// [`Wanted::compare`] with the pull policies that an earlier image may have left.
    pub(super) fn compare_all<L: Look>(&self, live: &L, stored: &Tree<'_>) -> Vec<Change> {
        // Only then is the whole of the metadata told.
        let is_malformed = !live.member("metadata").is_none_or(Look::is_map) || !live.is_map();
        match &self.expected {
            Some(expected) if !is_malformed => walked(self.document, expected, live, stored, Some(self.kind.root)),
            _ => {
                let told = comparable(Some(self.kind), self.document);
                walked(&told, &expected(self.kind, &told), live, stored, Some(self.kind.root))
            }
        }
    }
}

/// Finds what differs between two objects of any kind, in path order: nothing is known of defaults or list keys, and a
/// list is one value.
pub fn compare_any(desired: &Value, live: &Value) -> Vec<Change> {
    let (desired, live) = (comparable(None, desired), comparable(None, live));
    walked(&desired, &Tree::of(&desired), &live, &Tree::of(&live), None)
}

/// What the server makes of an object, be it Git's or one that it wrote itself, without what is never compared.
pub(in crate::engine) fn expected<'a>(kind: &Kind, object: &'a Value) -> Tree<'a> {
    defaulted(kind, compared(Some(kind), object))
}

/// [`expected`] of an object that is a tree itself.
pub(in crate::engine) fn expected_of<'a>(kind: &Kind, object: &Tree<'a>) -> Tree<'a> {
    let mut tree = object.clone();
    drop_not_compared(kind, &mut tree, Place::Root);
    defaulted(kind, tree)
}

fn defaulted<'a>(kind: &Kind, mut tree: Tree<'a>) -> Tree<'a> {
    apply_defaults(kind.root, &mut tree);
    if let Some(root) = tree.as_map_mut() {
        root.remove("status");
    }
    if let Some(pod) = tree.map_at_mut(&[kind.template, &["spec"]].concat()) {
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
pub(in crate::engine) fn is_pull_policy(kind: &Kind, change: &Change) -> bool {
    let Some((Segment::Field(name), parent)) = change.path.0.split_last() else {
        return false;
    };
    change.kind == ChangeKind::Added
        && schema::may_outlive_its_cause(name)
        && match schema::shape_at(kind.root, &schema_path(parent)) {
            Some(Shape::Nested(of)) => schema::outlives_its_cause(of, name),
            _ => false,
        }
}

/// Whether the change is the pull policy that the server would give live's own image.
pub(super) fn is_policy_of_live_image<L: Look>(kind: &Kind, change: &Change, live: &L) -> bool {
    is_pull_policy(kind, change) && {
        let parent = change.path.parent();
        let parent = parent.as_ref().and_then(|parent| parent.get(live));
        let image = parent
            .and_then(|parent| parent.member("image").or_else(|| parent.member("reference")))
            .and_then(Look::text);
        change.live.as_ref().and_then(Value::as_str) == Some(default_pull_policy(image.unwrap_or_default()))
    }
}

/// Whether a member at this place is never compared.
/// `kind` is `None` for an object of which nothing is known.
pub(super) fn is_compared(kind: Option<&Kind>, place: Place, name: &str) -> bool {
    match place {
        Place::Root => !["apiVersion", "kind", "status"].contains(&name),
        Place::Metadata => !NOT_COMPARED.contains(&name),
        Place::Annotations => name != LAST_APPLIED && !kind.is_some_and(|kind| kind.counted.contains(&name)),
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
fn compared<'a>(kind: Option<&Kind>, object: &'a Value) -> Tree<'a> {
    fn of<'a>(kind: Option<&Kind>, value: &'a Value, place: Option<Place>) -> Tree<'a> {
        match (value, place) {
            (Value::Object(members), Some(place)) => {
                let kept = members.iter().filter(|(name, _)| is_compared(kind, place, name));
                Tree::Map(
                    kept.map(|(name, member)| (name.as_str(), of(kind, member, place.below(name))))
                        .collect(),
                )
            }
            (value, _) => Tree::of(value),
        }
    }
    of(kind, object, Some(Place::Root))
}

/// Takes out of a tree what is never compared.
fn drop_not_compared(kind: &Kind, tree: &mut Tree<'_>, place: Place) {
    if let Some(members) = tree.as_map_mut() {
        members.keep(|name, member| {
            if let Some(below) = place.below(name) {
                drop_not_compared(kind, member, below);
            }
            is_compared(Some(kind), place, name)
        });
    }
}

/// A copy of what is compared, with only that one of the service account's two names that counts.
fn comparable(kind: Option<&Kind>, object: &Value) -> Value {
    let mut object = compared(kind, object).to_value();
    if let Some(spec) = kind
        .and_then(|kind| kind.pod_spec_mut(&mut object))
        .and_then(Value::as_object_mut)
        && let Some(alias) = spec.remove("serviceAccount")
        && spec
            .get("serviceAccountName")
            .is_none_or(|name| name.is_null() || name == "")
    {
        spec.insert("serviceAccountName".to_owned(), alias);
    }
    object
}

#[cfg(test)]
mod tests;
