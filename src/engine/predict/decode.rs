//! What the server says to a document whose values have other types than the Go structs: it never comes to validation.
//!
//! Source: `encoding/json`'s `UnmarshalTypeError`, and the decoder of apimachinery's `pkg/runtime/serializer/json`.

use serde_json::Value;

use super::Cause;
use crate::engine::object::escape_token;
use crate::engine::schema::quantity;
use crate::engine::schema::shape::{Field, Struct};
use crate::engine::schema::{Branches, DEPLOYMENT, Shape, Tree};

/// Integers of 64 bits; all others have 32. Source: `staging/src/k8s.io/api/core/v1/types.go`.
const WIDE: &[&str] = &[
    "activeDeadlineSeconds",
    "deletionGracePeriodSeconds",
    "expirationSeconds",
    "fsGroup",
    "generation",
    "runAsGroup",
    "runAsUser",
    "seconds",
    "supplementalGroups",
    "terminationGracePeriodSeconds",
    "tolerationSeconds",
];

const QUANTITY: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// The first value that does not fit (400). The server names its place without indexes and tells nothing in `details`.
pub(super) fn first_fault(object: &Value) -> Option<Cause> {
    first_fault_and_place(object).map(|(cause, _)| cause)
}

/// The same with the JSON Pointer of the value, which the server does not tell.
pub(super) fn first_fault_and_place(object: &Value) -> Option<(Cause, String)> {
    let place = Place { owner: "Deployment", path: String::new(), name: "" };
    let Fault { message, steps } = fault(object, DEPLOYMENT, &place)?;
    let message = unhandled(&message);
    let pointer = steps.iter().rev().map(|step| format!("/{}", escape_token(step))).collect();
    Some((Cause { reason: "BadRequest".to_owned(), field: String::new(), message }, pointer))
}

/// A fault as the server tells it of a document that is sent as it is.
pub(super) fn unhandled(fault: &str) -> String {
    format!("Deployment in version \"v1\" cannot be handled as a Deployment: {fault}")
}

/// The first value of the metadata that kubectl itself cannot read, in its words: it knows the metadata of every kind.
///
/// Source: `metadataAccessor` behind `Info` of `staging/src/k8s.io/cli-runtime/pkg/resource/mapper.go`.
pub(super) fn metadata_fault(object: &Value) -> Option<String> {
    let shape = DEPLOYMENT.child("metadata")?;
    let place = Place { owner: "Deployment", path: "metadata".to_owned(), name: "metadata" };
    fault(object.get("metadata")?, shape, &place).map(|fault| fault.message)
}

/// A value that does not fit.
struct Fault {
    message: String,

    /// The way to it as a JSON Pointer has it, innermost first.
    steps: Vec<String>,
}

impl Fault {
    fn new(message: String) -> Self {
        Self { message, steps: Vec::new() }
    }

    fn below(mut self, step: impl ToString) -> Self {
        self.steps.push(step.to_string());
        self
    }
}

/// The first value of an object that was merged as maps and does not fit the Go structs, in their words: the fields of a struct are
/// converted in the order of its type.
///
/// Source: `fromUnstructured` of apimachinery's `pkg/runtime/converter.go`.
///
/// # Caveats
/// The entries of a map are converted in no order; where several do not fit, the server names any of them.
pub(super) fn unconvertible(object: &Tree<'_>) -> Option<String> {
    unconverted(object, DEPLOYMENT, "")
}

