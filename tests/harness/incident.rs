//! The incident's Deployment, as the tests beside the tools that sync have it, and the person who changes it by hand.

use anyhow::Result;
use serde_json::{Value, json};

use super::object::Object;

/// Whom kubectl makes a person in managedFields.
pub const PERSON: &str = "kubectl-patch";

/// The path of the probe in a Deployment.
pub const PROBE: &str = "/spec/template/spec/containers/0/livenessProbe";

/// A manifest of the incident's Deployment, with this handler.
pub fn deployment(probe: &Value) -> Value {
    let container = json!({"name": "web", "image": "registry.example/web:1", "ports": [{"containerPort": 8080}],
                           "livenessProbe": probe});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    })
}

/// Git's handler.
pub fn http_get() -> Value {
    json!({"httpGet": {"path": "/healthz", "port": 8080}})
}

/// The handler that Git has next.
pub fn exec() -> Value {
    json!({"exec": {"command": ["/bin/healthy"]}})
}

/// The same Deployment under another name, beside the first one.
pub fn beside(name: &str) -> Value {
    let mut manifest = deployment(&http_get());
    manifest["metadata"] = json!({"name": name, "labels": {"app": name}});
    manifest["spec"]["selector"]["matchLabels"]["app"] = json!(name);
    manifest["spec"]["template"]["metadata"]["labels"]["app"] = json!(name);
    manifest
}

/// The hand change of the incident, in the name of this manager.
pub fn switch_handler(deployment: &Object, manager: &str) -> Result<()> {
    let patch = json!([
        {"op": "remove", "path": format!("{PROBE}/httpGet")},
        {"op": "add", "path": format!("{PROBE}/tcpSocket"), "value": {"port": 8080}},
    ]);
    deployment.json_patch(manager, &patch)?.success().map(drop)
}

/// The hand change taken back, in the name of this manager.
pub fn switch_back(deployment: &Object, manager: &str) -> Result<()> {
    let patch = json!([
        {"op": "remove", "path": format!("{PROBE}/tcpSocket")},
        {"op": "add", "path": format!("{PROBE}/httpGet"), "value": http_get()["httpGet"]},
    ]);
    deployment.json_patch(manager, &patch)?.success().map(drop)
}
