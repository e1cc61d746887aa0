//! What who approves a write may write.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{PATIENCE, shared};
use crate::harness::{ControlPlane, wait};

/// Who may edit Deployments and reports of the namespace, and nothing else.
fn editor(control_plane: &ControlPlane, name: &str) -> Result<PathBuf> {
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
    control_plane.user(name, &[])
}

#[test]
fn who_approves_a_write_on_an_application_may_make_it() -> Result<()> {
    let installation = shared()?;
    let control_plane = &installation.control_plane;
    let hash = "a".repeat(64);
    let report = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
        "metadata": {"name": "deployment-web", "namespace": "shop"},
        "spec": {
            "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "watchRef": {"namespace": "shop", "name": "shop"},
        },
    });
    control_plane.apply(&report.to_string())?;
    let patch = |kubeconfig: &PathBuf, status: Value| -> Result<_> {
        let patch = json!({ "status": status }).to_string();
        let arguments = [
            "patch",
            "driftreport",
            "deployment-web",
            "-n",
            "shop",
            "--subresource=status",
            "--type=merge",
            "--patch",
            &patch,
        ];
        control_plane.tool("kubectl")?.kubeconfig(kubeconfig).run(&arguments)
    };
    // kubectl reads a status before it patches it; the controller does not.
    let reads = [
        "create",
        "role",
        "reads",
        "--verb=get",
        "--resource=driftreports.driftmend.dev/status",
        "-n",
        "shop",
    ];
    control_plane.kubectl(&reads)?.success()?;
    let bound = [
        "create",
        "rolebinding",
        "reads",
        "--role=reads",
        "--serviceaccount=driftmend:driftmend",
        "-n",
        "shop",
    ];
    control_plane.kubectl(&bound)?.success()?;
    let step = |kind: &str, object: Value| {
        json!({"kind": kind, "target": "…", "object": object, "summary": "…",
                                                  "patch": "…"})
    };
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"});
    let application =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "namespace": "teams", "name": "shop"});
    let steps = json!([step("Restore", deployment), step("Refresh", application)]);
    let plan = json!({"hash": hash, "serial": 1, "expires": "2126-01-05T10:00:00Z", "cautions": [], "steps": steps});
    let service_account = installation.service_account()?;
    wait::until("the right to read a status", PATIENCE, || {
        let answer = patch(
            &service_account,
            json!({"phase": "Drifted", "summary": "…", "plan": plan}),
        )?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;

    let erin = editor(control_plane, "erin")?;
    let approval =
        json!({"approval": {"decision": "Approved", "planHash": hash, "by": "erin", "at": "2026-01-05T10:00:00Z"}});
    let words = "approving and denying need the right to patch the Deployment \"web\" in namespace \"shop\" and \
                 Application teams/shop";
    wait::until("a refusal for want of the Application", PATIENCE, || {
        let answer = patch(&erin, approval.clone())?;
        ensure!(answer.code != 0, "it was approved");
        Ok(if answer.stderr.contains(words) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;
    let of_shop = [
        "--verb=patch",
        "--resource=applications.argoproj.io",
        "--resource-name=shop",
        "-n",
        "teams",
    ];
    control_plane
        .kubectl(&[&["create", "role", "erin"], &of_shop[..]].concat())?
        .success()?;
    control_plane
        .kubectl(&[
            "create",
            "rolebinding",
            "erin",
            "--role=erin",
            "--user=erin",
            "-n",
            "teams",
        ])?
        .success()?;
    wait::until("an approval", PATIENCE, || {
        let answer = patch(&erin, approval.clone())?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;

    // The controller carries on whatever heal names it; nobody else may write one down.
    let healing = |healer: &str| {
        json!({"healing": {"planHash": hash, "uid": "", "by": "erin", "healer": healer,
                                                    "startedAt": "2026-01-05T10:00:00Z",
                                                    "steps": [{"kind": "Restore", "state": "Pending"},
                                                        {"kind": "Refresh", "state": "Pending"}]}})
    };
    let forged = patch(
        &erin,
        healing("controller as system:serviceaccount:driftmend:driftmend"),
    )?;
    let words = "status.healing may name only yourself as its healer: \"erin\"";
    assert!(
        forged.code != 0 && forged.stderr.contains(words),
        "{}{}",
        forged.stdout,
        forged.stderr
    );
    patch(&erin, healing("erin"))?.success()?;
    Ok(())
}
