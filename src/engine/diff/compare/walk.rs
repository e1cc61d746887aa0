//! The walk over both sides of a comparison.

use serde_json::Value;

use crate::engine::diff::dropped::{as_live_decides, have_same_keys, is_left_to_live, key_of, position, zeroed};
use crate::engine::diff::{Change, ChangeKind};
use crate::engine::object::{Look, Segment, Trail};
use crate::engine::schema::{Branches, ListKind, Shape, Tree};

/// One node: as Git writes it, as the server would have it, and as it is.
#[derive(Clone, Copy)]
pub(in crate::engine::diff) struct Sides<'t> {
    pub(in crate::engine::diff) raw: Option<&'t Value>,
    pub(in crate::engine::diff) expected: Option<&'t Tree<'t>>,
    pub(in crate::engine::diff) live: Option<&'t Tree<'t>>,
}

/// Whether two nodes are the same to the letter; only then is the order of a list worth telling.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Equality {
    Same,
    Different,
}

pub(super) struct Walk<'a, L> {
    pub(super) live: &'a L,
    pub(super) changes: Vec<Change>,
}

impl<L: Look> Walk<'_, L> {
    pub(super) fn node(&mut self, trail: &Trail<'_>, shape: Option<Shape>, sides: Sides<'_>) -> Equality {
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
