//! Client-side apply: a three-way strategic merge patch against the last-applied annotation.
//!
//! Source: `staging/src/k8s.io/kubectl/pkg/cmd/apply/patcher.go` and `pkg/util/apply.go`.

use serde_json::{Value, json};

use super::admission::stale_version;
use super::strategic::{PatchError, apply_patch, three_way_patch};
use super::{Cause, Merged};
use crate::engine::diff::LAST_APPLIED;

/// What `kubectl apply` of `desired` makes of `live`.
///
/// Without the annotation nothing is known to have been taken out of Git, so nothing is deleted; kubectl warns and goes on.
pub(super) fn merge(desired: &Value, live: &Value) -> Merged {
    if let Some(stale) = stale_version(desired, live) {
        return Merged::Conflict(vec![stale]);
    }
    let annotation = live.pointer("/metadata/annotations").and_then(|annotations| annotations.get(LAST_APPLIED)).and_then(Value::as_str);
    let last_applied = annotation.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let modified = modified_configuration(desired, live);
    match three_way_patch(&last_applied, live, &modified).and_then(|patch| apply_patch(live, &patch)) {
        Ok(object) => Merged::Object(object),
        Err(fault) => Merged::Refused(vec![cause(&fault)]),
    }
}

/// Git's document as kubectl sends it: in the namespace of the request, with itself as the annotation.
///
/// Source: `GetModifiedConfiguration`.
fn modified_configuration(desired: &Value, live: &Value) -> Value {
    let mut modified = desired.clone();
    let Some(metadata) = modified.get_mut("metadata").and_then(Value::as_object_mut) else { return modified };
    if let Some(namespace) = live.pointer("/metadata/namespace") {
        metadata.insert("namespace".to_owned(), namespace.clone());
    }
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if annotations.is_null() {
        *annotations = json!({});
    }
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.remove(LAST_APPLIED);
    }
    // kubectl's encoder ends the text with a new line.
    let text = format!("{modified}\n");
    if let Some(annotations) = modified.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.insert(LAST_APPLIED.to_owned(), text.into());
    }
    modified
}

/// The client or the server gives no details with such a fault, only the text.
fn cause(fault: &PatchError) -> Cause {
    Cause { reason: String::new(), field: String::new(), message: fault.to_string() }
}
