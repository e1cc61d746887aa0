//! The server's normal form: what an object looks like once Go has read and written it.

use serde_json::Number;

use super::document::{Document, Members, Node};
use super::quantity::{self, Rounding};
use super::rules::{Rules, Special};
use super::shape::{Field, Shape, Struct, Wire};

/// Template annotations that the server drops on the way in.
///
/// Source: `pkg/apis/core/v1/conversion.go` dropInitContainerAnnotations.
const DROPPED_ANNOTATIONS: [&str; 4] = [
    "pod.beta.kubernetes.io/init-containers",
    "pod.alpha.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-container-statuses",
    "pod.alpha.kubernetes.io/init-container-statuses",
];

/// Brings a value of this shape into the server's normal form, without defaults.
///
/// Nulls and the zero values of fields that Go omits go; values that Go always writes come; quantities get their
/// canonical text; numbers in integer fields lose a zero fraction; `serviceAccount` and `serviceAccountName` become
/// equal. Fields the table does not know, and values of another type than the table's, stay as they are.
///
/// Source: `encoding/json` over the structs of `k8s.io/api`; `pkg/apis/core/v1/conversion.go` for what conversion
/// changes.
pub fn normalise<D: Document>(value: &mut D, shape: Shape) {
    match (shape, value.node()) {
        (Shape::Nested(of), Node::Map(members)) => normalise_struct::<D>(members, of),
        (Shape::Map(inner) | Shape::AtomicMap(inner), Node::Map(members)) => members.keep(|_, entry| {
            match inner {
                // Every map of quantities in the tree is a resource list.
                Shape::Quantity => canonicalise(entry, Rounding::Milli),
                _ => normalise(entry, *inner),
            }
            !is_null(entry)
        }),
        (Shape::List(_, inner), Node::List(items)) => {
            for item in items {
                // Go reads a null item as the zero value; only map entries can be left out.
                if is_null(item)
                    && let Some(zero) = zero(*inner)
                {
                    *item = zero;
                }
                normalise(item, *inner);
            }
        }
        (Shape::Quantity, _) => canonicalise(value, Rounding::Nano),
        (Shape::Integer | Shape::IntOrString, Node::Number(number)) => {
            if let Some(integer) = without_zero_fraction(number) {
                *value = D::of_integer(integer);
            }
        }
        _ => {}
    }
}

fn normalise_struct<D: Document>(object: &mut D::Members, of: &Struct) {
    let rules = Rules::of(of);
    match rules.special {
        Special::PodSpec => join_service_account(object),
        Special::PodTemplateSpec => drop_annotations(object),
        _ => {}
    }
    // By the values that are there, of which there are fewer than fields.
    object.keep(|name, value: &mut D| match of.field(name) {
        _ if is_null(value) => false,
        None => true,
        Some(Field(_, wire, shape, _)) => {
            normalise(value, *shape);
            match wire {
                Wire::OmitEmpty => !is_zero(value, *shape),
                // Storage does not tell a required list that is empty from one that is absent.
                Wire::Always => !(matches!(shape, Shape::List(..)) && is_zero(value, *shape)),
                Wire::Pointer => true,
            }
        }
    });
    for (name, shape) in &rules.always {
        if object.find(name).is_none()
            && let Some(zero) = zero::<D>(*shape)
        {
            object.put(name, zero);
        }
    }
}

fn is_null<D: Document>(value: &mut D) -> bool {
    matches!(value.node(), Node::Null)
}

/// Whether it is the zero value of `encoding/json`. The zero of another type is none: the server refuses it rather than
/// omit it.
fn is_zero<D: Document>(value: &mut D, shape: Shape) -> bool {
    match (shape, value.node()) {
        (Shape::Text, Node::Text(text)) => text.is_empty(),
        (Shape::Integer, Node::Number(number)) => number.as_f64() == Some(0.0),
        (Shape::Boolean, Node::Flag(flag)) => !flag,
        (Shape::List(..), Node::List(items)) => items.is_empty(),
        (Shape::Map(_) | Shape::AtomicMap(_) | Shape::Nested(_), Node::Map(members)) => members.is_empty(),
        _ => false,
    }
}

/// What Go writes for a value that is always written and was not set.
fn zero<D: Document>(shape: Shape) -> Option<D> {
    match shape {
        Shape::Text => Some(D::of_static("")),
        Shape::Integer | Shape::IntOrString => Some(D::of_integer(0)),
        Shape::Boolean => Some(D::of_flag(false)),
        Shape::Quantity => Some(D::of_static("0")),
        Shape::Nested(of) => {
            let mut members = D::Members::default();
            normalise_struct::<D>(&mut members, of);
            Some(D::of_members(members))
        }
        Shape::Opaque | Shape::Map(_) | Shape::AtomicMap(_) | Shape::List(..) => None,
    }
}

/// Makes the deprecated alias and the field equal; the field wins.
///
/// Source: `pkg/apis/core/v1/conversion.go` Convert_v1_PodSpec_To_core_PodSpec and Convert_core_PodSpec_To_v1_PodSpec.
fn join_service_account<D: Document>(spec: &mut impl Members<D>) {
    let mut set = |name: &str| {
        let value = spec.find(name)?;
        (!is_null(value) && !is_zero(value, Shape::Text)).then(|| value.clone())
    };
    if let Some(name) = set("serviceAccountName").or_else(|| set("serviceAccount")) {
        spec.put("serviceAccountName", name.clone());
        spec.put("serviceAccount", name);
    }
}

fn drop_annotations<D: Document>(template: &mut impl Members<D>) {
    if let Some(Node::Map(metadata)) = template.find("metadata").map(D::node)
        && let Some(Node::Map(annotations)) = metadata.find("annotations").map(D::node)
    {
        annotations.keep(|name, _| !DROPPED_ANNOTATIONS.contains(&name));
    }
}

fn canonicalise<D: Document>(value: &mut D, rounding: Rounding) {
    let canonical = match value.node() {
        Node::Text(text) => quantity::canonical(text, rounding).filter(|canonical| canonical != text),
        Node::Number(number) => quantity::canonical(&quantity::number_text(number), rounding),
        _ => None,
    };
    if let Some(text) = canonical {
        *value = D::of_text(text);
    }
}

fn without_zero_fraction(number: &Number) -> Option<i64> {
    // Beyond 2^53 a double does not name one integer any more.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number
        .as_f64()
        .filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT)
        .map(|float| float as i64)
}
