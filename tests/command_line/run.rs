//! The binary run as a script or a person runs it, and the incident as two files.

// Each target that includes this module uses only a part of it.
#![allow(dead_code)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Git's side of the incident: an httpGet probe.
pub const DESIRED: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: registry.example/web:1
          livenessProbe:
            httpGet: {path: /healthz, port: 8080}
";

/// The cluster's side: applied client-side, then somebody patched a tcpSocket probe over it at `patched`.
pub fn live(namespace: &str, patched: Timestamp) -> Value {
    let spec = |probe: Value| {
        json!({"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "registry.example/web:1", "livenessProbe": probe}]},
        }})
    };
    let in_web = |fields: Value| {
        let containers = json!({"k:{\"name\":\"web\"}": fields});
        json!({"f:spec": {"f:template": {"f:spec": {"f:containers": containers}}}})
    };
    let applied = json!({"apiVersion": "apps/v1", "kind": "Deployment",
                         "metadata": {"annotations": {}, "name": "web", "namespace": namespace},
        "spec": spec(json!({"httpGet": {"path": "/healthz", "port": 8080}}))});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": namespace, "uid": "5a1d7c9e-0000-4000-8000-000000000001",
            "resourceVersion": "7", "generation": 2,
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied.to_string()},
            "managedFields": [
                {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "apps/v1",
                 "time": "2026-01-02T03:04:05Z",
                    "fieldsType": "FieldsV1", "fieldsV1": in_web(json!({".": {}, "f:name": {}, "f:image": {},
                        "f:livenessProbe": {".": {}}}))},
                {"manager": "kubectl-patch", "operation": "Update", "apiVersion": "apps/v1", "time": patched,
                 "fieldsType": "FieldsV1",
                    "fieldsV1": in_web(json!({"f:livenessProbe": {"f:tcpSocket": {".": {}, "f:port": {}}}}))},
            ],
        },
        "spec": spec(json!({"tcpSocket": {"port": 8080}, "failureThreshold": 3, "periodSeconds": 10,
                            "successThreshold": 1, "timeoutSeconds": 1})),
    })
}

/// A quarter of an hour ago, and some seconds so that the age in minutes stays the same while a slow machine gets to
/// it.
pub fn a_while_ago() -> Timestamp {
    let then = Timestamp::now() - SignedDuration::from_secs(14 * 60 + 5);
    Timestamp::from_second(then.as_second()).unwrap_or(then)
}

/// What driftmend answered.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs driftmend in a folder, with this text as its standard input, and 80 columns to write in.
pub fn driftmend(folder: &Path, input: &str, arguments: &[&str]) -> Result<Answer> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_driftmend"))
        .args(arguments)
        .current_dir(folder)
        .env("COLUMNS", "80")
        .env_remove("POD_NAMESPACE")
        .env_remove("POD_NAME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("driftmend does not start")?;
    let mut stdin = child.stdin.take().context("no pipe")?;
    // A command that does not read its input may close it first.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output()?;
    Ok(Answer {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// A folder with `web.yaml` (Git's side) and `live.json` (the cluster's).
pub fn folder(patched: Timestamp) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("web.yaml"), DESIRED)?;
    fs::write(folder.path().join("live.json"), live("shop", patched).to_string())?;
    Ok(folder)
}
