//! A plan while Argo CD tries a sync again and again, while another object fails beside it, and while a window is shut.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::argo_cd::NAMESPACE;
use crate::shop::{Apply, Policy, Shop, config_map, in_sync, phase, started_at, text};
use crate::watched::{Watched, condition};

/// How long a person's heal may be told that something is to be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many retries are watched.
const RETRIES: i64 = 4;

/// Carries an approved plan out by hand, again while it waits for an operation.
fn heal_when_it_may(watched: &Watched<'_>, plan: &str) -> Result<()> {
    let begin = Instant::now();
    loop {
        let answer = watched.driftmend(&["heal", "web", "--plan", plan, "--allow-http"])?;
        if answer.code == 0 {
            return Ok(());
        }
        ensure!(
            answer.stderr.contains("waits for") && begin.elapsed() < PATIENCE,
            "{} {}",
            answer.stdout,
            answer.stderr
        );
        thread::sleep(Duration::from_millis(200));
    }
}

fn one_plan_stands_through_all_retries(name: &str, apply: Apply, steps: &[&str]) -> Result<()> {
    let watched = Watched::open(Shop::open(name, apply, Policy::SelfHeal, &[])?, &json!({}))?;
    let shop = &watched.shop;
    shop.retry_by(&json!({"limit": 50, "backoff": {"duration": "3s", "factor": 1, "maxDuration": "3s"}}))?;
    shop.switch_handler()?;
    let plan = watched.wait_for_plan(steps)?;
    let (mut seen, mut without) = (BTreeSet::new(), 0);
    let retries = || -> Result<i64> {
        Ok(shop.application.read()?["status"]["operationState"]["retryCount"]
            .as_i64()
            .unwrap_or_default())
    };
    let until = retries()? + RETRIES;
    while retries()? < until {
        let status = watched.status()?;
        match status["plan"]["hash"].as_str() {
            Some(hash) => drop(seen.insert(hash.to_owned())),
            None => without += 1,
        }
    }
    assert_eq!(
        (seen, without),
        (BTreeSet::from([plan.clone()]), 0),
        "one hash, and always there"
    );
    // Whatever runs at this moment, and at the one after it.
    watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    thread::sleep(Duration::from_secs(7));
    heal_when_it_may(&watched, &plan)?;
    let status = watched.wait_for_status("the healed report", |status| {
        status["heal"] == "Healed" && status["phase"] == "InSync"
    })?;
    assert_eq!(
        (&status["history"][0]["planHash"], &status["history"][0]["result"]),
        (&json!(plan), &json!("Healed"))
    );
    shop.wait_until("Synced", |seen| in_sync(seen) && phase(seen) == "Succeeded")?;
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");
    Ok(())
}

#[test]
fn under_server_side_apply_one_plan_stands_through_all_retries_and_its_approval_is_carried_out() -> Result<()> {
    one_plan_stands_through_all_retries(
        "retries-server",
        Apply::ServerSide,
        &["HandBack", "Refresh", "StartOperation"],
    )
}

#[test]
fn under_client_side_apply_one_plan_stands_through_all_retries_and_its_approval_is_carried_out() -> Result<()> {
    one_plan_stands_through_all_retries(
        "retries-client",
        Apply::ClientSide,
        &["Restore", "Transfer", "Refresh", "StartOperation"],
    )
}

/// A hook that ends at once, and a Service that the API server refuses.
fn hook_and_refused(port: u32) -> [Value; 2] {
    let annotations =
        json!({"argocd.argoproj.io/hook": "PostSync", "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation"});
    let hook =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "after", "annotations": annotations}});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "front"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": port}]}});
    [hook, service]
}

