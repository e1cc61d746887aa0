//! How Go prints values in the server's and kubectl's messages.

use serde_json::Value;

use crate::engine::schema::Shape;
use crate::engine::schema::shape::{Field, Wire};

/// A value as Go's `%v` prints it.
pub(in crate::engine) fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let mut pairs: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}:{}", printed(value)))
                .collect();
            pairs.sort();
            format!("map[{}]", pairs.join(" "))
        }
        Value::Null => "<nil>".to_owned(),
        scalar => scalar.to_string(),
    }
}

/// A value as Go's `%#v` prints what `encoding/json` reads.
pub(in crate::engine) fn syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) => format!(
            "[]interface {{}}{{{}}}",
            items.iter().map(syntax).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(fields) => {
            let pairs: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), syntax(value)))
                .collect();
            format!("map[string]interface {{}}{{{}}}", pairs.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// A value as `json.Marshal` writes a Go type of this shape: the fields of a struct in the order of the type, the keys
/// of a map sorted.
pub(super) fn marshalled(value: &Value, shape: Shape) -> String {
    match (value, shape) {
        (Value::Object(fields), Shape::Nested(of)) => {
            let written = of.fields.iter().filter_map(|Field(name, wire, shape, _)| {
                let value = match (fields.get(*name), wire, shape) {
                    (Some(value), _, shape) => marshalled(value, *shape),
                    // What Go always writes.
                    (None, Wire::Always, Shape::Text) => "\"\"".to_owned(),
                    (None, Wire::Always, Shape::Integer) => "0".to_owned(),
                    (None, Wire::Always, Shape::Boolean) => "false".to_owned(),
                    (None, _, _) => return None,
                };
                Some(format!("{}:{value}", Value::from(*name)))
            });
            format!("{{{}}}", written.collect::<Vec<_>>().join(","))
        }
        (Value::Array(items), Shape::List(_, item)) => {
            format!(
                "[{}]",
                items
                    .iter()
                    .map(|value| marshalled(value, *item))
                    .collect::<Vec<_>>()
                    .join(",")
            )
        }
        (other, _) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::schema::DEPLOYMENT;
    use serde_json::json;

    #[test]
    fn structs_are_written_in_the_order_of_their_fields() {
        let references =
            json!([{"controller": true, "apiVersion": "v1", "uid": "1", "name": "a", "kind": "ConfigMap"}]);
        let shape = crate::engine::schema::shape_at(DEPLOYMENT, "metadata.ownerReferences").unwrap();
        let wanted = r#"[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"1","controller":true}]"#;
        assert_eq!(marshalled(&references, shape), wanted);
    }

    #[test]
    fn a_value_is_spelt_with_its_types() {
        let wanted = r#"map[string]interface {}{"a":[]interface {}{1, "x", true}, "b":interface {}(nil)}"#;
        assert_eq!(syntax(&json!({"b": null, "a": [1, "x", true]})), wanted);
    }

    #[test]
    fn maps_and_lists_are_printed_without_quotes_and_in_order() {
        assert_eq!(
            printed(&json!({"protocol": "TCP", "containerPort": 80, "more": [true, null]})),
            "map[containerPort:80 more:[true <nil>] protocol:TCP]"
        );
    }
}
