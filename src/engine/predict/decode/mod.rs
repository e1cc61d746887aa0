//! What the server says to a document whose values have other types than the Go structs: it never comes to validation.
//!
//! Source: `encoding/json`'s `UnmarshalTypeError`, and the decoder of apimachinery's `pkg/runtime/serializer/json`.

mod convert;
mod time;

use serde_json::{Number, Value};

use super::{Cause, counted};
use crate::engine::kind::Kind;
use crate::engine::object::escape_token;
use crate::engine::schema::shape::Struct;
use crate::engine::schema::{GoType, Shape, go_type_of, quantity};
pub(super) use convert::{unconvertible, unconvertible_entry, wrap_integers};

/// The first value that does not fit (400). The server names its place without indexes and tells nothing in `details`.
pub(super) fn first_fault(kind: &'static Kind, object: &Value) -> Option<Cause> {
    first_fault_and_place(kind, object).map(|(cause, _)| cause)
}

/// The same with the JSON Pointer of the value, which the server does not tell.
pub(super) fn first_fault_and_place(kind: &'static Kind, object: &Value) -> Option<(Cause, String)> {
    let of_structs = fault(object, kind.root, &Place::of(kind.kind, "", &kind.go_type()));
    let Fault { message, pointer } = of_structs.or_else(|| {
        let (name, message) = counted::fault(kind, object)?;
        let pointer = format!("/metadata/annotations/{}", escape_token(name));
        Some(Fault { message, pointer })
    })?;
    Some((
        Cause {
            reason: "BadRequest".to_owned(),
            field: String::new(),
            message: unhandled(kind, &message),
        },
        pointer,
    ))
}

/// A fault as the server tells it of a document that is sent as it is.
pub(super) fn unhandled(kind: &'static Kind, fault: &str) -> String {
    format!(
        "{kind} in version {:?} cannot be handled as a {kind}: {fault}",
        kind.version
    )
}

/// The first value of the metadata that kubectl itself cannot read, in its words: it knows the metadata of every kind.
///
/// Source: `metadataAccessor` behind `Info` of `staging/src/k8s.io/cli-runtime/pkg/resource/mapper.go`.
pub(super) fn metadata_fault(kind: &'static Kind, object: &Value) -> Option<String> {
    let shape = kind.root.child("metadata")?;
    fault(
        object.get("metadata")?,
        shape,
        &Place::of(kind.kind, "metadata", "v1.ObjectMeta"),
    )
    .map(|fault| fault.message)
}

/// A value that does not fit, and where it is.
struct Fault {
    message: String,
    pointer: String,
}

/// Where a value is decoded to.
struct Place {
    /// The struct that holds the field.
    owner: &'static str,

    /// The field without indexes and keys, with the structs that are embedded on the way.
    path: String,

    go: GoType,
}

impl Place {
    fn of(owner: &'static str, path: &str, name: &str) -> Self {
        Self {
            owner,
            path: path.to_owned(),
            go: GoType {
                name: name.to_owned(),
                embedded: "",
            },
        }
    }

    fn field(&self, of: &Struct, name: &str, go: GoType) -> Self {
        let steps = [self.path.as_str(), go.embedded, name];
        let path = steps
            .into_iter()
            .filter(|step| !step.is_empty())
            .collect::<Vec<_>>()
            .join(".");
        Self {
            owner: of.name,
            path,
            go,
        }
    }

    fn inner(&self) -> Self {
        Self {
            owner: self.owner,
            path: self.path.clone(),
            go: self.go.inner(),
        }
    }

    fn mismatch(&self, found: &str, wanted: &str) -> String {
        format!(
            "json: cannot unmarshal {found} into Go struct field {}.{} of type {wanted}",
            self.owner, self.path
        )
    }
}

/// Reads as the decoder does: it goes on behind a value of a wrong type and tells the first of those at the end; a type
/// that reads its own JSON (a quantity, a time, a number or text) stops it at once.
#[derive(Default)]
struct Reader {
    saved: Option<Fault>,
    steps: Vec<String>,
}