#[test]
fn another_objects_failure_is_said_before_and_does_not_end_the_heal_as_failed() -> Result<()> {
    let shop = Shop::open(
        "retries-others",
        Apply::ServerSide,
        Policy::Automated,
        &[config_map("settings", 0, "old")],
    )?;
    let watched = Watched::open(shop, &json!({}))?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    let revision = shop.commit(&hook_and_refused(70_000));
    shop.argo_cd.refresh(&shop.application)?;
    let failed = shop.wait_until_failed(Some(&revision))?;
    // Only a sync of the whole runs the hook, and that one fails again for the Service.
    let plan = watched.wait_for_plan(&["HandBack", "Refresh", "ClearOperation"])?;
    let status = watched.wait_for_status("what is in the way", |status| {
        status["plan"]["cautions"].to_string().contains("OthersRefused")
    })?;
    assert_eq!(status["plan"]["hash"], plan.as_str());
    assert!(status["plan"]["cautions"].to_string().contains("Service"), "{status:#}");
    let clear = text(&status["plan"]["steps"][2]["summary"]);
    assert!(
        clear.starts_with("attempt 1 of 2 at this revision: ") && clear.contains("hooks"),
        "{clear}"
    );
    watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    heal_when_it_may(&watched, &plan)?;
    let status = watched.wait_for_status("the healed report", |status| {
        !status["history"].as_array().is_none_or(Vec::is_empty)
    })?;
    let entry = &status["history"][0];
    assert_eq!(entry["result"], "Healed", "{entry:#}");
    assert!(
        text(&entry["message"]).contains("beside it Argo CD's sync failed for Service"),
        "{entry:#}"
    );
    let application = shop.application.read()?;
    assert_eq!(phase(&application), "Failed", "the Service is still refused");
    assert_ne!(started_at(&application), started_at(&failed));
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");
    Ok(())
}

#[test]
fn a_deny_window_on_an_automated_application_offers_the_plan_and_says_when_it_ends() -> Result<()> {
    let watched = Watched::open(
        Shop::open("retries-window", Apply::ServerSide, Policy::SelfHeal, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    // Its own sync failed before the window opened.
    shop.break_by_hand()?;
    let opened = Timestamp::now() - SignedDuration::from_mins(5);
    let window = json!({"kind": "deny", "schedule": opened.strftime("%M %H * * *").to_string(), "duration": "2h",
                        "applications": ["*"]});
    let project = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject",
        "metadata": {"name": shop.namespace, "namespace": NAMESPACE},
        "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}],
                 "clusterResourceWhitelist": [{"group": "*", "kind": "*"}], "syncWindows": [window]}});
    shop.control_plane.apply(&project.to_string())?;
    shop.application
        .merge_patch("ada", &json!({"spec": {"project": shop.namespace}}))?
        .success()?;
    let plan = watched.wait_for_plan(&["Restore", "Transfer", "Refresh"])?;
    let status = watched.status()?;
    let end = (opened + SignedDuration::from_hours(2))
        .strftime("until %Y-%m-%dT%H:%M:00Z")
        .to_string();
    let cautions = status["plan"]["cautions"].to_string();
    assert!(
        cautions.contains("SyncWindow") && cautions.contains(&end),
        "{end:?} is not in {cautions}"
    );
    let held = watched.driftmend(&["approve", "web", "--plan", &plan])?;
    assert!(
        held.code != 0 && held.stderr.contains("--break-glass"),
        "{}",
        held.stderr
    );
    watched
        .driftmend(&[
            "approve",
            "web",
            "--plan",
            &plan,
            "--break-glass",
            "--reason",
            "the shop is down",
        ])?
        .success()?;
    heal_when_it_may(&watched, &plan)?;
    assert_eq!(
        (
            &shop.probe()?["httpGet"]["path"],
            &shop.application.read()?["operation"]
        ),
        (&json!("/healthz"), &Value::Null)
    );
    // What failed before is still told, and held back while the window lasts.
    let status = watched.wait_for_status("the stale operation", |status| status["phase"] == "OperationStuck")?;
    assert!(
        text(&condition(&status, "PlanReady")["message"]).contains(&end),
        "{status:#}"
    );
    Ok(())
}
