//! What Go says to an object that was merged as maps and is converted to its structs then: another code than the
//! decoder, with other words.
//!
//! Source: `fromUnstructured` of apimachinery's `pkg/runtime/converter.go`.

use serde_json::Number;

use super::{json_type, time};
use crate::engine::kind::Kind;
use crate::engine::schema::shape::{Field, Struct};
use crate::engine::schema::{Branches, GoType, Members, Shape, Tree, go_type_of, quantity};

/// The first value that does not fit the structs: the fields of a struct are converted in the order of its type.
///
/// # Caveats
/// The entries of a map are converted in no order; where several do not fit, the server names any of them.
pub(in super::super) fn unconvertible(kind: &'static Kind, object: &Tree<'_>) -> Option<String> {
    unconverted(object, kind.root, &|| GoType {
        name: kind.go_type(),
        embedded: "",
    })
}

/// The same for an entry of managedFields alone.
pub(in super::super) fn unconvertible_entry(kind: &'static Kind, entry: &Tree<'_>) -> Option<String> {
    let shape = kind.root.child("metadata")?.child("managedFields")?.item()?;
    unconverted(entry, shape, &|| GoType {
        name: "v1.ManagedFieldsEntry".to_owned(),
        embedded: "",
    })
}

/// `go` gives the Go type, which is asked for with the first value that does not fit or that only the type tells.
fn unconverted(value: &Tree<'_>, shape: Shape, go: &dyn Fn() -> GoType) -> Option<String> {
    match (value, shape) {
        (Tree::Null, _) | (Tree::Text(_), Shape::Text | Shape::IntOrString) | (Tree::Flag(_), Shape::Boolean) => None,
        (value, Shape::Opaque) => {
            if go().is_time() {
                untimely(value)
            } else {
                None
            }
        }
        // Go converts numbers of any width ([`wrap_integers`]), and an integer to a string of one character, which is
        // refused by hand.
        (Tree::Number(number), Shape::Integer) => {
            (!is_whole(number)).then(|| format!("cannot convert float64 to {}", go().name))
        }
        (Tree::Number(number), Shape::Text) if !is_float(number) => {
            Some(format!("cannot convert int64 to {}", go().name))
        }
        (Tree::Number(number), Shape::IntOrString) => {
            let fits = number.as_i64().or_else(|| {
                number
                    .as_f64()
                    .filter(|float| float.fract() == 0.0)
                    .map(|float| float as i64)
            });
            let fits = fits.is_some_and(|whole| i32::try_from(whole).is_ok());
            (!fits).then(|| format!("json: cannot unmarshal number {number} into Go value of type int32"))
        }
        (other, Shape::IntOrString) => Some(format!(
            "json: cannot unmarshal {} into Go value of type int32",
            json_type(&other.to_value())
        )),
        (value, Shape::Quantity) => quantity::fault(&quantity::text_in(value).unwrap_or_default()).map(str::to_owned),
        (Tree::Map(fields), Shape::Nested(of)) => first_in_order(fields, of),
        (Tree::Map(entries), Shape::Map(inner) | Shape::AtomicMap(inner)) => entries
            .iter()
            .find_map(|(_, value)| unconverted(value, *inner, &|| go().inner())),
        (Tree::List(items), Shape::List(_, inner)) => items
            .iter()
            .find_map(|item| unconverted(item, *inner, &|| go().inner())),
        (value, Shape::Nested(_)) => Some(format!("cannot restore struct from: {}", go_kind(value))),
        (value, Shape::Map(_) | Shape::AtomicMap(_)) => Some(format!("cannot restore map from {}", go_kind(value))),
        (value, Shape::List(..)) => Some(format!("cannot restore slice from {}", go_kind(value))),
        (_, Shape::Text) => Some("unrecognized type: string".to_owned()),
        (_, Shape::Integer | Shape::Boolean) => Some(format!("unrecognized type: {}", go().name)),
    }
}

/// A time reads its own JSON.
fn untimely(value: &Tree<'_>) -> Option<String> {
    match value {
        Tree::Text(text) => time::fault(text),
        other => Some(format!(
            "json: cannot unmarshal {} into Go value of type string",
            json_type(&other.to_value())
        )),
    }
}

/// The fault of that field which comes first in the order of the type. Mostly there is none, and objects have fewer
/// fields than types do.
fn first_in_order(fields: &Branches<'_>, of: &Struct) -> Option<String> {
    let faults = fields.iter().filter_map(|(name, value)| {
        let field @ Field(_, _, shape, _) = of.field(name)?;
        let fault = unconverted(value, *shape, &|| go_type_of(of, field))?;
        Some((of.fields.iter().position(|other| std::ptr::eq(other, field)), fault))
    });
    faults.min_by_key(|(place, _)| *place).map(|(_, fault)| fault)
}

