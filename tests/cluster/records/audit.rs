//! What a heal tells of what it sent, and of who had written before it.

use anyhow::{Context, Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::installation;
use crate::shop::{Shop, Sync};

/// The audit lines among what a program wrote.
fn audit_lines(log: &str, plan: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["audit"] == "driftmend.dev/heal" && line["plan"] == plan)
        .collect()
}

/// Holds a heal's audit lines and its entry against what happened: a hand change of the probe, taken back by two
/// requests.
fn assert_recorded(lines: &[Value], entry: &Value, approver: &str) {
    let events: Vec<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(events, ["Begins", "Sent", "Sent", "Ended"]);
    let tcp_socket = ".spec.template.spec.containers[name=\"web\"].livenessProbe.tcpSocket";
    for (what, evidence) in [
        ("the audit line", &lines[0]["evidence"]),
        ("the history", &entry["evidence"]),
    ] {
        let of_probe = evidence
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["path"].as_str().is_some_and(|path| path.starts_with(tcp_socket)));
        let of_probe = of_probe.cloned().unwrap_or_default();
        assert_eq!(
            (&of_probe["manager"], &of_probe["operation"]),
            (&json!("kubectl-patch"), &json!("Update")),
            "{what}: {evidence}"
        );
        assert!(
            of_probe["time"].is_string() && of_probe["digest"].as_str().is_some_and(|digest| digest.len() == 64),
            "{what}: {of_probe}"
        );
    }
    assert_eq!(
        (&lines[0]["approvedBy"], &entry["by"], &entry["healer"]),
        (&json!(approver), &json!(approver), &lines[0]["healer"])
    );
    for (line, sent) in lines[1..3]
        .iter()
        .zip(entry["requests"].as_array().into_iter().flatten())
    {
        assert_eq!(
            (&line["step"], &line["requestDigest"], &line["answer"]),
            (&sent["kind"], &sent["digest"], &sent["answer"])
        );
        assert!(
            line["request"].is_array()
                && line["accepted"] == true
                && line["answer"]
                    .as_str()
                    .is_some_and(|answer| answer.starts_with("resourceVersion "))
        );
    }
    assert_eq!(entry["requests"].as_array().map(Vec::len), Some(2), "{entry}");
    assert_eq!(lines[3]["result"], "Healed");
}

#[test]
fn a_heal_tells_who_had_written_what_before_it_and_what_it_sent_after() -> Result<()> {
    let shared = installation::shared()?;
    let control_plane = &shared.installation.control_plane;
    // By a person: the controller does not heal there.
    let namespace = control_plane.namespace("recorded")?;
    let shop = Shop::open_watched(control_plane, &namespace, Sync::ServerSide)?;
    shop.switch_handler("livenessProbe", 8080)?;
    let plan = shop.wait_for_plan(None)?;
    shop.approve(&plan)?;
    shop.wait_for_condition("Approved", "AwaitingHealer")?;
    let healed = shop.driftmend(&["heal", "web", "--allow-http", "--plan", &plan])?;
    ensure!(healed.code == 0, "{}{}", healed.stdout, healed.stderr);
    let status = shop.wait_for_heal(&plan)?;
    let approver = status["history"][0]["by"]
        .as_str()
        .filter(|by| !by.is_empty())
        .context("nobody approved")?
        .to_owned();
    assert_recorded(&audit_lines(&healed.stderr, &plan), &status["history"][0], &approver);

    // By the controller.
    let shop = Shop::open_watched(control_plane, "recorded-here", Sync::ServerSide)?;
    shop.switch_handler("livenessProbe", 8080)?;
    let plan = shop.wait_for_plan(None)?;
    shop.approve(&plan)?;
    let status = shop.wait_for_heal(&plan)?;
    assert_recorded(
        &audit_lines(&shared.controller.log(), &plan),
        &status["history"][0],
        &approver,
    );
    Ok(())
}
