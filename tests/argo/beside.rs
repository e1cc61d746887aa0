//! Another Deployment of the same Application that is going to be refused: said before approval, as long as it is so.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::incident::{beside, switch_back, switch_handler};
use crate::shop::{Apply, PERSON, Policy, Shop, in_sync, ours, phase, text};
use crate::watched::{Watched, kinds};

/// The text of a caution of the plan; empty where there is none.
fn caution(status: &Value, id: &str) -> String {
    let cautions = status["plan"]["cautions"].as_array().into_iter().flatten();
    cautions
        .into_iter()
        .find(|caution| caution["id"] == id)
        .map(|caution| text(&caution["text"]))
        .unwrap_or_default()
}

#[test]
fn another_deployment_that_will_be_refused_is_said_before_approval_while_it_is_so() -> Result<()> {
    let shop = Shop::open("beside", Apply::ServerSide, Policy::Manual, &[beside("api")])?;
    let watched = Watched::look(shop, &json!({}))?;
    watched.wait_for_watch("both in sync", |status| status["counts"]["inSync"] == 2)?;
    let shop = &watched.shop;
    let api = shop.object("deployment", "api")?;
    switch_handler(&api, PERSON)?;
    shop.switch_handler()?;
    shop.argo_cd.refresh(&shop.application)?;
    let said = |status: &Value| !caution(status, "OthersForetold").is_empty();
    let status = watched.wait_for_status("what will be in the way", |status| {
        said(status) && kinds(status).len() == 3
    })?;
    let told = caution(&status, "OthersForetold");
    let names = format!(
        "another watched object of this Application is predicted to be refused (Deployment {}/api: ",
        shop.namespace
    );
    assert!(
        told.starts_with(&names) && told.contains("may not specify more than 1 handler type"),
        "{told}"
    );
    assert!(told.ends_with("and this plan syncs the Deployment alone"), "{told}");

    // Mended, it is said no longer, and the plan is the same one.
    switch_back(&api, "kubectl-edit")?;
    let quiet = watched.wait_for_status("nothing in the way", |status| !said(status) && kinds(status).len() == 3)?;
    assert_eq!(quiet["plan"]["hash"], status["plan"]["hash"]);
    switch_handler(&api, PERSON)?;
    watched.wait_for_status("what will be in the way again", said)?;

    // Argo CD's sync of the whole is refused for both; this one is healed.
    shop.sync(&json!({}))?;
    let failed = shop.wait_until_failed(None)?;
    let message = text(&failed["status"]["operationState"]["message"]);
    assert!(
        message.contains("\"api\" is invalid") && message.contains("\"web\" is invalid"),
        "{message}"
    );
    let status = watched.wait_for_status("the failure of the other one", |status| {
        !caution(status, "OthersRefused").is_empty()
    })?;
    assert!(
        caution(&status, "OthersRefused").contains("Deployment.apps"),
        "{status:#}"
    );
    assert!(!said(&status), "it is said once: {status:#}");
    watched.heal(&["HandBack", "Refresh", "StartOperation"])?;
    assert_eq!(
        (&shop.probe()?["httpGet"]["path"], ours(&shop.deployment.read()?)),
        (&json!("/healthz"), Vec::new())
    );
    let after = shop.application.read()?;
    assert_eq!(
        (phase(&after), in_sync(&after)),
        (&json!("Succeeded"), false),
        "the other one is still not in sync"
    );
    Ok(())
}
