//! Why the API server refuses an object of a governed kind: its validation, in its order and words.
//!
//! Each function names the one of `pkg/apis/core/validation/validation.go` or `pkg/apis/apps/validation/validation.go`
//! that it follows, with the feature gates as they are by default in Kubernetes 1.36. What is validated is the whole
//! object as it would be stored, so it is in the server's normal form and has its defaults.

mod causes;
mod claim;
mod container;
mod content;
mod daemon_set;
mod deployment;
mod emptied;
mod env;
mod ephemeral;
pub(super) mod go;
mod handler;
mod metadata;
mod mounts;
mod node;
mod pod;
mod pod_resources;
mod profiles;
mod projected;
mod resources;
mod rolling_update;
mod scheduling;
mod security;
mod system;
#[cfg(test)]
mod tests;
mod unknown;
mod volume;
mod volume_source;

use serde_json::{Value, json};

use crate::engine::schema::{Shape, Tree, normalise, shape_at};
use causes::{Causes, Raw};
pub use daemon_set::DAEMON_SET;
pub use deployment::DEPLOYMENT;
pub use emptied::as_stored;
pub(super) use emptied::forget_empty;
use metadata::shown_selector;
use node::{Node, Places};
use pod::InUse;
pub(super) use unknown::forget_dropped_fields;

/// One cause of a refusal or conflict, as the server's `details.causes[]` has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cause {
    /// The machine-readable reason, such as `FieldValueForbidden`.
    pub reason: String,

    /// The field in the server's grammar, with list indexes.
    pub field: String,

    /// The server's message, without the field.
    pub message: String,
}

impl Cause {
    /// The bytes that a digest covers.
    pub(in crate::engine) fn to_value(&self) -> Value {
        let Self { reason, field, message } = self;
        json!({"reason": reason, "field": field, "message": message})
    }

    /// The field and what is wrong with it; only the latter where the server names no field.
    pub fn told(&self) -> String {
        if self.field.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.field, self.message)
        }
    }

    /// Causes in one clause: the first, and how many more there are.
    pub fn told_of(causes: &[Self]) -> String {
        match causes {
            [] => String::new(),
            [one] => one.told(),
            [first, more @ ..] => format!("{} (and {} more)", first.told(), more.len()),
        }
    }
}

/// How the server validates the spec of a kind.
#[derive(Debug)]
pub struct Validation {
    /// What is wrong with a spec.
    spec: fn(&Node<'_>, InUse, &mut Causes),

    /// Whether a selector that changed is told before what is wrong with the spec, and not after.
    selector_first: bool,
}

/// The causes for which the server refuses to create this object; none where it takes it.
///
/// `manifest` is the document as it is sent.
pub fn refusals_of_new(root: Shape, validation: &Validation, manifest: &Value) -> Vec<Cause> {
    let mut object = Tree::of(manifest);
    forget_dropped_fields(root, &mut object, &Value::Null);
    let object = as_stored(root, object);
    let (places, mut out) = (Places::new(), Causes::default());
    let whole = Node::root(&object, &places);
    metadata::validate_new(root, &whole.at("metadata"), &mut out);
    (validation.spec)(&whole.at("spec"), InUse::default(), &mut out);
    out.into_vec()
}

/// The causes for which the server refuses to bring `old` to `object`; none where it takes it.
///
/// `object` comes out of the merge and is as [`as_stored`] leaves it, `old` is what is stored.
pub fn refusals_of_update(root: Shape, validation: &Validation, object: &Tree<'_>, old: &Value) -> Vec<Cause> {
    let in_use = InUse::of(old);
    let old = looked_at(old);
    let (places, mut out) = (Places::new(), Causes::default());
    let (whole, before) = (Node::root(object, &places), Node::root(&old, &places));
    metadata::validate_update(root, &whole.at("metadata"), &before.at("metadata"), &mut out);
    let spec = whole.at("spec");
    let selector = |out: &mut Causes| {
        let selector = spec.at("selector");
        if is_same_selector(root, selector.value(), before.at("spec").at("selector").value()) {
            return;
        }
        // A pointer: none is null.
        let shown = if selector.is_set() {
            shown_selector(&selector)
        } else {
            "null".to_owned()
        };
        out.invalid(&selector, &Raw(&shown), "field is immutable");
    };
    if validation.selector_first {
        selector(&mut out);
    }
    (validation.spec)(&spec, in_use, &mut out);
    if !validation.selector_first {
        selector(&mut out);
    }
    out.into_vec()
}

/// What is looked at of the old object: its metadata, and of its spec the selector.
fn looked_at(old: &Value) -> Tree<'_> {
    fn part<'a>(of: &'a Value, name: &'static str) -> Option<(&'static str, Tree<'a>)> {
        of.get(name).map(|part| (name, Tree::of(part)))
    }
    let spec = old
        .get("spec")
        .map(|spec| ("spec", Tree::Map(part(spec, "selector").into_iter().collect())));
    let metadata = old.get("metadata").map(|metadata| {
        let kept = [
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "finalizers",
            "name",
            "namespace",
            "uid",
        ]
        .into_iter();
        (
            "metadata",
            Tree::Map(kept.filter_map(|name| part(metadata, name)).collect()),
        )
    });
    Tree::Map(metadata.into_iter().chain(spec).collect())
}

/// Whether a stored selector says the same. Only the new one is in normal form.
fn is_same_selector(root: Shape, new: &Tree<'_>, old: &Tree<'_>) -> bool {
    new == old || {
        let mut old = old.clone();
        if let Some(shape) = shape_at(root, "spec.selector") {
            normalise(&mut old, shape);
        }
        *new == old
    }
}
