//! Client-side apply: a three-way strategic merge patch against the last-applied annotation.
//!
//! Source: `staging/src/k8s.io/kubectl/pkg/cmd/apply/patcher.go` and `pkg/util/apply.go`.

use serde_json::{Map, Value};

use super::admission::{bookless, stale_version};
use super::go::printed;
use super::strategic::{PatchError, left_of_patch, patched, three_way_patch};
use super::{Cause, Facts, LastApplied, Merged, decode};

/// The field that the server names where the patch itself is at fault.
pub(super) const PATCH_FIELD: &str = "patch";

/// What `kubectl apply` of the document makes of live.
///
/// Without the annotation nothing is known to have been taken out of Git, so nothing is deleted; kubectl warns and goes on.
pub(super) fn merge<'f>(facts: &'f Facts<'_>) -> Merged<'f> {
    let Facts { desired, live, .. } = *facts;
    let unreadable = decode::metadata_fault(desired).is_some();
    if !unreadable && let Some(stale) = stale_version(desired, live) {
        return Merged::Conflict(vec![stale]);
    }
    let patch = match facts.patch() {
        Ok(patch) => patch,
        Err(refused) => return Merged::Refused(vec![refused.clone()]),
    };
    // `patchSimple` returns before it asks the server.
    if patch.as_object().is_some_and(Map::is_empty) {
        return Merged::Unsent;
    }
    match patched(bookless(live, patch), patch).map(|object| (decode::unconvertible(&object), object)) {
        Ok((None, object)) => Merged::Object(object),
        Ok((Some(fault), _)) => Merged::Refused(vec![unfit(&left_of_patch(live, patch), &fault)]),
        Err(fault) => Merged::Refused(vec![cause(&fault)]),
    }
}

/// The patch that `kubectl apply` sends, or why it gives up before.
pub(super) fn patch(desired: &Value, live: &Value, last_applied: &LastApplied<'_>) -> Result<Value, Cause> {
    if let Some(message) = decode::metadata_fault(desired) {
        return Err(Cause { reason: String::new(), field: String::new(), message });
    }
    // Of what Git still says word for word, nothing is deleted.
    let before = if last_applied.is_desired() { None } else { last_applied.value() };
    three_way_patch(before.unwrap_or(&Value::Null), live, last_applied.modified()).map_err(|fault| cause(&fault))
}

/// The cause of a patch that gives values of other types than Go's: the server shows what it has left of the patch.
///
/// Source: `applyPatchToObject` of `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go`.
fn unfit(patch: &Value, fault: &str) -> Cause {
    let shown = Value::from(printed(patch));
    Cause { reason: "FieldValueInvalid".to_owned(), field: PATCH_FIELD.to_owned(), message: format!("Invalid value: {shown}: {fault}") }
}

/// The client or the server gives no details with such a fault, only the text.
fn cause(fault: &PatchError) -> Cause {
    Cause { reason: String::new(), field: String::new(), message: fault.to_string() }
}
