//! Why the API server refuses a Deployment: its validation, in its order and words.
//!
//! Each function names the one of `pkg/apis/core/validation/validation.go` or `pkg/apis/apps/validation/validation.go`
//! that it follows, with the feature gates as they are by default in Kubernetes 1.36. What is validated is the whole
//! object as it would be stored, so it is in the server's normal form and has its defaults.

mod causes;
mod claim;
mod container;
mod content;
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
mod scheduling;
mod security;
mod system;
#[cfg(test)]
mod tests;
mod unknown;
mod volume;
mod volume_source;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::kind::Kind;
use crate::engine::schema::{Tree, normalise, shape_at};
use causes::{Causes, Raw};
pub use emptied::as_stored;
pub(super) use emptied::forget_empty;
use metadata::{is_well_formed, selects, shown_selector, validate_label_selector};
use node::{Node, Places};
use pod::InUse;
pub(super) use unknown::forget_dropped_fields;

/// One cause of a refusal or conflict, as the server's `details.causes[]` has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cause {
    /// The machine-readable reason, such as `FieldValueForbidden`.
    #[schemars(length(max = 256))]
    pub reason: String,

    /// The field in the server's grammar, with list indexes.
    #[schemars(length(max = 1_024))]
    pub field: String,

    /// The server's message, without the field.
    #[schemars(length(max = 2_048))]
    pub message: String,
}

impl Cause {
    /// The field and what is wrong with it; only the latter where the server names no field.
    pub fn told(&self) -> String {
        if self.field.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.field, self.message)
        }
    }
}

/// The causes for which the server refuses to create this Deployment; none where it takes it.
///
/// `manifest` is the document as it is sent. Source: `ValidateDeployment`.
pub fn refusals_of_new(kind: &'static Kind, manifest: &Value) -> Vec<Cause> {
    let mut object = Tree::of(manifest);
    forget_dropped_fields(kind, &mut object, &Value::Null);
    let object = as_stored(kind, object);
    let (places, mut out) = (Places::new(), Causes::default());
    let root = Node::root(&object, &places);
    metadata::validate_new(kind, &root.at("metadata"), &mut out);
    validate_spec(&root.at("spec"), InUse::default(), &mut out);
    out.into_vec()
}

