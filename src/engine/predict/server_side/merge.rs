//! Live, overlaid with what is applied.
//!
//! Source: structured-merge-diff `typed/merge.go`, `mergingWalker` with `ruleKeepRHS`.

use serde_json::{Map, Value};

use super::element::{Class, class, element, entries, items};
use crate::engine::object::Segment;
use crate::engine::schema::{ListKind, Shape};

/// Merges one node; `None` where nothing is left. A null is a value: it keeps a granular map and resets a leaf.
pub(super) fn merge(live: Option<&Value>, applied: Option<&Value>, shape: Option<Shape>) -> Option<Value> {
    let leaf = || applied.or(live).cloned();
    match class(shape, [live, applied]) {
        Class::Leaf => leaf(),
        Class::Granular => {
            let (empty, old, new) = (Map::new(), entries(live), entries(applied));
            let (old, new) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
            // Both empty or null is a leaf: that keeps the difference between the two.
            if old.is_empty() && new.is_empty() { leaf() } else { merge_maps(old, new, shape) }
        }
        Class::Items(kind) => {
            let (old, new) = (items(live), items(applied));
            if old.is_empty() && new.is_empty() { leaf() } else { merge_items(old, new, kind, shape.and_then(Shape::item)) }
        }
    }
}

fn merge_maps(old: &Map<String, Value>, new: &Map<String, Value>, shape: Option<Shape>) -> Option<Value> {
    let only_new = new.keys().filter(|name| !old.contains_key(*name));
    let mut merged = Map::new();
    for name in old.keys().chain(only_new) {
        if let Some(value) = merge(old.get(name), new.get(name), shape.and_then(|shape| shape.child(name))) {
            merged.insert(name.clone(), value);
        }
    }
    (!merged.is_empty()).then_some(merged.into())
}

/// The items of a list by name, in order. Where live repeats a name, no item is merged under it.
struct Indexed<'a> {
    named: Vec<(Segment, &'a Value)>,
}

impl<'a> Indexed<'a> {
    fn of(items: &'a [Value], kind: ListKind) -> Self {
        Self { named: items.iter().filter_map(|item| Some((element(kind, item)?, item))).collect() }
    }

    fn has(&self, name: &Segment) -> bool {
        self.named.iter().any(|(other, _)| other == name)
    }

    /// The one item of this name; null where there are several.
    fn only(&self, name: &Segment) -> Option<&'a Value> {
        static REPEATED: Value = Value::Null;
        let mut found = self.named.iter().filter(|(other, _)| other == name).map(|(_, item)| *item);
        let first = found.next()?;
        Some(if found.next().is_some() { &REPEATED } else { first })
    }
}

/// `visitListItems`: the applied order, with live's own items where they stood between the shared ones.
fn merge_items(old: &[Value], new: &[Value], kind: ListKind, item: Option<Shape>) -> Option<Value> {
    let (old, new) = (Indexed::of(old, kind), Indexed::of(new, kind));
    let mut merged: Vec<Value> = Vec::with_capacity(old.named.len().max(new.named.len()));
    let mut shared = new.named.iter().map(|(name, _)| name).filter(|name| old.has(name));
    let mut next_shared = shared.next();
    let mut done: Vec<&Segment> = Vec::new();
    let (mut left, mut right) = (0, 0);
    while left < old.named.len() || right < new.named.len() {
        if let (Some((name, _)), Some((wanted, _))) = (old.named.get(left), new.named.get(right)) {
            if name == wanted {
                done.push(wanted);
                merged.extend(merge(old.only(name), new.only(name), item));
                (left, right) = (left + 1, right + 1);
                next_shared = shared.next();
                continue;
            }
            if new.has(name) && next_shared.is_some_and(|next| next != name) {
                // A shared item, but not the one whose turn it is.
                left += 1;
                continue;
            }
        }
        if let Some((name, value)) = old.named.get(left) {
            if !new.has(name) {
                merged.extend(merge(Some(value), None, item));
                left += 1;
                continue;
            }
            if done.contains(&name) {
                left += 1;
            }
        }
        if let Some((name, _)) = new.named.get(right) {
            done.push(name);
            merged.extend(merge(old.only(name), new.only(name), item));
            right += 1;
            if next_shared == Some(name) {
                next_shared = shared.next();
            }
        }
    }
    (!merged.is_empty()).then_some(merged.into())
}
