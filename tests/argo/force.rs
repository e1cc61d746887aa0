//! Replace with Force: each sync deletes the Deployment and creates it anew, which is told before and afterwards.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::harness::wait;
use crate::harness::watched::finding;
use crate::shop::{Apply, Policy, Shop, deployment, http_get, text};
use crate::watched::Watched;

#[test]
fn replace_with_force_is_told_as_an_outage_which_it_is_and_the_other_deployment_afterwards() -> Result<()> {
    let watched = Watched::open(Shop::open("forced", Apply::Replace, Policy::Manual, &[])?, &json!({}))?;
    let shop = &watched.shop;
    let before = shop.deployment.read()?;
    let mut forced = deployment(&http_get());
    forced["metadata"]["annotations"] = json!({"argocd.argoproj.io/sync-options": "Force=true"});
    shop.commit(&[forced]);
    let status = watched.wait_for_status("the coming outage", |status| {
        finding(status, "force-recreates")["severity"] == "error"
    })?;
    assert!(
        text(&status["summary"]).starts_with("The next sync is an outage: told to force, Argo CD deletes"),
        "{status:#}"
    );
    shop.argo_cd.refresh(&shop.application)?;
    shop.sync(&json!({}))?;
    let after = shop.deployment.wait_until("another Deployment", |seen| {
        seen["metadata"]["uid"] != before["metadata"]["uid"]
    })?;
    shop.wait_until_settled()?;
    watched.wait_for_status("quiet", |status| {
        status["phase"] == "InSync" && status["targetUid"] == after["metadata"]["uid"]
    })?;
    let uid = after["metadata"]["uid"].as_str().context("no uid")?;
    let namespace = format!("--namespace={}", shop.namespace);
    wait::until(
        "the Event on the Deployment and on the report",
        Duration::from_secs(60),
        || {
            let events = shop.control_plane.kubectl(&[
                "get",
                "events",
                &namespace,
                "--field-selector=reason=Recreated",
                "--output=json",
            ])?;
            let events: Value = serde_json::from_str(&events.success()?)?;
            let told = events["items"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|event| text(&event["message"]).contains(uid))
                .count();
            Ok(if told == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(events.to_string())
            })
        },
    )
}
