//! The incident's siblings under Flux: what stands beside Git's next member of a union and is nobody's, and another
//! union.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::shop::{PERSON, Shop, deployment, exec, http_get};
use crate::watched::Watched;

/// A person who mends the Deployment by hand.
const FIXER: &str = "kubectl-edit";

/// Where the container's first variable is.
const VARIABLE: &str = "/spec/template/spec/containers/0/env/0";

#[test]
fn a_handler_that_is_nobodys_is_handed_over_before_flux_has_the_commit_that_it_is_in_the_way_of() -> Result<()> {
    let watched = Watched::open(Shop::open("nobody")?, &json!({}))?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    shop.switch_back(FIXER)?;
    shop.deployment.disown(FIXER)?;

    let commit = shop.commit(&[("web.yaml", &format!("{:#}\n", deployment(&exec())))]);
    // As long as the controller has not seen the handler of before again, it is the other one that is in the way.
    let status = watched.wait_for_status("the refusal to come", |status| {
        let field = &status["prediction"]["causes"][0]["field"];
        status["phase"] == "Conflicted" && field.as_str().is_some_and(|field| field.ends_with(".httpGet"))
    })?;
    assert_eq!(
        status["prediction"]["causes"][0]["message"],
        "Forbidden: may not specify more than 1 handler type"
    );
    let healed = watched.heal_to(&["HandBack", "Reconcile"], "Pending")?;
    assert_eq!(healed["history"][0]["result"], "Healed");
    // Flux applied again what it has, which is still Git's handler of before.
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");

    let revision = shop.fetch(&commit)?;
    shop.flux.wait_ready(&shop.kustomization, &revision)?;
    let probe = shop.probe()?;
    assert_eq!((&probe["exec"], &probe["httpGet"]), (&exec()["exec"], &Value::Null));
    watched
        .wait_for_status("quiet", |status| status["phase"] == "InSync")
        .map(drop)
}

#[test]
fn a_value_over_gits_reference_and_gits_recreate_over_a_default_are_handed_back() -> Result<()> {
    let with = |variable: &Value, strategy: &Value| {
        let mut manifest = deployment(&http_get());
        manifest["spec"]["template"]["spec"]["containers"][0]["env"] = json!([variable]);
        manifest["spec"]["strategy"] = strategy.clone();
        manifest
    };
    let reference =
        json!({"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}});
    let shop = Shop::open("siblings")?;
    let revision = shop.publish(&with(&reference, &json!({"type": "RollingUpdate"})))?;
    shop.flux.wait_ready(&shop.kustomization, &revision)?;
    let watched = Watched::open(shop, &json!({}))?;
    let shop = &watched.shop;
    let by_hand = json!([
        {"op": "remove", "path": format!("{VARIABLE}/valueFrom")},
        {"op": "add", "path": format!("{VARIABLE}/value"), "value": "web-by-hand"},
    ]);
    shop.deployment.json_patch(PERSON, &by_hand)?.success()?;
    watched.heal(&["HandBack", "Reconcile"])?;
    assert_eq!(shop.deployment.read()?.pointer(VARIABLE), Some(&reference));

    shop.publish(&with(&reference, &json!({"type": "Recreate"})))?;
    let status = watched.wait_for_status("the refusal to come", |status| status["phase"] == "Conflicted")?;
    let message = "Forbidden: may not be specified when strategy `type` is 'Recreate'";
    assert_eq!(status["prediction"]["causes"][0]["message"], message);
    watched.heal(&["HandBack", "Reconcile"])?;
    assert_eq!(shop.deployment.read()?["spec"]["strategy"], json!({"type": "Recreate"}));
    Ok(())
}
