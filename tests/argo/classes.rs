//! Each kind of stuck operation that the real Argo CD can be brought into, as driftmend tells it, and what it does or
//! leaves alone.

mod hook;

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::argo_cd::{self, ArgoCd, NAMESPACE};
use crate::harness::driftmend::Controller;
use crate::harness::{ControlPlane, Options, shared_controller, wait};
use crate::shop::{Apply, Policy, Shop, in_sync, phase, started_at, text};
use crate::watched::{Watched, condition, kinds};

fn open(name: &str, apply: Apply, policy: Policy) -> Result<Watched<'static>> {
    Watched::open(Shop::open(name, apply, policy, &[])?, &json!({}))
}

fn is_held_back(status: &Value, class: &str) -> bool {
    status["operation"]["class"] == class && condition(status, "PlanReady")["reason"] == "HeldBack"
}

/// Waits for a class with a plan that waits for the operation, and gives for what.
fn waits(watched: &Watched, class: &str) -> Result<String> {
    let status = watched.wait_for_status(&format!("{class}, and a plan that waits"), |status| {
        status["operation"]["class"] == class && condition(status, "PlanReady")["reason"] == "WaitsForOperation"
    })?;
    Ok(text(&status["plan"]["waits"]))
}

/// Waits for a class with a plan of these steps.
fn wait_for_class(watched: &Watched, class: &str, steps: &[&str]) -> Result<Value> {
    watched.wait_for_status(&format!("{class} and {steps:?}"), |status| {
        status["operation"]["class"] == class && kinds(status) == steps
    })
}

#[test]
fn a_retry_wait_is_the_best_moment_to_heal_for_nothing_has_to_be_cleared() -> Result<()> {
    let watched = open("class-retry", Apply::ServerSide, Policy::SelfHeal)?;
    let shop = &watched.shop;
    // A minute before the retry: time to be told of it and to heal in.
    shop.retry_by(&json!({"limit": 5, "backoff": {"duration": "30s", "factor": 2, "maxDuration": "1m"}}))?;
    shop.switch_handler()?;
    let status = wait_for_class(&watched, "WaitingForRetry", &["HandBack", "Refresh", "StartOperation"])?;
    assert!(
        text(&status["prediction"]["when"]).contains("tried again"),
        "{status:#}"
    );
    assert!(status["operation"]["until"].is_string());
    let failing = shop.application.read()?;
    let healed = watched.heal(&["HandBack", "Refresh", "StartOperation"])?;
    assert_eq!(healed["history"][0]["removed"], Value::Null);
    let application = shop.wait_until("the retry's success", |seen| {
        in_sync(seen) && phase(seen) == "Succeeded"
    })?;
    assert_eq!(
        started_at(&application),
        started_at(&failing),
        "another operation was started"
    );
    Ok(())
}

#[test]
fn an_operation_without_a_sync_leaves_a_state_that_is_replaced() -> Result<()> {
    let watched = open("class-empty", Apply::ClientSide, Policy::Automated)?;
    let shop = &watched.shop;
    let empty = json!({"operation": {"initiatedBy": {"username": "ada"}}});
    shop.application.merge_patch("argocd-server", &empty)?.success()?;
    shop.wait_until("the error", |seen| {
        phase(seen) == "Error" && seen["operation"].is_null()
    })?;
    shop.scale(3)?;
    shop.wait_until("OutOfSync", |seen| !in_sync(seen))?;
    wait_for_class(
        &watched,
        "CompletedWithoutResult",
        &["Restore", "Transfer", "Refresh", "StartOperation"],
    )?;
    watched.heal(&["Restore", "Transfer", "Refresh", "StartOperation"])?;
    assert_eq!(shop.application.read()?["status"]["conditions"], Value::Null);
    Ok(())
}

#[test]
fn a_state_whose_operation_was_taken_away_is_cleared() -> Result<()> {
    let watched = open("class-orphan", Apply::ClientSide, Policy::SelfHeal)?;
    let shop = &watched.shop;
    shop.retry_by(&json!({"limit": 5, "backoff": {"duration": "20s", "factor": 2, "maxDuration": "1m"}}))?;
    shop.switch_handler()?;
    shop.wait_until("the retry wait", |seen| {
        phase(seen) == "Running" && !seen["status"]["operationState"]["finishedAt"].is_null()
    })?;
    shop.application
        .json_patch("ada", &json!([{"op": "remove", "path": "/operation"}]))?
        .success()?;
    wait_for_class(
        &watched,
        "Orphaned",
        &["Restore", "Transfer", "Refresh", "StartOperation"],
    )?;
    watched.heal(&["Restore", "Transfer", "Refresh", "StartOperation"])?;
    shop.scale(3)?;
    shop.wait_for_replicas(1)
}

