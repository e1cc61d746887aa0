//! Client-side apply: a three-way strategic merge patch against the last-applied annotation.
//!
//! Source: `staging/src/k8s.io/kubectl/pkg/cmd/apply/patcher.go` and `pkg/util/apply.go`.

use serde_json::{Map, Value};

use super::admission::{asked_version, bookless};
use super::create::annotated;
use super::strategic::{PatchError, left_of_patch, patched, three_way_patch};
use super::{Cause, Merged, counted, decode, strict};
use crate::engine::facts::Facts;
use crate::engine::kind::Kind;
use crate::engine::last_applied::{LastApplied, Unreadable};
use crate::engine::syncer::FieldValidation;
use crate::engine::validation::go::printed;

/// The field that the server names where the patch itself is at fault.
pub(super) const PATCH_FIELD: &str = "patch";

/// What `kubectl apply` of the document makes of live.
///
/// Without the annotation nothing is known to have been taken out of Git, so nothing is deleted; kubectl warns and goes
/// on.
pub(super) fn merge<'f>(facts: &'f Facts<'_>, validation: FieldValidation) -> Merged<'f> {
    let Facts {
        sent: desired, live, ..
    } = *facts;
    let patch = match facts.patch(|facts| patch(facts.kind, facts.sent, facts.live, &facts.last_applied)) {
        Ok(patch) => patch,
        Err(refused) => return Merged::Refused(vec![refused.clone()]),
    };
    // `patchSimple` returns before it asks the server.
    if patch.as_object().is_some_and(Map::is_empty) {
        return Merged::Unsent;
    }
    let mut object = match patched(facts.kind, bookless(live, patch), patch) {
        Ok(object) => object,
        Err(fault) => return Merged::Refused(vec![cause(&fault)]),
    };
    let fault = decode::unconvertible(facts.kind, &object).or_else(|| match validation {
        FieldValidation::Strict => strict::fault_of_patched(facts.kind, &object),
        FieldValidation::Ignore | FieldValidation::Warn => None,
    });
    if let Some(fault) = fault {
        return Merged::Refused(vec![unfit(&left_of_patch(live, patch), &fault)]);
    }
    if let Some(fault) = counted::unconvertible(facts.kind, &object) {
        return Merged::Refused(vec![fault]);
    }
    decode::wrap_integers(facts.kind, &mut object);
    match asked_version(desired, live) {
        Ok(()) => Merged::Object(object),
        Err(failed) => failed.into(),
    }
}

/// The patch that `kubectl apply` sends, or why it gives up before.
pub(super) fn patch(
    kind: &'static Kind,
    desired: &Value,
    live: &Value,
    last_applied: &LastApplied<'_>,
) -> Result<Value, Cause> {
    if let Some(message) = decode::metadata_fault(kind, desired) {
        return Err(Cause {
            reason: String::new(),
            field: String::new(),
            message,
        });
    }
    // Of what Git still says word for word, nothing is deleted.
    let before = if last_applied.is_desired() {
        None
    } else {
        last_applied.read().map_err(|Unreadable| unreadable_annotation())?
    };
    three_way_patch(kind, before.unwrap_or(&Value::Null), live, last_applied.modified()).map_err(|fault| cause(&fault))
}

/// What `kubectl apply` posts where the object is not live, or why it gives up before.
pub(super) fn created(kind: &'static Kind, desired: &Value, namespace: Option<&Value>) -> Result<Value, Vec<Cause>> {
    match decode::metadata_fault(kind, desired) {
        Some(message) => Err(vec![Cause {
            reason: String::new(),
            field: String::new(),
            message,
        }]),
        None => Ok(annotated(desired, namespace)),
    }
}

/// The cause of a patch that gives values of other types than Go's: the server shows what it has left of the patch.
///
/// Source: `applyPatchToObject` of `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go`.
fn unfit(patch: &Value, fault: &str) -> Cause {
    let shown = Value::from(printed(patch));
    Cause {
        reason: "FieldValueInvalid".to_owned(),
        field: PATCH_FIELD.to_owned(),
        message: format!("Invalid value: {shown}: {fault}"),
    }
}

/// `ErrBadJSONDoc`: kubectl gives up before it asks the server, on every try, until a person mends the annotation or
/// takes it away.
///
/// Source: `CreateThreeWayMergePatch` of apimachinery's `pkg/util/strategicpatch/patch.go`.
fn unreadable_annotation() -> Cause {
    Cause {
        reason: String::new(),
        field: String::new(),
        message: "invalid JSON document".to_owned(),
    }
}

/// The client or the server gives no details with such a fault, only the text.
fn cause(fault: &PatchError) -> Cause {
    Cause {
        reason: String::new(),
        field: String::new(),
        message: fault.to_string(),
    }
}
