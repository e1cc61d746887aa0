//! A real kustomize-controller of Flux beside the control plane.
//!
//! There is no source-controller: its modules are not to be had everywhere, so that a test could not build it. What it
//! would do is done here, and is a fake: [`KustomizeController::publish`] packs a real commit, serves it, and writes
//! `status.artifact` of the GitRepository as source-controller would. Nothing ever fetches the GitRepository's own URL.
//!
//! It has no watch on what it applied: drift is met at the next interval, or after [`KustomizeController::poke`].

use std::fs;
use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::command::Tool;
use super::object::Object;
use super::process::Process;
use super::{ControlPlane, binaries, definitions, http, ports, shared, wait};
use artifacts::Artifacts;

mod artifacts;

/// Flux's own namespace.
pub const NAMESPACE: &str = "flux-system";

/// Whom the controller acts as; the name is that of Flux's own installation.
const SERVICE_ACCOUNT: &str = "kustomize-controller";

/// Asks for a reconciliation; `status.lastHandledReconcileAt` repeats the value when it is done
/// (`fluxcd/pkg/apis/meta`, `annotations.go`).
const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// How the controller is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Further flags.
    pub flags: Vec<String>,

    /// How long it may take to be ready.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        // It is ready in 2 s; this is for a machine that builds something else meanwhile.
        Self {
            flags: Vec::new(),
            deadline: Duration::from_secs(120),
        }
    }
}

/// A running kustomize-controller. Dropping it kills it; so does the end of this process. Its objects stay in the
/// cluster.
pub struct KustomizeController {
    process: Mutex<Option<Process>>,
    launch: Launch,
    artifacts: Artifacts,
    kubectl: Tool,
}

/// Everything that a start needs, the first as the second.
struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
    health: String,
    deadline: Duration,
}

impl KustomizeController {
    /// Installs the CRDs and the controller's ServiceAccount, starts it, and returns when it is ready.
    ///
    /// # Errors
    ///
    /// When it is not there or does not start: with the end of its log.
    pub fn start(control_plane: &ControlPlane, options: &Options) -> Result<Self> {
        let component = binaries::components("kustomize-controller")?;
        install(control_plane, &component)?;
        let kubeconfig = control_plane.service_account(NAMESPACE, SERVICE_ACCOUNT)?;
        let folder = control_plane.folder().join("kustomize-controller");
        let temporary = folder.join("tmp");
        fs::create_dir_all(&temporary).with_context(|| format!("failed to make {}", temporary.display()))?;
        let [metrics, health] = [
            ports::free(Ipv4Addr::LOCALHOST.into())?,
            ports::free(Ipv4Addr::LOCALHOST.into())?,
        ];
        let mut arguments = vec![
            format!("--metrics-addr=127.0.0.1:{metrics}"),
            format!("--health-addr=127.0.0.1:{health}"),
            "--log-encoding=console".to_owned(),
        ];
        arguments.extend(options.flags.iter().cloned());
        let launch = Launch {
            program: component.join("kustomize-controller"),
            arguments,
            environment: vec![
                ("KUBECONFIG", kubeconfig.display().to_string()),
                ("RUNTIME_NAMESPACE", NAMESPACE.to_owned()),
                ("TMPDIR", temporary.display().to_string()),
                ("HOME", temporary.display().to_string()),
            ],
            log: folder.join("kustomize-controller.log"),
            health: format!("127.0.0.1:{health}"),
            deadline: options.deadline,
        };
        let process = Mutex::new(Some(launch.start()?));
        Ok(Self {
            process,
            launch,
            artifacts: Artifacts::start(&folder.join("artifacts"))?,
            kubectl: control_plane.tool("kubectl")?,
        })
    }

    /// Names a Kustomization; it need not be there yet.
    pub fn kustomization(&self, namespace: &str, name: &str) -> Object {
        Object::by(
            self.kubectl.clone(),
            "kustomizations.kustomize.toolkit.fluxcd.io",
            namespace,
            name,
        )
    }

    /// Names a GitRepository; it need not be there yet.
    pub fn git_repository(&self, namespace: &str, name: &str) -> Object {
        Object::by(
            self.kubectl.clone(),
            "gitrepositories.source.toolkit.fluxcd.io",
            namespace,
            name,
        )
    }

