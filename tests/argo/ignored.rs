//! Fields that Argo CD is told to ignore: under `RespectIgnoreDifferences=true` its sync leaves them alone, and without
//! it a sync overwrites them, which a plan says and a person acknowledges.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::shop::{Apply, PERSON, Policy, Shop, deployment, exec, http_get, ours, text};
use crate::watched::{Watched, condition};

const PROBE: &str = "/spec/template/spec/containers/0/livenessProbe";

/// Lets Argo CD ignore these fields, and respect that where it is told to.
fn ignore(shop: &Shop, pointers: &[&str], respects: bool) -> Result<()> {
    let mut options = shop.application.read()?["spec"]["syncPolicy"]["syncOptions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if respects {
        options.push(json!("RespectIgnoreDifferences=true"));
    }
    let ignored = json!([{"group": "apps", "kind": "Deployment", "jsonPointers": pointers}]);
    let patch = json!({"spec": {"ignoreDifferences": ignored, "syncPolicy": {"syncOptions": options}}});
    shop.application.merge_patch("ada", &patch)?.success()?;
    shop.argo_cd.refresh(&shop.application)
}

/// A manifest with this handler and image.
fn with_image(handler: &Value, image: &str) -> Value {
    let mut manifest = deployment(handler);
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    manifest
}

#[test]
fn a_handler_that_is_respected_is_neither_refused_nor_planned() -> Result<()> {
    for (name, apply) in [
        ("respect-client", Apply::ClientSide),
        ("respect-server", Apply::ServerSide),
    ] {
        let shop = Shop::open(name, apply, Policy::Manual, &[])?;
        ignore(&shop, &[PROBE], true)?;
        let watched = Watched::open(shop, &json!({}))?;
        let shop = &watched.shop;
        shop.switch_handler()?;
        // Something waits for a sync, so that there is a report.
        let revision = shop.commit(&[with_image(&http_get(), "registry.example/web:2")]);
        let status = watched.wait_for_status("what waits", |status| {
            status["phase"] == "Pending"
                && status["counts"]["pending"] == 1
                && status["counts"]["ignored"].as_u64() > Some(0)
        })?;
        assert_eq!(
            (&status["prediction"]["causes"], &status["plan"]),
            (&json!([]), &Value::Null),
            "{name}: {status:#}"
        );
        assert_eq!(status["prediction"]["overwrites"], json!([]), "{name}");
        shop.bring(Policy::Manual, &revision)?;
        // Git's own next handler is ignored, too.
        shop.bring(
            Policy::Manual,
            &shop.commit(&[with_image(&exec(), "registry.example/web:3")]),
        )?;
        let probe = shop.probe()?;
        assert_eq!(
            (&probe["tcpSocket"]["port"], &probe["httpGet"], &probe["exec"]),
            (&json!(8080), &Value::Null, &Value::Null),
            "{name}"
        );
        watched.wait_for_status("quiet", |status| status["phase"] == "InSync")?;
    }
    Ok(())
}

#[test]
fn a_live_only_member_that_is_ignored_in_a_list_is_refused_as_argo_cd_refuses_it_and_not_planned_on() -> Result<()> {
    let shop = Shop::open("respect-member", Apply::ClientSide, Policy::Manual, &[])?;
    ignore(&shop, &[&format!("{PROBE}/tcpSocket")], true)?;
    let watched = Watched::open(shop, &json!({}))?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    let status = watched.wait_for_status("the predicted refusal", |status| status["phase"] == "Conflicted")?;
    let message = text(&status["prediction"]["causes"][0]["message"]);
    shop.argo_cd.refresh(&shop.application)?;
    shop.sync(&json!({}))?;
    let failed = shop.wait_until_failed(None)?;
    assert!(
        text(&failed["status"]["operationState"]["message"]).contains(&message),
        "{failed:#}"
    );
    let told = watched.wait_for_status("no plan", |status| {
        condition(status, "PlanReady")["reason"] == "IgnoredInTheWay"
    })?;
    assert_eq!(told["plan"], Value::Null);
    Ok(())
}

#[test]
fn a_heal_beside_a_respected_field_ends_and_leaves_it() -> Result<()> {
    for (name, apply, steps) in [
        (
            "respect-heal-client",
            Apply::ClientSide,
            &["Restore", "Transfer", "Refresh", "StartOperation"][..],
        ),
        (
            "respect-heal-server",
            Apply::ServerSide,
            &["HandBack", "Refresh", "StartOperation"],
        ),
    ] {
        let shop = Shop::open(name, apply, Policy::Manual, &[])?;
        ignore(&shop, &["/spec/replicas"], true)?;
        let watched = Watched::open(shop, &json!({}))?;
        let shop = &watched.shop;
        shop.scale(3)?;
        shop.break_by_hand()?;
        let healed = watched.heal(steps)?;
        assert_eq!(healed["heal"], "Healed", "{name}");
        shop.bring(Policy::Manual, &shop.commit(&[deployment(&exec())]))?;
        let live = shop.deployment.read()?;
        assert_eq!((&live["spec"]["replicas"], ours(&live)), (&json!(3), vec![]), "{name}");
        assert_eq!(shop.probe()?.get("httpGet"), None, "{name}");
    }
    Ok(())
}