/// Whether Go reads the number as a `float64`: one with a fraction, and one beyond 64 bits.
fn is_float(number: &Number) -> bool {
    !number.is_i64()
}

fn is_whole(number: &Number) -> bool {
    !is_float(number) || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

/// What a decoded value is to Go's reflection.
fn go_kind(value: &Tree<'_>) -> &'static str {
    match value {
        Tree::Null => "invalid",
        Tree::Flag(_) => "bool",
        Tree::Number(number) if is_float(number) => "float64",
        Tree::Number(_) => "int64",
        Tree::Text(_) => "string",
        Tree::List(_) => "slice",
        Tree::Map(_) => "map",
    }
}

/// Makes of every number what is left of it in a field of its width: the converter takes the lower bits and says
/// nothing.
pub(in super::super) fn wrap_integers(kind: &'static Kind, object: &mut Tree<'_>) {
    within(object, kind.root, &|| false);
}

/// `is_wide` tells whether a number here has 64 bits; few numbers are large enough for anybody to ask.
fn within(value: &mut Tree<'_>, shape: Shape, is_wide: &dyn Fn() -> bool) {
    match (value, shape) {
        (Tree::Map(fields), Shape::Nested(of)) => fields.each(|name, inner| {
            if let Some(field) = of.field(name) {
                within(inner, field.2, &|| go_type_of(of, field).name.ends_with("int64"));
            }
        }),
        (Tree::List(items), Shape::List(_, inner)) => items.iter_mut().for_each(|item| within(item, *inner, is_wide)),
        (value @ Tree::Number(_), Shape::Integer) => {
            if let Some(wrapped) = value.as_number().and_then(|number| wrapped(number, is_wide)) {
                *value = Tree::Number(wrapped.into());
            }
        }
        _ => {}
    }
}

/// What is left of the number, where that is another one.
fn wrapped(number: &Number, is_wide: &dyn Fn() -> bool) -> Option<i64> {
    /// 2^63, from which on a `float64` becomes the lowest of all integers on amd64.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    let whole = match number.as_i64() {
        Some(whole) => whole,
        None => {
            let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
            if (-BEYOND..BEYOND).contains(&float) {
                float as i64
            } else {
                i64::MIN
            }
        }
    };
    let narrow = i64::from(whole as i32);
    let left = if narrow == whole || is_wide() { whole } else { narrow };
    (Some(left) != number.as_i64()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    fn spec(fields: Value) -> Value {
        json!({"spec": fields})
    }

    #[test]
    fn numbers_beyond_their_width_lose_the_upper_bits() {
        for (written, kept) in [
            (
                json!({"replicas": -2_147_483_649_i64}),
                json!({"replicas": 2_147_483_647}),
            ),
            (json!({"replicas": 4_294_967_299_i64}), json!({"replicas": 3})),
            (
                json!({"replicas": 9_223_372_036_854_775_808_u64}),
                json!({"replicas": 0}),
            ),
            (json!({"replicas": 3.0}), json!({"replicas": 3})),
            (
                json!({"template": {"spec": {"terminationGracePeriodSeconds": 4_294_967_299_i64,
                                             "securityContext": {"supplementalGroups": [4_294_967_299_i64]}}}}),
                json!({"template": {"spec": {"terminationGracePeriodSeconds": 4_294_967_299_i64,
                                             "securityContext": {"supplementalGroups": [4_294_967_299_i64]}}}}),
            ),
        ] {
            let written = spec(written);
            let mut object = Tree::of(&written);
            wrap_integers(&DEPLOYMENT, &mut object);
            assert_eq!(object, spec(kept));
        }
    }

    #[test]
    fn a_number_that_is_no_int32_does_not_fit_where_a_text_may_stand_too() {
        let surge = |value: Value| spec(json!({"strategy": {"rollingUpdate": {"maxSurge": value}}}));
        let told = |value: Value| unconvertible(&DEPLOYMENT, &Tree::of(&surge(value)));
        assert_eq!(
            told(json!(2_147_483_648_i64)),
            Some("json: cannot unmarshal number 2147483648 into Go value of type int32".to_owned())
        );
        assert_eq!(told(json!(1)), None);
        let replicas = spec(json!({"replicas": 2_147_483_648_i64}));
        assert_eq!(unconvertible(&DEPLOYMENT, &Tree::of(&replicas)), None);
    }
}
