//! What a reconciliation waits for, and commits that do not come: told plainly, with a cure where one is possible.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::kustomize_controller::condition as of_flux;
use crate::harness::wait;
use crate::shop::{PERSON, Shop, deployment, http_get};
use crate::watched::{Watched, condition, finding, kinds};

/// How long Flux may take to see what was written. It needs moments; the rest is for a machine that does something
/// else.
const PATIENCE: Duration = Duration::from_secs(120);

fn scale(shop: &Shop<'_>, replicas: i64) -> Result<()> {
    shop.deployment
        .merge_patch(PERSON, &json!({"spec": {"replicas": replicas}}))?
        .success()
        .map(drop)
}

fn when(status: &Value) -> &str {
    status["prediction"]["when"].as_str().unwrap_or_default()
}

fn held_back(status: &Value) -> Option<String> {
    let ready = condition(status, "PlanReady");
    (ready["reason"] == "HeldBack").then(|| ready["message"].as_str().unwrap_or_default().to_owned())
}

/// Asks for reconciliations until Flux's Ready fits: its cache may lag behind what was just written, and it looks again
/// only later.
fn poke_until(shop: &Shop<'_>, what: &str, fits: impl Fn(&Value) -> bool) -> Result<()> {
    wait::until(what, PATIENCE, || {
        let ready = of_flux(&shop.flux.poke(&shop.kustomization)?, "Ready");
        Ok(if fits(&ready) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(format!("{ready:#}"))
        })
    })
}

#[test]
fn a_dependency_that_is_not_ready_is_told_as_what_is_waited_for() -> Result<()> {
    let watched = Watched::open(Shop::open("depends")?, &json!({}))?;
    let shop = &watched.shop;
    let dependency = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "db", "namespace": shop.namespace},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "shop"}, "path": "./", "prune": false, "interval": "1h",
                 "suspend": true},
    });
    shop.control_plane.apply(&dependency.to_string())?;
    shop.kustomization
        .merge_patch("ada", &json!({"spec": {"dependsOn": [{"name": "db"}]}}))?
        .success()?;
    let words = format!("dependency '{}/db' is not ready", shop.namespace);
    poke_until(shop, &words, |ready| ready["message"] == words.as_str())?;
    scale(shop, 3)?;
    let waits = format!("once what it depends on is ready: {words}");
    let status = watched.wait_for_status("a Kustomization that waits", |status| {
        status["operation"]["class"] == "Waiting" && status["phase"] == "Drifted" && when(status) == waits
    })?;
    let told = finding(&status, "not-reconciled");
    assert_eq!(
        (&told["severity"], &told["evidence"]),
        (&json!("warning"), &json!(words)),
        "{status:#}"
    );

    // Our own write does not wait.
    watched.heal(&["Restore", "Transfer", "Reconcile"])?;
    assert_eq!(shop.deployment.read()?["spec"]["replicas"], 1);
    // What only Flux could bring back does.
    shop.control_plane
        .kubectl(&[
            "delete",
            "deployment",
            "web",
            &format!("--namespace={}", shop.namespace),
        ])?
        .success()?;
    let waits = format!("the next reconciliation waits until what it depends on is ready: {words}");
    watched.wait_for_status("a missing Deployment that waits", |status| {
        status["phase"] == "Missing" && held_back(status).as_deref() == Some(&waits)
    })?;
    shop.kustomization
        .merge_patch("ada", &json!({"spec": {"dependsOn": null}}))?
        .success()?;
    // Not by the watch's counts, which may still be those of before.
    watched.wait_for_status("the Deployment to be back", |status| status["phase"] == "InSync")?;
    Ok(())
}

