//! The governed kinds as a table: what each has beside the metadata and the pod template, which are the same in all
//! ([`full.json`](../full.json)).

use std::sync::Arc;

use driftmend::engine::kind::{DAEMON_SET, DEPLOYMENT, Kind};
use serde_json::{Value, json};

/// A kind of which every field is tried.
#[derive(Debug)]
pub struct Subject {
    pub kind: &'static Kind,

    /// The object with every field that a server of the reference version takes and keeps.
    pub full: Value,
}

/// What a kind has in its spec beside the pod template, with every field of it.
fn its_own(kind: &Kind) -> Value {
    let own = [
        (
            &DEPLOYMENT,
            json!({
                "replicas": 1, "minReadySeconds": 1, "revisionHistoryLimit": 10, "paused": false,
                "progressDeadlineSeconds": 600, "selector": selector(),
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 1}},
            }),
        ),
        (
            &DAEMON_SET,
            json!({
                "minReadySeconds": 1, "revisionHistoryLimit": 10, "selector": selector(),
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 0}},
            }),
        ),
    ];
    let found = own.into_iter().find(|(known, _)| *known == kind);
    found.map_or_else(
        || panic!("{kind} is governed and has no row in the table of the fields"),
        |(_, spec)| spec,
    )
}

fn selector() -> Value {
    json!({
        "matchLabels": {"app": "web"}, "matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}],
    })
}

impl Subject {
    pub fn of(kind: &'static Kind) -> Arc<Self> {
        let shared: Value = serde_json::from_str(include_str!("full.json")).unwrap();
        let mut full = json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": shared["metadata"]});
        full["spec"] = its_own(kind);
        let template = kind.template.iter().fold(&mut full, |object, name| &mut object[*name]);
        *template = shared["template"].clone();
        Arc::new(Self { kind, full })
    }

    /// Whether a place is in the pod template, which all kinds have.
    pub fn is_in_template(&self, place: &str) -> bool {
        place.starts_with(&self.kind.template_path())
    }
}
