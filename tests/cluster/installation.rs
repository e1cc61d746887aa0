//! driftmend as its chart installs it: the real helm, the chart's objects, and the controller with the token of its
//! ServiceAccount.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::driftmend::Controller;
use crate::harness::pods::{ReadyPods, Scope};
use crate::harness::{ControlPlane, Options, definitions, wait};

/// The release, its namespace and its ServiceAccount.
pub const RELEASE: &str = "driftmend";

/// The namespaces in which the shared controller heals: one for each test, since they must be there when the chart is
/// installed.
const HEALED_NAMESPACES: &[&str] = &[
    "client-side",
    "last-applied",
    "server-side",
    "replace",
    "two-probes",
    "freeze",
    "denial",
    "recorded-here",
    "hostile",
    "scaled-by-client",
    "scaled-by-server",
    "daemons-by-client",
    "daemons-by-server",
];

/// A cluster with the chart in it. Nothing here is shared with a test that installs the chart in another mode.
pub struct Installation {
    pub control_plane: ControlPlane,
    folder: PathBuf,
    // Keeps the chart's own Pods and those of all tests ready.
    _pods: ReadyPods,
}

/// What the chart asks the controller to do, besides where it listens and keeps its cache, which the process of a test
/// chooses itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flags(Vec<String>);

impl Flags {
    /// The flags without the Lease: a process that is killed would have to wait until it runs out.
    pub fn without_lease(&self) -> Self {
        Self(without_option(&self.0, "--lease-name"))
    }

    pub fn list(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

impl Installation {
    /// Starts a control plane with these namespaces; the chart is not installed yet.
    pub fn prepare(namespaces: &[&str]) -> Result<Self> {
        let control_plane = ControlPlane::start(Options::default())?;
        for namespace in namespaces {
            control_plane.kubectl(&["create", "namespace", namespace])?.success()?;
            control_plane
                .kubectl(&[
                    "wait",
                    "--for=create",
                    "serviceaccount/default",
                    "-n",
                    namespace,
                    "--timeout=60s",
                ])?
                .success()?;
        }
        let pods = ReadyPods::start(control_plane.admin(), Scope::Cluster)?;
        let folder = control_plane.folder().join("installation");
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            control_plane,
            folder,
            _pods: pods,
        })
    }

    /// Installs the chart, or changes its mode, and gives the flags of the controller that it runs.
    pub fn install(&self, mode: &str, heal_namespaces: &[&str]) -> Result<Flags> {
        self.install_with(mode, heal_namespaces, &[])
    }

    /// The same with further lists of namespaces, by the names of their values.
    pub fn install_with(&self, mode: &str, heal_namespaces: &[&str], more: &[(&str, &[&str])]) -> Result<Flags> {
        let lists = [&[("heal.namespaces", heal_namespaces)], more].concat();
        self.install_with_values(
            mode,
            &lists
                .iter()
                .map(|(value, namespaces)| (*value, json!(namespaces)))
                .collect::<Vec<_>>(),
        )
    }

