//! What a test sees of its cluster: kubeconfigs, kubectl, helm, namespaces, and the API server's life.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::json;

use super::binaries::Binaries;
use super::command::{Output, Tool};
use super::kubeconfig;
use super::process::Folder;
use super::servers::{Programs, Servers};

/// The controllers that a governed object, its namespace, its ServiceAccounts and people's rights need (names from
/// `cmd/kube-controller-manager/names/controller_names.go`). Without the role aggregation the roles `admin`, `edit` and
/// `view` are empty; without the last one a ValidatingAdmissionPolicy never gets the result of its type check. There is
/// no autoscaler: no metrics are served.
pub const CONTROLLERS: &[&str] = &[
    "deployment-controller",
    "daemonset-controller",
    "replicaset-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
    "validatingadmissionpolicy-status-controller",
];

/// Another process can take a free port before the server listens on it; three times in a row means something else.
const ATTEMPTS: u32 = 3;

/// Says which cluster is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cluster {
    /// A control plane of our own, whatever the environment says.
    #[default]
    Fresh,

    /// A cluster that is there already, by the current context of these kubeconfig files (written as in the variable
    /// `KUBECONFIG`).
    Existing(OsString),
}

impl Cluster {
    /// Returns the user's own cluster where the variable `KUBECONFIG` names one, else a fresh one.
    pub fn from_environment() -> Self {
        env::var_os("KUBECONFIG")
            .filter(|value| !value.is_empty())
            .map_or(Self::Fresh, Self::Existing)
    }
}

/// Says whether the API server keeps a log of all requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audit {
    /// No log.
    #[default]
    Off,

    /// Who asked for what and when, without bodies; see [`ControlPlane::audit_log`].
    Metadata,
}

/// How a control plane is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which cluster.
    pub cluster: Cluster,

    /// Where the programs come from.
    pub binaries: Binaries,

    /// The address on which the API server listens.
    pub bind: IpAddr,

    /// The controller manager's requests a second; it may burst to twice that.
    pub kube_api_qps: u32,

    /// The controllers that run.
    pub controllers: Vec<String>,

    /// Further flags of the API server, for example a feature gate.
    pub api_server_flags: Vec<String>,

    /// Whether requests are recorded.
    pub audit: Audit,

    /// How long each step of a start may take.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cluster: Cluster::default(),
            binaries: Binaries::default(),
            bind: Ipv4Addr::LOCALHOST.into(),
            // Five times its own default, which a handful of tests at once would exhaust.
            kube_api_qps: 100,
            controllers: CONTROLLERS.iter().map(ToString::to_string).collect(),
            api_server_flags: Vec::new(),
            audit: Audit::default(),
            // A start takes 5 s alone on two cores; this is for a machine that builds something else meanwhile.
            deadline: Duration::from_secs(120),
        }
    }
}

/// A cluster for tests. Dropping it stops its programs and removes its folder; so does the end of this process.
pub struct ControlPlane {
    servers: Option<Servers>,
    binaries: Binaries,
    admin: PathBuf,
    serial: AtomicU32,
    // The last field, so that it goes after the programs that write into it.
    folder: Folder,
}

impl ControlPlane {
    /// Starts a control plane and returns when Deployments can be created in it.
    ///
    /// # Errors
    ///
    /// Names the program that is not there or did not start, and shows the end of its log. The folder with all logs is
    /// kept then.
    pub fn start(options: Options) -> Result<Self> {
        if let Cluster::Existing(kubeconfig) = &options.cluster {
            return Self::existing(kubeconfig);
        }
        let programs = Programs {
            etcd: options.binaries.find("etcd")?,
            api_server: options.binaries.find("kube-apiserver")?,
            controller_manager: options.binaries.find("kube-controller-manager")?,
            kubectl: options.binaries.find("kubectl")?,
        };
        let mut attempt = 1;
        loop {
            let mut folder = Folder::new("driftmend-")?;
            match Servers::start(&programs, &options, folder.path()) {
                Ok(servers) => {
                    let admin = servers.admin.clone();
                    return Ok(Self {
                        servers: Some(servers),
                        binaries: options.binaries,
                        admin,
                        serial: AtomicU32::new(0),
                        folder,
                    });
                }
                Err(_) if attempt < ATTEMPTS && port_was_taken(folder.path()) => attempt += 1,
                Err(error) => {
                    // Only the logs are of use to anybody, and etcd's data is large. It may not be there yet.
                    let _ = fs::remove_dir_all(folder.path().join("etcd"));
                    folder.keep();
                    return Err(error.context(format!(
                        "failed to start a control plane in {}",
                        folder.path().display()
                    )));
                }
            }
        }
    }

    /// Uses a cluster that is there already; nothing is started.
    fn existing(kubeconfig: &OsStr) -> Result<Self> {
        let binaries = Binaries::Installed;
        let folder = Folder::new("driftmend-")?;
        let admin = folder.path().join("admin.kubeconfig");
        let view = ["config", "view", "--raw", "--minify", "--flatten", "--output=json"];
        let kubectl = Tool::new(&binaries.find("kubectl")?).environment("KUBERC", "off");
        let text = kubectl.environment("KUBECONFIG", kubeconfig).run(&view)?.success()?;
        fs::write(&admin, text).with_context(|| format!("failed to write {}", admin.display()))?;
        Ok(Self {
            servers: None,
            binaries,
            admin,
            serial: AtomicU32::new(0),
            folder,
        })
    }

