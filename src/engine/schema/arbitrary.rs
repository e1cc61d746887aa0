//! Deployments by chance, made from the table itself, so that no type is forgotten.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::shape::{Field, Wire};
use super::{DEPLOYMENT, Shape};

/// How often an optional field is there: a whole Deployment then has some hundred fields.
const OPTIONAL: f64 = 0.2;

/// How often a field is there that Go always writes, such as `spec` and `containers`.
const REQUIRED: f64 = 0.9;

/// A Deployment with any fields, zero values and nulls among them; it is rarely valid.
pub(crate) fn deployment() -> impl Strategy<Value = Value> {
    value(DEPLOYMENT)
}

/// A Deployment and another one that differs from it in few places: two by chance alone would differ everywhere.
pub(crate) fn neighbours() -> impl Strategy<Value = (Value, Value)> {
    let edit = prop_oneof![
        Just(Edit::Remove),
        Just(Edit::Null),
        Just(Edit::Take),
        Just(Edit::Reverse),
        Just(Edit::Repeat)
    ];
    let edits = prop::collection::vec((edit, any::<prop::sample::Index>()), 0..4);
    (deployment(), deployment(), edits, any::<bool>()).prop_map(|(one, other, edits, defaulted)| {
        let mut neighbour = one.clone();
        if defaulted {
            super::apply_defaults(DEPLOYMENT, &mut neighbour);
        }
        for (edit, at) in edits {
            let mut pointers = Vec::new();
            collect_pointers(&neighbour, String::new(), &mut pointers);
            if !pointers.is_empty() {
                edit.make(&mut neighbour, &pointers[at.index(pointers.len())], &other);
            }
        }
        (one, neighbour)
    })
}

/// What somebody does to one node of a Deployment.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Remove,
    Null,
    /// Takes what another Deployment has there.
    Take,
    Reverse,
    /// Repeats an item of a list.
    Repeat,
}

impl Edit {
    fn make(self, object: &mut Value, pointer: &str, other: &Value) {
        let Some((parent, name)) = pointer.rsplit_once('/') else {
            return;
        };
        let name = name.replace("~1", "/").replace("~0", "~");
        match (self, object.pointer_mut(parent)) {
            (Self::Remove, Some(Value::Object(entries))) => drop(entries.remove(&name)),
            (Self::Remove, Some(Value::Array(items))) => drop(items.remove(name.parse().unwrap())),
            (Self::Repeat, Some(Value::Array(items))) => items.push(items[name.parse::<usize>().unwrap()].clone()),
            (Self::Repeat | Self::Remove, _) => {}
            (Self::Null, _) => *object.pointer_mut(pointer).unwrap() = Value::Null,
            (Self::Take, _) => {
                if let Some(value) = other.pointer(pointer) {
                    *object.pointer_mut(pointer).unwrap() = value.clone();
                }
            }
            (Self::Reverse, _) => {
                if let Some(Value::Array(items)) = object.pointer_mut(pointer) {
                    items.reverse();
                }
            }
        }
    }
}

/// The JSON Pointer of every node below the root.
fn collect_pointers(value: &Value, at: String, into: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(entries) => entries
            .iter()
            .map(|(name, child)| (name.replace('~', "~0").replace('/', "~1"), child))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, child)| (index.to_string(), child))
            .collect(),
        _ => return,
    };
    for (name, child) in children {
        let pointer = format!("{at}/{name}");
        into.push(pointer.clone());
        collect_pointers(child, pointer, into);
    }
}

fn value(shape: Shape) -> BoxedStrategy<Value> {
    match shape {
        Shape::Text => prop_oneof![
            Just(""),
            Just("a"),
            Just("b"),
            Just("TCP"),
            Just("nginx:1.25"),
            Just("RollingUpdate")
        ]
        .prop_map(Value::from)
        .boxed(),
        Shape::Integer => prop_oneof![Just(json!(0)), Just(json!(1)), Just(json!(8080)), Just(json!(2.0))].boxed(),
        Shape::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Quantity => prop_oneof![
            prop::sample::select(vec![
                "0", "1000m", "0.5", "1.2345", "1024Mi", "1.5Gi", "1e3", "1n", "8Ei", "007", "x"
            ])
            .prop_map(Value::from),
            prop_oneof![Just(json!(1)), Just(json!(0.25)), Just(json!(1000.0))],
            "[0-9]{1,20}(\\.[0-9]{0,12})?(m|k|M|Ki|Gi|e3|)".prop_map(Value::from),
        ]
        .boxed(),
        Shape::IntOrString => prop_oneof![Just(json!(0)), Just(json!("25%")), Just(json!("http"))].boxed(),
        Shape::Opaque => Just(Value::Null).boxed(),
        Shape::Map(inner) | Shape::AtomicMap(inner) => {
            let entry = ("[ab]|c\\.d/e", maybe_null(value(*inner)));
            prop::collection::vec(entry, 0..3)
                .prop_map(|entries| entries.into_iter().collect())
                .boxed()
        }
        Shape::List(_, inner) => prop::collection::vec(value(*inner), 0..3).prop_map(Value::from).boxed(),
        Shape::Nested(of) => of
            .fields
            .iter()
            .map(|Field(name, wire, shape, _)| {
                let often = if *wire == Wire::Always { REQUIRED } else { OPTIONAL };
                prop::option::weighted(often, maybe_null(value(*shape))).prop_map(|value| (*name, value))
            })
            .collect::<Vec<_>>()
            .prop_map(|fields| {
                fields
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                    .collect()
            })
            .boxed(),
    }
}

fn maybe_null(inner: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop_oneof![19 => inner, 1 => Just(Value::Null)].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn defaults_of_defaults_are_the_same(object in deployment()) {
        let mut once = object;
        super::apply_defaults(DEPLOYMENT, &mut once);
        let mut twice = once.clone();
        super::apply_defaults(DEPLOYMENT, &mut twice);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn the_canonical_text_of_a_quantity_is_its_own_and_keeps_its_value(
        text in "[+-]?[0-9]{0,22}(\\.[0-9]{0,12})?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e-?[0-9]|)",
    ) {
        use super::quantity::{Rounding, canonical, parse};
        for rounding in [Rounding::Milli, Rounding::Nano] {
            if let Some(once) = canonical(&text, rounding) {
                prop_assert_eq!(canonical(&once, rounding), Some(once.clone()), "{} became {}", text, once);
                prop_assert!(parse(&once).is_some());
            }
        }
    }
}
