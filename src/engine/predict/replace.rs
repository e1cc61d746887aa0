//! Replace: a PUT of the manifest.

use serde_json::Value;

use super::admission::asked_version;
use super::{Cause, Merged, decode, strict};
use crate::engine::kind::Kind;
use crate::engine::schema::Tree;
use crate::engine::syncer::FieldValidation;

/// What a PUT of `desired` makes of `live`: nothing of live is kept but what the server keeps for itself.
///
/// A foreign `uid` is a failed precondition (409), which is held against live before the version is, while a patch is
/// told that the field is immutable.
pub(super) fn merge<'a>(
    kind: &'static Kind,
    desired: &'a Value,
    live: &Value,
    validation: FieldValidation,
) -> Merged<'a> {
    if let Some(cause) = unreadable(kind, desired, validation) {
        return Merged::Refused(vec![cause]);
    }
    let text = |object: &Value, name: &str| {
        object
            .get("metadata")
            .and_then(|metadata| metadata.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (asked, actual) = (text(desired, "uid"), text(live, "uid"));
    if !asked.is_empty() && asked != actual {
        // The place in the store, below the prefix that a server has by default; a dry run leaves that out.
        let key = format!(
            "/registry/{}/{}/{}",
            kind.plural,
            text(live, "namespace"),
            text(live, "name")
        );
        let message = format!(
            "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, \
             AdditionalErrorMsg: Precondition failed: UID in precondition: {asked}, UID in object meta: {actual}"
        );
        return Merged::Conflict(vec![Cause {
            reason: "Conflict".to_owned(),
            field: "metadata.uid".to_owned(),
            message,
        }]);
    }
    match asked_version(desired, live) {
        Ok(()) => Merged::Object(Tree::of(desired)),
        Err(failed) => failed.into(),
    }
}

/// Why the server cannot read a document that is sent as it is (400): a value of a wrong type before a field that the
/// type does not have.
pub(super) fn unreadable(kind: &'static Kind, document: &Value, validation: FieldValidation) -> Option<Cause> {
    decode::first_fault(kind, document).or_else(|| match validation {
        FieldValidation::Strict => strict::fault_of_document(kind, document),
        FieldValidation::Ignore | FieldValidation::Warn => None,
    })
}
