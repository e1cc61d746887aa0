//! What must stand in the cluster before Argo CD starts.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::super::{ControlPlane, definitions};
use super::{NAMESPACE, Options};

/// Whom the application controller acts as; the name is that of Argo CD's own installation.
pub const SERVICE_ACCOUNT: &str = "argocd-application-controller";

/// Installs the CRDs, the namespace, the ServiceAccount with all rights, the configuration and the AppProjects.
pub fn install(control_plane: &ControlPlane, component: &Path, options: &Options) -> Result<()> {
    definitions::install(control_plane, &component.join("crds"))?;
    let mut items = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
               "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE}}),
        // As Argo CD's own ClusterRole for this ServiceAccount, which may do everything.
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": SERVICE_ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}],
        }),
        configuration(options),
        project("default", &json!({})),
    ];
    items.extend(options.projects.iter().map(|(name, spec)| project(name, spec)));
    control_plane
        .apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
        .map(drop)
}

/// The controller does not start without it, and does not see it without its label.
fn configuration(options: &Options) -> Value {
    let data: Map<String, Value> = options
        .config
        .iter()
        .map(|(name, text)| (name.clone(), json!(text)))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "argocd"}},
        "data": data,
    })
}

/// A project that allows everything, unless `spec` says otherwise. `default` is what Argo CD's API server would make.
fn project(name: &str, spec: &Value) -> Value {
    let mut whole = json!({
        "sourceRepos": ["*"],
        "sourceNamespaces": ["*"],
        "destinations": [{"namespace": "*", "server": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    });
    json_patch::merge(&mut whole, spec);
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": whole,
    })
}