fn fault(value: &Value, shape: Shape, place: &Place) -> Option<Fault> {
    let mut reader = Reader::default();
    match reader.read(value, shape, place) {
        Ok(()) => reader.saved,
        Err(stopped) => Some(stopped),
    }
}

impl Reader {
    fn read(&mut self, value: &Value, shape: Shape, place: &Place) -> Result<(), Fault> {
        match (value, shape) {
            (Value::Null, _)
            | (Value::String(_), Shape::Text | Shape::IntOrString)
            | (Value::Bool(_), Shape::Boolean) => {}
            (value, Shape::Opaque) => return self.stop(time_fault(value, place)),
            (value, Shape::Quantity) => {
                let text = quantity::text_of(value).unwrap_or_default();
                return self.stop(quantity::fault(&text).map(str::to_owned));
            }
            (Value::Number(number), Shape::IntOrString) => {
                let fits = is_whole(number, i32::MAX.into());
                return self.stop((!fits).then(|| place.mismatch(&format!("number {number}"), "int32")));
            }
            (value, Shape::IntOrString) => return self.stop(Some(place.mismatch(json_type(value), "int32"))),
            (Value::Number(number), Shape::Integer) => {
                let fits = if place.go.is_wide() {
                    number.is_i64() || is_whole(number, WIDEST)
                } else {
                    is_whole(number, i32::MAX.into())
                };
                if !fits {
                    self.save(|| place.mismatch(&format!("number {number}"), &place.go.name));
                }
            }
            (Value::Object(fields), Shape::Nested(of)) => {
                for (name, inner) in fields {
                    if let Some(field) = of.field(name) {
                        let place = place.field(of, name, go_type_of(of, field));
                        self.below(name.clone(), |reader| reader.read(inner, field.2, &place))?;
                    }
                }
            }
            (Value::Object(entries), Shape::Map(inner) | Shape::AtomicMap(inner)) => {
                let place = place.inner();
                for (key, value) in entries {
                    self.below(key.clone(), |reader| reader.read(value, *inner, &place))?;
                }
            }
            (Value::Array(items), Shape::List(_, inner)) => {
                let place = place.inner();
                for (at, item) in items.iter().enumerate() {
                    self.below(at.to_string(), |reader| reader.read(item, *inner, &place))?;
                }
            }
            (value, _) => self.save(|| place.mismatch(json_type(value), &place.go.name)),
        }
        Ok(())
    }

    fn below(&mut self, step: String, read: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.steps.push(step);
        let outcome = read(self);
        self.steps.pop();
        outcome
    }

    fn save(&mut self, message: impl FnOnce() -> String) {
        if self.saved.is_none() {
            self.saved = Some(self.fault(message()));
        }
    }

    fn stop(&self, message: Option<String>) -> Result<(), Fault> {
        message.map_or(Ok(()), |message| Err(self.fault(message)))
    }

    fn fault(&self, message: String) -> Fault {
        Fault {
            message,
            pointer: self
                .steps
                .iter()
                .map(|step| format!("/{}", escape_token(step)))
                .collect(),
        }
    }
}

/// What is wrong with a value that is read into a type which the schema does not look into. Fields of a manager are any
/// JSON.
fn time_fault(value: &Value, place: &Place) -> Option<String> {
    match value {
        _ if !place.go.is_time() => None,
        Value::String(text) => time::fault(text),
        other => Some(place.mismatch(json_type(other), "string")),
    }
}

/// The largest number up to which every whole one has a `f64`.
const WIDEST: f64 = 9_007_199_254_740_992.0;

