//! What the server does to every write of a Deployment after the merge: its own bookkeeping, defaults, validation.
//!
//! Source: `staging/src/k8s.io/apiserver/pkg/registry/rest/update.go` BeforeUpdate and `pkg/registry/apps/deployment/strategy.go`.

use serde_json::{Map, Value};

use super::Cause;
use super::refusal::{as_stored, forget_empty, refusals_of_update};
use super::unknown::forget_dropped_fields;

/// Metadata that a write cannot change: the server puts back its own.
const KEPT: &[&str] =
    &["creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "resourceVersion", "selfLink"];

/// Metadata that the request fills in where the document leaves it out.
const FILLED_IN: &[&str] = &["name", "namespace", "uid"];

/// The object as the server would store it, but for its status and managedFields, and why it would not.
pub(super) fn admit(mut merged: Value, live: &Value) -> (Value, Vec<Cause>) {
    keep_books(&mut merged, live);
    forget_dropped_fields(&mut merged, live);
    let mut stored = as_stored(merged);
    let causes = refusals_of_update(&stored, live);
    forget_empty(&mut stored);
    if let Some(object) = stored.as_object_mut() {
        // Defaults make an empty one.
        object.remove("status");
    }
    (stored, causes)
}

/// A copy of live as a write of the spec starts from it: without status and managedFields, which are half of the object and the server's own.
/// Where what is written has a word on them, they stay.
pub fn without_books(live: &Value, written: &Value) -> Value {
    let Value::Object(members) = live else { return live.clone() };
    let in_metadata = |name: &str| written.get("metadata").is_some_and(|metadata| metadata.get(name).is_some());
    let kept = members.iter().filter(|(name, _)| *name != "status" || written.get("status").is_some());
    let copied = kept.map(|(name, member)| match (name.as_str(), member) {
        ("metadata", Value::Object(metadata)) => {
            let kept = metadata.iter().filter(|(name, _)| *name != "managedFields" || in_metadata("managedFields"));
            (name.clone(), kept.map(|(name, member)| (name.clone(), member.clone())).collect())
        }
        _ => (name.clone(), member.clone()),
    });
    copied.collect()
}

fn keep_books(merged: &mut Value, live: &Value) {
    let Some(object) = merged.as_object_mut() else { return };
    object.remove("status");
    for name in ["apiVersion", "kind"] {
        put_back(object, live, name);
    }
    let own = live.get("metadata").unwrap_or(&Value::Null);
    if let Some(metadata) = object.entry("metadata").or_insert_with(|| Map::new().into()).as_object_mut() {
        metadata.remove("managedFields");
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
        Some(value) if object.get(name) == Some(value) => {}
        Some(value) => drop(object.insert(name.to_owned(), value.clone())),
        None => drop(object.remove(name)),
    }
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
