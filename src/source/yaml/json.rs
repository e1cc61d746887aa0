//! JSON files: one object, or several one after another, as Go's `json.Decoder` takes them.

use serde_json::{Deserializer, Value};

use super::budget::{Exceeded, MAX_BYTES, MAX_NODES, map_cost, plain_cost};

/// One value of a JSON stream and the bytes it was read from.
pub(super) struct Element {
    pub(super) value: Value,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What the beginning of a text gave when it was read as JSON.
pub(super) struct Stream {
    pub(super) elements: Vec<Element>,

    /// Why it stopped before the end.
    pub(super) error: Option<serde_json::Error>,
}

/// Whether kubectl tries JSON first.
///
/// Source: `IsJSONBuffer` of `k8s.io/apimachinery/pkg/util/yaml/decoder.go`.
pub(super) fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Whether kubectl fails on this error at once. A number beyond a float is JSON to Go's decoder, so that YAML is not
/// tried, for which it would be text.
pub(super) fn is_final(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("number out of range")
}

/// Reads values until the text ends or stops being JSON.
pub(super) fn read(text: &str) -> Stream {
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let mut elements = Vec::new();
    loop {
        let from = values.byte_offset();
        let start = from + (text[from..].len() - text[from..].trim_start().len());
        match values.next() {
            Some(Ok(value)) => elements.push(Element {
                value: as_kubernetes(value),
                start,
                end: values.byte_offset(),
            }),
            Some(Err(error)) => {
                return Stream {
                    elements,
                    error: Some(error),
                };
            }
            None => return Stream { elements, error: None },
        }
    }
}

/// Numbers as `sigs.k8s.io/json` keeps them: an integer of 64 bits, or a float.
fn as_kubernetes(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(as_kubernetes).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| (key, as_kubernetes(value)))
                .collect(),
        ),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::from(integer),
            // `-0` is an integer to Go, and `-0.0` equals it.
            (None, Some(0.0)) if number.to_string().starts_with('-') => Value::from(0),
            (None, Some(float)) => Value::from(float),
            (None, None) => Value::Number(number),
        },
        other => other,
    }
}

/// Whether a text, read as JSON, stays within what one file may ask for; counted before memory is taken.
pub(super) fn weigh(text: &str) -> Result<(), Exceeded> {
    let (mut values, mut bytes, mut quoted, mut escaped) = (1_usize, text.len(), false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b',' | b'[' => (values, bytes) = (values + 1, bytes + plain_cost(0)),
            b'{' => (values, bytes) = (values + 1, bytes + map_cost(1)),
            _ => {}
        }
    }
    match (values > MAX_NODES, bytes > MAX_BYTES) {
        (true, _) => Err(Exceeded::Nodes),
        (_, true) => Err(Exceeded::Bytes),
        _ => Ok(()),
    }
}
