//! A null in a map or a list: to Go it is the zero value of what the map or list holds, and not nothing.
//!
//! A null field of a struct is none. Client-side apply has none left: in its patch a null takes the entry away.
//!
//! Source: `mapFromUnstructured` and `sliceFromUnstructured` of apimachinery's `pkg/runtime/converter.go`;
//! `encoding/json` does the same.

use std::borrow::Cow;

use crate::engine::kind::Kind;
use crate::engine::schema::{Branches, Members, Shape, Tree};

/// Puts the zero value where a map or list of the object has a null.
pub(super) fn fill(kind: &'static Kind, object: &mut Tree<'_>) {
    within(object, kind.root);
}

fn within(value: &mut Tree<'_>, shape: Shape) {
    match (value, shape) {
        (Tree::Map(fields), Shape::Nested(of)) => fields.each(|name, inner| {
            if !inner.is_scalar()
                && let Some(field) = of.field(name)
            {
                within(inner, field.2);
            }
        }),
        (Tree::Map(entries), Shape::Map(inner) | Shape::AtomicMap(inner)) => {
            entries.each(|_, value| entry(value, *inner))
        }
        (Tree::List(items), Shape::List(_, inner)) => items.iter_mut().for_each(|item| entry(item, *inner)),
        _ => {}
    }
}

fn entry(value: &mut Tree<'_>, shape: Shape) {
    if value.is_null() {
        *value = zero(shape);
    } else if !value.is_scalar() {
        within(value, shape);
    }
}

fn zero(shape: Shape) -> Tree<'static> {
    match shape {
        Shape::Text => Tree::Text(Cow::Borrowed("")),
        Shape::Quantity => Tree::Text(Cow::Borrowed("0")),
        Shape::Integer | Shape::IntOrString => Tree::Number(0.into()),
        Shape::Boolean => Tree::Flag(false),
        Shape::Nested(_) => Tree::Map(Branches::default()),
        Shape::Map(_) | Shape::AtomicMap(_) | Shape::List(..) | Shape::Opaque => Tree::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    #[test]
    fn a_null_is_the_zero_value_in_a_map_and_a_list_and_nothing_in_a_struct() {
        let pod = |args: Value, cpu: Value, toleration: Value| {
            let container = json!({"name": "a", "image": null, "args": args, "resources": {"limits": {"cpu": cpu}}});
            json!({"spec": {"replicas": null, "template": {"spec": {"containers": [container],
                "tolerations": [toleration]}}}})
        };
        let written = pod(json!(["x", null]), Value::Null, Value::Null);
        let mut object = Tree::of(&written);
        fill(&DEPLOYMENT, &mut object);
        assert_eq!(object, pod(json!(["x", ""]), json!("0"), json!({})));
        let written = json!({"spec": {"selector": {"matchLabels": {"app": "web", "tier": null}}}});
        let mut object = Tree::of(&written);
        fill(&DEPLOYMENT, &mut object);
        assert_eq!(
            object,
            json!({"spec": {"selector": {"matchLabels": {"app": "web", "tier": ""}}}})
        );
    }
}
