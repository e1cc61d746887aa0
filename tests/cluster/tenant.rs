//! A tenant: a namespace with Deployments, a repository that describes them, and watches that hold one against the
//! other.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::harness::command::Tool;
use crate::harness::driftmend::binary;
use crate::harness::git_server::{GitServer, Options, Repository};
use crate::harness::{ControlPlane, Output, wait};

/// How long a controller may take to tell something: what nobody acts on waits for a minute, and then comes a machine
/// that builds something else meanwhile.
pub const TOLD: Duration = Duration::from_secs(150);

/// A tenant of a control plane.
pub struct Tenant<'a> {
    pub control_plane: &'a ControlPlane,
    pub namespace: String,
    pub server: GitServer,
    pub repository: Repository,
    root: PathBuf,
}

impl<'a> Tenant<'a> {
    /// Makes the namespace, an empty repository `shop.git` and a server that anybody may read it from.
    pub fn open(control_plane: &'a ControlPlane, prefix: &str) -> Result<Self> {
        Self::open_with(control_plane, prefix, &Options::default())
    }

    /// The same with a server that wants a password or speaks TLS.
    pub fn open_with(control_plane: &'a ControlPlane, prefix: &str, options: &Options) -> Result<Self> {
        Self::in_namespace(control_plane, control_plane.namespace(prefix)?, options)
    }

    /// The same in a namespace that is there already.
    pub fn open_in(control_plane: &'a ControlPlane, namespace: String) -> Result<Self> {
        Self::in_namespace(control_plane, namespace, &Options::default())
    }

    fn in_namespace(control_plane: &'a ControlPlane, namespace: String, options: &Options) -> Result<Self> {
        let root = control_plane.folder().join(format!("git-{namespace}"));
        fs::create_dir_all(&root).with_context(|| format!("failed to make {}", root.display()))?;
        let repository = Repository::create(&root, "shop.git");
        let server = GitServer::start(&root, options);
        Ok(Self {
            control_plane,
            namespace,
            server,
            repository,
            root,
        })
    }

    /// One more server for the same repositories.
    pub fn another_server(&self, options: &Options) -> GitServer {
        GitServer::start(&self.root, options)
    }

    /// Commits a file of manifests, and applies it as the syncing tool does.
    pub fn sync(&self, path: &str, manifests: &str) -> Result<()> {
        self.repository.commit(&[(path, manifests)], "Sync");
        self.kubectl(&["apply", "-f", "-"], manifests)
    }

    /// Runs kubectl in this namespace.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Result<()> {
        let arguments: Vec<&str> = ["-n", &self.namespace]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        self.control_plane
            .tool("kubectl")?
            .input(input)
            .run(&arguments)?
            .success()
            .map(drop)
    }

    /// Changes the image of a live Deployment by hand.
    pub fn set_image(&self, name: &str, image: &str) -> Result<()> {
        self.kubectl(
            &["set", "image", &format!("deployment/{name}"), &format!("web={image}")],
            "",
        )
    }

    /// A source that reads a folder of this shop's repository every second.
    pub fn source(&self, path: &str) -> Value {
        json!({"url": self.server.url("shop.git"), "revision": "main", "path": path, "interval": "1s"})
    }

    /// Creates a watch of a Git source; `more` is added to its spec.
    pub fn watch(&self, name: &str, git: &Value, more: &Value) -> Result<()> {
        let mut spec = json!({"source": {"git": git}, "settle": "1s"});
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        let watch = json!({"apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": {"name": name},
                           "spec": spec});
        self.kubectl(&["create", "-f", "-"], &watch.to_string())
    }

    /// An object of this namespace, such as `driftreport/deployment-web`, or null.
    pub fn get(&self, object: &str) -> Result<Value> {
        let get = [
            "get",
            object,
            "-n",
            &self.namespace,
            "--ignore-not-found",
            "--output=json",
        ];
        let text = self.control_plane.kubectl(&get)?.success()?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{object} is no JSON"))
    }

    /// Waits until an object is as wanted, and gives it.
    pub fn wait_for(&self, object: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        wait::patiently(&format!("{object}: {what}"), TOLD, || {
            let seen = self.get(object)?;
            Ok(if wanted(&seen) {
                ControlFlow::Break(seen)
            } else {
                ControlFlow::Continue(seen["status"].to_string())
            })
        })
    }

    /// Waits until a watch has a failure of this reason, and gives its message and hint.
    pub fn source_failure(&self, watch: &str, reason: &str) -> Result<(String, String)> {
        let watch = self.wait_for(&format!("driftwatch/{watch}"), reason, |watch| {
            watch["status"]["sourceFailure"]["reason"] == reason
        })?;
        let failure = &watch["status"]["sourceFailure"];
        let text = |key: &str| failure[key].as_str().unwrap_or_default().to_owned();
        Ok((text("message"), text("hint")))
    }

    /// Waits until a watch reads its source and has assessed all that it governs.
    pub fn wait_until_assessed(&self, watch: &str, governed: u64) -> Result<Value> {
        self.wait_for(&format!("driftwatch/{watch}"), "everything in sync", |watch| {
            let counts = &watch["status"]["counts"];
            counts["governed"] == governed && counts["inSync"] == governed
        })
    }

    /// Waits until a Deployment's report is in a phase, and gives the report.
    pub fn wait_for_report(&self, name: &str, phase: &str) -> Result<Value> {
        self.wait_for(&format!("driftreport/deployment-{name}"), phase, |report| {
            report["status"]["phase"] == phase
        })
    }

    /// Waits until a Deployment's report offers a plan that is not `other`, and gives its hash.
    pub fn wait_for_plan(&self, name: &str, other: &str) -> Result<String> {
        let offers = |report: &Value| {
            report["status"]["plan"]["hash"]
                .as_str()
                .is_some_and(|hash| hash != other)
        };
        let report = self.wait_for(&format!("driftreport/deployment-{name}"), "a new plan", offers)?;
        Ok(report["status"]["plan"]["hash"].as_str().unwrap_or_default().to_owned())
    }

    /// Runs a command of driftmend in this namespace as the administrator.
    pub fn driftmend(&self, arguments: &[&str]) -> Result<Output> {
        self.driftmend_as(Tool::new(&binary()).kubeconfig(self.control_plane.admin()), arguments)
    }

    /// Runs a command of driftmend in this namespace.
    pub fn driftmend_as(&self, tool: Tool, arguments: &[&str]) -> Result<Output> {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["-n", &self.namespace]).collect();
        tool.run(&arguments)
    }
}

/// A condition of an object, or null.
pub fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions
        .and_then(|all| all.iter().find(|condition| condition["type"] == type_))
        .unwrap_or(&Value::Null)
}

/// The manifest of a Deployment of no Pods, with one container called `web`.
pub fn deployment(name: &str) -> String {
    deployment_with(name, 0, "")
}

/// The same with some Pods, and lines of YAML that belong into its container.
pub fn deployment_with(name: &str, replicas: u32, container: &str) -> String {
    let container: String = container.lines().map(|line| format!("          {line}\n")).collect();
    format!(
        "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: {replicas}
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      containers:
        - name: web
          image: registry.example/web:1.0
{container}"
    )
}
