//! One Kustomization from Git to cluster, and the person who changes its Deployment by hand.

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::git_server::Repository;
use crate::harness::kustomize_controller::{KustomizeController, shared_kustomize_controller};
use crate::harness::object::Object;
use crate::harness::pods::{ReadyPods, Scope};
use crate::harness::{ControlPlane, shared};

/// Whom kubectl makes a person in managedFields.
pub const PERSON: &str = "kubectl-patch";

/// The path of the probe in a Deployment.
const PROBE: &str = "/spec/template/spec/containers/0/livenessProbe";

/// A manifest of the incident's Deployment, with this handler.
pub fn deployment(probe: &Value) -> Value {
    let container = json!({"name": "web", "image": "registry.example/web:1", "ports": [{"containerPort": 8080}], "livenessProbe": probe});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    })
}

pub fn http_get() -> Value {
    json!({"httpGet": {"path": "/healthz", "port": 8080}})
}

pub fn exec() -> Value {
    json!({"exec": {"command": ["/bin/healthy"]}})
}

/// A namespace with a Kustomization `shop` that is Ready.
pub struct Shop<'a> {
    pub flux: &'a KustomizeController,
    pub namespace: String,
    pub kustomization: Object,
    pub deployment: Object,
    source: Object,
    repository: Repository,
    _folder: TempDir,
    _pods: ReadyPods,
}

impl Shop<'static> {
    /// Opens a shop beside the controller that all share.
    pub fn open(name: &str) -> Result<Self> {
        Self::open_beside(shared(), shared_kustomize_controller(), name)
    }
}

impl<'a> Shop<'a> {
    /// Commits the incident's Deployment, makes the source and the Kustomization, and waits until it is Ready.
    pub fn open_beside(control_plane: &ControlPlane, flux: &'a KustomizeController, name: &str) -> Result<Self> {
        let namespace = control_plane.namespace(name)?;
        let folder = tempfile::tempdir()?;
        let shop = Self {
            flux,
            kustomization: flux.kustomization(&namespace, "shop"),
            source: flux.git_repository(&namespace, "shop"),
            deployment: Object::new(control_plane, "deployment", &namespace, "web")?,
            repository: Repository::create(folder.path(), "shop.git"),
            _folder: folder,
            _pods: ReadyPods::start(control_plane.admin(), Scope::Namespace(namespace.clone()))?,
            namespace,
        };
        control_plane.apply(&json!({"apiVersion": "v1", "kind": "List", "items": shop.manifests()}).to_string())?;
        let revision = shop.publish(&deployment(&http_get()))?;
        flux.wait_ready(&shop.kustomization, &revision)?;
        Ok(shop)
    }

    /// Its intervals are long: a test asks for a reconciliation when it wants one.
    fn manifests(&self) -> [Value; 2] {
        let metadata = json!({"name": "shop", "namespace": self.namespace});
        let url = "https://git.example/shop.git"; // nobody fetches it, see the harness
        let source = json!({"kind": "GitRepository", "name": "shop"});
        [
            json!({
                "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": metadata,
                "spec": {"url": url, "ref": {"branch": "main"}, "interval": "1h"},
            }),
            json!({
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": metadata,
                "spec": {
                    "sourceRef": source, "path": "./", "targetNamespace": self.namespace, "prune": true, "interval": "1h",
                    "retryInterval": "1h", "timeout": "30s",
                },
            }),
        ]
    }

    /// Commits the Deployment's manifest, and does source-controller's part. Gives the revision as Flux writes it.
    pub fn publish(&self, manifest: &Value) -> Result<String> {
        let commit = self.repository.commit(&[("web.yaml", &format!("{manifest:#}\n"))], "Change web");
        self.flux.publish(&self.source, self.repository.path(), "main", &commit)
    }

    /// The hand change of the incident.
    pub fn switch_handler(&self) -> Result<()> {
        let patch = json!([
            {"op": "remove", "path": format!("{PROBE}/httpGet")},
            {"op": "add", "path": format!("{PROBE}/tcpSocket"), "value": {"port": 8080}},
        ]);
        self.deployment.json_patch(PERSON, &patch)?.success().map(drop)
    }

    /// The hand change taken back, in the name of this manager.
    pub fn switch_back(&self, manager: &str) -> Result<()> {
        let patch = json!([
            {"op": "remove", "path": format!("{PROBE}/tcpSocket")},
            {"op": "add", "path": format!("{PROBE}/httpGet"), "value": http_get()["httpGet"]},
        ]);
        self.deployment.json_patch(manager, &patch)?.success().map(drop)
    }

    /// The live container's probe.
    pub fn probe(&self) -> Result<Value> {
        Ok(self.deployment.read()?.pointer(PROBE).cloned().unwrap_or_default())
    }
}
