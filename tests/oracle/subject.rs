//! What the oracle has to know of each governed kind, as a table: its smallest object, and a number that its objects
//! have. Which parts it has is said by the parts ([`states`](crate::states)).

use driftmend::engine::kind::{DAEMON_SET, DEPLOYMENT, Kind};
use serde_json::{Value, json};

/// A governed kind as the oracle tries it.
pub struct Subject {
    pub kind: &'static Kind,

    /// The least that a server takes as its spec, beside the pod template.
    spec: fn() -> Value,

    /// A number of its spec that people, programs and Git change at will.
    pub number: Number,
}

/// A number of a spec.
pub struct Number {
    /// Its name in the spec.
    pub name: &'static str,

    /// What the server fills in where nobody says it; none where it leaves that out.
    pub default: Option<u32>,

    /// Whether the subresource `scale` writes it, too.
    pub is_scaled: bool,
}

static SUBJECTS: &[Subject] = &[
    Subject {
        kind: &DEPLOYMENT,
        spec: selecting,
        number: Number {
            name: "replicas",
            default: Some(1),
            is_scaled: true,
        },
    },
    Subject {
        kind: &DAEMON_SET,
        spec: selecting,
        number: Number {
            name: "minReadySeconds",
            default: None,
            is_scaled: false,
        },
    },
];

fn selecting() -> Value {
    json!({"selector": {"matchLabels": {"app": "web"}}})
}

/// The subject of a kind.
pub fn of(kind: &Kind) -> &'static Subject {
    SUBJECTS
        .iter()
        .find(|subject| subject.kind == kind)
        .unwrap_or_else(|| panic!("{kind} is governed and has no row in the oracle's table of kinds"))
}

/// The smallest manifest of a kind: every part is absent, but for what it cannot be without.
pub fn base(kind: &Kind) -> Value {
    let mut object = json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": {}});
    object["spec"] = (of(kind).spec)();
    let template = kind
        .template
        .iter()
        .fold(&mut object, |object, name| &mut object[*name]);
    *template = json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    });
    object
}

/// The kind of a manifest.
pub fn kind_of(manifest: &Value) -> &'static Kind {
    let text = |name: &str| manifest[name].as_str().unwrap_or_default();
    Kind::of(text("apiVersion"), text("kind")).unwrap_or_else(|| panic!("{manifest} is of no governed kind"))
}
