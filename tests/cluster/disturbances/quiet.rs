//! Where nothing happens.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{BY_HAND, folder};
use crate::harness::control_plane::Audit;
use crate::harness::driftmend::Controller;
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options};
use crate::tenant::{Tenant, deployment};

#[test]
fn where_nothing_happens_nothing_is_written_but_the_lease() -> Result<()> {
    let control_plane = ControlPlane::start(Options {
        audit: Audit::Metadata,
        ..Options::default()
    })?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "idle")?;
    control_plane
        .kubectl(&["create", "namespace", "driftmend"])?
        .success()?;
    let manifests: Vec<String> = (0..20).map(|at| deployment(&format!("web-{at}"))).collect();
    tenant.sync("all.yaml", &manifests.join("---\n"))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    let bound = [
        "create",
        "clusterrolebinding",
        "observer",
        "--clusterrole=cluster-admin",
        "--user=observer",
    ];
    control_plane.kubectl(&bound)?.success()?;
    let observer = control_plane.user("observer", &[])?;
    // Before the controller begins, so that the watch's counts are complete with the first look.
    tenant.set_image("web-0", BY_HAND)?;
    // To the end of its roll-out, so that nothing of it moves later.
    tenant.kubectl(&["rollout", "status", "deployment/web-0", "--timeout=170s"], "")?;
    let _controller = Controller::start(&observer, &folder(&control_plane)?, &["--lease-name", "driftmend"])?;
    tenant.wait_for_plan("web-0", "")?;
    let counted =
        |watch: &Value| watch["status"]["counts"]["drifted"] == 1 && watch["status"]["counts"]["inSync"] == 19;
    tenant.wait_for("driftwatch/all", "its counts", counted)?;
    // The Events of that drift are written after its report; this is the last of them.
    let told = |events: &Value| {
        let mut all = events["items"].as_array().into_iter().flatten();
        all.any(|event| event["reason"] == "PlanReady" && event["involvedObject"]["kind"] == "DriftReport")
    };
    tenant.wait_for("events", "the last Event of the drift", told)?;

    let before = requests(&control_plane)?;
    tenant.server.take_requests();
    let begun = Instant::now();
    std::thread::sleep(Duration::from_secs(20));
    let (asked, seconds) = (
        tenant.server.take_requests(),
        usize::try_from(begun.elapsed().as_secs())?,
    );
    let mut during = requests(&control_plane)?;
    for (request, count) in before {
        during.entry(request).and_modify(|all| *all -= count);
    }
    during.retain(|(verb, _), count| *count > 0 && !["get", "list", "watch"].contains(&verb.as_str()));
    let writes: Vec<(String, String)> = during.keys().cloned().collect();
    assert_eq!(writes, [("update".to_owned(), "leases".to_owned())], "{during:?}");
    // One listing of references each interval, and no fetch.
    assert!(
        asked.len() <= seconds + 2
            && asked
                .iter()
                .all(|request| request.starts_with("GET /shop.git/info/refs")),
        "{asked:?}"
    );
    Ok(())
}

/// How often the user `observer` sent each verb to each resource so far.
fn requests(control_plane: &ControlPlane) -> Result<BTreeMap<(String, String), usize>> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(control_plane.audit_log())
        .context("no audit log")?
        .lines()
    {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        if event["user"]["username"] == "observer" && event["stage"] == "ResponseComplete" {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            *counts
                .entry((text(&event["verb"]), text(&event["objectRef"]["resource"])))
                .or_default() += 1;
        }
    }
    Ok(counts)
}