    /// Does source-controller's part for a GitRepository that is there: packs a commit of the bare repository at
    /// `path`, serves it, and writes it into the status. Returns the artifact's revision, as a Kustomization's status
    /// will name it.
    ///
    /// Kustomizations of this source are reconciled at once: the controller watches sources.
    pub fn publish(&self, source: &Object, path: &Path, branch: &str, commit: &str) -> Result<String> {
        let artifact = self.artifacts.pack(path, branch, commit)?;
        let generation = source.read()?["metadata"]["generation"].clone();
        let ready = json!({
            "type": "Ready", "status": "True", "reason": "Succeeded", "observedGeneration": generation,
            "message": format!("stored artifact for revision '{}'", artifact["revision"].as_str().unwrap_or_default()),
            "lastTransitionTime": artifact["lastUpdateTime"],
        });
        source.write_status(&json!({"artifact": artifact, "observedGeneration": generation, "conditions": [ready]}))?;
        Ok(artifact["revision"].as_str().unwrap_or_default().to_owned())
    }

    /// Asks for a reconciliation now, waits until it is done, and gives the Kustomization after it.
    pub fn poke(&self, kustomization: &Object) -> Result<Value> {
        let asked = Timestamp::now().to_string();
        kustomization.annotate(REQUESTED_AT, &asked)?;
        self.wait_until(kustomization, "the reconciliation that was asked for", |seen| {
            seen["status"]["lastHandledReconcileAt"] == asked.as_str()
                && condition(seen, "Reconciling")["reason"] != "Progressing"
        })
    }

    /// Waits until everything of this revision is applied and in order, and gives the Kustomization.
    pub fn wait_ready(&self, kustomization: &Object, revision: &str) -> Result<Value> {
        self.wait_until(kustomization, &format!("Ready at {revision}"), |seen| {
            condition(seen, "Ready")["status"] == "True" && seen["status"]["lastAppliedRevision"] == revision
        })
    }

    /// Waits until the Kustomization `fits`, and gives it.
    ///
    /// # Errors
    ///
    /// When the time is over: with the Kustomization as it was seen last, and the end of the controller's log.
    pub fn wait_until(&self, kustomization: &Object, what: &str, fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        kustomization
            .wait_until(what, fits)
            .with_context(|| lock(&self.process).as_ref().map(Process::log_tail).unwrap_or_default())
    }

    /// Kills the controller at once (SIGKILL).
    pub fn kill(&self) {
        *lock(&self.process) = None;
    }

    /// Starts the controller again, after a kill if it still runs, and returns when it is ready.
    pub fn restart(&self) -> Result<()> {
        let mut process = lock(&self.process);
        *process = None;
        *process = Some(self.launch.start()?);
        Ok(())
    }

    /// Returns the controller's log of all its starts.
    pub fn log(&self) -> String {
        fs::read(&self.launch.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

impl Launch {
    fn start(&self) -> Result<Process> {
        let environment: Vec<(&str, &str)> = self
            .environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut process = Process::start(&self.program, &self.arguments, &environment, &self.log)?;
        wait::until("a ready kustomize-controller", self.deadline, || {
            process.check_running()?;
            Ok(match http::get(&self.health, "/readyz") {
                Ok((200, _)) => ControlFlow::Break(()),
                Ok((code, text)) => ControlFlow::Continue(format!("/readyz answers {code}: {text}")),
                Err(error) => ControlFlow::Continue(format!("{error:#}; {}", process.log_tail())),
            })
        })?;
        Ok(process)
    }
}

fn install(control_plane: &ControlPlane, component: &Path) -> Result<()> {
    definitions::install(control_plane, &component.join("crds"))?;
    let items = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
               "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE}}),
        // As Flux's own ClusterRoleBinding `cluster-reconciler`.
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "cluster-reconciler"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}],
        }),
    ];
    control_plane
        .apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
        .map(drop)
}

/// The condition of a type, null where there is none.
pub fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .into_iter()
        .find(|condition| condition["type"] == kind)
        .cloned()
        .unwrap_or_default()
}

/// A panic of another test while it held the lock has not changed the process behind it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

static SHARED: OnceLock<Result<KustomizeController, String>> = OnceLock::new();

/// Returns the kustomize-controller that runs beside [`shared`], started by the first caller. Each test has a namespace
/// of its own.
///
/// # Panics
///
/// When it cannot start: every caller is told the same reason.
// As with the control plane: a test without its controller must fail, and with the reason in view.
#[allow(clippy::panic)]
pub fn shared_kustomize_controller() -> &'static KustomizeController {
    let started = SHARED.get_or_init(|| {
        KustomizeController::start(shared(), &Options::default()).map_err(|error| format!("{error:?}"))
    });
    match started {
        Ok(controller) => controller,
        Err(reason) => {
            panic!("failed to start the kustomize-controller that the tests of this process share: {reason}")
        }
    }
}
