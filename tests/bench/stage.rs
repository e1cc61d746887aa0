//! What is measured on: a control plane with an audit log, a Git server, Deployments, one watch, and a controller.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use driftmend::api::v1alpha1::{DriftReport, DriftWatch, Phase};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::harness::control_plane::Audit;
use crate::harness::driftmend::Controller;
use crate::harness::git_server::{self, GitServer, Repository};
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options, wait};
use crate::manifest;

/// The user that the controller acts as; the audit log knows its requests by this name.
pub const USER: &str = "driftmend-bench";

/// The repository that holds every manifest.
const REPOSITORY: &str = "shop.git";

/// The watch that governs everything.
const WATCH: &str = "shop";

/// Requests under way at once: enough to keep a small API server busy.
const CONCURRENCY: usize = 8;

/// How long anything may take that happens by itself; two thousand Deployments on two cores take about a minute.
const DEADLINE: Duration = Duration::from_secs(600);

/// What is measured on.
pub struct Stage {
    /// The API server and its controllers.
    pub plane: ControlPlane,

    /// The namespace of the Deployments and of the watch.
    pub namespace: String,

    /// The Git server.
    pub git: GitServer,

    /// The administrator's client.
    pub client: Client,

    /// Where requests run.
    pub runtime: Runtime,

    repository: Repository,
    user: PathBuf,
}

impl Stage {
    /// Starts the control plane and the Git server.
    pub fn start() -> Result<Self> {
        // Observed quickly: the real controllers must not be what is waited for.
        let plane = ControlPlane::start(Options {
            audit: Audit::Metadata,
            kube_api_qps: 1_000,
            ..Options::default()
        })?;
        install_definitions(&plane)?;
        plane.kubectl(&["create", "namespace", "driftmend"])?.success()?;
        // Not of the group system:masters, whose requests wait for nobody: the controller's are weighed like those of
        // any user.
        let binding = [
            "create",
            "clusterrolebinding",
            USER,
            "--clusterrole=cluster-admin",
            "--user",
            USER,
        ];
        plane.kubectl(&binding)?.success()?;
        let namespace = plane.namespace("bench")?;
        let folder = plane.folder().join("git");
        std::fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let repository = Repository::create(&folder, REPOSITORY);
        let git = GitServer::start(&folder, &git_server::Options::default());
        let runtime = Runtime::new().context("no runtime")?;
        let kubeconfig = Kubeconfig::read_from(plane.admin())?;
        let client = runtime.block_on(async {
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
            Ok::<_, anyhow::Error>(Client::try_from(config)?)
        })?;
        let user = plane.user(USER, &[])?;
        Ok(Self {
            plane,
            namespace,
            git,
            client,
            runtime,
            repository,
            user,
        })
    }

    /// The Deployments' API.
    pub fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The reports' API.
    pub fn reports(&self) -> Api<DriftReport> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates Deployments as `kubectl apply` does, from one place up to and without another.
    pub fn deploy(&self, from: usize, to: usize) -> Result<()> {
        let api = self.deployments();
        let parameters = PostParams {
            field_manager: Some("kubectl-client-side-apply".to_owned()),
            ..PostParams::default()
        };
        let objects: Vec<Deployment> = (from..to)
            .map(|at| manifest::applied(&self.namespace, &manifest::name(at)))
            .collect::<Result<_>>()?;
        self.runtime.block_on(async {
            let creates = objects.iter().map(|object| api.create(&parameters, object));
            stream::iter(creates)
                .buffer_unordered(CONCURRENCY)
                .try_for_each(|_| async { Ok(()) })
                .await
        })?;
        // Until the real controllers have seen all of them, which is work of the same cores.
        self.wait("every Deployment to be observed", || {
            let deployments = self.runtime.block_on(api.list(&ListParams::default()))?;
            let observed = |deployment: &&Deployment| {
                deployment
                    .status
                    .as_ref()
                    .is_some_and(|status| status.observed_generation.is_some())
            };
            let seen = deployments.items.iter().filter(observed).count();
            Ok(if seen >= to {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(format!("{seen} of {to}"))
            })
        })
    }

    /// Commits the manifests of the first `count` Deployments, one file each.
    pub fn commit(&self, count: usize) -> Result<()> {
        let mut stream = String::new();
        let message = format!("{count} Deployments\n");
        writeln!(
            stream,
            "commit refs/heads/main\ncommitter Grace <dev@example.com> {} +0000",
            jiff::Timestamp::now().as_second()
        )?;
        write!(stream, "data {}\n{message}", message.len())?;
        for at in 0..count {
            let name = manifest::name(at);
            let text = manifest::text(&self.namespace, &name);
            write!(
                stream,
                "M 100644 inline shop/{name}.yaml\ndata {}\n{text}\n",
                text.len()
            )?;
        }
        // One process instead of two for each file; `--force` because each commit begins a history of its own.
        self.repository
            .git_with_input(&["fast-import", "--quiet", "--force"], stream.as_bytes());
        Ok(())
    }

