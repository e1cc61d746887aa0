//! Whether a document is an object that kubectl would send, and which one.

use serde_json::Value;

use super::size;
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, ObjectId, escape_token};
use crate::source::yaml::{Document, Remark, told};

/// What makes two manifests describe one object: the version of the group does not tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    group: String,
    kind: String,
    namespace: Option<String>,
    name: String,
}

impl Identity {
    pub(super) fn of(id: &ObjectId) -> Self {
        let group = id.api_version.split_once('/').map_or("", |(group, _)| group);
        Self {
            group: group.to_owned(),
            kind: id.kind.clone(),
            namespace: id.namespace.clone(),
            name: id.name.clone(),
        }
    }
}

/// The longest that the words may be which name an object, in bytes. They stand in every list of what was found.
///
/// Source: group and version, and namespaces, are labels and subdomains of DNS, kinds labels
/// (`k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation`); the names of some kinds have no bound but that
/// of a request.
const LONGEST: [(&[&str], usize); 4] = [
    (&["apiVersion"], 253 + 1 + 63),
    (&["kind"], 63),
    (&["metadata", "namespace"], 63),
    (&["metadata", "name"], 1_024),
];

/// Names a document's object.
///
/// # Errors
/// The problem for which kubectl would refuse the document before it asks the server.
pub(super) fn identify(document: &Document, file: &str) -> Result<ObjectId, Box<Remark>> {
    let refuse = |pointer: &[&str], message: String, hint: &str| {
        let line = document.line_of(
            &pointer
                .iter()
                .map(|field| format!("/{}", escape_token(field)))
                .collect::<String>(),
        );
        let path = Some(pointer)
            .filter(|path| !path.is_empty())
            .map(|path| told(&FieldPath::of(path)));
        Box::new(Remark {
            path,
            ..Remark::line(file, line, message, hint)
        })
    };
    let value = &document.value;
    for field in ["apiVersion", "kind"] {
        match value.get(field) {
            Some(Value::String(text)) if !text.is_empty() => {}
            None | Some(Value::Null | Value::String(_)) => {
                let hint =
                    "every object needs `apiVersion` and `kind`; a file that is no manifest belongs outside the folder";
                return Err(refuse(&[], format!("the document has no `{field}`"), hint));
            }
            Some(other) => {
                return Err(refuse(
                    &[field],
                    format!("`{field}` is {}, not text", type_name(other)),
                    "quote it",
                ));
            }
        }
    }
    let metadata = &value["metadata"];
    for field in ["name", "namespace"] {
        match metadata.get(field) {
            None | Some(Value::Null | Value::String(_)) => {}
            Some(other) => {
                return Err(refuse(
                    &["metadata", field],
                    format!("`metadata.{field}` is {}, not text", type_name(other)),
                    "quote it",
                ));
            }
        }
    }
    for map in ["labels", "annotations"] {
        let entries = metadata.get(map).and_then(Value::as_object).into_iter().flatten();
        for (key, entry) in entries {
            if !matches!(entry, Value::String(_) | Value::Null) {
                let message = format!(
                    "the value of this entry of `metadata.{map}` is {}, not text",
                    type_name(entry)
                );
                return Err(refuse(&["metadata", map, key], message, "quote it"));
            }
        }
    }
    for (pointer, most) in LONGEST {
        let text = pointer
            .iter()
            .try_fold(value, |value, field| value.get(field))
            .and_then(Value::as_str)
            .unwrap_or_default();
        if text.len() > most {
            let message = format!(
                "`{}` is longer than {most} bytes, which no API server takes",
                pointer.join(".")
            );
            return Err(refuse(pointer, message, "shorten it"));
        }
    }
    match ObjectId::of(value) {
        Some(id) => match Kind::of_object(&id).and_then(|kind| size::refusal(kind, &id, value)) {
            Some((message, hint)) => Err(refuse(&[], message, hint)),
            None => Ok(id),
        },
        None if metadata.get("generateName").is_some_and(|prefix| !prefix.is_null()) => {
            let message = "`generateName` cannot be applied: each time it would be another object".to_owned();
            Err(refuse(
                &["metadata", "generateName"],
                message,
                "give the object a `metadata.name`",
            ))
        }
        None => Err(refuse(
            &[],
            "the document has no `metadata.name`".to_owned(),
            "give the object a name",
        )),
    }
}

/// A type in words.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
