//! What is said and done while a heal goes on, and what a commit or another person's decision in the middle of it
//! changes: the chart's controller in mode heal.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::argo_cd::{ArgoCd, NAMESPACE, Options};
use crate::harness::wait;
use crate::installation::{self, Installation};
use crate::sentences::{lies, watch};
use crate::shop::{Apply, Policy, Shop, config_map, in_sync, phase, text};
use crate::watched::{Watched, condition};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// How an operation is tried again: so often, and after such a time that much can happen in between.
fn retry(limit: u32, after: &str) -> Value {
    json!({"limit": limit, "backoff": {"duration": after, "factor": 1, "maxDuration": after}})
}

/// Waits until Argo CD waits for its own retry.
fn wait_for_a_retry(watched: &Watched<'_>) -> Result<()> {
    watched
        .wait_for_status("a retry to come", |status| {
            status["operation"]["class"] == "WaitingForRetry"
        })
        .map(drop)
}

/// The Events about the report, the first first: type and reason.
fn events(watched: &Watched<'_>) -> Result<Vec<(String, String)>> {
    let shop = &watched.shop;
    let list = shop
        .control_plane
        .kubectl(&["get", "events", "-n", &shop.namespace, "--output=json"])?
        .success()?;
    let list: Value = serde_json::from_str(&list)?;
    let mut events: Vec<&Value> = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| event["involvedObject"]["kind"] == "DriftReport")
        .collect();
    let time = |event: &Value| {
        let at = if event["eventTime"].is_null() {
            &event["metadata"]["creationTimestamp"]
        } else {
            &event["eventTime"]
        };
        text(at)
    };
    events.sort_by_key(|event| time(event));
    Ok(events
        .iter()
        .map(|event| (text(&event["type"]), text(&event["reason"])))
        .collect())
}

/// A yes of another person in the middle of a heal, by hand and by the command line.
fn another_yes(watched: &Watched<'_>) -> Result<()> {
    let shop = &watched.shop;
    let status = watched.status()?;
    let healing = &status["healing"];
    ensure!(!healing.is_null(), "the heal is over: {status:#}");
    let hash = text(&healing["planHash"]);
    assert_eq!(
        status["plan"]["hash"],
        hash.as_str(),
        "another plan is offered: {status:#}"
    );
    let ready = condition(&status, "PlanReady");
    let told = format!(
        "plan {}, approved by {}, is being carried out: ",
        &hash[..12],
        text(&healing["by"])
    );
    ensure!(
        text(&ready["message"]).starts_with(&told),
        "{told:?} does not begin {ready:#}"
    );

    let refused = watched.driftmend(&["approve", "web", "--plan", &hash])?;
    ensure!(
        refused.code != 0 && refused.stderr.contains("is being carried out"),
        "{}{}",
        refused.stdout,
        refused.stderr
    );
    let bob = shop.control_plane.user("bob", &["system:masters"])?;
    let approval = json!({"decision": "Approved", "planHash": hash, "by": "bob", "at": "2026-01-05T10:00:00Z"});
    let patch = json!({"status": {"approval": approval}}).to_string();
    let arguments = [
        "patch",
        "driftreport",
        "deployment-web",
        "-n",
        &shop.namespace,
        "--subresource=status",
        "--type=merge",
        "--patch",
        &patch,
    ];
    let refused = shop.control_plane.tool("kubectl")?.kubeconfig(&bob).run(&arguments)?;
    ensure!(
        refused.code != 0
            && refused
                .stderr
                .contains(", is being carried out: approve what the report offers"),
        "{}",
        refused.stderr
    );
    Ok(())
}

fn healed(watched: &Watched<'_>, plan: &str) -> Result<Value> {
    let status = watched.wait_for_status("the end of the heal", |status| {
        status["healing"].is_null() && !status["history"][0].is_null()
    })?;
    let entry = &status["history"][0];
    assert_eq!(
        (&entry["planHash"], &entry["result"]),
        (&json!(plan), &json!("Healed")),
        "{status:#}"
    );
    assert_eq!(status["history"].as_array().map(Vec::len), Some(1));
    watched
        .shop
        .wait_until("Synced", |seen| in_sync(seen) && phase(seen) == "Succeeded")?;
    Ok(status)
}

