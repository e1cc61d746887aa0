//! Clamps what is to be written to what its own schema allows, so that no input makes a status that the API server
//! refuses for ever.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Ends a text that was cut.
const MARK: &str = "…";

/// Cuts each text to the characters and each list to the items that the schema of its type allows (`maxLength`,
/// `maxItems`). Values that have no such bound stay as they are, and so does the whole where it cannot be read back.
pub fn clamp<T: JsonSchema + Serialize + DeserializeOwned + 'static>(value: T) -> T {
    let Ok(mut json) = serde_json::to_value(&value) else {
        return value;
    };
    if !clamped(&mut json, &schema::<T>()) {
        return value;
    }
    serde_json::from_value(json).unwrap_or(value)
}

/// The schema of a type, which is made once.
fn schema<T: JsonSchema + 'static>() -> Arc<Value> {
    static MADE: LazyLock<Mutex<HashMap<TypeId, Arc<Value>>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(TypeId::of::<T>())
        .or_insert_with(|| {
            let settings = SchemaSettings::openapi3().with(|settings| settings.inline_subschemas = true);
            Arc::new(SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value())
        })
        .clone()
}

/// Whether something was cut.
fn clamped(value: &mut Value, schema: &Value) -> bool {
    let limit = |key: &str| {
        schema
            .get(key)
            .and_then(Value::as_u64)
            .and_then(|limit| usize::try_from(limit).ok())
    };
    let mut cut = false;
    match value {
        Value::String(text) => {
            if let Some(limit) = limit("maxLength").filter(|limit| text.chars().count() > *limit) {
                let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
                *text = kept + MARK;
                cut = true;
            }
        }
        Value::Array(items) => {
            if let Some(limit) = limit("maxItems").filter(|limit| items.len() > *limit) {
                items.truncate(limit);
                cut = true;
            }
            if let Some(of_items) = schema.get("items") {
                for item in items {
                    cut |= clamped(item, of_items);
                }
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if let Some(of_member) = schema.get("properties").and_then(|properties| properties.get(name)) {
                    cut |= clamped(member, of_member);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    // A type that may be absent is written as one of several.
    for key in ["anyOf", "allOf", "oneOf"] {
        for part in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            cut |= clamped(value, part);
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::api::v1alpha1::{Condition, ConditionStatus, ReportStatus};

    #[test]
    fn texts_and_lists_are_cut_to_their_bounds_and_the_rest_stays() {
        let condition = |letters: usize| Condition {
            type_: "Ready".to_owned(),
            status: ConditionStatus::True,
            reason: "Assessed".to_owned(),
            message: "ü".repeat(letters),
            last_transition_time: jiff::Timestamp::UNIX_EPOCH,
            observed_generation: None,
        };
        let status = ReportStatus {
            conditions: vec![condition(5_000); 40],
            ..ReportStatus::default()
        };
        let clamped = clamp(status);
        assert_eq!(clamped.conditions.len(), 16);
        assert_eq!(clamped.conditions[0].message.chars().count(), 2_048);
        let small = ReportStatus {
            conditions: vec![condition(10)],
            summary: "ü".repeat(2_048),
            ..ReportStatus::default()
        };
        assert_eq!(clamp(small.clone()), small);
    }

    /// Every text and list of the schema has a bound, but for values of fields, which may be anything.
    fn unbounded(path: &str, schema: &Value, found: &mut Vec<String>) {
        let has = |key: &str| schema.get(key).is_some();
        let is = |kind: &str| {
            let of = schema.get("type");
            of.and_then(Value::as_str) == Some(kind)
                || of
                    .and_then(Value::as_array)
                    .is_some_and(|kinds| kinds.iter().any(|one| one == kind))
        };
        if is("string")
            && !["maxLength", "enum", "const", "format", "pattern"]
                .iter()
                .any(|key| has(key))
        {
            found.push(path.to_owned());
        }
        if is("array") && !has("maxItems") {
            found.push(format!("{path}[]"));
        }
        for (name, of_member) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            unbounded(&format!("{path}.{name}"), of_member, found);
        }
        if let Some(of_items) = schema.get("items") {
            unbounded(&format!("{path}[]"), of_items, found);
        }
        for key in ["anyOf", "allOf", "oneOf"] {
            for part in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                unbounded(path, part, found);
            }
        }
    }

    #[cfg(feature = "edge")]
    #[test]
    fn everything_in_the_status_of_a_watch_is_bounded_by_its_crd() {
        let mut found = Vec::new();
        unbounded(
            "status",
            &schema::<crate::api::v1alpha1::DriftWatchStatus>(),
            &mut found,
        );
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn everything_in_the_status_of_a_report_is_bounded_by_its_crd() {
        let mut found = Vec::new();
        unbounded("status", &schema::<ReportStatus>(), &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