    /// The same with these values of any kind.
    pub fn install_with_values(&self, mode: &str, values: &[(&str, Value)]) -> Result<Flags> {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/driftmend");
        let (chart, mode) = (chart.display().to_string(), format!("mode={mode}"));
        let mut set: Vec<String> = [
            "upgrade",
            "--install",
            RELEASE,
            &chart,
            "-n",
            RELEASE,
            "--create-namespace",
            "--set",
            &mode,
        ]
        .map(str::to_owned)
        .to_vec();
        for (name, value) in values {
            set.extend(["--set-json".to_owned(), format!("{name}={value}")]);
        }
        self.control_plane
            .helm(&set.iter().map(String::as_str).collect::<Vec<_>>())?
            .success()?;
        definitions::wait_until_served(&self.control_plane, definitions::OURS)?;
        // The API server judges by its own copy of the roles, which is a moment behind.
        let user = format!("--as=system:serviceaccount:{RELEASE}:{RELEASE}");
        wait::patiently("the rights of the chart", Duration::from_secs(60), || {
            let answer = self
                .control_plane
                .kubectl(&["auth", "can-i", "get", "namespaces", &user])?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stdout)
            })
        })?;
        self.flags()
    }

    /// Reads what the chart's Deployment runs.
    fn flags(&self) -> Result<Flags> {
        let get = [
            "get",
            "deployment",
            RELEASE,
            "-n",
            RELEASE,
            "--output=jsonpath={.spec.template.spec.containers[0].args}",
        ];
        let flags: Vec<String> = serde_json::from_str(&self.control_plane.kubectl(&get)?.success()?)?;
        let (command, flags) = flags.split_first().context("the chart's container has no arguments")?;
        ensure!(command == "controller", "the chart runs {command}");
        let flags = ["--listen", "--cache-dir"]
            .iter()
            .fold(flags.to_vec(), |flags, option| without_option(&flags, option));
        // What the Pod's environment says there.
        Ok(Flags(
            [
                flags,
                ["--namespace", RELEASE, "--instance", "driftmend-0"]
                    .map(str::to_owned)
                    .to_vec(),
            ]
            .concat(),
        ))
    }

    /// Replaces the policy over decisions by one that checks nothing but that the controller does not decide, which it
    /// takes for the chart's: what the controller itself refuses is seen only where nothing is refused before it.
    pub fn let_people_decide_anything(&self) -> Result<()> {
        let get = [
            "get",
            "validatingadmissionpolicy",
            "approval.driftmend.dev",
            "--output=json",
        ];
        let mut policy: Value = serde_json::from_str(&self.control_plane.kubectl(&get)?.success()?)?;
        let first = policy["spec"]["validations"][0].clone();
        let words = "may neither give, change nor remove an approval";
        ensure!(
            first["message"].as_str().is_some_and(|message| message.contains(words)),
            "the first validation is {first}"
        );
        policy["spec"]["validations"] = json!([first]);
        self.control_plane
            .tool("kubectl")?
            .input(policy.to_string())
            .run(&["replace", "-f", "-"])?
            .success()
            .map(drop)
    }

    /// The kubeconfig of the chart's ServiceAccount.
    pub fn service_account(&self) -> Result<PathBuf> {
        self.control_plane.service_account(RELEASE, RELEASE)
    }

    /// Starts the controller with the rights of the chart's ServiceAccount, and no others.
    pub fn start_controller(&self, flags: &Flags) -> Result<Controller> {
        self.start_controller_through(&self.service_account()?, flags)
    }

    /// Starts the controller with this kubeconfig.
    pub fn start_controller_through(&self, kubeconfig: &Path, flags: &Flags) -> Result<Controller> {
        Controller::start(kubeconfig, &self.folder, &flags.list())
    }
}

/// Returns the flags without an option and its value.
fn without_option(flags: &[String], option: &str) -> Vec<String> {
    let mut left = Vec::new();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        if flag == option {
            flags.next();
        } else {
            left.push(flag.clone());
        }
    }
    left
}

/// A controller that met a refusal for want of a right says so in its log.
pub fn assert_no_right_was_missing(controller: &Controller) {
    let log = controller.log();
    let told: Vec<&str> = log
        .lines()
        .filter(|line| line.to_lowercase().contains("forbidden"))
        .collect();
    assert!(told.is_empty(), "the chart gives too few rights:\n{}", told.join("\n"));
}

/// The installation in mode heal that most tests share, with its running controller.
pub struct Shared {
    pub installation: Installation,
    pub controller: Controller,
}

static SHARED: OnceLock<Result<Shared, String>> = OnceLock::new();

/// Returns the shared installation, made by the first caller.
pub fn shared() -> Result<&'static Shared> {
    let made = SHARED.get_or_init(|| make_shared().map_err(|error| format!("{error:?}")));
    made.as_ref()
        .map_err(|reason| anyhow::anyhow!("failed to install driftmend for the tests that share it: {reason}"))
}

fn make_shared() -> Result<Shared> {
    let installation = Installation::prepare(HEALED_NAMESPACES)?;
    let flags = installation.install("heal", HEALED_NAMESPACES)?;
    // A process that loses its Lease in a stall ends, and here nobody starts it again.
    let controller = installation.start_controller(&flags.without_lease())?;
    Ok(Shared {
        installation,
        controller,
    })
}