#[test]
fn a_success_that_lost_its_result_is_replaced() -> Result<()> {
    let watched = open("class-lost", Apply::ClientSide, Policy::Automated)?;
    let shop = &watched.shop;
    let lost = json!([
        {"op": "remove", "path": "/status/operationState/finishedAt"},
        {"op": "remove", "path": "/status/operationState/syncResult"},
    ]);
    shop.application.json_patch("ada", &lost)?.success()?;
    shop.scale(3)?;
    shop.wait_until("OutOfSync", |seen| !in_sync(seen))?;
    wait_for_class(
        &watched,
        "SucceededWithoutResult",
        &["Restore", "Transfer", "Refresh", "StartOperation"],
    )?;
    watched.heal(&["Restore", "Transfer", "Refresh", "StartOperation"])?;
    let state = shop.application.read()?["status"]["operationState"].clone();
    assert_eq!(state["phase"], "Succeeded");
    assert!(
        state["finishedAt"].is_string() && state["syncResult"].is_object(),
        "it was not replaced: {state:#}"
    );
    Ok(())
}

#[test]
fn what_a_person_holds_back_is_held_back_and_told() -> Result<()> {
    let skip = json!({"metadata": {"annotations": {"argocd.argoproj.io/skip-reconcile": "true"}}});
    let off = json!({"spec": {"syncPolicy": {"automated": {"enabled": false}}}});
    for (name, change, told) in [
        ("class-skip", skip, "skip-reconcile"),
        ("class-off", off, "enabled is false"),
    ] {
        let watched = open(name, Apply::ClientSide, Policy::SelfHeal)?;
        watched.shop.application.merge_patch("ada", &change)?.success()?;
        // Argo CD may hear of the Deployment's change before the Application's, and undo it once more.
        let status = wait::until("a hand change that is left alone", Duration::from_secs(120), || {
            if watched.shop.deployment.read()?["spec"]["replicas"] == 1 {
                watched.shop.scale(3)?;
            }
            let status = watched.status()?;
            Ok(if is_held_back(&status, "Idle") {
                ControlFlow::Break(status)
            } else {
                ControlFlow::Continue(format!("{status:#}"))
            })
        })?;
        assert_eq!(status["plan"], Value::Null);
        let why = text(&condition(&status, "PlanReady")["message"]);
        assert!(why.contains(told), "{why}");
    }
    Ok(())
}

#[test]
fn under_a_deny_window_only_an_approval_that_breaks_the_glass_is_followed() -> Result<()> {
    let watched = open("class-window", Apply::ServerSide, Policy::Manual)?;
    let shop = &watched.shop;
    let window = json!({"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]});
    let project = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject",
        "metadata": {"name": shop.namespace, "namespace": NAMESPACE},
        "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}],
                 "clusterResourceWhitelist": [{"group": "*", "kind": "*"}], "syncWindows": [window]}});
    shop.control_plane.apply(&project.to_string())?;
    shop.application
        .merge_patch("ada", &json!({"spec": {"project": shop.namespace}}))?
        .success()?;
    shop.switch_handler()?;
    // No operation: it would wait for the window and fire when that closes.
    let plan = watched.wait_for_plan(&["Restore", "Transfer", "Refresh"])?;
    let status = watched.status()?;
    assert!(status["plan"]["cautions"][0]["id"] == "SyncWindow", "{status:#}");
    let held = watched.driftmend(&["approve", "web", "--plan", &plan])?;
    assert!(
        held.code != 0 && held.stderr.contains("deny window") && held.stderr.contains("--break-glass"),
        "{}",
        held.stderr
    );
    // Written without the command line's help, it is not followed.
    let bare = json!({"status": {"approval": {"decision": "Approved", "planHash": plan, "by": "kubernetes-admin",
                                              "at": "2026-01-05T10:00:00Z"}}});
    let namespace = format!("--namespace={}", shop.namespace);
    let patch = [
        "patch",
        "driftreport",
        "deployment-web",
        &namespace,
        "--subresource=status",
        "--type=merge",
        "--patch",
        &bare.to_string(),
    ];
    shop.control_plane.kubectl(&patch)?.success()?;
    watched.wait_for_status("the refusal", |status| {
        condition(status, "Approved")["reason"] == "HeldBackBySyncWindow"
    })?;
    assert_eq!(shop.probe()?["httpGet"], Value::Null);

    let broken = [
        "approve",
        "web",
        "--plan",
        &plan,
        "--break-glass",
        "--reason",
        "the shop is down",
    ];
    watched.driftmend(&broken)?.success()?;
    watched
        .driftmend(&["heal", "web", "--plan", &plan, "--allow-http"])?
        .success()?;
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");
    assert_eq!(shop.application.read()?["operation"], Value::Null);
    Ok(())
}

