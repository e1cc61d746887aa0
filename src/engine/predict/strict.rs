//! What the server says to fields that the type does not have, where it is asked to be strict
//! (`fieldValidation=Strict`): kubectl asks it with every write.
//!
//! A key that stands twice is a fault of the same kind, and never gets to the server: kubectl makes a map of the
//! document before it sends it, whether it is YAML or JSON, and the last one wins.

use serde_json::Value;

use super::{Cause, decode};
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::schema::{Shape, Tree};

/// How many faults the decoder of JSON keeps.
///
/// Source: `saveStrictError` of `sigs.k8s.io/json`'s `internal/golang/encoding/json/kubernetes_patch.go`.
const MOST: usize = 100;

/// The fault of a document that is sent as it is (400): the fields in its order.
pub(super) fn fault_of_document(kind: &'static Kind, document: &Value) -> Option<Cause> {
    let mut unknown = unknown_fields(kind, &Tree::of(document));
    unknown.truncate(MOST);
    told(unknown).map(|fault| Cause {
        reason: "BadRequest".to_owned(),
        field: String::new(),
        message: decode::unhandled(kind, &fault),
    })
}

/// The fault of what a patch makes of live (422): the converter sorts the fields as texts.
///
/// Source: `FromUnstructuredWithValidation` of apimachinery's `pkg/runtime/converter.go`.
pub(super) fn fault_of_patched(kind: &'static Kind, object: &Tree<'_>) -> Option<String> {
    let mut unknown = unknown_fields(kind, object);
    unknown.sort_unstable();
    told(unknown)
}

/// The first field of a document that the type does not have.
pub(super) fn first_unknown(kind: &'static Kind, document: &Value) -> Option<FieldPath> {
    let mut first = None;
    walk(&Tree::of(document), kind.root, &mut Vec::new(), &mut |way| {
        first.get_or_insert_with(|| FieldPath(way.to_vec()));
    });
    first
}

fn told(unknown: Vec<String>) -> Option<String> {
    let told: Vec<String> = unknown
        .into_iter()
        .map(|field| format!("unknown field \"{field}\""))
        .collect();
    (!told.is_empty()).then(|| format!("strict decoding error: {}", told.join(", ")))
}

fn unknown_fields(kind: &'static Kind, object: &Tree<'_>) -> Vec<String> {
    let mut unknown = Vec::new();
    walk(object, kind.root, &mut Vec::new(), &mut |way| unknown.push(shown(way)));
    unknown
}

/// A way as both decoders join it: names as they are, whatever they hold.
fn shown(way: &[Segment]) -> String {
    let mut out = String::new();
    for segment in way {
        match segment {
            Segment::Field(name) if out.is_empty() => out.push_str(name),
            Segment::Field(name) => out.push_str(&format!(".{name}")),
            other => out.push_str(&FieldPath(vec![other.clone()]).to_string()),
        }
    }
    out
}

/// Tells of every field that the type of the struct around it does not have. Nothing below one is looked at.
fn walk(value: &Tree<'_>, shape: Shape, way: &mut Vec<Segment>, tell: &mut dyn FnMut(&[Segment])) {
    let mut step = |segment: Segment, inner: &Tree<'_>, shape: Option<Shape>| {
        way.push(segment);
        match shape {
            None => tell(way),
            Some(shape) if !inner.is_scalar() => walk(inner, shape, way, tell),
            Some(_) => {}
        }
        way.pop();
    };
    match (value, shape) {
        (Tree::Map(fields), Shape::Nested(of)) => {
            for (name, inner) in fields.iter() {
                step(
                    Segment::Field(name.to_owned()),
                    inner,
                    of.field(name).map(|field| field.2),
                );
            }
        }
        (Tree::Map(entries), Shape::Map(inner) | Shape::AtomicMap(inner)) => {
            for (name, value) in entries.iter() {
                step(Segment::Field(name.to_owned()), value, Some(*inner));
            }
        }
        (Tree::List(items), Shape::List(_, inner)) => {
            for (at, item) in items.iter().enumerate() {
                step(Segment::Index(at), item, Some(*inner));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn object() -> Value {
        let mut containers: Vec<Value> = (0..11).map(|at| json!({"name": format!("c{at}")})).collect();
        containers[2]["imagepullpolicy"] = json!("Always");
        containers[10]["limits"] = json!({"cpu": "1"});
        let spec = json!({"containers": containers, "nodeSelector": {"a.b": "c"}, "tolerations": [{"zork": null}]});
        json!({"Spec": {"replicas": 1}, "metadata": {"annotations": {"x": "y"}}, "spec": {"template": {"spec": spec}},
               "status": {"replicas": 1}})
    }

    #[test]
    fn a_document_is_told_in_its_order_and_what_a_patch_makes_as_sorted_texts() {
        let field = |text: &str| format!("unknown field \"{text}\"");
        let [spec, two, ten, zork] = [
            "Spec",
            "spec.template.spec.containers[2].imagepullpolicy",
            "spec.template.spec.containers[10].limits",
            "spec.template.spec.tolerations[0].zork",
        ]
        .map(field);
        let sent = "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: ";
        let cause = fault_of_document(&DEPLOYMENT, &object()).unwrap();
        assert_eq!(
            (cause.reason.as_str(), cause.message),
            (
                "BadRequest",
                format!("{sent}{}", [&*spec, &two, &ten, &zork].join(", "))
            )
        );
        let patched = fault_of_patched(&DEPLOYMENT, &Tree::of(&object())).unwrap();
        assert_eq!(
            patched,
            format!("strict decoding error: {}", [&*spec, &ten, &two, &zork].join(", "))
        );
        assert_eq!(first_unknown(&DEPLOYMENT, &object()), Some(FieldPath::of(&["Spec"])));
    }

    #[test]
    fn a_document_of_known_fields_is_none() {
        let known = json!({"metadata": {"labels": {"any": "thing"}, "managedFields": [{"fieldsV1": {"f:spec": {}}}]},
                           "spec": {"replicas": 1}});
        assert_eq!(
            (
                fault_of_document(&DEPLOYMENT, &known),
                fault_of_patched(&DEPLOYMENT, &Tree::of(&known)),
                first_unknown(&DEPLOYMENT, &known)
            ),
            (None, None, None)
        );
    }

    #[test]
    fn the_decoder_of_a_document_stops_counting_at_a_hundred() {
        let fields: serde_json::Map<String, Value> = (0..150).map(|at| (format!("x{at:03}"), json!(1))).collect();
        let object = Value::Object(fields);
        let count = |text: String| text.matches("unknown field").count();
        assert_eq!(count(fault_of_document(&DEPLOYMENT, &object).unwrap().message), MOST);
        assert_eq!(count(fault_of_patched(&DEPLOYMENT, &Tree::of(&object)).unwrap()), 150);
    }
}
