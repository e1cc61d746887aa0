//! Everything that the story needs around it: a cluster, a Git server, a working folder, a controller.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::harness::command::Tool;
use crate::harness::control_plane::{Cluster, ControlPlane, Options};
use crate::harness::definitions;
use crate::harness::driftmend::{self, Controller};
use crate::harness::git_server::{GitServer, Options as GitOptions, Repository};
use crate::harness::pods::{ReadyPods, Scope};
use crate::harness::wait;
use crate::traces::Traces;
use crate::transcript::Transcript;

/// How long anything may take that happens by itself: seconds, and minutes where a real cluster pulls an image first.
const PATIENCE: Duration = Duration::from_secs(180);

/// The repository below the Git server, and its clone in the working folder.
const REPOSITORY: &str = "shop.git";

/// What the controller calls itself in the labels of its chart.
const INSTALLED: &str = "app.kubernetes.io/name=driftmend";

/// The running parts. The fields go in this order: nobody is left that asks for the next one.
pub struct Stage {
    controller: Option<Controller>,
    _pods: Option<ReadyPods>,
    server: GitServer,
    repository: Repository,
    traces: Arc<Traces>,
    folder: PathBuf,
    kubeconfig: PathBuf,
    namespace: String,
}

impl Stage {
    /// Starts a control plane, or takes the one that `KUBECONFIG` names, and everything else but the controller.
    pub fn set(traces: &Arc<Traces>, told: &Transcript) -> Result<Self> {
        let cluster = Cluster::from_environment();
        let is_ours = cluster == Cluster::Fresh;
        told.say(if is_ours {
            "A control plane on this machine: etcd, kube-apiserver and kube-controller-manager, all of them real. \
             There is no kubelet: a stand-in reports Pods as ready, so that roll-outs end."
        } else {
            "The cluster of KUBECONFIG, in a namespace of its own; all of it goes again at the end."
        })?;
        let control_plane = traces.keep(ControlPlane::start(Options {
            cluster,
            ..Options::default()
        })?);
        let folder = control_plane.folder().join("demo");
        fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let git = folder.join("git");
        let repository = Repository::create(&git, REPOSITORY);
        let mut stage = Self {
            controller: None,
            _pods: None,
            server: GitServer::start(&git, &GitOptions::default()),
            repository,
            traces: Arc::clone(traces),
            kubeconfig: folder.join("kubeconfig"),
            namespace: namespace_name(),
            folder,
        };
        fs::copy(control_plane.admin(), &stage.kubeconfig).context("failed to copy the kubeconfig")?;
        stage.kubectl(&["config", "set-context", "--current", "--namespace", &stage.namespace])?;
        told.run(&stage.tool("kubectl")?, "kubectl", &["version"])?.success()?;
        stage.furnish(is_ours, told)?;
        let has_nodes = !stage.kubectl(&["get", "nodes", "--output=name"])?.is_empty();
        if !has_nodes {
            stage._pods = Some(ReadyPods::start(
                &stage.kubeconfig,
                Scope::Namespace(stage.namespace.clone()),
            )?);
        }
        Ok(stage)
    }

    /// The custom resource definitions, where they are not there yet, and the namespace.
    fn furnish(&self, is_ours: bool, told: &Transcript) -> Result<()> {
        let make = |removal: &[&str], make: &dyn Fn() -> Result<()>| {
            if is_ours {
                make()
            } else {
                self.traces.make(removal, make)
            }
        };
        if self
            .kubectl(&[
                "get",
                "crd",
                "driftwatches.driftmend.dev",
                "--ignore-not-found",
                "--output=name",
            ])?
            .is_empty()
        {
            let definitions = driftmend::run(&self.kubeconfig, &["crds"])?.success()?;
            let removal = [
                "delete",
                "crd",
                "driftwatches.driftmend.dev",
                "driftreports.driftmend.dev",
                "--ignore-not-found",
            ];
            make(&removal, &|| {
                told.command("driftmend crds | kubectl apply -f -")?;
                let applied = self
                    .tool("kubectl")?
                    .input(definitions.as_str())
                    .run(&["apply", "-f", "-"])?
                    .success()?;
                told.answer(&applied)
            })?;
            definitions::wait_until_served(self.cluster()?, definitions::OURS)?;
        } else {
            self.refuse_company()?;
        }
        make(
            &[
                "delete",
                "namespace",
                &self.namespace,
                "--ignore-not-found",
                "--timeout=120s",
            ],
            &|| {
                told.run(
                    &self.tool("kubectl")?,
                    "kubectl",
                    &["create", "namespace", &self.namespace],
                )?
                .success()
                .map(drop)
            },
        )?;
        // Pods are refused until then.
        self.kubectl(&["wait", "--for=create", "serviceaccount/default", "--timeout=60s"])
            .map(drop)
    }

