//! The Deployment that is measured with, in Git and in the cluster, and the edits of people.

use anyhow::{Context, Result};
use driftmend::engine::object::{Document, ObjectId, Origin};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

/// A Deployment as people write it: about 80 lines, two containers.
const TEMPLATE: &str = include_str!("web.yaml");

/// The manager that a person's `kubectl patch` writes under.
pub const PERSON: &str = "kubectl-patch";

/// The container whose probe is switched.
const PROBE: &str = "/spec/template/spec/containers/0/livenessProbe";

/// The name of the Deployment at this place.
pub fn name(at: usize) -> String {
    format!("web-{at:05}")
}

/// The manifest as it stands in Git.
pub fn text(namespace: &str, name: &str) -> String {
    TEMPLATE
        .replace("NAMESPACE", namespace)
        .replace("NAME", name)
        .replace(&format!("POD_{name}"), "POD_NAME")
}

/// The manifest as a source gives it.
pub fn document(namespace: &str, name: &str) -> Result<Document> {
    let value: Value = serde_yaml::from_str(&text(namespace, name)).context("the manifest is no YAML")?;
    let id = ObjectId::of(&value).context("the manifest names no object")?;
    Ok(Document {
        id,
        value,
        origin: Origin {
            file: format!("{name}.yaml").into(),
            line: 1,
        },
    })
}

/// The object as `kubectl apply` creates it: with the annotation that the next three-way merge starts from.
pub fn applied(namespace: &str, name: &str) -> Result<Deployment> {
    let mut object = document(namespace, name)?.value;
    // kubectl writes the annotations without its own, none as an empty map.
    object["metadata"]["annotations"] = json!({});
    let text = format!("{object}\n");
    object["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": text});
    serde_json::from_value(object).context("the manifest is no Deployment")
}

/// A write under the name of this field manager.
pub fn by(manager: &str) -> PatchParams {
    PatchParams {
        field_manager: Some(manager.to_owned()),
        ..PatchParams::default()
    }
}

/// The edit of the incident: a TCP probe instead of Git's HTTP probe.
pub fn probe_switch() -> Patch<Value> {
    let probe = json!({"httpGet": null, "tcpSocket": {"port": 8080}});
    Patch::Strategic(json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "livenessProbe": probe}]}}}}))
}

/// Takes [`probe_switch`] back.
pub fn probe_back() -> Result<Patch<Value>> {
    let operations = json!([
        {"op": "remove", "path": format!("{PROBE}/tcpSocket")},
        {"op": "add", "path": format!("{PROBE}/httpGet"), "value": {"path": "/healthz", "port": "http"}},
    ]);
    Ok(Patch::Json(
        serde_json::from_value(operations).context("not a JSON Patch")?,
    ))
}

/// An edit that the next sync reverts, and that starts no roll-out.
pub fn plain_edit() -> Patch<Value> {
    Patch::Merge(json!({"spec": {"minReadySeconds": 6}}))
}

/// A status as a crash-looping Pod gives its Deployment for a moment.
pub fn flipped_status() -> Patch<Value> {
    Patch::Merge(json!({"status": {"unavailableReplicas": 1}}))
}

/// An annotation that some tool keeps rewriting: worth telling, no drift.
pub fn restless_annotation(turn: usize) -> Patch<Value> {
    Patch::Merge(json!({"metadata": {"annotations": {"tool.example/seen": turn.to_string()}}}))
}
