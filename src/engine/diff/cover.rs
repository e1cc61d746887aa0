//! Whether an ignore rule covers a whole change: the path itself, everything below it, or the named parts of one value.

use serde_json::Value;

use super::pattern::PathPattern;
use super::pointer::{Part, Side, item_segment};
use super::{Change, ChangeKind};
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment, escape_token};
use crate::engine::schema::{self, ListKind};

/// Whether the patterns cover a change together: its path, or everything that was added or removed below it.
pub(super) fn covers(kind: &Kind, patterns: &[PathPattern], change: &Change) -> bool {
    let whole = match change.kind {
        ChangeKind::Added => change.live.as_ref(),
        ChangeKind::Removed => change.desired.as_ref(),
        ChangeKind::Changed | ChangeKind::Reordered => None,
    };
    let matched = |path: &FieldPath| patterns.iter().any(|pattern| pattern.matches(path));
    matched(&change.path) || whole.is_some_and(|value| covers_below(kind, patterns, &change.path, value))
}

fn covers_below(kind: &Kind, patterns: &[PathPattern], path: &FieldPath, value: &Value) -> bool {
    patterns.iter().any(|pattern| pattern.matches(path))
        || (patterns.iter().any(|pattern| pattern.reaches_below(path))
            && children(kind, path, value).is_some_and(|children| {
                !children.is_empty()
                    && children
                        .iter()
                        .all(|(segment, child)| covers_below(kind, patterns, &path.with(segment.clone()), child))
            }))
}

/// The parts of a value that have paths of their own; `None` where it is one value.
fn children<'a>(kind: &Kind, path: &FieldPath, value: &'a Value) -> Option<Vec<(Segment, &'a Value)>> {
    match value {
        Value::Object(entries) if !schema::is_atomic_map(kind.root, &path.schema()) => Some(
            entries
                .iter()
                .map(|(name, child)| (Segment::Field(name.clone()), child))
                .collect(),
        ),
        Value::Array(items) => {
            let ListKind::Map(keys) = schema::list_kind(kind.root, &path.schema()) else {
                return None;
            };
            let keyed = items
                .iter()
                .enumerate()
                .map(|(at, item)| (item_segment(keys, at, item), item));
            // An item without its keys has no path of its own.
            keyed
                .map(|(segment, item)| matches!(segment, Segment::Key(_)).then_some((segment, item)))
                .collect()
        }
        _ => None,
    }
}

/// Whether both sides of a change say the same once the named parts are taken out of each.
pub(super) fn covers_parts(parts: &[Part], change: &Change) -> bool {
    let of = |side: Side| -> Vec<&str> {
        parts
            .iter()
            .filter(|part| part.side == side && part.path == change.path)
            .map(|part| part.pointer.as_str())
            .collect()
    };
    let (of_desired, of_live) = (of(Side::Desired), of(Side::Live));
    if of_desired.is_empty() && of_live.is_empty() {
        return false;
    }
    let rest = |value: &Option<Value>, pointers: &[&str]| {
        value
            .as_ref()
            .and_then(|value| without(value, pointers))
            .filter(|rest| !is_empty(rest))
    };
    rest(&change.desired, &of_desired) == rest(&change.live, &of_live)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

/// The value without what the JSON Pointers name; `None` where nothing is left. Indices are those of the whole value.
fn without(value: &Value, pointers: &[&str]) -> Option<Value> {
    let below = |token: &str| -> Vec<&str> {
        let rests = pointers
            .iter()
            .filter_map(|pointer| pointer.strip_prefix('/')?.strip_prefix(token));
        rests.filter(|rest| rest.is_empty() || rest.starts_with('/')).collect()
    };
    if pointers.contains(&"") {
        return None;
    }
    Some(match value {
        Value::Object(entries) => {
            let kept = entries
                .iter()
                .filter_map(|(name, child)| Some((name.clone(), without(child, &below(&escape_token(name)))?)));
            Value::Object(kept.collect())
        }
        Value::Array(items) => {
            let kept = items
                .iter()
                .enumerate()
                .filter_map(|(at, child)| without(child, &below(&at.to_string())));
            Value::Array(kept.collect())
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use serde_json::json;

    #[test]
    fn takes_out_by_the_indices_of_the_whole_value() {
        let value = json!([{"a": 1, "b/c": 2}, {"a": 3}, {"a": 4}]);
        assert_eq!(without(&value, &["/0/b~1c", "/1"]), Some(json!([{"a": 1}, {"a": 4}])));
        assert_eq!(without(&value, &["/10"]), Some(value.clone()));
        assert_eq!(without(&value, &[""]), None);
    }

    #[test]
    fn patterns_cover_what_was_added_whole_only_together() {
        let path = FieldPath::parse(".spec.template.spec.containers[name=\"web\"].livenessProbe").unwrap();
        let live = json!({"httpGet": {"port": 80}, "periodSeconds": 5});
        let change = Change {
            path: path.clone(),
            kind: ChangeKind::Added,
            desired: None,
            live: Some(live),
        };
        let pattern = |field: &str| PathPattern::exact(path.field(field));
        assert!(!covers(&DEPLOYMENT, &[pattern("httpGet")], &change));
        assert!(covers(
            &DEPLOYMENT,
            &[pattern("httpGet"), pattern("periodSeconds")],
            &change
        ));
    }
}