    /// A controller acts for every DriftWatch of its cluster, and two controllers would answer each other.
    fn refuse_company(&self) -> Result<()> {
        let watches = self.kubectl(&["get", "driftwatches", "--all-namespaces", "--output=name"])?;
        let controllers = self.kubectl(&[
            "get",
            "deployments",
            "--all-namespaces",
            "--selector",
            INSTALLED,
            "--output=name",
        ])?;
        if !watches.is_empty() || !controllers.is_empty() {
            bail!(
                "failed to play in this cluster: driftmend is in use there, and the demo's own controller would take \
                 part in it ({})\nplay it without KUBECONFIG, or in another cluster",
                format!("{watches}{controllers}").trim().replace('\n', ", ")
            );
        }
        Ok(())
    }

    fn cluster(&self) -> Result<&ControlPlane> {
        self.traces.control_plane().context("there is no cluster")
    }

    /// A tool in the working folder, as the administrator, in the demo's namespace.
    pub fn tool(&self, name: &str) -> Result<Tool> {
        Ok(self
            .cluster()?
            .tool(name)?
            .kubeconfig(&self.kubeconfig)
            .folder(&self.folder))
    }

    /// driftmend itself, likewise.
    pub fn driftmend(&self) -> Tool {
        Tool::new(&driftmend::binary())
            .kubeconfig(&self.kubeconfig)
            .folder(&self.folder)
    }

    /// Git or another program of the machine, in the working folder; Git without the settings of whoever plays the
    /// demo.
    pub fn program(&self, name: &str) -> Tool {
        let program = Tool::new(name.as_ref()).folder(&self.folder);
        program
            .environment("GIT_CONFIG_GLOBAL", "/dev/null")
            .environment("GIT_CONFIG_SYSTEM", "/dev/null")
    }

    /// Runs kubectl unseen and gives what it printed, which must be a success.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.tool("kubectl")?.run(arguments)?.success()
    }

    /// Writes a file into the working folder.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.folder.join(name), text).with_context(|| format!("failed to write {name}"))
    }

    /// Commits on the server.
    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        self.repository.commit(files, message)
    }

    /// Where the repository is cloned from.
    pub fn url(&self) -> String {
        self.server.url(REPOSITORY)
    }

    /// The demo's namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The kubeconfig whose namespace is the demo's.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig.display().to_string()
    }

    /// Starts the controller, which lives as long as the stage.
    pub fn start_controller(&mut self, told: &Transcript) -> Result<()> {
        // Its Lease, in the namespace that goes at the end, is how `driftmend report` knows that it runs.
        let flags = [
            "--mode",
            "observe",
            "--lease-name",
            "driftmend",
            "--namespace",
            &self.namespace,
        ];
        let controller = Controller::start(&self.kubeconfig, &self.folder, &flags)?;
        told.command(&format!("{} &", controller.command_line()))?;
        self.controller = Some(controller);
        Ok(())
    }

    /// The running controller.
    pub fn controller(&self) -> Result<&Controller> {
        self.controller.as_ref().context("the controller is not started yet")
    }

    /// Shows the lines of /metrics that begin so, and gives them.
    pub fn metrics(&self, told: &Transcript, prefixes: &[&str]) -> Result<String> {
        let controller = self.controller()?;
        let text = controller.metrics()?;
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| prefixes.iter().any(|prefix| line.starts_with(prefix)))
            .collect();
        told.say(&format!(
            "GET http://{}/metrics: the lines that begin with {}",
            controller.address(),
            prefixes.join(" or ")
        ))?;
        told.verbatim(&if lines.is_empty() {
            "(none)".to_owned()
        } else {
            lines.join("\n")
        })?;
        Ok(lines.join("\n"))
    }

    /// Waits until a resource of the demo's namespace is as `accept` wants it, and gives it.
    pub fn wait_for(&self, what: &str, resource: &str, accept: impl Fn(&Value) -> bool) -> Result<Value> {
        wait::until(what, PATIENCE, || {
            let text = self.kubectl(&["get", resource, "--ignore-not-found", "--output=json"])?;
            if text.is_empty() {
                return Ok(ControlFlow::Continue(format!("there is no {resource}")));
            }
            let value: Value = serde_json::from_str(&text)
                .with_context(|| format!("kubectl's answer about {resource} is not JSON"))?;
            Ok(if accept(&value) {
                ControlFlow::Break(value)
            } else {
                ControlFlow::Continue(value["status"].to_string())
            })
        })
    }
}

/// A namespace that nobody has: the clock is random enough beside a name of our own.
fn namespace_name() -> String {
    let nanoseconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|age| age.subsec_nanos())
        .unwrap_or_default();
    format!("driftmend-demo-{:05x}", (nanoseconds ^ std::process::id()) & 0xf_ffff)
}
