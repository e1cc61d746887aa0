//! What is put at a place: each kind of value that a person or a template may leave there by mistake.

use driftmend::engine::schema::Shape;
use serde_json::{Value, json};

/// Longer than any name, label and path segment may be.
const LONG: usize = 300;

/// The kinds for a place, each by name, and what it holds; none takes the field away. `present` is what stands there.
pub fn values(shape: Shape, present: Option<&Value>) -> Vec<(&'static str, Option<Value>)> {
    let mut all = vec![("absent", None), ("null", Some(Value::Null))];
    all.extend(
        of_shape(shape, present)
            .into_iter()
            .map(|(kind, value)| (kind, Some(value))),
    );
    // An item of a list is not taken away: the list without it is a list of another kind.
    all
}

fn of_shape(shape: Shape, present: Option<&Value>) -> Vec<(&'static str, Value)> {
    let long = "a".repeat(LONG);
    match shape {
        Shape::Text => vec![
            ("empty", json!("")),
            ("wrong word", json!("Nonsense")),
            ("odd", json!("../ B_d$%")),
            ("too long", json!(long)),
            ("number", json!(5)),
            ("flag", json!(true)),
            ("list", json!([])),
            ("map", json!({})),
        ],
        Shape::Integer => vec![
            ("zero", json!(0)),
            ("negative", json!(-1)),
            ("largest", json!(i32::MAX)),
            ("above 32 bits", json!(i64::from(i32::MAX) + 1)),
            ("below 32 bits", json!(i64::from(i32::MIN) - 1)),
            ("above 64 bits", json!(i64::MAX as u64 + 1)),
            ("fraction", json!(1.5)),
            ("text", json!("1")),
            ("flag", json!(true)),
            ("list", json!([])),
            ("map", json!({})),
        ],
        Shape::Boolean => vec![
            ("true", json!(true)),
            ("false", json!(false)),
            ("text", json!("true")),
            ("number", json!(1)),
            ("list", json!([])),
            ("map", json!({})),
        ],
        Shape::Quantity => vec![
            ("zero", json!(0)),
            ("negative", json!("-1")),
            ("empty", json!("")),
            ("wrong suffix", json!("1K")),
            ("wrong word", json!("much")),
            ("too large", json!("1e30")),
            ("too small", json!("0.0001")),
            ("fraction", json!(1.5)),
            ("flag", json!(true)),
            ("list", json!([])),
            ("map", json!({})),
        ],
        Shape::IntOrString => vec![
            ("zero", json!(0)),
            ("negative", json!(-1)),
            ("above 32 bits", json!(i64::from(i32::MAX) + 1)),
            ("below 32 bits", json!(i64::from(i32::MIN) - 1)),
            ("fraction", json!(1.5)),
            ("empty", json!("")),
            ("wrong word", json!("Non sense")),
            ("percent", json!("150%")),
            ("flag", json!(true)),
            ("list", json!([])),
            ("map", json!({})),
        ],
        Shape::Opaque => vec![
            ("time", json!("2026-01-01T00:00:00Z")),
            ("empty", json!("")),
            ("wrong word", json!("yesterday")),
            ("number", json!(5)),
            ("flag", json!(true)),
            ("list", json!([])),
            ("map", json!({})),
        ],
        Shape::Map(value) | Shape::AtomicMap(value) => {
            let value = crate::base::sample(*value);
            vec![
                ("empty", json!({})),
                ("empty key", json!({"": value})),
                ("odd name", json!({"odd name!": value})),
                ("too long", json!({long: value})),
                ("text", json!("a")),
                ("number", json!(5)),
                ("list", json!([])),
            ]
        }
        Shape::List(_, item) => {
            let items = match present {
                Some(Value::Array(items)) if !items.is_empty() => items.clone(),
                _ => vec![crate::base::sample(*item)],
            };
            let twice: Vec<Value> = items.iter().chain(items.first()).cloned().collect();
            vec![
                ("empty", json!([])),
                ("twice", json!(twice)),
                ("text", json!("a")),
                ("number", json!(5)),
                ("map", json!({})),
            ]
        }
        Shape::Nested(_) => {
            vec![
                ("empty", json!({})),
                ("text", json!("a")),
                ("number", json!(5)),
                ("list", json!([])),
            ]
        }
    }
}
