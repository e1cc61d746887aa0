//! What server-side apply says to an object that does not fit the schema; the server answers it with 500.
//!
//! Source: structured-merge-diff `typed/validate.go` and `typed/helpers.go`.

use super::super::Cause;
use super::element::{element, have_same_name, is_named};
use super::server_path;
use crate::engine::object::{FieldPath, Segment, Trail};
use crate::engine::schema::{ListKind, Shape, Tree, go_type_of};
use crate::engine::validation::go::{printed, syntax};

/// The faults of an applied object, with the path in the grammar of server-side apply. The server gives such a fault no
/// reason.
pub(super) fn faults(object: &Tree<'_>, shape: Shape) -> Vec<Cause> {
    let mut faults = Vec::new();
    check(&Trail::ROOT, object, shape, &mut faults);
    faults
}

fn check(path: &Trail<'_>, value: &Tree<'_>, shape: Shape, out: &mut Vec<Cause>) {
    let mut fault = |message: String| out.push(cause(path, message));
    match (shape, value) {
        (_, Tree::Null) => {}
        (Shape::Nested(of), Tree::Map(fields)) => {
            for (name, inner) in fields.iter() {
                match of.field(name) {
                    // What a manager owns is any map.
                    Some(field) if matches!(field.2, Shape::Opaque) && !go_type_of(of, field).is_time() => {
                        if inner.as_map().is_none() && !inner.is_null() {
                            out.push(cause(&path.field(name), not_a_map(inner)));
                        }
                    }
                    Some(field) => check(&path.field(name), inner, field.2, out),
                    None => out.push(cause(&path.field(name), "field not declared in schema".to_owned())),
                }
            }
        }
        (Shape::Map(inner) | Shape::AtomicMap(inner), Tree::Map(entries)) => {
            for (name, value) in entries.iter() {
                check(&path.field(name), value, *inner, out);
            }
        }
        (Shape::List(kind, inner), Tree::List(items)) => check_items(path, items, kind, *inner, out),
        (Shape::Nested(_) | Shape::Map(_) | Shape::AtomicMap(_), other) => {
            fault(not_a_map(other));
        }
        (Shape::List(..), other) => fault(format!("expected list, got &{{{}}}", printed(&other.to_value()))),
        (Shape::Text, other) if other.as_str().is_none() => {
            fault(format!(
                "expected string, got &value.valueUnstructured{{Value:{}}}",
                syntax(&other.to_value())
            ));
        }
        (Shape::Integer, other) if other.as_number().is_none() => {
            fault(format!("expected numeric (int or float), got {}", go_type(other)))
        }
        (Shape::Boolean, other) if !matches!(other, Tree::Flag(_)) => {
            fault(format!("expected boolean, got &{{{}}}", printed(&other.to_value())))
        }
        // A number or a text, and in the server's schema a time is no more than that; what may be either by its type is
        // not looked at.
        (Shape::Quantity | Shape::Opaque, other @ (Tree::Map(_) | Tree::List(_))) => {
            fault(format!("expected any scalar, got &{{{}}}", printed(&other.to_value())));
        }
        _ => {}
    }
}

fn not_a_map(value: &Tree<'_>) -> String {
    format!("expected map, got &{{{}}}", printed(&value.to_value()))
}

fn cause(path: &Trail<'_>, message: String) -> Cause {
    Cause {
        reason: String::new(),
        field: server_path(&path.to_path()),
        message,
    }
}

fn check_items(path: &Trail<'_>, items: &[Tree<'_>], kind: ListKind, inner: Shape, out: &mut Vec<Cause>) {
    for (index, item) in items.iter().enumerate() {
        if kind == ListKind::Atomic {
            check(&path.item(&|| Segment::Index(index)), item, inner, out);
            continue;
        }
        if !is_named(kind, item) {
            // The server looks at no further item then.
            return out.push(cause(path, format!("element {index}: {}", unnamed(kind, item))));
        }
        let name = || element(kind, item).unwrap_or(Segment::Index(index));
        if items[..index].iter().any(|before| have_same_name(kind, before, item)) {
            out.push(cause(
                path,
                format!("duplicate entries for key {}", server_path(&FieldPath(vec![name()]))),
            ));
        }
        check(&path.item(&name), item, inner, out);
    }
}

/// Why an item has no name.
fn unnamed(kind: ListKind, item: &Tree<'_>) -> &'static str {
    match (kind, item) {
        (ListKind::Map(_), Tree::Null) => "associative list with keys may not have a null element",
        (ListKind::Map(_), _) => "associative list with keys may not have non-map elements",
        (_, Tree::Map(_)) => "associative list without keys has an element that's a map type",
        (_, Tree::List(_)) => "not supported: associative list with lists as elements",
        (_, _) => "associative list without keys has an element that's an explicit null",
    }
}

fn go_type(value: &Tree<'_>) -> &'static str {
    match value {
        Tree::Text(_) => "string",
        Tree::Flag(_) => "bool",
        Tree::List(_) => "[]interface {}",
        _ => "map[string]interface {}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::schema::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    fn in_pod(fields: Value) -> Value {
        json!({"spec": {"template": {"spec": fields}}})
    }

    #[test]
    fn values_of_wrong_types_are_told_in_the_words_of_go() {
        let told = |object: Value| -> Vec<String> {
            faults(&Tree::of(&object), DEPLOYMENT)
                .into_iter()
                .map(|cause| format!("{}: {}", cause.field, cause.message))
                .collect()
        };
        let pod = ".spec.template.spec";
        for (template, wanted) in [
            (
                json!({"hostname": {}}),
                vec![format!(
                    "{pod}.hostname: expected string, got &value.valueUnstructured{{Value:map[string]interface \
                     {{}}{{}}}}"
                )],
            ),
            (
                json!({"overhead": {"cpu": {}}}),
                vec![format!("{pod}.overhead.cpu: expected any scalar, got &{{map[]}}")],
            ),
            (
                json!({"schedulingGates": [{"name": {}}]}),
                vec![format!(
                    "{pod}.schedulingGates[name=].name: expected string, got \
                     &value.valueUnstructured{{Value:map[string]interface {{}}{{}}}}"
                )],
            ),
            // What may be a number or a text is not looked at.
            (
                json!({"containers": [{"name": "a", "livenessProbe": {"httpGet": {"port": []}}}]}),
                vec![],
            ),
            // An item without a name ends the list, and one that is there twice does not.
            (
                json!({"schedulingGates": [5, 6]}),
                vec![format!(
                    "{pod}.schedulingGates: element 0: associative list with keys may not have non-map elements"
                )],
            ),
            (
                json!({"containers": [{"name": "a"}, {"name": "a", "image": 5}]}),
                vec![
                    format!("{pod}.containers: duplicate entries for key [name=\"a\"]"),
                    format!(
                        "{pod}.containers[name=\"a\"].image: expected string, got &value.valueUnstructured{{Value:5}}"
                    ),
                ],
            ),
        ] {
            assert_eq!(told(in_pod(template)), wanted);
        }
        let mut dumped = in_pod(json!({}));
        dumped["spec"]["template"]["metadata"]["managedFields"] = json!([{"time": {}, "fieldsV1": 5}]);
        let entry = ".spec.template.metadata.managedFields[0]";
        assert_eq!(
            told(dumped),
            [
                format!("{entry}.fieldsV1: expected map, got &{{5}}"),
                format!("{entry}.time: expected any scalar, got &{{map[]}}")
            ]
        );
    }
}
