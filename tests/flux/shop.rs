//! One Kustomization from Git to cluster, and the person who changes its Deployment by hand.

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::git_server::{self, GitServer, Repository};
use crate::harness::incident::{self, PROBE};
pub use crate::harness::incident::{PERSON, deployment, exec, http_get};
use crate::harness::kustomize_controller::{KustomizeController, shared_kustomize_controller};
use crate::harness::object::Object;
use crate::harness::pods::{ReadyPods, Scope};
use crate::harness::{ControlPlane, shared};

/// A namespace with a Kustomization `shop` that is Ready.
pub struct Shop<'a> {
    pub control_plane: &'a ControlPlane,
    pub flux: &'a KustomizeController,
    pub namespace: String,
    pub kustomization: Object,
    pub deployment: Object,
    pub source: Object,
    repository: Repository,
    git: GitServer,
    _folder: TempDir,
    _pods: ReadyPods,
}

impl Shop<'static> {
    /// Opens a shop beside the controller that all share.
    pub fn open(name: &str) -> Result<Self> {
        Self::open_with(name, &json!({}))
    }

    /// The same with these fields in the Kustomization's spec.
    pub fn open_with(name: &str, more: &Value) -> Result<Self> {
        Self::open_beside(shared(), shared_kustomize_controller(), name, more)
    }
}

impl<'a> Shop<'a> {
    /// Commits the incident's Deployment, makes the source and the Kustomization, and waits until it is Ready.
    pub fn open_beside(
        control_plane: &'a ControlPlane,
        flux: &'a KustomizeController,
        name: &str,
        more: &Value,
    ) -> Result<Self> {
        let namespace = control_plane.namespace(name)?;
        Self::open_at(control_plane, flux, &namespace, &namespace, more)
    }

    /// The same for a namespace that is there, with the Kustomization and its source in another one, `of_flux`.
    pub fn open_at(
        control_plane: &'a ControlPlane,
        flux: &'a KustomizeController,
        of_flux: &str,
        namespace: &str,
        more: &Value,
    ) -> Result<Self> {
        let shop = Self::made_at(control_plane, flux, of_flux, namespace, more)?;
        let revision = shop.publish(&deployment(&http_get()))?;
        flux.wait_ready(&shop.kustomization, &revision)?;
        Ok(shop)
    }

    /// Makes the source and the Kustomization in a namespace of their own, with nothing in Git.
    pub fn made(
        control_plane: &'a ControlPlane,
        flux: &'a KustomizeController,
        name: &str,
        more: &Value,
    ) -> Result<Self> {
        let namespace = control_plane.namespace(name)?;
        Self::made_at(control_plane, flux, &namespace, &namespace, more)
    }

    fn made_at(
        control_plane: &'a ControlPlane,
        flux: &'a KustomizeController,
        of_flux: &str,
        namespace: &str,
        more: &Value,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let repository = Repository::create(folder.path(), "shop.git");
        let shop = Self {
            control_plane,
            flux,
            kustomization: flux.kustomization(of_flux, "shop"),
            source: flux.git_repository(of_flux, "shop"),
            deployment: Object::new(control_plane, "deployment", namespace, "web")?,
            repository,
            git: GitServer::start(folder.path(), &git_server::Options::default()),
            _folder: folder,
            _pods: ReadyPods::start(control_plane.admin(), Scope::Namespace(namespace.to_owned()))?,
            namespace: namespace.to_owned(),
        };
        control_plane.apply(&json!({"apiVersion": "v1", "kind": "List", "items": shop.manifests(more)}).to_string())?;
        Ok(shop)
    }

    /// Its intervals are long: a test asks for a reconciliation when it wants one. Nobody but driftmend fetches the
    /// source's URL.
    fn manifests(&self, more: &Value) -> [Value; 2] {
        let metadata = json!({
            "name": "shop", "namespace": self.kustomization.namespace(),
            "annotations": {"driftmend.dev/allow-watches-from": self.namespace},
        });
        let url = self.git.url("shop.git");
        let mut spec = json!({
            "sourceRef": {"kind": "GitRepository", "name": "shop"}, "path": "./", "targetNamespace": self.namespace,
            "prune": true,
            "interval": "1h", "retryInterval": "1h", "timeout": "30s",
        });
        json_patch::merge(&mut spec, more);
        [
            json!({
                "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": metadata,
                "spec": {"url": url, "ref": {"branch": "main"}, "interval": "1h"},
            }),
            json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": metadata,
                   "spec": spec}),
        ]
    }

    /// Commits the Deployment's manifest, and does source-controller's part. Gives the revision as Flux writes it.
    pub fn publish(&self, manifest: &Value) -> Result<String> {
        let commit = self.commit(&[("web.yaml", &format!("{manifest:#}\n"))]);
        self.fetch(&commit)
    }

    /// Commits files, which Flux does not see before they are fetched.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        self.repository.commit(files, "Change the shop")
    }

    /// Does source-controller's part for a commit. Gives the revision as Flux writes it.
    pub fn fetch(&self, commit: &str) -> Result<String> {
        self.flux.publish(&self.source, self.repository.path(), "main", commit)
    }

    /// The hand change of the incident.
    pub fn switch_handler(&self) -> Result<()> {
        self.switch_handler_as(PERSON)
    }

    /// The same in the name of another program than kubectl.
    pub fn switch_handler_as(&self, manager: &str) -> Result<()> {
        incident::switch_handler(&self.deployment, manager)
    }

    /// The hand change taken back, in the name of this manager.
    pub fn switch_back(&self, manager: &str) -> Result<()> {
        incident::switch_back(&self.deployment, manager)
    }

    /// The live container's probe.
    pub fn probe(&self) -> Result<Value> {
        Ok(self.deployment.read()?.pointer(PROBE).cloned().unwrap_or_default())
    }
}
