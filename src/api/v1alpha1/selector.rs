//! A label selector with bounds: Kubernetes' own type has none, and each of its parts is held against the labels of
//! every object of a source.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

/// The most labels, requirements, and values of one requirement.
const PARTS: usize = 64;

/// The longest name of a label: a subdomain, a slash and a name.
const NAME_CHARACTERS: usize = 253 + 1 + 63;

/// The longest value of a label.
const VALUE_CHARACTERS: usize = 63;

/// The schema of a selector that may be absent.
pub(super) fn bounded(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = LabelSelector::json_schema(generator).to_value();
    for (pointer, bound, most) in [
        ("/properties/matchExpressions", "maxItems", PARTS),
        (
            "/properties/matchExpressions/items/properties/key",
            "maxLength",
            NAME_CHARACTERS,
        ),
        (
            "/properties/matchExpressions/items/properties/operator",
            "maxLength",
            VALUE_CHARACTERS,
        ),
        (
            "/properties/matchExpressions/items/properties/values",
            "maxItems",
            PARTS,
        ),
        (
            "/properties/matchExpressions/items/properties/values/items",
            "maxLength",
            VALUE_CHARACTERS,
        ),
        ("/properties/matchLabels", "maxProperties", PARTS),
        (
            "/properties/matchLabels/additionalProperties",
            "maxLength",
            VALUE_CHARACTERS,
        ),
    ] {
        if let Some(part) = schema.pointer_mut(pointer).and_then(Value::as_object_mut) {
            part.insert(bound.to_owned(), json!(most));
        }
    }
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("nullable".to_owned(), json!(true));
    }
    Schema::try_from(schema).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt;

    use crate::api::v1alpha1::DriftWatch;

    #[test]
    fn every_part_of_a_selector_has_a_bound() {
        let crd = serde_json::to_value(DriftWatch::crd()).unwrap();
        let selector = crd
            .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/selector")
            .unwrap();
        let text = selector.to_string();
        assert_eq!(
            (
                text.matches("maxItems").count(),
                text.matches("maxLength").count(),
                text.matches("maxProperties").count()
            ),
            (2, 4, 1),
            "{text}"
        );
        assert_eq!(
            (selector["type"].as_str(), selector["nullable"].as_bool()),
            (Some("object"), Some(true)),
            "{text}"
        );
    }
}
