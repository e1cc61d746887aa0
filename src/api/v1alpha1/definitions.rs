//! The definitions of both resources, as they are applied.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use super::{DriftReport, DriftWatch};

/// Both definitions, ready to be applied.
pub fn definitions() -> [CustomResourceDefinition; 2] {
    [DriftReport::crd(), DriftWatch::crd()].map(with_known_formats)
}

/// Takes away the integer formats that Rust knows and the API server does not: it warns of each
/// (`unrecognized format`).
fn with_known_formats(definition: CustomResourceDefinition) -> CustomResourceDefinition {
    fn clean(node: &mut Value) {
        match node {
            Value::Object(fields) => {
                if fields
                    .get("format")
                    .and_then(Value::as_str)
                    .is_some_and(|format| format.starts_with("uint"))
                {
                    fields.remove("format");
                }
                fields.values_mut().for_each(clean);
            }
            Value::Array(items) => items.iter_mut().for_each(clean),
            _ => {}
        }
    }
    let Ok(mut value) = serde_json::to_value(&definition) else {
        return definition;
    };
    clean(&mut value);
    serde_json::from_value(value).unwrap_or(definition)
}