#[test]
fn a_heal_in_progress_is_told_as_what_it_is_and_neither_a_commit_elsewhere_nor_another_yes_breaks_it() -> Result<()> {
    let installation = Installation::prepare(&[])?;
    let control_plane = &installation.control_plane;
    let argo_cd = ArgoCd::start(control_plane, &Options::default())?;
    let open = |name: &str, apply| {
        Shop::open_at(
            control_plane,
            &argo_cd,
            NAMESPACE,
            name,
            apply,
            Policy::SelfHeal,
            &[config_map("settings", 0, "old")],
        )
    };
    let shops = [
        open("midheal-server", Apply::ServerSide)?,
        open("midheal-client", Apply::ClientSide)?,
    ];
    let namespaces: Vec<&str> = shops.iter().map(|shop| shop.namespace.as_str()).collect();
    let applications: (&str, &[&str]) = ("heal.applications.namespaces", &[NAMESPACE]);
    let flags = installation.install_with(
        "heal",
        &namespaces,
        &[("argocd.namespaces", &[NAMESPACE]), applications],
    )?;
    let controller = installation.start_controller(&flags)?;
    let [server, client] = shops.map(|shop| Watched::beside(shop, &json!({})));
    let (server, client) = (server?, client?);

    // The heal waits for Argo CD's own retry, and is told so while it does; another person says yes in between.
    server.shop.retry_by(&retry(50, "20s"))?;
    server.shop.switch_handler()?;
    let plan = server.wait_for_plan(&["HandBack", "Refresh", "StartOperation"])?;
    wait_for_a_retry(&server)?;
    let (status, looks) = watch(&server.shop, || {
        server.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
        server.wait_for_status("what it waits for", |status| {
            let told = text(&condition(status, "Approved")["message"]);
            told.contains("waits for Argo CD's own retry: the sync failed and is tried again at ")
        })?;
        another_yes(&server)?;
        let status = healed(&server, &plan)?;
        thread::sleep(Duration::from_secs(5));
        Ok(status)
    })?;
    assert_eq!(text(&status["history"][0]["by"]), "admin");
    let lies = lies(&looks);
    assert!(lies.is_empty(), "{lies:#?}");
    let told = wait::patiently("the Event of the end", PATIENCE, || {
        let told = events(&server)?;
        let is_over = told.iter().any(|(_, reason)| reason == "Healed");
        Ok(if is_over {
            ControlFlow::Break(told)
        } else {
            ControlFlow::Continue(format!("{told:?}"))
        })
    })?;
    let begins = told
        .iter()
        .position(|(_, reason)| reason == "HealStarted")
        .context("no HealStarted")?;
    let warnings: Vec<_> = told[begins..].iter().filter(|(kind, _)| kind == "Warning").collect();
    assert!(warnings.is_empty(), "{told:?}");

    // A commit that changes another object of the application, at the moment of the approval.
    client.shop.retry_by(&retry(3, "5s"))?;
    client.shop.switch_handler()?;
    let plan = client.wait_for_plan(&["Restore", "Transfer", "Refresh", "StartOperation"])?;
    wait_for_a_retry(&client)?;
    let (_, looks) = watch(&client.shop, || {
        client.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
        thread::sleep(Duration::from_millis(200));
        client.shop.commit(&[config_map("settings", 0, "new")]);
        client.shop.argo_cd.refresh(&client.shop.application)?;
        let status = healed(&client, &plan)?;
        thread::sleep(Duration::from_secs(5));
        Ok(status)
    })?;
    let lies = crate::sentences::lies(&looks);
    assert!(lies.is_empty(), "{lies:#?}");
    client.shop.wait_until("Synced", in_sync)?;
    assert_eq!(
        client.shop.object("configmap", "settings")?.read()?["data"]["text"],
        "new"
    );
    assert_eq!(client.shop.probe()?["httpGet"]["path"], "/healthz");
    let failed = controller.metric("driftmend_heals_total{result=\"Failed\"}")?;
    assert_eq!(failed, Some(0.0));
    installation::assert_no_right_was_missing(&controller);
    Ok(())
}
