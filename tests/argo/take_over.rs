//! What Argo CD makes its own when it begins to apply server-side, and what it does about fields that the API server
//! does not know.

use anyhow::{Context, Result};
use driftmend::engine::argo_cd;
use driftmend::engine::argo_cd::application::Application;
use driftmend::engine::dressing::Dressing;
use driftmend::engine::kind::DEPLOYMENT;
use driftmend::engine::object::FieldPath;
use driftmend::engine::predict::{Prediction, predict};
use serde_json::{Value, json};

use crate::harness::argo_cd::NAMESPACE;
use crate::shop::{Apply, PERSON, Policy, Shop, deployment, http_get, ours, phase};
use crate::watched::Watched;

/// How Argo CD would apply the document now.
fn predicted(shop: &Shop<'_>, git: &Value, live: &Value) -> Result<Prediction> {
    let application = Application::read(&shop.application.read()?).context("no Application")?;
    let dressing = Dressing::ArgoCd(argo_cd::dressing::dressing(
        &application,
        NAMESPACE,
        argo_cd::dressing::Tracking::default(),
    ));
    let mut git = git.clone();
    git["metadata"]["namespace"] = json!(shop.namespace);
    dressing.dress(&mut git, Some(live));
    let syncer = dressing.syncer(&git, Some(live)).context("no syncer")?;
    Ok(predict(&DEPLOYMENT, &git, live, &syncer))
}

/// What stays, but for the deployment controller's own annotation.
fn left(residual: &[FieldPath]) -> Vec<String> {
    residual
        .iter()
        .map(ToString::to_string)
        .filter(|path| !path.starts_with(".metadata.annotations"))
        .collect()
}

#[test]
fn what_was_applied_client_side_goes_with_its_line_of_git_whether_argo_cd_migrates_or_not() -> Result<()> {
    for (name, options) in [
        ("migrates", json!(["ServerSideApply=true"])),
        (
            "migrates-not",
            json!(["ServerSideApply=true", "ClientSideApplyMigration=false"]),
        ),
    ] {
        let shop = Shop::open(name, Apply::ClientSide, Policy::Manual, &[])?;
        let mut then = deployment(&http_get());
        then["spec"]["minReadySeconds"] = json!(1);
        shop.bring(Policy::Manual, &shop.commit(&[then]))?;
        shop.application
            .merge_patch("ada", &json!({"spec": {"syncPolicy": {"syncOptions": options}}}))?
            .success()?;
        let (now, live) = (deployment(&http_get()), shop.deployment.read()?);
        let answer = predicted(&shop, &now, &live)?;
        assert_eq!((answer.causes, left(&answer.residual)), (vec![], vec![]), "{name}");
        shop.bring(Policy::Manual, &shop.commit(&[now]))?;
        let after = shop.deployment.read()?;
        assert_eq!(
            after["spec"].get("minReadySeconds"),
            None,
            "{name}: {:#}",
            after["metadata"]["managedFields"]
        );
        assert_eq!(
            answer.predicted.map(|object| object["spec"].clone()),
            Some(after["spec"].clone()),
            "{name}"
        );
    }
    Ok(())
}

#[test]
fn what_a_heal_put_back_goes_with_its_line_of_git_after_a_switch_to_server_side_apply() -> Result<()> {
    for (name, apply) in [("healed-client", Apply::ClientSide), ("healed-replace", Apply::Replace)] {
        let shop = Shop::open(name, apply, Policy::Manual, &[])?;
        let mut then = deployment(&http_get());
        then["spec"]["minReadySeconds"] = json!(1);
        shop.bring(Policy::Manual, &shop.commit(&[then]))?;
        let watched = Watched::open(shop, &json!({}))?;
        let shop = &watched.shop;
        let by_hand = json!([{"op": "replace", "path": "/spec/minReadySeconds", "value": 2}]);
        shop.deployment.json_patch(PERSON, &by_hand)?.success()?;
        watched.heal(&["Restore", "Transfer", "Refresh"])?;
        assert_eq!(ours(&shop.deployment.read()?), Vec::<String>::new(), "{name}");
        // What it wrote by a PUT Argo CD makes its own only where it is told whose fields to take.
        let migrates = (apply == Apply::Replace)
            .then(|| json!({"argocd.argoproj.io/client-side-apply-migration-manager": "argocd-controller"}));
        let switch = json!({"metadata": {"annotations": migrates.unwrap_or(json!({}))},
                            "spec": {"syncPolicy": {"syncOptions": ["ServerSideApply=true"]}}});
        shop.application.merge_patch("ada", &switch)?.success()?;
        shop.bring(Policy::Manual, &shop.commit(&[deployment(&http_get())]))?;
        let after = shop.deployment.read()?;
        assert_eq!(
            after["spec"].get("minReadySeconds"),
            None,
            "{name}: {:#}",
            after["metadata"]["managedFields"]
        );
    }
    Ok(())
}

#[test]
fn a_field_that_the_api_server_does_not_know_does_not_keep_argo_cd_from_applying() -> Result<()> {
    for (name, apply) in [
        ("unknown-apply", Apply::ClientSide),
        ("unknown-replace", Apply::Replace),
    ] {
        let shop = Shop::open(name, apply, Policy::Manual, &[])?;
        let mut git = deployment(&http_get());
        git["spec"]["minReadySeconds"] = json!(1);
        git["spec"]["template"]["spec"]["containers"][0]["limits"] = json!({"cpu": "1"});
        let answer = predicted(&shop, &git, &shop.deployment.read()?)?;
        assert_eq!((answer.causes, left(&answer.residual)), (vec![], vec![]), "{name}");
        let commit = shop.commit(&[git]);
        shop.argo_cd.refresh(&shop.application)?;
        shop.wait_until("the new revision", |seen| {
            seen["status"]["sync"]["revision"] == commit.as_str()
        })?;
        shop.sync(&json!({}))?;
        // It never calls such an Application Synced.
        shop.wait_until("a sync that succeeded", |seen| {
            phase(seen) == "Succeeded" && seen["status"]["operationState"]["syncResult"]["revision"] == commit.as_str()
        })?;
        assert_eq!(shop.deployment.read()?["spec"]["minReadySeconds"], json!(1), "{name}");
    }
    Ok(())
}