#[test]
fn what_a_plans_own_sync_overwrites_is_named_and_approved_only_by_who_acknowledges_it() -> Result<()> {
    let shop = Shop::open("overwrites", Apply::ServerSide, Policy::Manual, &[])?;
    ignore(&shop, &["/spec/replicas"], false)?;
    let watched = Watched::open(shop, &json!({"remedy": "HandBack"}))?;
    let shop = &watched.shop;
    shop.scale(5)?;
    shop.break_by_hand()?;
    let has_caution = |status: &Value| {
        status["operation"]["class"] == "FailedAtRevision" && status["plan"]["cautions"][0]["id"] == "Overwrites"
    };
    let status = watched.wait_for_status("a plan with a caution", has_caution)?;
    let caution = &status["plan"]["cautions"][0];
    assert_eq!(caution["mustAcknowledge"], true);
    assert!(
        text(&caution["text"]).contains(".spec.replicas from 5 to 1 (Application argocd/"),
        "{caution:#}"
    );

    let plan = text(&status["plan"]["hash"]);
    let refused = watched.driftmend(&["approve", "web", "--plan", &plan])?;
    assert!(
        refused.code != 0
            && refused
                .stderr
                .contains("approved only by who acknowledges this: Overwrites: "),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("--acknowledge Overwrites"),
        "{}",
        refused.stderr
    );
    watched
        .driftmend(&["approve", "web", "--plan", &plan, "--acknowledge", "Overwrites"])?
        .success()?;
    assert_eq!(watched.status()?["approval"]["acknowledged"], json!(["Overwrites"]));
    watched
        .driftmend(&["heal", "web", "--plan", &plan, "--allow-http"])?
        .success()?;
    shop.wait_for_replicas(1)?;
    assert_eq!(shop.probe()?.get("tcpSocket"), None);
    Ok(())
}

#[test]
fn where_a_write_of_ours_spares_what_is_ignored_a_plan_takes_that() -> Result<()> {
    let shop = Shop::open("spares", Apply::ServerSide, Policy::Manual, &[])?;
    ignore(&shop, &["/spec/replicas"], false)?;
    let watched = Watched::open(shop, &json!({}))?;
    let shop = &watched.shop;
    shop.scale(5)?;
    shop.break_by_hand()?;
    watched.heal(&["Restore", "Transfer", "Refresh", "ClearOperation"])?;
    let live = shop.deployment.read()?;
    assert_eq!((&live["spec"]["replicas"], ours(&live)), (&json!(5), vec![]));
    // The next handler of Git syncs, and that sync sets the replicas: it is Argo CD's, and no plan's.
    shop.bring(Policy::Manual, &shop.commit(&[deployment(&exec())]))?;
    assert_eq!(shop.probe()?.get("httpGet"), None);
    Ok(())
}

#[test]
fn what_jq_names_and_what_a_trusted_manager_owns_is_left_alone_by_a_sync_that_is_predicted_so() -> Result<()> {
    for (name, rule) in [
        ("respect-jq", json!({"jqPathExpressions": [".spec.replicas"]})),
        ("respect-manager", json!({"managedFieldsManagers": [PERSON]})),
    ] {
        let shop = Shop::open(name, Apply::ClientSide, Policy::Manual, &[])?;
        ignore(&shop, &[], true)?;
        let mut ignored = json!([{"group": "apps", "kind": "Deployment"}]);
        json_patch::merge(&mut ignored[0], &rule);
        shop.application
            .merge_patch("ada", &json!({"spec": {"ignoreDifferences": ignored}}))?
            .success()?;
        let watched = Watched::open(shop, &json!({}))?;
        let shop = &watched.shop;
        shop.scale(3)?;
        let revision = shop.commit(&[with_image(&http_get(), "registry.example/web:2")]);
        let status = watched.wait_for_status("what waits", |status| {
            status["phase"] == "Pending"
                && status["counts"]["pending"] == 1
                && status["counts"]["ignored"].as_u64() > Some(0)
        })?;
        assert_eq!(status["prediction"]["overwrites"], json!([]), "{name}: {status:#}");
        let left = status["prediction"]["residual"].as_array().cloned().unwrap_or_default();
        assert!(left.contains(&json!(".spec.replicas")), "{name}: {left:?}");
        shop.bring(Policy::Manual, &revision)?;
        assert_eq!(shop.deployment.read()?["spec"]["replicas"], json!(3), "{name}");
    }
    Ok(())
}