    /// Makes the watch, with every default but the strategy's: what a user gets.
    pub fn watch(&self) -> Result<()> {
        let watch = json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
            "metadata": {"name": WATCH, "namespace": self.namespace},
            "spec": {"source": {"git": {"url": self.git.url(REPOSITORY), "path": "shop"}}},
        });
        self.plane.apply(&watch.to_string()).map(drop)
    }

    /// Starts a controller as its own user, with a Lease.
    pub fn controller(&self) -> Result<Controller> {
        Controller::start(&self.user, self.plane.folder(), &["--lease-name", "driftmend"])
    }

    /// Ends a controller as a cluster does, so that it lets go of the Lease and the next one need not wait for it.
    pub fn stop(&self, mut controller: Controller) -> Result<()> {
        controller.signal("TERM")?;
        controller.wait_for_end(DEADLINE).map(drop)
    }

    /// Sends the same patch to the first `count` Deployments.
    pub fn patch_all(&self, count: usize, parameters: &PatchParams, patch: &Patch<Value>) -> Result<()> {
        let api = self.deployments();
        let names: Vec<String> = (0..count).map(manifest::name).collect();
        self.runtime.block_on(async {
            let patches = names.iter().map(|name| api.patch(name, parameters, patch));
            stream::iter(patches)
                .buffer_unordered(CONCURRENCY)
                .try_for_each(|_| async { Ok(()) })
                .await
        })?;
        Ok(())
    }

    /// Waits until the controller has found all `count` Deployments in sync.
    pub fn wait_until_in_sync(&self, controller: &Controller, count: usize) -> Result<()> {
        let series = |name: &str| {
            format!(
                "driftmend_watch_{name}{{namespace=\"{}\",watch=\"{WATCH}\"}}",
                self.namespace
            )
        };
        self.wait("every Deployment to be in sync", || {
            let (governed, in_sync) = (
                controller.metric(&series("governed"))?,
                controller.metric(&series("in_sync"))?,
            );
            let wanted = u32::try_from(count).ok().map(f64::from);
            Ok(match governed == wanted && in_sync == wanted {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(format!(
                    "governed {governed:?}, in sync {in_sync:?}; {}",
                    self.watch_status()?
                )),
            })
        })
    }

    /// Waits until nothing is left to be written: the watch's status tells what the metrics do, at most a minute later.
    pub fn wait_until_settled(&self, count: usize) -> Result<()> {
        self.wait("the watch's counts", || {
            let status = self.watch_status()?;
            Ok(if status.pointer("/counts/inSync") == Some(&json!(count)) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(status.to_string())
            })
        })
    }

    /// Waits until `count` reports have this phase.
    pub fn wait_for_reports(&self, phase: Phase, count: usize) -> Result<()> {
        let api = self.reports();
        self.wait("the reports", || {
            let reports = self.runtime.block_on(api.list(&ListParams::default()))?;
            let told = reports
                .items
                .iter()
                .filter(|report| report.status.as_ref().is_some_and(|status| status.phase == phase))
                .count();
            Ok(if told == count {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(format!("{told} of {count} are {phase:?}"))
            })
        })
    }

    /// Waits until the watch tells of a mass drift.
    pub fn wait_for_mass_drift(&self) -> Result<()> {
        self.wait("a mass drift", || {
            let status = self.watch_status()?;
            let conditions = status.get("conditions").and_then(Value::as_array);
            let told = conditions
                .into_iter()
                .flatten()
                .any(|condition| condition["type"] == "MassDrift" && condition["status"] == "True");
            Ok(if told {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(status.to_string())
            })
        })
    }

    /// Removes every report, with no controller that runs.
    pub fn remove_reports(&self) -> Result<()> {
        let removed = self
            .plane
            .kubectl(&[
                "delete",
                "driftreports",
                "--all",
                "-n",
                &self.namespace,
                "--output=name",
            ])?
            .success()?;
        ensure!(!removed.contains("rror"), "the reports were not removed: {removed}");
        Ok(())
    }

    fn watch_status(&self) -> Result<Value> {
        let api: Api<DriftWatch> = Api::namespaced(self.client.clone(), &self.namespace);
        Ok(serde_json::to_value(self.runtime.block_on(api.get(WATCH))?.status)?)
    }

    fn wait<T>(&self, what: &str, look: impl FnMut() -> Result<ControlFlow<T, String>>) -> Result<T> {
        wait::until(what, DEADLINE, look)
    }
}
