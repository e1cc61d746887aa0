//! Live, overlaid with what is applied.
//!
//! Source: structured-merge-diff `typed/merge.go`, `mergingWalker` with `ruleKeepRHS`.

use super::element::{Class, class, have_same_name, is_named, items};
use crate::engine::schema::{Branches, ListKind, Members, Shape, Tree};

/// Merges one node; `None` where nothing is left. A null is a value: it keeps a granular map and resets a leaf.
///
/// What is applied has no item twice.
pub(super) fn merge<'a>(live: Option<Tree<'a>>, applied: Option<&Tree<'a>>, shape: Option<Shape>) -> Option<Tree<'a>> {
    let is_empty = |value: Option<&Tree<'a>>| match value {
        Some(Tree::Map(members)) => members.is_empty(),
        Some(Tree::List(items)) => items.is_empty(),
        _ => true,
    };
    match class(shape, [live.as_ref(), applied]) {
        // Both empty or null is a leaf: that keeps the difference between the two.
        Class::Granular if !is_empty(live.as_ref()) || !is_empty(applied) => {
            let empty = Branches::default();
            let old = if let Some(Tree::Map(old)) = live {
                old
            } else {
                Branches::default()
            };
            merge_maps(old, applied.and_then(Tree::as_map).unwrap_or(&empty), shape)
        }
        Class::Items(kind) if !is_empty(live.as_ref()) || !is_empty(applied) => {
            let old = if let Some(Tree::List(old)) = live {
                old
            } else {
                Vec::new()
            };
            merge_items(old, items(applied), kind, shape.and_then(Shape::item))
        }
        _ => applied.cloned().or(live),
    }
}

fn merge_maps<'a>(mut merged: Branches<'a>, new: &Branches<'a>, shape: Option<Shape>) -> Option<Tree<'a>> {
    let child = |name: &str| shape.and_then(|shape| shape.child(name));
    let only_new: Vec<(&'a str, &Tree<'a>)> = new.iter().filter(|(name, _)| !merged.contains(name)).collect();
    merged.keep(|name, value| {
        let applied = new.get(name);
        // Most of live is scalars that nobody applies.
        if applied.is_none() && value.is_scalar() {
            return true;
        }
        let kept = merge(Some(value.take()), applied, child(name));
        kept.map(|kept| *value = kept).is_some()
    });
    for (name, applied) in only_new {
        if let Some(value) = merge(None, Some(applied), child(name)) {
            merged.insert(name, value);
        }
    }
    (!merged.is_empty()).then_some(Tree::Map(merged))
}

/// The items of a list that have names, live's and the applied ones, and who stands for whom.
struct Sides<'t, 'a> {
    old: Vec<Tree<'a>>,
    new: Vec<&'t Tree<'a>>,

    /// For each item of live the applied one of the same name.
    partners: Vec<Option<usize>>,
}

impl<'t, 'a> Sides<'t, 'a> {
    fn of(old: Vec<Tree<'a>>, new: &'t [Tree<'a>], kind: ListKind) -> Self {
        let old: Vec<Tree<'a>> = old.into_iter().filter(|item| is_named(kind, item)).collect();
        let new: Vec<&Tree<'a>> = new.iter().filter(|item| is_named(kind, item)).collect();
        let partner = |(at, item): (usize, &Tree<'a>)| {
            let is_same = |other: &Tree<'a>| have_same_name(kind, item, other);
            // At the same place first, where it mostly is.
            if new.get(at).is_some_and(|other| is_same(other)) {
                Some(at)
            } else {
                new.iter().position(|other| is_same(other))
            }
        };
        let partners = old.iter().enumerate().map(partner).collect();
        Self { old, new, partners }
    }

    fn is_shared(&self, applied: usize) -> bool {
        self.partners.contains(&Some(applied))
    }

    /// Live's item for an applied one; null where live has several of the name, of which none is merged.
    fn take(&mut self, applied: usize) -> Option<Tree<'a>> {
        let mut found = self
            .partners
            .iter()
            .enumerate()
            .filter(|(_, partner)| **partner == Some(applied))
            .map(|(at, _)| at);
        let first = found.next()?;
        Some(if found.next().is_some() {
            Tree::Null
        } else {
            self.old[first].take()
        })
    }

    fn merged(&mut self, applied: usize, item: Option<Shape>) -> Option<Tree<'a>> {
        let live = self.take(applied);
        merge(live, self.new.get(applied).copied(), item)
    }
}

/// `visitListItems`: the applied order, with live's own items where they stood between the shared ones.
fn merge_items<'a>(old: Vec<Tree<'a>>, new: &[Tree<'a>], kind: ListKind, item: Option<Shape>) -> Option<Tree<'a>> {
    let mut sides = Sides::of(old, new, kind);
    let (live, applied) = (sides.old.len(), sides.new.len());
    let mut merged: Vec<Tree<'a>> = Vec::with_capacity(live.max(applied));
    let shared: Vec<usize> = (0..applied).filter(|at| sides.is_shared(*at)).collect();
    let mut shared = shared.into_iter();
    let mut next_shared = shared.next();
    let mut done = vec![false; applied];
    let (mut left, mut right) = (0, 0);
    while left < live || right < applied {
        if left < live && right < applied {
            if sides.partners[left] == Some(right) {
                done[right] = true;
                merged.extend(sides.merged(right, item));
                (left, right) = (left + 1, right + 1);
                next_shared = shared.next();
                continue;
            }
            if sides.partners[left].is_some() && next_shared.is_some() && next_shared != sides.partners[left] {
                // A shared item, but not the one whose turn it is.
                left += 1;
                continue;
            }
        }
        if left < live {
            match sides.partners[left] {
                None => {
                    let own = sides.old[left].take();
                    merged.extend(merge(Some(own), None, item));
                    left += 1;
                    continue;
                }
                Some(partner) => left += usize::from(done[partner]),
            }
        }
        if right < applied {
            done[right] = true;
            merged.extend(sides.merged(right, item));
            if next_shared == Some(right) {
                next_shared = shared.next();
            }
            right += 1;
        }
    }
    (!merged.is_empty()).then_some(Tree::List(merged))
}
