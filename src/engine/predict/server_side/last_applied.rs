//! What the server does about the last-applied annotation at an apply of the manager `kubectl`.

use serde_json::Value;

use super::compare::{Comparison, field_set};
use crate::engine::kind::Kind;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::ownership::FieldSet;
use crate::engine::schema::{Members, Tree};

/// `TotalAnnotationSizeLimitB`.
const ANNOTATIONS_LIMIT: usize = 256 * 1024;

/// `allowedConflictsFromLastApplied`: what last-applied set and live still has.
pub(super) fn allowed_conflicts(kind: &'static Kind, live: &Value) -> FieldSet {
    let text = live
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(LAST_APPLIED))
        .and_then(Value::as_str);
    let Some(last) = text.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return FieldSet::default();
    };
    let last = Tree::of(&last);
    let comparison = Comparison::of(&last, &Tree::of(live), kind.root);
    let differs = comparison.modified.union(&comparison.added).union(&comparison.removed);
    field_set(&last, kind.root).difference(&differs)
}

/// Writes what is applied into an annotation that is there; one that grows too large goes.
pub(super) fn update(merged: &mut Tree<'_>, sent: &Tree<'_>) {
    let Some(annotations) = merged.map_at_mut(&["metadata", "annotations"]) else {
        return;
    };
    if annotations
        .get(LAST_APPLIED)
        .and_then(Tree::as_str)
        .is_none_or(str::is_empty)
    {
        return;
    }
    let mut said = sent.clone();
    if let Some(metadata) = said.map_at_mut(&["metadata"])
        && metadata.get("annotations").is_some_and(Tree::is_null)
    {
        // `SetAnnotations` of no map takes the field away.
        metadata.remove("annotations");
    }
    if let Some(annotations) = said.map_at_mut(&["metadata", "annotations"]) {
        annotations.remove(LAST_APPLIED);
        // `NestedNullCoercingStringMap`, through which the server reads them.
        annotations.each(|_, value| {
            if value.is_null() {
                *value = Tree::Text("".into());
            }
        });
    }
    // The encoder ends the text with a new line.
    let text = format!("{said}\n");
    let others = annotations.iter().filter(|(key, _)| *key != LAST_APPLIED);
    let size: usize = others
        .map(|(key, value)| key.len() + value.as_str().unwrap_or_default().len())
        .sum();
    if size + LAST_APPLIED.len() + text.len() > ANNOTATIONS_LIMIT {
        annotations.remove(LAST_APPLIED);
    } else {
        annotations.insert(LAST_APPLIED, Tree::Text(text.into()));
    }
}