#[test]
fn a_source_without_an_artifact_is_told_as_what_is_waited_for() -> Result<()> {
    let watched = Watched::open(Shop::open("no-artifact")?, &json!({}))?;
    let shop = &watched.shop;
    // Where only the words change a report may wait for a minute: each time it is a drift of its own.
    let told_of_a_drift = |what: &str| {
        scale(shop, 3)?;
        let status = watched.wait_for_status(what, |status| {
            status["phase"] == "Drifted" && when(status).starts_with(what)
        })?;
        assert_eq!(
            (
                &status["operation"]["class"],
                &finding(&status, "not-reconciled")["severity"]
            ),
            (&json!("Waiting"), &json!("error"))
        );
        scale(shop, 1)?;
        watched.wait_for_status("the drift taken back", |status| status["phase"] == "InSync")
    };
    shop.source.write_status(&json!({"artifact": null}))?;
    poke_until(shop, "a source without an artifact", |ready| {
        ready["reason"] == "ArtifactFailed"
    })?;
    told_of_a_drift("once its source has an artifact: Source artifact not found, retrying in 30s")?;
    shop.source
        .merge_patch("ada", &json!({"spec": {"suspend": true}}))?
        .success()?;
    told_of_a_drift(&format!(
        "never as it is: its source has no artifact, and GitRepository {}/shop is suspended",
        shop.namespace
    ))?;
    let namespace = format!("--namespace={}", shop.namespace);
    shop.control_plane
        .kubectl(&["delete", "gitrepositories.source.toolkit.fluxcd.io", "shop", &namespace])?
        .success()?;
    poke_until(shop, "a source that is gone", |ready| {
        // While it is still in Flux's cache, it is there and has no artifact.
        ready["reason"] == "ArtifactFailed"
            && !ready["message"]
                .as_str()
                .is_some_and(|told| told.contains("artifact not found"))
    })?;
    told_of_a_drift("once its source is there: ")?;
    Ok(())
}

#[test]
fn a_suspended_repository_keeps_new_commits_away_and_no_heal() -> Result<()> {
    let watched = Watched::open(Shop::open("halted")?, &json!({}))?;
    let shop = &watched.shop;
    shop.source
        .merge_patch("ada", &json!({"spec": {"suspend": true}}))?
        .success()?;
    scale(shop, 3)?;
    let halted = format!("GitRepository {}/shop is suspended", shop.namespace);
    let status = watched.wait_for_status("a reconciliation without a new commit", |status| {
        status["phase"] == "Drifted" && when(status).ends_with(&format!("; no new commit comes, since {halted}"))
    })?;
    assert!(when(&status).starts_with("at "), "{}", when(&status));
    assert_eq!(finding(&status, "no-new-commits"), Value::Null, "Flux has what Git has");

    let fetched = shop.source.read()?["status"]["artifact"]["revision"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let fetched = fetched
        .rsplit(':')
        .next()
        .and_then(|commit| commit.get(..7))
        .unwrap_or_default();
    let mut next = deployment(&http_get());
    next["spec"]["minReadySeconds"] = json!(1);
    let commit = shop.commit(&[("web.yaml", &format!("{next:#}\n"))]);
    let message = format!("{halted}: Flux applies {fetched} again, and what Git has since then does not come");
    let status = watched.wait_for_status("what does not come", |status| {
        finding(status, "no-new-commits")["message"] == message.as_str()
    })?;
    let is_told = |caution: &Value| caution["id"] == "NoNewCommits" && caution["text"] == message.as_str();
    assert!(
        status["plan"]["cautions"]
            .as_array()
            .is_some_and(|all| all.iter().any(is_told)),
        "{status:#}"
    );

    // The last artifact is enough for a heal.
    let status = watched.wait_for_status("a plan", |status| !kinds(status).is_empty())?;
    assert_eq!(kinds(&status), ["Restore", "Transfer", "Reconcile"]);
    let plan = status["plan"]["hash"].as_str().unwrap_or_default();
    watched.driftmend(&["approve", "web", "--plan", plan])?.success()?;
    watched
        .driftmend(&["heal", "web", "--plan", plan, "--allow-http"])?
        .success()?;
    let status = watched.wait_for_status("a heal, and a commit that waits", |status| {
        status["phase"] == "Pending" && status["history"][0]["planHash"] == plan
    })?;
    assert_eq!(
        (&status["heal"], shop.deployment.read()?["spec"]["replicas"].as_i64()),
        (&json!("Healed"), Some(1)),
        "{status:#}"
    );

    shop.source
        .merge_patch("ada", &json!({"spec": {"suspend": false}}))?
        .success()?;
    shop.fetch(&commit)?;
    watched.wait_for_status("quiet", |status| {
        status["phase"] == "InSync" && finding(status, "no-new-commits").is_null()
    })?;
    Ok(())
}
