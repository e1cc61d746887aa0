//! The server's normal form: what a Deployment looks like once Go has read and written it.

use serde_json::{Map, Value, json};

use super::quantity::{self, Rounding};
use super::shape::{Field, Shape, Struct, Wire};
use super::types::DEPLOYMENT;

/// Template annotations that the server drops on the way in.
///
/// Source: `pkg/apis/core/v1/conversion.go` dropInitContainerAnnotations.
const DROPPED_ANNOTATIONS: [&str; 4] = [
    "pod.beta.kubernetes.io/init-containers",
    "pod.alpha.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-container-statuses",
    "pod.alpha.kubernetes.io/init-container-statuses",
];

/// Brings a Deployment into the server's normal form, without defaults.
///
/// Nulls and the zero values of fields that Go omits go; values that Go always writes come; quantities get their canonical text; numbers in
/// integer fields lose a zero fraction; `serviceAccount` and `serviceAccountName` become equal. Fields the table does not know, and values of
/// another type than the table's, stay as they are.
///
/// Source: `encoding/json` over the structs of `k8s.io/api`; `pkg/apis/core/v1/conversion.go` for what conversion changes.
pub fn normalise(object: &mut Value) {
    normalise_as(object, Shape::Nested(&DEPLOYMENT));
}

/// [`normalise`] for a value of another shape than a whole Deployment.
pub fn normalise_as(value: &mut Value, shape: Shape) {
    match (shape, value) {
        (Shape::Nested(of), Value::Object(object)) => normalise_struct(object, of),
        (Shape::Map(inner) | Shape::AtomicMap(inner), Value::Object(entries)) => {
            entries.retain(|_, entry| !entry.is_null());
            for entry in entries.values_mut() {
                match inner {
                    // Every map of quantities in the tree is a resource list.
                    Shape::Quantity => canonicalise(entry, Rounding::Milli),
                    _ => normalise_as(entry, *inner),
                }
            }
        }
        (Shape::List(_, inner), Value::Array(items)) => {
            for item in items {
                // Go reads a null item as the zero value; only map entries can be left out.
                if let Some(zero) = zero(*inner).filter(|_| item.is_null()) {
                    *item = zero;
                }
                normalise_as(item, *inner);
            }
        }
        (Shape::Quantity, value) => canonicalise(value, Rounding::Nano),
        (Shape::Integer | Shape::IntOrString, value) => drop_zero_fraction(value),
        _ => {}
    }
}

fn normalise_struct(object: &mut Map<String, Value>, of: &Struct) {
    match of.name {
        "PodSpec" => join_service_account(object),
        "PodTemplateSpec" => drop_annotations(object),
        _ => {}
    }
    // By the values that are there, of which there are fewer than fields.
    object.retain(|name, value| match of.field(name) {
        _ if value.is_null() => false,
        None => true,
        Some(Field(_, wire, shape, _)) => {
            normalise_as(value, *shape);
            match wire {
                Wire::OmitEmpty => !is_zero(value, *shape),
                // Storage does not tell a required list that is empty from one that is absent.
                Wire::Always => !(matches!(shape, Shape::List(..)) && is_zero(value, *shape)),
                Wire::Pointer => true,
            }
        }
    });
    for Field(name, _, shape, _) in of.fields.iter().filter(|field| field.1 == Wire::Always) {
        if !object.contains_key(*name)
            && let Some(zero) = zero(*shape)
        {
            object.insert((*name).to_owned(), zero);
        }
    }
}

/// Whether it is the zero value of `encoding/json`. The zero of another type is none: the server refuses it rather than omit it.
fn is_zero(value: &Value, shape: Shape) -> bool {
    match (shape, value) {
        (Shape::Text, Value::String(text)) => text.is_empty(),
        (Shape::Integer, Value::Number(number)) => number.as_f64() == Some(0.0),
        (Shape::Boolean, Value::Bool(flag)) => !flag,
        (Shape::List(..), Value::Array(items)) => items.is_empty(),
        (Shape::Map(_) | Shape::AtomicMap(_) | Shape::Nested(_), Value::Object(entries)) => entries.is_empty(),
        _ => false,
    }
}

/// What Go writes for a value that is always written and was not set.
fn zero(shape: Shape) -> Option<Value> {
    match shape {
        Shape::Text => Some(json!("")),
        Shape::Integer | Shape::IntOrString => Some(json!(0)),
        Shape::Boolean => Some(json!(false)),
        Shape::Quantity => Some(json!("0")),
        Shape::Nested(of) => {
            let mut object = Map::new();
            normalise_struct(&mut object, of);
            Some(object.into())
        }
        Shape::Opaque | Shape::Map(_) | Shape::AtomicMap(_) | Shape::List(..) => None,
    }
}

/// Makes the deprecated alias and the field equal; the field wins.
///
/// Source: `pkg/apis/core/v1/conversion.go` Convert_v1_PodSpec_To_core_PodSpec and Convert_core_PodSpec_To_v1_PodSpec.
fn join_service_account(spec: &mut Map<String, Value>) {
    let set = |name: &str| spec.get(name).filter(|value| !value.is_null() && !is_zero(value, Shape::Text)).cloned();
    if let Some(name) = set("serviceAccountName").or_else(|| set("serviceAccount")) {
        spec.insert("serviceAccountName".to_owned(), name.clone());
        spec.insert("serviceAccount".to_owned(), name);
    }
}

fn drop_annotations(template: &mut Map<String, Value>) {
    let annotations = template.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.retain(|name, _| !DROPPED_ANNOTATIONS.contains(&name.as_str()));
    }
}

fn canonicalise(value: &mut Value, rounding: Rounding) {
    if let Some(text) = quantity::text_of(value).and_then(|text| quantity::canonical(&text, rounding)) {
        *value = text.into();
    }
}

fn drop_zero_fraction(value: &mut Value) {
    // Beyond 2^53 a double does not name one integer any more.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(float) = value.as_f64().filter(|float| value.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT) {
        *value = json!(float as i64);
    }
}
