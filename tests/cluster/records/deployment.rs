//! Writes of Deployments: only in a step of an approved heal.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{CONTROLLER, PATIENCE, People, Report, hash, healing, shared, with};
use crate::harness::{Output, wait};
use crate::installation::Installation;

/// The first step as one that removes a state of a long name.
pub(super) fn with_stale(mut steps: Value) -> Value {
    steps[0]["stale"] = json!("x".repeat(320));
    steps[1]["revision"] = json!("x".repeat(1_000));
    steps
}

/// A write of the controller on a Deployment of the namespace `shop`, under its own manager.
fn write_deployment(installation: &Installation, by: &Path, name: &str, more: &[&str]) -> Result<Output> {
    let patch = json!({"metadata": {"labels": {"trial": format!("{}", std::process::id())}}}).to_string();
    let arguments = [
        "patch",
        "deployment",
        name,
        "-n",
        "shop",
        "--field-manager=driftmend-heal",
        "--type=merge",
        "--patch",
        &patch,
    ];
    installation
        .control_plane
        .tool("kubectl")?
        .kubeconfig(by)
        .run(&[&arguments[..], more].concat())
}

#[test]
fn a_deployment_is_written_only_in_a_step_of_its_approved_heal() -> Result<()> {
    let installation = shared()?;
    let control_plane = &installation.control_plane;
    let people = People::of(installation, "hal")?;
    for name in ["guarded", "beside"] {
        control_plane
            .kubectl(&[
                "create",
                "deployment",
                name,
                "-n",
                "shop",
                "--image=registry.example/web:1",
                "--replicas=0",
            ])?
            .success()?;
    }
    let uid = [
        "get",
        "deployment",
        "guarded",
        "-n",
        "shop",
        "--output=jsonpath={.metadata.uid}",
    ];
    let uid = control_plane.kubectl(&uid)?.success()?;
    let report = Report::create(control_plane, "guarded")?;
    let plan = hash(5);
    report.approved(&people, "hal", &plan)?;
    report.accepted("the uid", &people.controller, json!({ "targetUid": uid }))?;
    let words = "driftmend writes an object only";
    let refused = |what: &str| -> Result<()> {
        wait::until(what, PATIENCE, || {
            let answer = write_deployment(installation, &people.controller, "guarded", &[])?;
            ensure!(answer.code != 0, "{what}: it was written");
            Ok(if answer.stderr.contains(words) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })
    };
    refused("a plan that is only approved")?;
    // What stores nothing is asked before anybody approves, and everybody else may write.
    write_deployment(installation, &people.controller, "guarded", &["--dry-run=server"])?.success()?;
    write_deployment(installation, &people.person, "guarded", &[])?.success()?;
    control_plane
        .kubectl(&["label", "deployment", "guarded", "-n", "shop", "trial-"])?
        .success()?;

    let of_uid = |state: &str, uid: &str| with(&healing(&plan, CONTROLLER, "hal", state), json!({ "uid": uid }));
    report.accepted(
        "the beginning",
        &people.controller,
        json!({"healing": of_uid("Pending", &uid), "heal": "Healing"}),
    )?;
    refused("a heal of which no step began")?;
    report.accepted(
        "the step",
        &people.controller,
        json!({"healing": of_uid("Begun", &uid)}),
    )?;
    wait::until("the write of the step", PATIENCE, || {
        let answer = write_deployment(installation, &people.controller, "guarded", &[])?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;
    control_plane
        .kubectl(&["label", "deployment", "guarded", "-n", "shop", "trial-"])?
        .success()?;
    // The report of one lets nothing through on another that has one, and says nothing of one that has none.
    let other = Report::create(control_plane, "beside")?;
    wait::until("the report beside", PATIENCE, || {
        let answer = write_deployment(installation, &people.controller, "beside", &[])?;
        let told = format!("{}{}", answer.stdout, answer.stderr);
        Ok(if answer.code != 0 && told.contains(words) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(told)
        })
    })?;
    assert_eq!(other.status()?, Value::Null);

    report.accepted(
        "the end of the step",
        &people.controller,
        json!({"healing": of_uid("Done", &uid)}),
    )?;
    refused("a step that is over")?;
    report.accepted("a withdrawal", &people.person, json!({"approval": null}))?;
    refused("a heal whose approval was taken back")
}
