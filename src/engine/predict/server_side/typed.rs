//! What server-side apply says to an object that does not fit the schema; the server answers it with 500.
//!
//! Source: structured-merge-diff `typed/validate.go` and `typed/helpers.go`.

use serde_json::Value;

use super::super::Cause;
use super::super::go::printed;
use super::element::{element, have_same_name, is_named};
use super::server_path;
use crate::engine::object::{FieldPath, Segment, Trail};
use crate::engine::schema::{ListKind, Shape};

/// The faults of an applied object, with the path in the grammar of server-side apply. The server gives such a fault no reason.
pub(super) fn faults(object: &Value, shape: Shape) -> Vec<Cause> {
    let mut faults = Vec::new();
    check(&Trail::ROOT, object, shape, &mut faults);
    faults
}

fn check(path: &Trail<'_>, value: &Value, shape: Shape, out: &mut Vec<Cause>) {
    let mut fault = |message: String| out.push(cause(path, message));
    match (shape, value) {
        (_, Value::Null) => {}
        (Shape::Nested(of), Value::Object(fields)) => {
            for (name, inner) in fields {
                match of.field(name) {
                    Some(field) => check(&path.field(name), inner, field.2, out),
                    None => out.push(cause(&path.field(name), "field not declared in schema".to_owned())),
                }
            }
        }
        (Shape::Map(inner) | Shape::AtomicMap(inner), Value::Object(entries)) => {
            for (name, value) in entries {
                check(&path.field(name), value, *inner, out);
            }
        }
        (Shape::List(kind, inner), Value::Array(items)) => check_items(path, items, kind, *inner, out),
        (Shape::Nested(_) | Shape::Map(_) | Shape::AtomicMap(_), other) => fault(format!("expected map, got &{{{}}}", printed(other))),
        (Shape::List(..), other) => fault(format!("expected list, got &{{{}}}", printed(other))),
        (Shape::Text, other) if !other.is_string() => {
            fault(format!("expected string, got &value.valueUnstructured{{Value:{other}}}"));
        }
        (Shape::Integer, other) if !other.is_number() => fault(format!("expected numeric (int or float), got {}", go_type(other))),
        (Shape::Boolean, other) if !other.is_boolean() => fault(format!("expected boolean, got &{{{}}}", printed(other))),
        _ => {}
    }
}

fn cause(path: &Trail<'_>, message: String) -> Cause {
    Cause { reason: String::new(), field: server_path(&path.to_path()), message }
}

fn check_items(path: &Trail<'_>, items: &[Value], kind: ListKind, inner: Shape, out: &mut Vec<Cause>) {
    for (index, item) in items.iter().enumerate() {
        if kind == ListKind::Atomic {
            check(&path.item(&|| Segment::Index(index)), item, inner, out);
        } else if !is_named(kind, item) {
            out.push(cause(path, format!("element {index}: {}", unnamed(kind, item))));
        } else if items[..index].iter().any(|before| have_same_name(kind, before, item)) {
            let name = element(kind, item).unwrap_or(Segment::Index(index));
            out.push(cause(path, format!("duplicate entries for key {}", server_path(&FieldPath(vec![name])))));
        } else {
            check(&path.item(&|| element(kind, item).unwrap_or(Segment::Index(index))), item, inner, out);
        }
    }
}

/// Why an item has no name.
fn unnamed(kind: ListKind, item: &Value) -> &'static str {
    match (kind, item) {
        (ListKind::Map(_), Value::Null) => "associative list with keys may not have a null element",
        (ListKind::Map(_), _) => "associative list with keys may not have non-map elements",
        (_, Value::Object(_)) => "associative list without keys has an element that's a map type",
        (_, Value::Array(_)) => "not supported: associative list with lists as elements",
        (_, _) => "associative list without keys has an element that's an explicit null",
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Array(_) => "[]interface {}",
        _ => "map[string]interface {}",
    }
}
