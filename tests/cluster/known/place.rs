//! A cluster with watches, reports and leases that no controller wrote.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::report_name;
use crate::harness::command::Tool;
use crate::harness::driftmend::{Controller, binary};
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options, Output, wait};
use crate::tenant::TOLD;

/// A control plane without a controller, and what driftmend said before its kinds were there.
pub(super) struct Place {
    pub(super) control_plane: ControlPlane,
    pub(super) without_definitions: Vec<Output>,
    pub(super) log_without_definitions: String,
}

static PLACE: OnceLock<Result<Place, String>> = OnceLock::new();

pub(super) fn place() -> Result<&'static Place> {
    PLACE
        .get_or_init(|| open().map_err(|error| format!("{error:?}")))
        .as_ref()
        .map_err(|reason| anyhow!("{reason}"))
}

fn open() -> Result<Place> {
    let control_plane = ControlPlane::start(Options::default())?;
    let run = |arguments: &[&str]| Tool::new(&binary()).kubeconfig(control_plane.admin()).run(arguments);
    let without_definitions = vec![
        run(&["report"])?,
        run(&["report", "-A"])?,
        run(&["report", "web"])?,
        run(&["approve", "web", "--plan", "0123456789ab"])?,
    ];
    let log_without_definitions = log_without_definitions(&control_plane)?;
    install_definitions(&control_plane)?;
    // The storage of a new kind begins a moment after the kind itself.
    wait::patiently("the storage of the kinds", TOLD, || {
        let answer = control_plane.kubectl(&["get", "driftwatches,driftreports", "-A"])?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;
    Ok(Place {
        control_plane,
        without_definitions,
        log_without_definitions,
    })
}

/// What a controller logs that finds a cluster without its kinds; it ends here, before they come.
fn log_without_definitions(control_plane: &ControlPlane) -> Result<String> {
    let folder = control_plane.folder().join("too-early");
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let controller = Controller::start_unready(control_plane.admin(), &folder, &[])?;
    wait::patiently("a controller that misses its kinds", TOLD, || {
        let log = controller.log();
        Ok(if log.contains("a watch is interrupted") {
            ControlFlow::Break(log)
        } else {
            ControlFlow::Continue(log)
        })
    })
}

impl Place {
    pub(super) fn kubectl(&self, arguments: &[&str], input: &Value) -> Result<String> {
        self.control_plane
            .tool("kubectl")?
            .input(input.to_string())
            .run(arguments)?
            .success()
    }

    /// Creates an object with a status as its writer would leave it.
    fn store(&self, namespace: &str, mut object: Value, status: &Value) -> Result<()> {
        object["apiVersion"] = json!("driftmend.dev/v1alpha1");
        self.kubectl(&["create", "-n", namespace, "-f", "-"], &object)?;
        if !status.is_null() {
            let (kind, name) = (
                object["kind"].as_str().unwrap_or_default(),
                object["metadata"]["name"].as_str().unwrap_or_default(),
            );
            let patch = json!({ "status": status }).to_string();
            let arguments = [
                "patch",
                kind,
                name,
                "-n",
                namespace,
                "--subresource=status",
                "--type=merge",
                "--field-manager=driftmend",
                "-p",
                &patch,
            ];
            self.kubectl(&arguments, &Value::Null)?;
        }
        Ok(())
    }

    pub(super) fn watch(&self, namespace: &str, status: &Value) -> Result<()> {
        let spec = json!({"source": {"git": {"url": "https://git.example/shop.git"}}});
        self.store(
            namespace,
            json!({"kind": "DriftWatch", "metadata": {"name": "all"}, "spec": spec}),
            status,
        )
    }

    pub(super) fn report(&self, namespace: &str, name: &str, status: &Value) -> Result<()> {
        let spec = json!({
            "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "watchRef": {"namespace": namespace, "name": "all"},
        });
        self.store(
            namespace,
            json!({"kind": "DriftReport", "metadata": {"name": report_name(name)}, "spec": spec}),
            status,
        )
    }

    /// A Lease that was renewed so long ago.
    pub(super) fn lease(&self, namespace: &str, ago: SignedDuration) -> Result<()> {
        let renewed = Timestamp::now() - ago;
        let spec = json!({"holderIdentity": "driftmend-0_1", "leaseDurationSeconds": 15,
                          "renewTime": format!("{renewed:.6}")});
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "driftmend"},
                           "spec": spec});
        self.kubectl(&["create", "-n", namespace, "-f", "-"], &lease).map(drop)
    }

    pub(super) fn driftmend(&self, kubeconfig: Option<&PathBuf>, arguments: &[&str], input: &str) -> Result<Output> {
        let kubeconfig = kubeconfig.map_or(self.control_plane.admin(), PathBuf::as_path);
        Tool::new(&binary()).kubeconfig(kubeconfig).input(input).run(arguments)
    }

    /// A user who may do this in a namespace, and nothing else.
    pub(super) fn user(&self, namespace: &str, name: &str, resources: &[&str]) -> Result<PathBuf> {
        let list = resources.join(",");
        self.kubectl(
            &[
                "create",
                "role",
                name,
                "-n",
                namespace,
                "--verb=get,list",
                &format!("--resource={list}"),
            ],
            &Value::Null,
        )?;
        self.kubectl(
            &[
                "create",
                "rolebinding",
                name,
                "-n",
                namespace,
                &format!("--role={name}"),
                &format!("--user={name}"),
            ],
            &Value::Null,
        )?;
        let kubeconfig = self.control_plane.user(name, &[])?;
        // The API server judges by its own copy of the roles, which is a moment behind.
        wait::patiently("the rights of a user", TOLD, || {
            let first = resources.first().copied().unwrap_or_default();
            let answer = self.control_plane.kubectl(&[
                "auth",
                "can-i",
                "get",
                first,
                "-n",
                namespace,
                &format!("--as={name}"),
            ])?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stdout)
            })
        })?;
        Ok(kubeconfig)
    }
}