    /// Returns the folder of logs, certificates and kubeconfigs; a test may put files of its own into it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the audit log, one JSON event a line; it is there with [`Audit::Metadata`] only.
    pub fn audit_log(&self) -> PathBuf {
        self.folder().join("audit.log")
    }

    /// Returns the name and the process id of each program that runs now, for measurements.
    pub fn process_ids(&self) -> Vec<(&'static str, u32)> {
        self.servers.as_ref().map(Servers::process_ids).unwrap_or_default()
    }

    /// Returns the kubeconfig of the administrator (group `system:masters`), or of the user whose cluster it is.
    pub fn admin(&self) -> &Path {
        &self.admin
    }

    /// Writes the kubeconfig of a person who has only the rights that RBAC gives to this name and these groups.
    ///
    /// It is a client certificate of its own. With two groups or more (`rcgen` writes one organisation), and in the
    /// user's own cluster, whose authority we are not, the administrator impersonates the person instead; requests are
    /// judged the same way.
    pub fn user(&self, name: &str, groups: &[&str]) -> Result<PathBuf> {
        let path = self.new_kubeconfig(name);
        match &self.servers {
            Some(servers) if groups.len() < 2 => {
                let file = path.file_stem().unwrap_or_default().to_string_lossy();
                let files = servers.authority.client(name, groups, &file)?;
                kubeconfig::write_certificate(&path, &servers.url, &servers.authority.certificate(), &files)?;
            }
            _ => kubeconfig::write_impersonation(&path, &self.admin, name, groups)?,
        }
        Ok(path)
    }

    /// Writes the kubeconfig of a ServiceAccount that exists, with a token that the API server issues for a day.
    pub fn service_account(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let token = self
            .kubectl(&["create", "token", name, "-n", namespace, "--duration=24h"])?
            .success()?;
        let path = self.new_kubeconfig(name);
        kubeconfig::write_token(&path, &self.admin, token.trim())?;
        Ok(path)
    }

    /// Runs kubectl as the administrator.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Output> {
        self.tool("kubectl")?.run(arguments)
    }

    /// Runs helm as the administrator, with caches and settings of its own.
    pub fn helm(&self, arguments: &[&str]) -> Result<Output> {
        self.tool("helm")?.run(arguments)
    }

    /// Applies manifests as the administrator, client-side, as `kubectl apply` does.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        self.tool("kubectl")?
            .input(manifests)
            .run(&["apply", "-f", "-"])?
            .success()
    }

    /// Prepares kubectl, kustomize or helm: as the administrator unless another kubeconfig is chosen, and without the
    /// settings of the person who runs the tests.
    pub fn tool(&self, name: &str) -> Result<Tool> {
        let home = self.folder().join("tools");
        Ok(Tool::new(&self.binaries.find(name)?)
            .kubeconfig(&self.admin)
            .environment("KUBERC", "off")
            .environment("KUBECACHEDIR", home.join("kubectl"))
            .environment("HELM_CACHE_HOME", home.join("helm-cache"))
            .environment("HELM_CONFIG_HOME", home.join("helm-config"))
            .environment("HELM_DATA_HOME", home.join("helm-data")))
    }

    /// Creates a namespace that nobody else uses and waits until Pods can be created in it.
    ///
    /// It stays: removing one takes 5 s, and the whole cluster goes at the end.
    pub fn namespace(&self, prefix: &str) -> Result<String> {
        let manifest =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": format!("{prefix}-")}});
        let create = ["create", "-f", "-", "--output=jsonpath={.metadata.name}"];
        let name = self
            .tool("kubectl")?
            .input(manifest.to_string())
            .run(&create)?
            .success()?;
        // Pod creation is refused until then, and the ReplicaSet controller waits longer after each refusal.
        self.kubectl(&[
            "wait",
            "--for=create",
            "serviceaccount/default",
            "-n",
            &name,
            "--timeout=60s",
        ])?
        .success()?;
        Ok(name)
    }

    /// Kills the API server at once; its port, its data and the other programs stay. Does nothing when it is stopped
    /// already.
    ///
    /// # Errors
    ///
    /// When the cluster is the user's own.
    pub fn stop_api_server(&self) -> Result<()> {
        self.own_servers()?.stop_api_server();
        Ok(())
    }

    /// Starts the API server again, at the same port with the same data, and returns when it is ready.
    ///
    /// The real controllers take up to 30 s longer to come back after a long stop: they retry ever more slowly.
    ///
    /// # Errors
    ///
    /// When it does not become ready, or the cluster is the user's own.
    pub fn start_api_server(&self) -> Result<()> {
        self.own_servers()?.start_api_server()
    }

    fn own_servers(&self) -> Result<&Servers> {
        self.servers
            .as_ref()
            .ok_or_else(|| anyhow!("failed to reach the API server's process: the cluster is the user's own"))
    }

    fn new_kubeconfig(&self, name: &str) -> PathBuf {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let name: String = name
            .chars()
            .map(|character| {
                if character.is_ascii_alphanumeric() {
                    character
                } else {
                    '-'
                }
            })
            .collect();
        self.folder().join(format!("{name}-{serial}.kubeconfig"))
    }
}

fn port_was_taken(folder: &Path) -> bool {
    ["etcd.log", "kube-apiserver.log"].iter().any(|log| {
        fs::read(folder.join(log)).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains("address already in use"))
    })
}
