//! What the server does to every write of a Deployment after the merge: its own bookkeeping, defaults, validation.
//!
//! Source: `staging/src/k8s.io/apiserver/pkg/registry/rest/update.go` BeforeUpdate and `pkg/registry/apps/deployment/strategy.go`.

use serde_json::{Map, Value};

use super::Cause;
use super::refusal::{as_stored, forget_empty_labels, refusals_of_update};
use super::unknown::forget_dropped_fields;

/// Metadata that a write cannot change: the server puts back its own.
const KEPT: &[&str] =
    &["creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink"];

/// Metadata that the request fills in where the document leaves it out.
const FILLED_IN: &[&str] = &["name", "namespace", "uid"];

/// The object as the server would store it, and why it would not.
pub(super) fn admit(mut merged: Value, live: &Value) -> (Value, Vec<Cause>) {
    keep_books(&mut merged, live);
    forget_dropped_fields(&mut merged, live);
    let mut stored = as_stored(merged);
    let causes = refusals_of_update(&stored, live);
    forget_empty_labels(&mut stored);
    (stored, causes)
}

fn keep_books(merged: &mut Value, live: &Value) {
    let Some(object) = merged.as_object_mut() else { return };
    put_back(object, live, "status");
    for name in ["apiVersion", "kind"] {
        put_back(object, live, name);
    }
    let own = live.get("metadata").unwrap_or(&Value::Null);
    if let Some(metadata) = object.entry("metadata").or_insert_with(|| Map::new().into()).as_object_mut() {
        for name in KEPT {
            put_back(metadata, own, name);
        }
        for name in FILLED_IN {
            if metadata.get(*name).is_none_or(|value| value.is_null() || value == "") {
                put_back(metadata, own, name);
            }
        }
    }
}

fn put_back(object: &mut Map<String, Value>, live: &Value, name: &str) {
    match live.get(name) {
        Some(value) => object.insert(name.to_owned(), value.clone()),
        None => object.remove(name),
    };
}

/// The conflict of a document that names a version of the object other than live's.
pub(super) fn stale_version(desired: &Value, live: &Value) -> Option<Cause> {
    let version = |object: &Value| object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
    let asked = version(desired);
    (!asked.is_empty() && asked != version(live)).then(|| Cause {
        reason: "Conflict".to_owned(),
        field: "metadata.resourceVersion".to_owned(),
        message: "the object has been modified; please apply your changes to the latest version and try again".to_owned(),
    })
}