/// Whether the number is whole and not beyond the limit; YAML may write it with a fraction of zero, which kubectl
/// drops.
fn is_whole(number: &Number, limit: f64) -> bool {
    number
        .as_f64()
        .is_some_and(|float| float.fract() == 0.0 && (-limit - 1.0..=limit).contains(&float))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    const QUANTITY: &str =
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

    #[test]
    fn a_value_of_a_wrong_type_is_told_with_its_place() {
        let pod =
            |container: Value| json!({"spec": {"template": {"spec": {"containers": [{"name": "a"}, container]}}}});
        for (object, pointer, message) in [
            (
                json!({"spec": {"replicas": "3"}}),
                "/spec/replicas",
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                pod(json!({"env": [{"name": "A", "value": 1}]})),
                "/spec/template/spec/containers/1/env/0/value",
                "json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of \
                 type string",
            ),
            (
                pod(json!({"resources": {"limits": {"a/b": "much"}}})),
                "/spec/template/spec/containers/1/resources/limits/a~1b",
                QUANTITY,
            ),
        ] {
            let (cause, found) = first_fault_and_place(&DEPLOYMENT, &object).unwrap();
            let message = format!("Deployment in version \"v1\" cannot be handled as a Deployment: {message}");
            assert_eq!((found.as_str(), cause.message.as_str()), (pointer, message.as_str()));
        }
        assert_eq!(first_fault_and_place(&DEPLOYMENT, &pod(json!({"image": null}))), None);
    }

    fn message(object: &Value) -> String {
        let (cause, _) = first_fault_and_place(&DEPLOYMENT, object).unwrap();
        cause
            .message
            .trim_start_matches("Deployment in version \"v1\" cannot be handled as a Deployment: ")
            .to_owned()
    }

    #[test]
    fn what_reads_its_own_json_stops_the_reading_and_wins_over_an_earlier_value() {
        let container = json!({"name": "a", "args": [1], "resources": {"limits": {"memory": "abc"}}});
        assert_eq!(
            message(&json!({"spec": {"template": {"spec": {"containers": [container]}}}})),
            QUANTITY
        );
        let container = json!({"name": "a", "args": [1], "tty": "yes"});
        let first = "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.args \
                     of type string";
        assert_eq!(
            message(&json!({"spec": {"template": {"spec": {"containers": [container]}}}})),
            first
        );
    }

    #[test]
    fn a_quantity_of_which_only_the_suffix_is_wrong_says_so() {
        let limits = |text: &str| json!({"spec": {"template": {"spec": {"overhead": {"memory": text}}}}});
        for text in ["512mi", "1K", "1Kii", "5eE"] {
            assert_eq!(message(&limits(text)), "unable to parse quantity's suffix", "{text}");
        }
        for text in ["", "64MB", "abc", "1 Gi"] {
            assert_eq!(message(&limits(text)), QUANTITY, "{text}");
        }
        assert_eq!(message(&limits("5e")), "unable to parse quantity's suffix");
    }

    #[test]
    fn a_time_that_is_none_is_refused_wherever_one_is_read() {
        let template = |time: Value| json!({"spec": {"template": {"metadata": {"creationTimestamp": time}}}});
        let layout = "2006-01-02T15:04:05Z07:00";
        assert_eq!(
            message(&template(json!(""))),
            format!("parsing time \"\" as \"{layout}\": cannot parse \"\" as \"2006\"")
        );
        let field = "Go struct field ObjectMeta.spec.template.metadata.creationTimestamp of type string";
        assert_eq!(
            message(&template(json!(5))),
            format!("json: cannot unmarshal number into {field}")
        );
        for time in [
            Value::Null,
            json!("2026-01-01T00:00:00Z"),
            json!("2026-01-01T00:00:00.5+02:00"),
        ] {
            assert_eq!(first_fault(&DEPLOYMENT, &template(time)), None);
        }
        let entries = json!({"metadata": {"managedFields": [{"fieldsV1": {"f:spec": {}}}]}});
        assert_eq!(first_fault(&DEPLOYMENT, &entries), None);
    }

    #[test]
    fn types_are_told_as_go_names_them() {
        let container = json!({"name": "a", "securityContext": {"capabilities": {"drop": [5]}}});
        let place = "Go struct field Capabilities.spec.template.spec.containers.securityContext.capabilities.drop of \
                     type v1.Capability";
        assert_eq!(
            message(&json!({"spec": {"template": {"spec": {"containers": [container]}}}})),
            format!("json: cannot unmarshal number into {place}")
        );
    }
}
