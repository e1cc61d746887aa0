//! Which side moved, and what became of a Deployment that one side has alone.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::driftmend::Controller;
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options, shared, shared_controller};
use crate::tenant::{Tenant, condition, deployment};

const HOTFIX: &str = "registry.example/web:hotfix";

fn hotfix(tenant: &Tenant<'_>) -> Result<()> {
    tenant.kubectl(
        &["apply", "-f", "-"],
        &deployment("web").replace("registry.example/web:1.0", HOTFIX),
    )
}

#[test]
fn a_persons_apply_under_the_tools_own_name_has_an_owner_and_a_plan_also_after_a_restart() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "hotfix")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    let folder = control_plane.folder().join("controller");
    fs::create_dir_all(&folder)?;
    let mut controller = Controller::start(control_plane.admin(), &folder, &[])?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 1)?;
    hotfix(&tenant)?;
    let plan = tenant.wait_for_plan("web", "")?;
    let status = tenant.get("driftreport/deployment-web")?["status"].take();
    let field = &status["fields"][0];
    assert_eq!(
        (&status["phase"], &field["severity"], &field["moved"]),
        (&json!("Drifted"), &json!("drift"), &json!("live"))
    );
    assert_eq!(field["manager"], "kubectl-client-side-apply");
    // What this process remembered stands in the report.
    controller.kill_and_restart()?;
    sleep(Duration::from_secs(3));
    let after = tenant.get("driftreport/deployment-web")?["status"].take();
    assert_eq!(
        (&after["phase"], &after["plan"]["hash"]),
        (&json!("Drifted"), &json!(plan))
    );
    // Where Git moves to it, both have met again.
    tenant.repository.commit(
        &[(
            "web.yaml",
            &deployment("web").replace("registry.example/web:1.0", HOTFIX),
        )],
        "Take the hotfix into Git",
    );
    tenant.wait_for_report("web", "InSync")?;
    Ok(())
}

#[test]
fn a_deployment_that_is_new_in_git_is_pending_until_it_was_seen_and_missing_after_that() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "new")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 1)?;
    tenant
        .repository
        .commit(&[("api.yaml", &deployment("api"))], "Add the api");
    tenant.wait_for_report("api", "Pending")?;
    sleep(Duration::from_secs(3));
    let report = tenant.get("driftreport/deployment-api")?;
    assert_eq!(
        (&report["status"]["phase"], &condition(&report, "Drifted")["status"]),
        (&json!("Pending"), &json!("False"))
    );
    let events = tenant
        .control_plane
        .kubectl(&["get", "events", "-n", &tenant.namespace, "-o", "json"])?
        .success()?;
    ensure!(!events.contains("\"reason\": \"Missing\""), "it was told as gone");
    tenant.kubectl(&["apply", "-f", "-"], &deployment("api"))?;
    tenant.wait_for_report("api", "InSync")?;
    tenant.kubectl(&["delete", "deployment", "api"], "")?;
    tenant.wait_for_report("api", "Missing")?;
    Ok(())
}

#[test]
fn what_git_drops_is_orphaned_whether_or_not_it_had_a_report() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "orphans")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.sync("api.yaml", &deployment("api"))?;
    tenant.sync("told.yaml", &deployment("told"))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 3)?;
    tenant.set_image("told", HOTFIX)?;
    tenant.wait_for_report("told", "Drifted")?;
    tenant.repository.remove("api.yaml", "Drop one that is in sync");
    tenant.repository.remove("told.yaml", "Drop one that drifted");
    for name in ["api", "told"] {
        tenant.wait_for_report(name, "Orphaned")?;
    }
    let counts = |orphaned: u64| {
        move |watch: &Value| {
            watch["status"]["counts"]["orphaned"] == orphaned && watch["status"]["counts"]["governed"] == 1
        }
    };
    tenant.wait_for("driftwatch/all", "two orphans", counts(2))?;
    // One is deleted after all, the other is taken back into Git.
    tenant.kubectl(&["delete", "deployment", "api"], "")?;
    tenant.wait_for("driftreport/deployment-api", "no report", Value::is_null)?;
    tenant.sync("told.yaml", &deployment("told"))?;
    let in_sync =
        |watch: &Value| watch["status"]["counts"]["orphaned"] == 0 && watch["status"]["counts"]["inSync"] == 2;
    tenant
        .wait_for("driftwatch/all", "nothing orphaned", in_sync)
        .context("the orphans that are none any more still count")?;
    Ok(())
}

#[test]
fn a_sync_that_is_faster_than_the_watch_looks_at_git_is_no_drift_and_no_loss() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "faster")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.sync("api.yaml", &deployment("api"))?;
    let mut source = tenant.source("");
    source["interval"] = json!("10m");
    tenant.watch("all", &source, &json!({}))?;
    tenant.wait_until_assessed("all", 2)?;
    // Pushed and synced at once, one change and one removal.
    tenant.sync("web.yaml", &deployment("web").replace("web:1.0", "web:2.0"))?;
    tenant.repository.remove("api.yaml", "Drop the api");
    tenant.kubectl(&["delete", "deployment", "api"], "")?;
    tenant.wait_for("driftwatch/all", "the new commit", |watch| {
        watch["status"]["counts"]["governed"] == 1 && watch["status"]["counts"]["inSync"] == 1
    })?;
    let reports = tenant
        .control_plane
        .kubectl(&["get", "driftreports", "-n", &tenant.namespace, "-o", "name"])?
        .success()?;
    ensure!(reports.is_empty(), "it was told: {reports}");
    Ok(())
}

#[test]
fn what_was_dropped_while_no_process_looked_is_told_where_there_is_a_report() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "restarts")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    let folder = control_plane.folder().join("controller");
    fs::create_dir_all(&folder)?;
    let mut controller = Controller::start(control_plane.admin(), &folder, &[])?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 1)?;
    tenant.set_image("web", HOTFIX)?;
    tenant.wait_for_report("web", "Drifted")?;
    controller.signal("STOP")?;
    tenant.repository.remove("web.yaml", "Drop it while nobody looks");
    controller.kill_and_restart()?;
    let report = tenant.wait_for_report("web", "Orphaned")?;
    assert_eq!(report["status"]["plan"], Value::Null);
    tenant.kubectl(&["delete", "deployment", "web"], "")?;
    tenant.wait_for("driftreport/deployment-web", "no report", Value::is_null)?;
    Ok(())
}

#[test]
fn a_watch_that_asks_for_something_else_leaves_no_report_behind() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "elsewhere")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 1)?;
    for patch in [
        json!({"spec": {"selector": {"matchLabels": {"tier": "none"}}}}),
        json!({"spec": {"source": {"git": {"path": "elsewhere"}}}}),
    ] {
        tenant.set_image("web", HOTFIX)?;
        tenant.wait_for_report("web", "Drifted")?;
        tenant
            .repository
            .commit(&[("elsewhere/other.yaml", &deployment("other"))], "Add another folder");
        tenant.kubectl(
            &["patch", "driftwatch", "all", "--type=merge", "-p", &patch.to_string()],
            "",
        )?;
        tenant.wait_for("driftreport/deployment-web", "no report", Value::is_null)?;
        tenant.kubectl(
            &[
                "patch",
                "driftwatch",
                "all",
                "--type=merge",
                "-p",
                r#"{"spec": {"selector": null, "source": {"git": {"path": ""}}}}"#,
            ],
            "",
        )?;
        tenant.kubectl(&["apply", "-f", "-"], &deployment("web"))?;
    }
    Ok(())
}
