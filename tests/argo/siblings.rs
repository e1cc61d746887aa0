//! The incident's siblings: other members of other unions, which the next sync would set beside what stands there.

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::shop::{Apply, PERSON, Policy, Shop, deployment, exec, http_get, ours, text};
use crate::watched::{Watched, condition};

/// Where the container's first variable is.
const VARIABLE: &str = "/spec/template/spec/containers/0/env/0";

/// A person who mends the Deployment by hand.
const FIXER: &str = "kubectl-edit";

/// A manifest whose container has this variable.
fn with_variable(variable: &Value) -> Value {
    let mut manifest = deployment(&http_get());
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] = json!([variable]);
    manifest
}

/// How often the Deployment has rolled out. Its generation moves with its annotations, too.
fn roll_outs(shop: &Shop) -> Result<u32> {
    // The deployment controller numbers a roll-out a moment after the change that begins it.
    let live = shop
        .deployment
        .wait_until("a roll-out that is under way to its end", |seen| {
            let status = &seen["status"];
            status["observedGeneration"] == seen["metadata"]["generation"]
                && status["updatedReplicas"] == seen["spec"]["replicas"]
        })?;
    Ok(text(&live["metadata"]["annotations"]["deployment.kubernetes.io/revision"]).parse()?)
}

fn variable(shop: &Shop) -> Result<Value> {
    shop.deployment
        .read()?
        .pointer(VARIABLE)
        .cloned()
        .context("no variable")
}

/// The message of the one cause that is predicted.
fn cause(status: &Value) -> String {
    assert_eq!(
        status["prediction"]["causes"].as_array().map(Vec::len),
        Some(1),
        "{status:#}"
    );
    text(&status["prediction"]["causes"][0]["message"])
}

/// Waits until the watch knows a commit, and all is as it says.
fn quiet_at(watched: &Watched, revision: &str) -> Result<()> {
    watched.wait_for_watch("the new commit", |status| status["revision"] == revision)?;
    watched
        .wait_for_status("quiet", |status| status["phase"] == "InSync")
        .map(drop)
}

