//! What becomes of the record where a report is removed because of its watch, which a tenant may delete.

use std::fs;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::driftmend::Controller;
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options};
use crate::tenant::{Tenant, deployment};

const AT: &str = "2026-01-05T10:00:00Z";

/// What the log says of this plan. A line is written before the report goes, and again where somebody wrote the report
/// meanwhile.
fn audited(controller: &Controller, plan: &str) -> Vec<Value> {
    let log = controller.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut lines: Vec<Value> = lines
        .filter(|line| line["audit"] == "driftmend.dev/heal" && line["plan"] == plan)
        .collect();
    lines.dedup_by(|one, other| (&one["event"], &one["entry"]) == (&other["event"], &other["entry"]));
    lines
}

#[test]
fn whoever_takes_the_watch_away_ends_a_heal_by_its_entry_and_the_log_keeps_the_record() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "removed")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    let folder = control_plane.folder().join("controller");
    fs::create_dir_all(&folder)?;
    let controller = Controller::start(control_plane.admin(), &folder, &[])?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 1)?;
    tenant.set_image("web", "registry.example/web:by-hand")?;
    tenant.wait_for_plan("web", "")?;
    let (past, present) = ("a".repeat(64), "b".repeat(64));
    let entry = json!({
        "planHash": past, "by": "ada", "healer": "ada", "startedAt": AT, "finishedAt": AT, "result": "Healed",
        "message": "the roll-out is complete",
    });
    let healing = json!({
        "planHash": present, "uid": "", "by": "ada", "healer": "ada", "startedAt": "2126-01-05T10:00:00Z",
        "steps": [{"kind": "Restore", "state": "Begun", "paths": [".spec.replicas"], "begunAt": AT}],
    });
    let patch = json!({"status": {"history": [entry], "healing": healing, "heal": "Healing"}}).to_string();
    tenant.kubectl(
        &[
            "patch",
            "driftreport",
            "deployment-web",
            "--subresource=status",
            "--type=merge",
            "--patch",
            &patch,
        ],
        "",
    )?;

    tenant.kubectl(&["delete", "driftwatch", "all"], "")?;
    tenant.wait_for("driftreport/deployment-web", "no report", Value::is_null)?;
    let (past, present) = (audited(&controller, &past), audited(&controller, &present));
    assert_eq!(
        (past.len(), &past[0]["event"], &past[0]["why"]),
        (1, &json!("Removed"), &json!("its watch is gone"))
    );
    assert_eq!(
        (&past[0]["entry"]["by"], &past[0]["entry"]["message"]),
        (&json!("ada"), &json!("the roll-out is complete"))
    );
    let events: Vec<&Value> = present.iter().map(|line| &line["event"]).collect();
    assert_eq!(events, ["Ended", "Removed"]);
    let told = &present[1]["entry"];
    assert_eq!(
        (&told["result"], &told["message"]),
        (&json!("Failed"), &json!("interrupted: no watch governs it any more"))
    );
    Ok(())
}