fn unconverted(value: &Tree<'_>, shape: Shape, name: &str) -> Option<String> {
    match (value, shape) {
        (Tree::Null, _) | (_, Shape::Opaque) | (Tree::Text(_), Shape::Text | Shape::IntOrString) | (Tree::Flag(_), Shape::Boolean) => None,
        // Go converts numbers of any width, and an integer to a string of one character, which is refused by hand.
        (Tree::Number(number), Shape::Integer) => {
            let whole = number.is_i64() || number.as_f64().is_some_and(|float| float.fract() == 0.0);
            (!whole).then(|| format!("cannot convert float64 to {}", go_type(shape, name)))
        }
        (Tree::Number(number), Shape::Text) if !number.is_f64() => Some(format!("cannot convert int64 to {}", text_type(name))),
        (Tree::Number(number), Shape::IntOrString) => {
            let whole = number.is_i64() || number.as_f64().is_some_and(|float| float.fract() == 0.0);
            (!whole).then(|| format!("json: cannot unmarshal number {number} into Go value of type int32"))
        }
        (other, Shape::IntOrString) => Some(format!("json: cannot unmarshal {} into Go value of type int32", json_type(&other.to_value()))),
        (value, Shape::Quantity) => match quantity::text_in(value) {
            Some(text) if quantity::parse(&text).is_some() => None,
            _ => Some(QUANTITY.to_owned()),
        },
        (Tree::Map(fields), Shape::Nested(of)) => first_in_order(fields, of),
        (Tree::Map(entries), Shape::Map(inner) | Shape::AtomicMap(inner)) => {
            entries.iter().find_map(|(_, value)| unconverted(value, *inner, name))
        }
        (Tree::List(items), Shape::List(_, inner)) => items.iter().find_map(|item| unconverted(item, *inner, name)),
        (value, Shape::Nested(_)) => Some(format!("cannot restore struct from: {}", go_kind(value))),
        (value, Shape::Map(_) | Shape::AtomicMap(_)) => Some(format!("cannot restore map from {}", go_kind(value))),
        (value, Shape::List(..)) => Some(format!("cannot restore slice from {}", go_kind(value))),
        (_, Shape::Text | Shape::Integer | Shape::Boolean) => {
            let kind = if matches!(shape, Shape::Text) { "string".to_owned() } else { go_type(shape, name) };
            Some(format!("unrecognized type: {kind}"))
        }
    }
}

/// The fault of that field which comes first in the order of the type. Mostly there is none, and objects have fewer fields than types do.
fn first_in_order(fields: &Branches<'_>, of: &Struct) -> Option<String> {
    let faults = fields.iter().filter_map(|(name, value)| {
        let field @ Field(_, _, shape, _) = of.field(name)?;
        let fault = unconverted(value, *shape, name)?;
        Some((of.fields.iter().position(|other| std::ptr::eq(other, field)), fault))
    });
    faults.min_by_key(|(place, _)| *place).map(|(_, fault)| fault)
}

/// What a decoded value is to Go's reflection.
fn go_kind(value: &Tree<'_>) -> &'static str {
    match value {
        Tree::Null => "invalid",
        Tree::Flag(_) => "bool",
        Tree::Number(number) if number.is_f64() => "float64",
        Tree::Number(_) => "int64",
        Tree::Text(_) => "string",
        Tree::List(_) => "slice",
        Tree::Map(_) => "map",
    }
}

/// The Go type of a field that holds text: most are plain strings.
///
/// Source: `staging/src/k8s.io/api/core/v1/types.go` and `apps/v1/types.go`.
fn text_type(name: &str) -> &'static str {
    match name {
        "imagePullPolicy" | "pullPolicy" => "v1.PullPolicy",
        "terminationMessagePolicy" => "v1.TerminationMessagePolicy",
        "protocol" => "v1.Protocol",
        "scheme" => "v1.URIScheme",
        "dnsPolicy" => "v1.DNSPolicy",
        "restartPolicy" => "v1.RestartPolicy",
        "effect" => "v1.TaintEffect",
        "medium" => "v1.StorageMedium",
        "whenUnsatisfiable" => "v1.UnsatisfiableConstraintAction",
        "mountPropagation" => "v1.MountPropagationMode",
        "procMount" => "v1.ProcMountType",
        "fsGroupChangePolicy" => "v1.PodFSGroupChangePolicy",
        "uid" => "types.UID",
        _ => "string",
    }
}

/// Where a value is decoded to.
struct Place<'a> {
    /// The struct that holds the field.
    owner: &'static str,
    path: String,
    name: &'a str,
}

