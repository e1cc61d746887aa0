//! How Go prints values in the server's and kubectl's messages.

use serde_json::Value;

/// A value as Go's `%v` prints it.
pub(super) fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let mut pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{}", printed(value))).collect();
            pairs.sort();
            format!("map[{}]", pairs.join(" "))
        }
        Value::Null => "<nil>".to_owned(),
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn maps_and_lists_are_printed_without_quotes_and_in_order() {
        assert_eq!(
            printed(&json!({"protocol": "TCP", "containerPort": 80, "more": [true, null]})),
            "map[containerPort:80 more:[true <nil>] protocol:TCP]"
        );
    }
}
