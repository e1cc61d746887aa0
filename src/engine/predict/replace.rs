//! Replace: a PUT of the manifest.

use serde_json::Value;

use super::admission::stale_version;
use super::{Cause, Merged};
use crate::engine::schema::Tree;

/// What a PUT of `desired` makes of `live`: nothing of live is kept but what the server keeps for itself.
///
/// A foreign `uid` is a failed precondition (409), while a patch is told that the field is immutable.
pub(super) fn merge<'a>(desired: &'a Value, live: &Value) -> Merged<'a> {
    if let Some(stale) = stale_version(desired, live) {
        return Merged::Conflict(vec![stale]);
    }
    let uid = |object: &Value| object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (asked, actual) = (uid(desired), uid(live));
    if !asked.is_empty() && asked != actual {
        let message = format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {actual}");
        return Merged::Conflict(vec![Cause { reason: "Conflict".to_owned(), field: "metadata.uid".to_owned(), message }]);
    }
    Merged::Object(Tree::of(desired))
}
