//! Applications without an Argo CD: their kind, with any fields, and objects of it as an Argo CD leaves them.

use anyhow::Result;
use serde_json::{Value, json};

use super::{ControlPlane, definitions};

/// An expression of jq that has no end.
pub const ENDLESS: &str = "until(false; .)";

/// Installs the kind, and waits until the API server serves it.
pub fn install_kind(control_plane: &ControlPlane) -> Result<()> {
    let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let version = json!({"name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema": any}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "applications.argoproj.io"},
        "spec": {
            "group": "argoproj.io", "scope": "Namespaced", "versions": [version],
            "names": {"kind": "Application", "listKind": "ApplicationList", "plural": "applications",
                      "singular": "application"},
        },
    });
    control_plane.apply(&definition.to_string())?;
    definitions::wait_until_served(control_plane, &["crd/applications.argoproj.io"])
}

/// An Application of a folder of plain manifests, with these rules in its spec.
pub fn application(namespace: &str, name: &str, url: &str, path: &str, ignore_differences: &Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "project": "default", "source": {"repoURL": url, "path": path, "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "ignoreDifferences": ignore_differences,
        },
        "status": {"sourceType": "Directory", "sync": {"status": "Synced"}},
    })
}

/// An Application of many resources, as large as a real one of some dozens of objects: half of it is what its
/// controller owns.
pub fn large(namespace: &str, name: &str, resources: usize) -> Value {
    let mut application = application(namespace, name, "https://git.example/shop.git", "shop", &json!([]));
    let resource = |at: usize| {
        json!({
            "group": "apps", "version": "v1", "kind": "Deployment", "namespace": format!("{name}-production"),
            "name": format!("{name}-component-{at:04}"), "status": "Synced",
            "health": {"status": "Healthy", "message": "all replicas are there"},
        })
    };
    let result = |at: usize| {
        let mut resource = resource(at);
        resource["message"] = json!(format!("deployment.apps/{name}-component-{at:04} configured"));
        resource["hookPhase"] = json!("Running");
        resource["syncPhase"] = json!("Sync");
        resource
    };
    let entry = |at: usize| {
        json!({
            "id": at, "revision": format!("{at:040x}"), "deployedAt": "2026-01-05T10:00:00Z",
            "deployStartedAt": "2026-01-05T09:59:58Z",
            "initiatedBy": {"automated": true}, "source": application["spec"]["source"],
        })
    };
    let status = json!({
        "sourceType": "Directory", "reconciledAt": "2026-01-05T10:00:00Z",
        "sync": {"status": "Synced", "revision": format!("{:040x}", 10),
                 "comparedTo": {"source": application["spec"]["source"]}},
        "resources": (0..resources).map(resource).collect::<Vec<_>>(),
        "history": (0..10).map(entry).collect::<Vec<_>>(),
        "operationState": {
            "phase": "Succeeded", "startedAt": "2026-01-05T09:59:58Z", "finishedAt": "2026-01-05T10:00:00Z",
            "operation": {"sync": {"revision": format!("{:040x}", 10)}},
            "syncResult": {"revision": format!("{:040x}", 10),
                           "resources": (0..resources).map(result).collect::<Vec<_>>()},
        },
    });
    application["status"] = status;
    application
}
