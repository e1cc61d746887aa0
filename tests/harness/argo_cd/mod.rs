//! A real Argo CD beside the control plane: its application controller, its repo-server and the Redis that both need.
//!
//! There is no API server of Argo CD, no user interface, no ApplicationSet controller and no notifications: what they
//! would make (the AppProject `default`) is made here. The controller acts as its ServiceAccount, so that the audit log
//! and admission see what they see in a cluster.
//!
//! Never wait for its periodic comparison: it was seen 284 s after the last one. [`ArgoCd::refresh`] asks for one.

mod objects;
mod servers;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::command::Tool;
use super::object::Object;
use super::{ControlPlane, binaries, shared};
use servers::{Programs, Servers};

/// Argo CD's own namespace.
pub const NAMESPACE: &str = "argocd";

/// How an Application names its kind to kubectl.
const APPLICATIONS: &str = "applications.argoproj.io";

/// Asks for a comparison; the controller removes it (`pkg/apis/application/v1alpha1/types.go`, `AnnotationKeyRefresh`).
const REFRESH: &str = "argocd.argoproj.io/refresh";

/// After this time a request for a comparison counts as lost: it is answered in a tenth of a second.
const LOST: Duration = Duration::from_secs(10);

/// How many lines of the controller's log about an Application an error shows.
const LOG_LINES: usize = 25;

/// How Argo CD is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data of the ConfigMap `argocd-cm`, such as `application.resourceTrackingMethod`: name to text.
    pub config: Vec<(String, String)>,

    /// Where Applications may be besides `argocd`: names, or patterns such as `shop-*`.
    pub application_namespaces: Vec<String>,

    /// Further AppProjects: name and spec, which is laid over that of the project `default`.
    pub projects: Vec<(String, Value)>,

    /// Further flags of the application controller.
    pub controller_flags: Vec<String>,

    /// How long each program may take to be ready.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: Vec::new(),
            application_namespaces: vec!["*".to_owned()],
            projects: Vec::new(),
            controller_flags: Vec::new(),
            // They are ready in 2 s; this is for a machine that builds something else meanwhile.
            deadline: Duration::from_secs(120),
        }
    }
}

/// A running Argo CD. Dropping it kills its programs; so does the end of this process. Its objects stay in the cluster.
pub struct ArgoCd {
    servers: Servers,
    kubectl: Tool,
}

impl ArgoCd {
    /// Installs the CRDs and Argo CD's objects, starts its programs, and returns when Applications are looked after.
    ///
    /// # Errors
    ///
    /// Names the program that is not there or did not start, and shows the end of its log.
    pub fn start(control_plane: &ControlPlane, options: &Options) -> Result<Self> {
        let component = binaries::components("argo-cd")?;
        let programs = Programs {
            argocd: component.join("argocd"),
            redis: binaries::installed("redis-server")?,
            folder: component,
        };
        objects::install(control_plane, &programs.folder, options)?;
        let kubeconfig = control_plane.service_account(NAMESPACE, objects::SERVICE_ACCOUNT)?;
        let folder = control_plane.folder().join("argo-cd");
        fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let servers = Servers::start(&programs, options, &kubeconfig, &folder)?;
        Ok(Self {
            servers,
            kubectl: control_plane.tool("kubectl")?,
        })
    }

    /// Names an Application; it need not be there yet.
    pub fn application(&self, namespace: &str, name: &str) -> Object {
        Object::by(self.kubectl.clone(), APPLICATIONS, namespace, name)
    }

    /// Waits until the Application `fits`, and gives it.
    ///
    /// Its status is rewritten many times with the same phase: `fits` does well to look at
    /// `status.operationState.startedAt` too.
    ///
    /// # Errors
    ///
    /// When the time is over: with the Application as it was seen last, and what the controller's log says of it.
    pub fn wait_until(&self, application: &Object, what: &str, fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        application
            .wait_until(what, fits)
            .with_context(|| format!("the controller on it:\n  {}", self.told_of(application).join("\n  ")))
    }

    /// Asks for a comparison with what Git has now, and waits until the controller has begun it.
    ///
    /// A request that comes while another is answered can be lost in this version; the annotation then stays until
    /// somebody changes it.
    pub fn refresh(&self, application: &Object) -> Result<()> {
        for value in ["normal", "again"] {
            // Every value but `hard` means the same.
            application.annotate(REFRESH, value)?;
            let begun = Instant::now();
            while begun.elapsed() < LOST {
                if application.read()?["metadata"]["annotations"][REFRESH].is_null() {
                    return Ok(());
                }
                thread::sleep(Duration::from_millis(100));
            }
        }
        self.wait_until(application, "no refresh asked for", |seen| {
            seen["metadata"]["annotations"][REFRESH].is_null()
        })
        .map(drop)
    }

    /// Kills the application controller at once (SIGKILL); the operation that it works at stays as it is.
    pub fn kill_controller(&self) {
        self.servers.kill_controller();
    }

    /// Lets the application controller end by itself (SIGTERM).
    pub fn stop_controller(&self) -> Result<()> {
        self.servers.stop_controller()
    }

    /// Starts the application controller again, after a kill if it still runs, and returns when it is ready.
    pub fn restart_controller(&self) -> Result<()> {
        self.servers.kill_controller();
        self.servers.start_controller()
    }

    /// Returns the application controller's log of all its starts: one JSON object a line.
    pub fn controller_log(&self) -> String {
        self.servers.controller_log()
    }

    /// Returns the name and the process id of each program that runs now, for measurements.
    pub fn process_ids(&self) -> Vec<(&'static str, u32)> {
        self.servers.process_ids()
    }

    /// The log's last lines about an Application: time and message.
    fn told_of(&self, application: &Object) -> Vec<String> {
        let (qualified, log) = (
            format!("{}/{}", application.namespace(), application.name()),
            self.controller_log(),
        );
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<String> = lines
            .filter(|line| line["application"] == qualified.as_str() || line["application"] == application.name())
            .map(|line| {
                format!(
                    "{} {}",
                    line["time"].as_str().unwrap_or_default(),
                    line["msg"].as_str().unwrap_or_default().trim()
                )
            })
            .collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].to_vec()
    }
}

static SHARED: OnceLock<Result<ArgoCd, String>> = OnceLock::new();

/// Returns the Argo CD that runs beside [`shared`], started by the first caller.
///
/// Each test has a namespace, a repository and an Application of its own; one that stops a program, or needs another
/// configuration, starts its own control plane and Argo CD.
///
/// # Panics
///
/// When it cannot start: every caller is told the same reason.
// As with the control plane: a test without its Argo CD must fail, and with the reason in view.
#[allow(clippy::panic)]
pub fn shared_argo_cd() -> &'static ArgoCd {
    let started =
        SHARED.get_or_init(|| ArgoCd::start(shared(), &Options::default()).map_err(|error| format!("{error:?}")));
    match started {
        Ok(argo_cd) => argo_cd,
        Err(reason) => panic!("failed to start the Argo CD that the tests of this process share: {reason}"),
    }
}