/// The causes for which the server refuses to bring `old` to `object`; none where it takes it.
///
/// `object` comes out of the merge and is as [`as_stored`] leaves it, `old` is what is stored. Source:
/// `ValidateDeploymentUpdate`.
pub fn refusals_of_update(kind: &'static Kind, object: &Tree<'_>, old: &Value) -> Vec<Cause> {
    let in_use = InUse::of(old);
    let old = looked_at(old);
    let (places, mut out) = (Places::new(), Causes::default());
    let (root, before) = (Node::root(object, &places), Node::root(&old, &places));
    metadata::validate_update(kind, &root.at("metadata"), &before.at("metadata"), &mut out);
    let spec = root.at("spec");
    validate_spec(&spec, in_use, &mut out);
    let selector = spec.at("selector");
    if !is_same_selector(kind, selector.value(), before.at("spec").at("selector").value()) {
        // A pointer: none is null.
        let shown = if selector.is_set() {
            shown_selector(&selector)
        } else {
            "null".to_owned()
        };
        out.invalid(&selector, &Raw(&shown), "field is immutable");
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
fn is_same_selector(kind: &'static Kind, new: &Tree<'_>, old: &Tree<'_>) -> bool {
    new == old || {
        let mut old = old.clone();
        if let Some(shape) = shape_at(kind.root, "spec.selector") {
            normalise(&mut old, shape);
        }
        *new == old
    }
}

/// `ValidateDeploymentSpec`.
fn validate_spec(spec: &Node<'_>, in_use: InUse, out: &mut Causes) {
    out.nonnegative(&spec.at("replicas"));
    let selector = spec.at("selector");
    if !selector.is_set() {
        out.required(&selector, "");
    } else {
        validate_label_selector(&selector, out);
        if selector.at("matchLabels").len() + selector.at("matchExpressions").len() == 0 {
            out.invalid(
                &selector,
                &Raw(&shown_selector(&selector)),
                "empty selector is invalid for deployment",
            );
        }
    }
    if selector.is_set() && !is_well_formed(&selector) {
        // The server then does not look at the template at all.
        out.invalid(&selector, &Raw(&shown_selector(&selector)), "invalid label selector");
    } else {
        validate_template(spec, &selector, in_use, out);
    }
    validate_strategy(&spec.at("strategy"), out);
    for name in ["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
        out.nonnegative(&spec.at(name));
    }
    let deadline = spec.at("progressDeadlineSeconds");
    let ready = spec.at("minReadySeconds").integer().unwrap_or(0);
    if let Some(value) = deadline.integer().filter(|value| *value <= ready) {
        out.invalid(&deadline, &value, "must be greater than minReadySeconds");
    }
}

/// `ValidatePodTemplateSpecForReplicaSet`. An absent selector selects nothing, an empty one everything.
fn validate_template(spec: &Node<'_>, selector: &Node<'_>, in_use: InUse, out: &mut Causes) {
    let template = spec.at("template");
    let labels = template.at("metadata").at("labels");
    if !selector.is_set() || !selects(selector, &labels) {
        out.invalid(&labels, labels.value(), "`selector` does not match template `labels`");
    }
    pod::validate_pod_template(&template, in_use, out);
    let pod = template.at("spec");
    let policy = pod.at("restartPolicy");
    if policy.text() != "Always" {
        out.not_supported(&policy, policy.text(), &["Always"]);
    }
    if let Some(deadline) = pod.set("activeDeadlineSeconds") {
        out.forbidden(&deadline, "activeDeadlineSeconds in ReplicaSet is not Supported");
    }
}

/// `ValidateDeploymentStrategy`.
fn validate_strategy(strategy: &Node<'_>, out: &mut Causes) {
    let rolling = strategy.at("rollingUpdate");
    match strategy.at("type").text() {
        "Recreate" => {
            if rolling.is_set() {
                out.forbidden(&rolling, "may not be specified when strategy `type` is 'Recreate'");
            }
        }
        "RollingUpdate" if rolling.is_set() => validate_rolling_update(&rolling, out),
        "RollingUpdate" => out.required(&rolling, "this should be defaulted and never be nil"),
        other => {
            let internal = match rolling.is_set() {
                // Neither is a pointer in the internal type, and only a known type fills them in.
                true => {
                    let shown = |name| {
                        rolling
                            .set(name)
                            .map_or_else(|| "0".to_owned(), |bound| bound.value().to_string())
                    };
                    format!(
                        "{{\"MaxUnavailable\":{},\"MaxSurge\":{}}}",
                        shown("maxUnavailable"),
                        shown("maxSurge")
                    )
                }
                false => "null".to_owned(),
            };
            let shown = format!("{{\"Type\":{},\"RollingUpdate\":{internal}}}", Value::from(other));
            out.not_supported(strategy, &Raw(&shown), &["Recreate", "RollingUpdate"]);
        }
    }
}

/// `ValidateRollingUpdateDeployment`.
fn validate_rolling_update(rolling: &Node<'_>, out: &mut Causes) {
    let (unavailable, surge) = (rolling.at("maxUnavailable"), rolling.at("maxSurge"));
    for bound in [&unavailable, &surge] {
        match bound.value() {
            Tree::Text(text) => {
                if let Some(fault) = content::percent(text) {
                    out.invalid(bound, bound.value(), &fault);
                }
            }
            _ => out.nonnegative(bound),
        }
    }
    if amount(&unavailable) == 0 && amount(&surge) == 0 {
        out.invalid(&unavailable, unavailable.value(), "may not be 0 when `maxSurge` is 0");
    }
    if unavailable.value().as_str().is_some() && amount(&unavailable) > 100 {
        out.invalid(&unavailable, unavailable.value(), "must not be greater than 100%");
    }
}

/// `getIntOrPercentValue`; 0 where it is neither.
fn amount(bound: &Node<'_>) -> i64 {
    bound
        .integer()
        .or_else(|| bound.text().strip_suffix('%')?.parse().ok())
        .or_else(|| bound.text().parse().ok())
        .unwrap_or(0)
}