fn fault(value: &Value, shape: Shape, place: &Place<'_>) -> Option<Fault> {
    match (value, shape) {
        (Value::Null, _) | (_, Shape::Opaque) | (Value::String(_), Shape::Text | Shape::IntOrString) | (Value::Bool(_), Shape::Boolean) => {
            None
        }
        (Value::Number(number), Shape::Integer | Shape::IntOrString) => {
            let wide = matches!(shape, Shape::Integer) && WIDE.contains(&place.name);
            let fits = if wide { number.is_i64() || is_whole(number, WIDEST) } else { is_whole(number, i32::MAX.into()) };
            (!fits).then(|| Fault::new(mismatch(&format!("number {number}"), shape, place)))
        }
        (value, Shape::Quantity) => match quantity::text_of(value) {
            Some(text) if quantity::parse(&text).is_some() => None,
            _ => Some(Fault::new(QUANTITY.to_owned())),
        },
        (Value::Object(fields), Shape::Nested(of)) => fields.iter().find_map(|(name, inner)| {
            let Field(_, _, shape, _) = of.field(name)?;
            let steps = [place.path.as_str(), embedded(of.name, name), name];
            let path = steps.into_iter().filter(|step| !step.is_empty()).collect::<Vec<_>>().join(".");
            fault(inner, *shape, &Place { owner: of.name, path, name }).map(|fault| fault.below(name))
        }),
        (Value::Object(entries), Shape::Map(inner) | Shape::AtomicMap(inner)) => {
            entries.iter().find_map(|(key, value)| Some(fault(value, *inner, place)?.below(key)))
        }
        (Value::Array(items), Shape::List(_, inner)) => {
            items.iter().enumerate().find_map(|(at, item)| Some(fault(item, *inner, place)?.below(at)))
        }
        (value, shape) => Some(Fault::new(mismatch(json_type(value), shape, place))),
    }
}

/// The largest number up to which every whole one has a `f64`.
const WIDEST: f64 = 9_007_199_254_740_992.0;

/// Whether the number is whole and not beyond the limit; YAML may write it with a fraction of zero, which kubectl drops.
fn is_whole(number: &serde_json::Number, limit: f64) -> bool {
    number.as_f64().is_some_and(|float| float.fract() == 0.0 && (-limit - 1.0..=limit).contains(&float))
}

/// The Go struct embedded in another one that has the field: the decoder's text names it, the document does not.
///
/// Source: `staging/src/k8s.io/api/core/v1/types.go`.
fn embedded(owner: &str, field: &str) -> &'static str {
    match (owner, field) {
        ("Probe", "exec" | "grpc" | "httpGet" | "tcpSocket") => "ProbeHandler",
        ("Volume", name) if name != "name" => "VolumeSource",
        ("EphemeralContainer", name) if name != "targetContainerName" => "EphemeralContainerCommon",
        (
            "ConfigMapEnvSource"
            | "ConfigMapKeySelector"
            | "ConfigMapProjection"
            | "ConfigMapVolumeSource"
            | "SecretEnvSource"
            | "SecretKeySelector"
            | "SecretProjection",
            "name",
        ) => "LocalObjectReference",
        _ => "",
    }
}

fn mismatch(found: &str, shape: Shape, place: &Place<'_>) -> String {
    let wanted = go_type(shape, place.name);
    format!("json: cannot unmarshal {found} into Go struct field {}.{} of type {wanted}", place.owner, place.path)
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn go_type(shape: Shape, name: &str) -> String {
    match shape {
        Shape::Text => text_type(name).to_owned(),
        Shape::Boolean => "bool".to_owned(),
        Shape::Integer if WIDE.contains(&name) => "int64".to_owned(),
        Shape::Integer | Shape::IntOrString => "int32".to_owned(),
        Shape::Nested(of) => format!("v1.{}", of.name),
        Shape::List(_, item) => format!("[]{}", go_type(*item, name)),
        Shape::Map(Shape::Quantity) | Shape::AtomicMap(Shape::Quantity) => "v1.ResourceList".to_owned(),
        Shape::Map(value) | Shape::AtomicMap(value) => format!("map[string]{}", go_type(*value, name)),
        Shape::Quantity | Shape::Opaque => "interface {}".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn a_value_of_a_wrong_type_is_told_with_its_place() {
        let pod = |container: Value| json!({"spec": {"template": {"spec": {"containers": [{"name": "a"}, container]}}}});
        for (object, pointer, message) in [
            (
                json!({"spec": {"replicas": "3"}}),
                "/spec/replicas",
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                pod(json!({"env": [{"name": "A", "value": 1}]})),
                "/spec/template/spec/containers/1/env/0/value",
                "json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
            ),
            (pod(json!({"resources": {"limits": {"a/b": "much"}}})), "/spec/template/spec/containers/1/resources/limits/a~1b", QUANTITY),
        ] {
            let (cause, found) = first_fault_and_place(&object).unwrap();
            let message = format!("Deployment in version \"v1\" cannot be handled as a Deployment: {message}");
            assert_eq!((found.as_str(), cause.message.as_str()), (pointer, message.as_str()));
        }
        assert_eq!(first_fault_and_place(&pod(json!({"image": null}))), None);
    }
}
