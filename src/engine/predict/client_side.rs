//! Client-side apply: a three-way strategic merge patch against the last-applied annotation.
//!
//! Source: `staging/src/k8s.io/kubectl/pkg/cmd/apply/patcher.go` and `pkg/util/apply.go`.

use serde_json::{Value, json};

use super::admission::{stale_version, without_books};
use super::go::printed;
use super::strategic::{PatchError, apply_patch, left_of_patch, three_way_patch};
use super::{Cause, Merged, decode};
use crate::engine::diff::LAST_APPLIED;

/// The field that the server names where the patch itself is at fault.
pub(super) const PATCH_FIELD: &str = "patch";

/// What `kubectl apply` of `desired` makes of `live`.
///
/// Without the annotation nothing is known to have been taken out of Git, so nothing is deleted; kubectl warns and goes on.
pub(super) fn merge(desired: &Value, live: &Value) -> Merged {
    let unreadable = decode::metadata_fault(desired).is_some();
    if !unreadable && let Some(stale) = stale_version(desired, live) {
        return Merged::Conflict(vec![stale]);
    }
    let patch = match patch(desired, live) {
        Ok(patch) => patch,
        Err(refused) => return Merged::Refused(vec![refused]),
    };
    match apply_patch(without_books(live, &patch), &patch).map(|object| (decode::unconvertible(&object), object)) {
        Ok((None, object)) => Merged::Object(object),
        Ok((Some(fault), _)) => Merged::Refused(vec![unfit(&left_of_patch(live, &patch), &fault)]),
        Err(fault) => Merged::Refused(vec![cause(&fault)]),
    }
}

/// The patch that `kubectl apply` sends, or why it gives up before.
pub(super) fn patch(desired: &Value, live: &Value) -> Result<Value, Cause> {
    if let Some(message) = decode::metadata_fault(desired) {
        return Err(Cause { reason: String::new(), field: String::new(), message });
    }
    let annotation = live.pointer("/metadata/annotations").and_then(|annotations| annotations.get(LAST_APPLIED)).and_then(Value::as_str);
    let last_applied = annotation.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    three_way_patch(&last_applied, live, &modified_configuration(desired, live)).map_err(|fault| cause(&fault))
}

/// The cause of a patch that gives values of other types than Go's: the server shows what it has left of the patch.
///
/// Source: `applyPatchToObject` of `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go`.
fn unfit(patch: &Value, fault: &str) -> Cause {
    let shown = Value::from(printed(patch));
    Cause { reason: "FieldValueInvalid".to_owned(), field: PATCH_FIELD.to_owned(), message: format!("Invalid value: {shown}: {fault}") }
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
