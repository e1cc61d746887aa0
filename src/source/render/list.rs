//! `kind: List` and its kin, as `kubectl get -o yaml` writes them.

use serde_json::Value;

use super::object::type_name;
use crate::source::yaml::{Document, Lines, Remark};

/// The objects of a document: its items if it is a List, else itself; instead of them the problem for which kubectl
/// would refuse the whole List.
///
/// A document is a List when it has `items`; an item without a kind takes that of its List (`ConfigMapList`), as
/// kubectl does.
///
/// Source: `unstructuredJSONScheme.decodeToList` of
/// `k8s.io/apimachinery/pkg/apis/meta/v1/unstructured/helpers.go`.
pub(super) fn expand(document: Document, file: &str) -> Vec<Result<Document, Box<Remark>>> {
    items(document, file).map_or_else(
        |problem| vec![Err(problem)],
        |objects| objects.into_iter().map(Ok).collect(),
    )
}

fn items(mut document: Document, file: &str) -> Result<Vec<Document>, Box<Remark>> {
    let text = |field: &str| {
        document
            .value
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    match document.value.get("items") {
        Some(Value::Array(_)) => {}
        None if kind != "List" => return Ok(vec![document]),
        other => {
            let found = other.map_or("absent", type_name);
            let message = format!("`items` is {found}, not a list");
            return Err(Box::new(Remark::line(
                file,
                document.line_of("/items"),
                message,
                "write `items: []` for an empty list",
            )));
        }
    }
    let parts = document.lines.items(&document.value, "/items");
    let Some(Value::Array(items)) = document.value.get_mut("items").map(Value::take) else {
        return Ok(Vec::new());
    };
    let mut objects = Vec::with_capacity(items.len());
    for (index, (item, (line, lines))) in items.into_iter().zip(parts).enumerate() {
        let line = line.unwrap_or(document.line);
        let refuse = |message: String, hint| {
            Err(Box::new(Remark {
                path: Some(format!(".items[{index}]")),
                ..Remark::line(file, line, message, hint)
            }))
        };
        match &item {
            Value::Object(map) if map.get("items").is_some_and(Value::is_array) => {
                return refuse(
                    "a List stands in a List, which kubectl does not expand".to_owned(),
                    "move its items up",
                );
            }
            Value::Object(_) => objects.push(with_kind(
                Document {
                    value: item,
                    line,
                    lines,
                },
                &api_version,
                &kind,
            )),
            other => {
                return refuse(
                    format!("an item of the List is {}, not an object", type_name(other)),
                    "delete the item",
                );
            }
        }
    }
    Ok(objects)
}

/// Gives an item without a kind that of its List.
fn with_kind(mut item: Document, api_version: &str, list: &str) -> Document {
    let bare = item.value.get("kind").is_none() && item.value.get("apiVersion").is_none();
    if let (true, Some(kind), Some(map)) = (
        bare,
        list.strip_suffix("List").filter(|kind| !kind.is_empty()),
        item.value.as_object_mut(),
    ) {
        map.insert("apiVersion".to_owned(), api_version.into());
        map.insert("kind".to_owned(), kind.into());
        // The lines fit the item as it was written.
        item.lines = Lines::default();
    }
    item
}