#[test]
fn a_request_that_nobody_took_up_yet_is_left_alone() -> Result<()> {
    // It stops the controller, which all others of this program need.
    let control_plane = ControlPlane::start(Options::default())?;
    let argo_cd = ArgoCd::start(&control_plane, &argo_cd::Options::default())?;
    let shop = Shop::open_beside(
        &control_plane,
        &argo_cd,
        "class-request",
        Apply::ClientSide,
        Policy::Manual,
        &[],
    )?;
    shared_controller::install_definitions(&control_plane)?;
    let folder = tempfile::tempdir()?;
    let _controller = Controller::start(control_plane.admin(), folder.path(), &[])?;
    let watched = Watched::beside(shop, &json!({}))?;
    argo_cd.stop_controller()?;
    watched.shop.scale(3)?;
    let request = json!([
        {"op": "remove", "path": "/status/operationState"},
        {"op": "add", "path": "/operation", "value": {"initiatedBy": {"username": "ada"}, "sync": {}}},
    ]);
    watched.shop.application.json_patch("ada", &request)?.success()?;
    let why = waits(&watched, "Requested")?;
    assert!(why.contains("begins as soon as"), "{why}");
    argo_cd.restart_controller()?;
    watched.shop.wait_for_replicas(1)?;
    watched
        .wait_for_status("quiet", |status| status["phase"] == "InSync")
        .map(drop)
}

#[test]
fn what_argo_cd_ignores_is_ignored_and_names_the_application() -> Result<()> {
    let watched = open("class-ignored", Apply::ClientSide, Policy::SelfHeal)?;
    let shop = &watched.shop;
    let rules = json!([{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"],
                        "jqPathExpressions": [".spec.template.spec.containers[].image"]}]);
    shop.application
        .merge_patch("ada", &json!({"spec": {"ignoreDifferences": rules}}))?
        .success()?;
    let image =
        json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "registry.example/web:3"}]);
    shop.deployment.json_patch("kubectl-patch", &image)?.success()?;
    shop.scale(3)?;
    // The roll-out by hand adds the annotation of its revision. Not by the watch's status: counts alone are told once a
    // minute.
    let series = format!(
        "driftmend_drifted_fields{{kind=\"Deployment\",name=\"web\",namespace=\"{}\",severity=\"ignored\"}}",
        shop.namespace
    );
    wait::until("differences that are ignored", Duration::from_secs(60), || {
        let ignored = shared_controller().metric(&series)?;
        Ok(if ignored >= Some(2.0) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(format!("{ignored:?}"))
        })
    })?;
    // Of a moment in which they were a drift there may be a report still, which is written after the metric.
    watched
        .wait_for_status("no drift", |status| status.is_null() || status["phase"] == "InSync")
        .map(drop)
}

#[test]
fn what_cannot_be_rendered_is_told_on_the_watch() -> Result<()> {
    let watched = open("class-tree", Apply::ClientSide, Policy::Manual)?;
    let shop = &watched.shop;
    shop.application
        .merge_patch("ada", &json!({"spec": {"source": {"kustomize": {"namePrefix": "x-"}}}}))?
        .success()?;
    let status = watched.wait_for_watch("the unsupported source", |status| {
        status["sourceFailure"]["reason"] == "UnsupportedSource"
    })?;
    assert!(
        text(&status["sourceFailure"]["message"]).contains("spec.source.kustomize"),
        "{status:#}"
    );
    Ok(())
}

#[test]
fn a_list_of_one_source_is_that_source_and_of_two_is_told_while_one_of_them_fails() -> Result<()> {
    let watched = open("class-sources", Apply::ServerSide, Policy::Manual)?;
    let shop = &watched.shop;
    let source = shop.application.read()?["spec"]["source"].clone();
    let sources = |list: &[&Value]| json!({"spec": {"source": null, "sources": list}});
    shop.application.merge_patch("ada", &sources(&[&source]))?.success()?;
    shop.argo_cd.refresh(&shop.application)?;
    shop.sync(&json!({}))?;
    shop.wait_until("a sync from the list", |seen| {
        in_sync(seen) && seen["status"]["sync"]["revisions"].is_array()
    })?;
    shop.break_by_hand()?;
    watched.heal(&["HandBack", "Refresh", "StartOperation"])?;
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");

    let mut lost = source.clone();
    lost["path"] = json!("nowhere");
    shop.application
        .merge_patch("ada", &sources(&[&source, &lost]))?
        .success()?;
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_until("Argo CD's own failure", |seen| {
        seen["status"]["conditions"][0]["type"] == "ComparisonError"
    })?;
    let status = watched.wait_for_watch("two sources", |status| {
        status["sourceFailure"]["reason"] == "UnsupportedSource"
    })?;
    let message = text(&status["sourceFailure"]["message"]);
    assert!(
        message.contains("spec.sources: several sources are not rendered yet"),
        "{message}"
    );

    shop.application.merge_patch("ada", &sources(&[&source]))?.success()?;
    watched
        .wait_for_watch("one source again", |status| {
            status["sourceFailure"].is_null() && status["counts"]["inSync"] == 1
        })
        .map(drop)
}
