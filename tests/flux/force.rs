//! `force: true` over a refusal: told as the outage that it is, before it is one.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::kustomize_controller::condition;
use crate::shop::Shop;
use crate::watched::{Watched, finding};

#[test]
fn a_field_of_kubectls_makes_the_deployment_stay_away() -> Result<()> {
    let watched = Watched::open(Shop::open_with("forced", &json!({"force": true}))?, &json!({}))?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    let status = watched.wait_for_status("the coming outage", |status| {
        finding(status, "force-recreates")["severity"] == "error"
    })?;
    let message = finding(&status, "force-recreates")["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        message.contains("the Deployment stays absent until the retryInterval is over (1h later)"),
        "{message}"
    );
    assert!(
        status["summary"]
            .as_str()
            .is_some_and(|text| text.contains("deletes the Deployment")),
        "{}",
        status["summary"]
    );

    // It is so.
    let after = shop.flux.poke(&shop.kustomization)?;
    let told = condition(&after, "Ready")["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert_eq!(shop.deployment.find()?, None, "Flux: {told}");
    assert!(
        told.contains(&format!(
            "Deployment/{}/web metadata.managedFields cleanup failed",
            shop.namespace
        )),
        "{told}"
    );
    watched.wait_for_status("the outage and why it lasts", |status| {
        let evidence = &finding(status, "not-reconciled")["evidence"];
        status["phase"] == "Missing" && evidence.as_str().is_some_and(|text| text.contains("cleanup failed"))
    })?;
    watched.heal(&["Reconcile"])?;
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");
    Ok(())
}

#[test]
fn a_field_of_another_programs_makes_it_another_deployment() -> Result<()> {
    let watched = Watched::open(Shop::open_with("recreated", &json!({"force": true}))?, &json!({}))?;
    let shop = &watched.shop;
    let before = shop.deployment.read()?;
    shop.switch_handler_as("Lens")?;
    let status = watched.wait_for_status("the coming outage", |status| {
        finding(status, "force-recreates")["severity"] == "error"
    })?;
    let message = finding(&status, "force-recreates")["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        message.ends_with("makes Flux delete the Deployment with all its pods and create it anew"),
        "{message}"
    );
    shop.flux.poke(&shop.kustomization)?;
    let after = shop.deployment.read()?;
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    watched.wait_for_status("quiet", |status| status["phase"] == "InSync")?;
    Ok(())
}
