//! Fields that the server does not keep: those the type does not have, and those behind a feature gate that is off.

use std::cell::LazyCell;

use serde_json::Value;

use crate::engine::schema::{Members, Shape, Tree, apply_defaults, is_gated};

type Gate = (&'static str, &'static str);

/// Forgets misspelt fields and directives of a patch, as decoding does, and gated fields that `old` does not use yet.
///
/// Source: `pkg/api/pod/util.go` dropDisabledFields, which looks for a use anywhere in the old object.
pub(in crate::engine) fn forget_dropped_fields(root: Shape, object: &mut Tree<'_>, old: &Value) {
    forget(object, root, &LazyCell::new(|| in_use(root, old)));
}

/// The gated fields that an object uses.
fn in_use(root: Shape, old: &Value) -> Vec<Gate> {
    let mut in_use = Vec::new();
    find_gated(old, root, &mut in_use);
    if !in_use.is_empty() {
        // A null is no use. Defaults bring no gated field, so that what is not in use as it stands is not in use at
        // all.
        let mut stored = old.clone();
        apply_defaults(root, &mut stored);
        in_use.clear();
        find_gated(&stored, root, &mut in_use);
    }
    in_use
}

/// `in_use` is asked for with the first gated field, which most objects do not have.
fn forget<F: FnOnce() -> Vec<Gate>>(value: &mut Tree<'_>, shape: Shape, in_use: &LazyCell<Vec<Gate>, F>) {
    match (value, shape) {
        (Tree::Map(fields), Shape::Nested(of)) => fields.keep(|name, inner| {
            let Some(field) = of.field(name) else { return false };
            let emptied = !inner.is_scalar() && {
                let signals = inner.get("stopSignal").is_some_and(|signal| !signal.is_null());
                forget(inner, field.2, in_use);
                signals && is_emptied(inner, field.2)
            };
            !emptied && (!is_gated(of, field.0) || in_use.contains(&(of.name, field.0)))
        }),
        (Tree::List(items), Shape::List(_, item)) => items.iter_mut().for_each(|inner| forget(inner, *item, in_use)),
        _ => {}
    }
}

/// Whether what is left is dropped as well: hooks of which a closed gate has taken the only one, whatever else of no
/// type stood there.
///
/// Source: dropContainerStopSignals of `pkg/api/pod/util.go`; the other functions beside it leave an empty struct
/// behind.
fn is_emptied(value: &Tree<'_>, shape: Shape) -> bool {
    matches!(shape, Shape::Nested(of) if of.name == "Lifecycle")
        && value
            .as_map()
            .is_some_and(|members| members.iter().all(|(_, member)| member.is_null()))
}

fn find_gated(value: &Value, shape: Shape, found: &mut Vec<Gate>) {
    match (value, shape) {
        (Value::Object(fields), Shape::Nested(of)) => {
            for (field, inner) in fields.iter().filter_map(|(name, inner)| Some((of.field(name)?, inner))) {
                found.extend(is_gated(of, field.0).then_some((of.name, field.0)));
                find_gated(inner, field.2, found);
            }
        }
        (Value::Array(items), Shape::List(_, item)) => items.iter().for_each(|inner| find_gated(inner, *item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::schema::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn a_gated_field_is_kept_only_where_the_old_object_uses_it() {
        let hook = |lifecycle: Value| {
            json!({"spec": {"template": {"spec": {"containers": [{"name": "app",
            "lifecycle": lifecycle}]}}}})
        };
        let start = json!({"exec": {"command": ["a"]}});
        let signal = hook(json!({"stopSignal": "SIGUSR1", "misspelt": 1, "postStart": start}));
        for (old, kept) in [
            (hook(json!({})), json!({"postStart": start})),
            (
                hook(json!({"stopSignal": "SIGTERM"})),
                json!({"postStart": start, "stopSignal": "SIGUSR1"}),
            ),
        ] {
            let mut object = Tree::of(&signal);
            forget_dropped_fields(DEPLOYMENT, &mut object, &old);
            assert_eq!(object, hook(kept));
        }
    }

    #[test]
    fn hooks_without_any_but_a_gated_one_go_with_it() {
        let containers = |container: Value| json!({"spec": {"template": {"spec": {"initContainers": [container]}}}});
        for (lifecycle, kept) in [
            (json!({"stopSignal": "SIGTERM"}), json!({"name": "init"})),
            (
                json!({"stopSignal": "SIGTERM", "preStop": null}),
                json!({"name": "init"}),
            ),
            (json!({}), json!({"name": "init", "lifecycle": {}})),
            (json!({"stopSignal": null}), json!({"name": "init", "lifecycle": {}})),
        ] {
            let written = containers(json!({"name": "init", "lifecycle": lifecycle}));
            let mut object = Tree::of(&written);
            forget_dropped_fields(DEPLOYMENT, &mut object, &Value::Null);
            assert_eq!(object, containers(kept));
        }
    }
}
