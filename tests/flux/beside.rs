//! Another Deployment of the same Kustomization that is going to be refused: said before approval, and Flux is not
//! counted on.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::incident::{beside, switch_handler};
use crate::harness::object::Object;
use crate::shop::{PERSON, Shop};
use crate::watched::{Watched, kinds};

/// The texts of a plan's cautions with this id.
fn cautions<'a>(status: &'a Value, id: &str) -> Vec<&'a str> {
    let cautions = status["plan"]["cautions"].as_array().into_iter().flatten();
    cautions
        .filter(|caution| caution["id"] == id)
        .filter_map(|caution| caution["text"].as_str())
        .collect()
}

#[test]
fn another_deployment_that_will_be_refused_is_said_before_approval_and_a_restore_is_taken() -> Result<()> {
    let shop = Shop::open("beside")?;
    let commit = shop.commit(&[("api.yaml", &format!("{:#}\n", beside("api")))]);
    let revision = shop.fetch(&commit)?;
    shop.flux.wait_ready(&shop.kustomization, &revision)?;
    let watched = Watched::look(shop, &json!({}))?;
    watched.wait_for_watch("both in sync", |status| status["counts"]["inSync"] == 2)?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    watched.wait_for_plan(&["HandBack", "Reconcile"])?;
    let api = Object::new(shop.control_plane, "deployment", &shop.namespace, "api")?;
    switch_handler(&api, PERSON)?;
    // Flux applies nothing of the Kustomization any more, and was not asked yet.
    let status = watched.wait_for_status("what will be in the way", |status| {
        !cautions(status, "OthersForetold").is_empty()
    })?;
    assert_eq!(kinds(&status), ["Restore", "Transfer", "Reconcile"]);
    let told = cautions(&status, "OthersForetold");
    let names = format!(
        "another watched object of this Kustomization is predicted to be refused (Deployment {}/api: ",
        shop.namespace
    );
    assert!(
        told[0].starts_with(&names) && told[0].ends_with("and this plan heals the Deployment by itself"),
        "{told:?}"
    );
    let healed = watched.heal(&["Restore", "Transfer", "Reconcile"])?;
    assert_eq!(
        (&healed["history"][0]["result"], &shop.probe()?["httpGet"]["path"]),
        (&json!("Healed"), &json!("/healthz"))
    );
    Ok(())
}