/// A person's value over Git's reference, handed back to Argo CD.
fn a_value_over_gits_reference(name: &str, apply: Apply) -> Result<()> {
    let reference =
        json!({"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}});
    let shop = Shop::open(name, apply, Policy::SelfHeal, &[])?;
    let revision = shop.commit(&[with_variable(&reference)]);
    shop.bring(Policy::SelfHeal, &revision)?;
    let watched = Watched::open(shop, &json!({"remedy": "HandBack"}))?;
    let shop = &watched.shop;
    let by_hand = json!([
        {"op": "remove", "path": format!("{VARIABLE}/valueFrom")},
        {"op": "add", "path": format!("{VARIABLE}/value"), "value": "web-by-hand"},
    ]);
    shop.deployment.json_patch(PERSON, &by_hand)?.success()?;
    shop.wait_until_failed(None)?;
    let status = watched.wait_for_status("the refusal", |status| status["phase"] == "Conflicted")?;
    assert_eq!(
        cause(&status),
        "Invalid value: \"\": may not be specified when `value` is not empty"
    );

    let before = roll_outs(shop)?;
    watched.heal(&["HandBack", "Refresh", "StartOperation"])?;
    assert_eq!(roll_outs(shop)?, before + 1);
    assert_eq!(variable(shop)?, reference);
    assert_eq!(ours(&shop.deployment.read()?), Vec::<String>::new());

    // Git's own next change of the same union goes through.
    let plain = json!({"name": "POD", "value": "web"});
    let revision = shop.commit(&[with_variable(&plain)]);
    shop.bring(Policy::SelfHeal, &revision)?;
    assert_eq!(variable(shop)?, plain);
    quiet_at(&watched, &revision)
}

#[test]
fn under_client_side_apply_a_value_over_gits_reference_is_handed_back() -> Result<()> {
    a_value_over_gits_reference("sibling-env-client", Apply::ClientSide)
}

#[test]
fn under_server_side_apply_a_value_over_gits_reference_is_handed_back() -> Result<()> {
    a_value_over_gits_reference("sibling-env-server", Apply::ServerSide)
}

#[test]
fn gits_recreate_over_a_default_that_nobody_owns_is_handed_back() -> Result<()> {
    let watched = Watched::open(
        Shop::open("sibling-recreate", Apply::ServerSide, Policy::SelfHeal, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    let mut next = deployment(&http_get());
    next["spec"]["strategy"] = json!({"type": "Recreate"});
    let revision = shop.commit(&[next]);
    let message = "Forbidden: may not be specified when strategy `type` is 'Recreate'";
    let status = watched.wait_for_status("the refusal to come", |status| status["phase"] == "Conflicted")?;
    assert_eq!(cause(&status), message);
    shop.argo_cd.refresh(&shop.application)?;
    let failed = shop.wait_until_failed(Some(&revision))?;
    assert!(
        text(&failed["status"]["operationState"]["message"]).contains(message),
        "{failed:#}"
    );

    let before = roll_outs(shop)?;
    // The failed sync was one of the whole revision, of which nothing else is left.
    watched.heal(&["HandBack", "Refresh", "StartOperation"])?;
    assert_eq!(roll_outs(shop)?, before, "the pods stay as they are");
    let live = shop.deployment.read()?;
    assert_eq!(
        (&live["spec"]["strategy"], ours(&live)),
        (&json!({"type": "Recreate"}), Vec::new())
    );

    let revision = shop.commit(&[deployment(&http_get())]);
    shop.bring(Policy::SelfHeal, &revision)?;
    assert_eq!(shop.deployment.read()?["spec"]["strategy"]["type"], "RollingUpdate");
    quiet_at(&watched, &revision)
}

#[test]
fn under_client_side_apply_gits_recreate_takes_the_default_away_by_itself() -> Result<()> {
    let watched = Watched::open(
        Shop::open("sibling-retained", Apply::ClientSide, Policy::Manual, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    let mut next = deployment(&http_get());
    next["spec"]["strategy"] = json!({"type": "Recreate"});
    let revision = shop.commit(&[next]);
    watched.wait_for_status("what waits", |status| status["phase"] == "Pending")?;
    shop.bring(Policy::Manual, &revision)?;
    assert_eq!(shop.deployment.read()?["spec"]["strategy"], json!({"type": "Recreate"}));
    watched
        .wait_for_status("quiet", |status| status["phase"] == "InSync")
        .map(drop)
}

#[test]
fn a_handler_that_somebodys_repair_left_to_nobody_is_rescued() -> Result<()> {
    let watched = Watched::open(
        Shop::open("sibling-nobody", Apply::ServerSide, Policy::Manual, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    shop.switch_back(FIXER)?;
    shop.deployment.disown(FIXER)?;
    watched.wait_for_status("quiet", |status| status.is_null() || status["phase"] == "InSync")?;

    shop.commit(&[deployment(&exec())]);
    let status = watched.wait_for_status("the refusal to come", |status| status["phase"] == "Conflicted")?;
    assert_eq!(cause(&status), "Forbidden: may not specify more than 1 handler type");
    let held_back = |status: &Value| condition(status, "PlanReady")["reason"] == "HeldBack";
    let status = watched.wait_for_status("no plan before Argo CD knows the commit", held_back)?;
    assert!(
        text(&condition(&status, "PlanReady")["message"]).starts_with("Argo CD compared commit "),
        "{status:#}"
    );
    shop.argo_cd.refresh(&shop.application)?;
    let before = roll_outs(shop)?;
    watched.heal(&["HandBack", "Refresh", "StartOperation"])?;
    assert_eq!(roll_outs(shop)?, before + 1);
    let probe = shop.probe()?;
    assert_eq!((&probe["exec"], &probe["httpGet"]), (&exec()["exec"], &Value::Null));
    assert_eq!(ours(&shop.deployment.read()?), Vec::<String>::new());
    Ok(())
}
