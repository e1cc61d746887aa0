//! Labels and annotations, by which the tools know again what they applied.

use serde_json::{Map, Value, json};

/// Sets an entry of `metadata.labels` or `metadata.annotations`.
pub(in crate::engine) fn set(object: &mut Value, map: &str, key: &str, value: &str) {
    let Some(metadata) = object
        .as_object_mut()
        .map(|object| object.entry("metadata").or_insert_with(|| json!({})))
    else {
        return;
    };
    let Some(entries) = metadata
        .as_object_mut()
        .map(|metadata| metadata.entry(map).or_insert_with(|| json!({})))
    else {
        return;
    };
    if !entries.is_object() {
        *entries = Value::Object(Map::new());
    }
    if let Some(entries) = entries.as_object_mut() {
        entries.insert(key.to_owned(), value.into());
    }
}

/// An entry of `metadata.labels` or `metadata.annotations`.
pub(in crate::engine) fn entry<'a>(object: &'a Value, map: &str, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get(map)?.get(key)?.as_str()
}

/// The entry of an object's `metadata`, with its namespace and name.
pub(in crate::engine) fn name_of(object: &Value, key: &str) -> String {
    object
        .pointer(&format!("/metadata/{key}"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
