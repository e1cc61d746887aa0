//! Which objects no API server stores for their size: they are refused before anything is held or derived of them.

use serde_json::Value;

use crate::engine::kind::Kind;
use crate::engine::object::ObjectId;
use crate::engine::schema::{ListKind, Shape};

/// The most bytes of texts in an object: etcd takes no larger request unless somebody sets `--max-request-bytes`,
/// and every watcher gets the object whole.
const MOST: usize = 1_536 << 10;

/// The longest word by which a field or the item of a list is named: Linux has no longer path, and all other names are
/// shorter. It stands in the path of everything below it.
const LONGEST_NAME: usize = 4_096;

/// The longest name of an object, in bytes: a subdomain of DNS.
const LONGEST_OF_ALL: usize = 253;

/// Why an object of this kind is too large, and what to do.
pub(super) fn refusal(kind: &Kind, id: &ObjectId, value: &Value) -> Option<(String, &'static str)> {
    if id.name.len() > LONGEST_OF_ALL {
        return Some((
            format!("the name of the {kind} is longer than {LONGEST_OF_ALL} bytes, which no API server takes"),
            "shorten it",
        ));
    }
    let mut longest = 0;
    if texts(value, &mut longest) > MOST {
        let message = format!(
            "the {kind} has more than {} KiB of text, which no API server stores",
            MOST >> 10
        );
        return Some((message, "move the data to ConfigMaps or into the image"));
    }
    (longest > LONGEST_NAME || has_long_item(value, kind.root)).then(|| {
        let message =
            format!("a field or an item of a list in the {kind} has a name of more than {LONGEST_NAME} bytes");
        (message, "shorten the name")
    })
}

/// How many bytes the texts of a value have, and how long the longest name of a field is.
fn texts(value: &Value, longest: &mut usize) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| texts(item, longest)).sum(),
        Value::Object(fields) => {
            let mut of_field = |(name, value): (&String, &Value)| {
                *longest = name.len().max(*longest);
                name.len() + texts(value, longest)
            };
            fields.iter().map(&mut of_field).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Whether an item of a list that is named by values of its own has a long one.
fn has_long_item(value: &Value, shape: Shape) -> bool {
    let long = |value: Option<&Value>| {
        value
            .and_then(Value::as_str)
            .is_some_and(|text| text.len() > LONGEST_NAME)
    };
    match (value, shape) {
        (Value::Object(fields), Shape::Nested(of)) => fields
            .iter()
            .any(|(name, value)| of.field(name).is_some_and(|field| has_long_item(value, field.2))),
        (Value::Array(items), Shape::List(kind, of_item)) => items.iter().any(|item| {
            let named_long = match kind {
                ListKind::Map(keys) => keys.iter().any(|key| long(item.get(key))),
                ListKind::Set => long(Some(item)),
                ListKind::Atomic => false,
            };
            named_long || has_long_item(item, *of_item)
        }),
        _ => false,
    }
}
