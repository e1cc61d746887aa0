//! People, and the status of a report that they write.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{AT, PATIENCE};
use crate::harness::{ControlPlane, Output, wait};
use crate::installation::Installation;

/// The people of a test, each by their kubeconfig.
pub(super) struct People {
    /// May do everything.
    pub(super) admin: PathBuf,

    /// May patch Deployments and reports.
    pub(super) person: PathBuf,

    /// The chart's ServiceAccount.
    pub(super) controller: PathBuf,
}

impl People {
    pub(super) fn of(installation: &Installation, name: &str) -> Result<Self> {
        let control_plane = &installation.control_plane;
        let role = format!("{name}-reads");
        let reads = [
            "create",
            "role",
            &role,
            "--verb=get",
            "--resource=driftreports.driftmend.dev/status",
            "-n",
            "shop",
        ];
        control_plane.kubectl(&reads)?.success()?;
        let bound = [
            "create",
            "rolebinding",
            &role,
            &format!("--role={role}"),
            "--serviceaccount=driftmend:driftmend",
            "-n",
            "shop",
        ];
        control_plane.kubectl(&bound)?.success()?;
        control_plane
            .kubectl(&[
                "create",
                "rolebinding",
                name,
                "--clusterrole=edit",
                &format!("--user={name}"),
                "-n",
                "shop",
            ])?
            .success()?;
        let person = control_plane.user(name, &[])?;
        Ok(Self {
            admin: control_plane.admin().to_owned(),
            person,
            controller: installation.service_account()?,
        })
    }
}

/// A report about a Deployment of the namespace `shop`.
pub(super) struct Report<'a> {
    pub(super) control_plane: &'a ControlPlane,
    pub(super) name: String,
}

impl<'a> Report<'a> {
    pub(super) fn create(control_plane: &'a ControlPlane, target: &str) -> Result<Self> {
        let name = format!("deployment-{target}");
        let report = json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {
                "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
                "watchRef": {"namespace": "shop", "name": "shop"},
            },
        });
        control_plane.apply(&report.to_string())?;
        Ok(Self { control_plane, name })
    }

    /// Writes a status as somebody, by this type of patch.
    pub(super) fn patch(&self, by: &Path, kind: &str, patch: &Value) -> Result<Output> {
        let (kind, patch) = (format!("--type={kind}"), patch.to_string());
        let arguments = [
            "patch",
            "driftreport",
            &self.name,
            "-n",
            "shop",
            "--subresource=status",
            &kind,
            "--patch",
            &patch,
        ];
        self.control_plane.tool("kubectl")?.kubeconfig(by).run(&arguments)
    }

    pub(super) fn write(&self, by: &Path, status: Value) -> Result<Output> {
        self.patch(by, "merge", &json!({ "status": status }))
    }

    pub(super) fn accepted(&self, what: &str, by: &Path, status: Value) -> Result<()> {
        self.write(by, status)?
            .success()
            .map(drop)
            .with_context(|| what.to_owned())
    }

    /// Writes what must be refused by a policy, and change nothing.
    pub(super) fn refused(&self, what: &str, answer: Output, before: &Value) -> Result<()> {
        let told = format!("{}{}", answer.stdout, answer.stderr);
        ensure!(
            answer.code != 0 && told.contains("driftmend.dev' denied request"),
            "{what}: {told}"
        );
        ensure!(self.status()? == *before, "{what} was stored");
        Ok(())
    }

    pub(super) fn status(&self) -> Result<Value> {
        let text = self
            .control_plane
            .kubectl(&["get", "driftreport", &self.name, "-n", "shop", "--output=json"])?
            .success()?;
        Ok(serde_json::from_str::<Value>(&text)?["status"].take())
    }

    /// Offers a plan of one step as the controller does, and approves it as a person does.
    pub(super) fn approved(&self, people: &People, person: &str, hash: &str) -> Result<()> {
        self.approved_of(people, person, hash, 1)
    }

    /// The same of as many steps.
    pub(super) fn approved_of(&self, people: &People, person: &str, hash: &str, steps: usize) -> Result<()> {
        let step = json!({
            "kind": "Restore", "target": "Deployment.apps shop/web", "summary": "…", "patch": "…",
            "object": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop",
                       "name": self.name.trim_start_matches("deployment-")},
        });
        let plan = json!({"hash": hash, "serial": 1, "expires": "2126-01-05T10:00:00Z", "cautions": [],
                          "steps": vec![step; steps]});
        wait::until("the rights of the controller", PATIENCE, || {
            let answer = self.write(
                &people.controller,
                json!({"phase": "Drifted", "summary": "…", "plan": plan, "targetUid": "u"}),
            )?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })?;
        let approval = json!({"approval": {"decision": "Approved", "planHash": hash, "by": person, "at": AT}});
        wait::until("the rights of a person", PATIENCE, || {
            let answer = self.write(&people.person, approval.clone())?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })
    }
}

pub(super) fn hash(number: usize) -> String {
    format!("{number:064x}")
}

/// A heal of one step in this state.
pub(super) fn healing(plan: &str, healer: &str, by: &str, state: &str) -> Value {
    json!({
        "planHash": plan, "uid": "u", "by": by, "healer": healer, "startedAt": AT,
        "steps": [{"kind": "Restore", "state": state, "paths": [".spec.replicas"]}],
        "evidence": [{"path": ".spec.replicas", "manager": "kubectl", "operation": "Update", "subresource": "scale"}],
    })
}

/// The entry of the history that such a heal leaves.
pub(super) fn entry(plan: &str, healer: &str, by: &str, result: &str) -> Value {
    let mut entry = healing(plan, healer, by, "Done");
    for of_healing in ["uid", "steps"] {
        entry.as_object_mut().map(|fields| fields.remove(of_healing));
    }
    entry["finishedAt"] = json!(AT);
    entry["result"] = json!(result);
    entry["message"] = json!("…");
    entry
}

pub(super) fn with(value: &Value, change: Value) -> Value {
    let mut changed = value.clone();
    json_patch::merge(&mut changed, &change);
    changed
}
