//! The chart, installed, with a Deployment that a person changed.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::folder;
use crate::harness::{ControlPlane, Options, wait};
use crate::tenant::TOLD;

/// A cluster in which the chart has given a ServiceAccount the rights of mode `heal` in one namespace, with its
/// admission policies.
pub(super) struct Installed {
    pub(super) control_plane: ControlPlane,
    pub(super) heals_in: String,
    pub(super) kubeconfig: PathBuf,
    pub(super) folder: PathBuf,
}

impl Installed {
    pub(super) fn start(prefix: &str) -> Result<Self> {
        let control_plane = ControlPlane::start(Options::default())?;
        let heals_in = control_plane.namespace(prefix)?;
        let chart = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("charts/driftmend")
            .display()
            .to_string();
        let namespaces = format!("heal.namespaces={{{heals_in}}}");
        let install = [
            "install",
            "driftmend",
            &chart,
            "-n",
            "driftmend",
            "--create-namespace",
            "--set",
            "mode=heal",
            "--set",
            &namespaces,
        ];
        control_plane.helm(&install)?.success()?;
        let kubeconfig = control_plane.service_account("driftmend", "driftmend")?;
        let folder = folder(&control_plane)?;
        Ok(Self {
            control_plane,
            heals_in,
            kubeconfig,
            folder,
        })
    }

    /// Takes rights of the controller away: the first rule of this resource gets these verbs.
    pub(super) fn allow(&self, resource: &str, verbs: &[&str]) -> Result<()> {
        let role = self
            .control_plane
            .kubectl(&["get", "clusterrole", "driftmend", "--output=json"])?
            .success()?;
        let mut role: Value = serde_json::from_str(&role)?;
        let rules = role["rules"].as_array_mut().context("a role without rules")?;
        let rule = rules.iter_mut().find(|rule| {
            rule["resources"]
                .as_array()
                .is_some_and(|all| all.contains(&json!(resource)))
        });
        rule.with_context(|| format!("no rule for {resource}"))?["verbs"] = json!(verbs);
        role["metadata"]
            .as_object_mut()
            .context("no metadata")?
            .remove("managedFields");
        self.control_plane
            .tool("kubectl")?
            .input(role.to_string())
            .run(&["replace", "-f", "-"])?
            .success()
            .map(drop)
    }

    /// Waits until the API server refuses the controller a verb on a resource everywhere: a role counts a moment after
    /// it was stored.
    pub(super) fn wait_until_refused(&self, question: &[&str]) -> Result<()> {
        let ask = [
            "auth",
            "can-i",
            "--all-namespaces",
            "--as=system:serviceaccount:driftmend:driftmend",
        ];
        wait::patiently(&format!("no right to {question:?}"), TOLD, || {
            let answer = self.control_plane.kubectl(&[&ask[..], question].concat())?;
            // Not by the code, which is that of any failure, too.
            let refused = answer.stdout.trim_start().starts_with("no");
            Ok(if refused {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(format!("{}{}", answer.stdout, answer.stderr))
            })
        })
    }
}
