//! The incident, unabridged: what Argo CD does, what driftmend tells of it, and how a plan ends it.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::shop::{
    Apply, PERSON, Policy, Shop, config_map, deployment, exec, http_get, in_sync, ours, phase, started_at, text,
};
use crate::watched::Watched;

/// The incident's probes.
const PROBES: [&str; 2] = ["livenessProbe", "readinessProbe"];

const CONTAINER: &str = "/spec/template/spec/containers/0";

/// A manifest with this handler in both probes.
fn both(handler: &Value) -> Value {
    let mut manifest = deployment(handler);
    manifest["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = handler.clone();
    manifest
}

/// The predicted causes, as the server words them.
fn refusal() -> Value {
    let cause = |probe: &str| {
        json!({
            "reason": "FieldValueForbidden",
            "field": format!("spec.template.spec.containers[0].{probe}.tcpSocket"),
            "message": "Forbidden: may not specify more than 1 handler type",
        })
    };
    PROBES.iter().map(|probe| cause(probe)).collect()
}

/// The hand change of both probes.
fn switch_both(shop: &Shop) -> Result<()> {
    let patch: Vec<Value> = PROBES
        .iter()
        .flat_map(|probe| {
            [
                json!({"op": "remove", "path": format!("{CONTAINER}/{probe}/httpGet")}),
                json!({"op": "add", "path": format!("{CONTAINER}/{probe}/tcpSocket"), "value": {"port": 8080}}),
            ]
        })
        .collect();
    shop.deployment.json_patch(PERSON, &json!(patch))?.success().map(drop)
}

/// A shop with both probes in Git and in the cluster, watched.
fn open(name: &str, apply: Apply, policy: Policy, more: &Value) -> Result<Watched<'static>> {
    let shop = Shop::open(name, apply, policy, &[config_map("settings", 0, "old")])?;
    let revision = shop.commit(&[both(&http_get())]);
    shop.bring(policy, &revision)?;
    Watched::open(shop, more)
}

fn the_incident_is_told_and_ended(name: &str, apply: Apply, policy: Policy, steps: &[&str]) -> Result<()> {
    let watched = open(name, apply, policy, &json!({}))?;
    let shop = &watched.shop;
    switch_both(shop)?;
    if policy != Policy::SelfHeal {
        // Nobody else asks for a sync of this revision.
        shop.wait_until("OutOfSync", |seen| !in_sync(seen))?;
        shop.sync(&json!({}))?;
    }
    let failed = shop.wait_until_failed(None)?;

    let status = watched.wait_for_status("the stale operation", |status| {
        status["operation"]["class"] == "FailedAtRevision" && status["phase"] == "Conflicted"
    })?;
    assert_eq!(status["prediction"]["causes"], refusal());
    assert_eq!(status["operation"]["startedAt"], *started_at(&failed));
    assert!(
        status["findings"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["rule"] == "operation-stale")),
        "{status:#}"
    );

    let generation = shop.deployment.read()?["metadata"]["generation"].clone();
    let healed = watched.heal(steps)?;
    let removed: Value = serde_json::from_str(&text(&healed["history"][0]["removed"]))?;
    assert_eq!(
        (&removed["phase"], &removed["startedAt"]),
        (&json!("Failed"), started_at(&failed))
    );
    // The end is written by who heals, the class by the controller.
    watched.wait_for_status("the operation that is over", |status| {
        status["operation"]["class"] == "Idle"
    })?;
    let live = shop.deployment.read()?;
    for probe in PROBES {
        let probe = &live["spec"]["template"]["spec"]["containers"][0][probe];
        assert_eq!(
            (&probe["tcpSocket"], &probe["httpGet"]["path"]),
            (&Value::Null, &json!("/healthz"))
        );
    }
    if apply == Apply::ServerSide {
        assert_eq!(
            ours(&live),
            Vec::<String>::new(),
            "{:#}",
            live["metadata"]["managedFields"]
        );
    }
    assert!(live["metadata"]["generation"].as_i64() > generation.as_i64());
    let application = shop.wait_until("Synced and Healthy", |seen| {
        in_sync(seen) && seen["status"]["health"]["status"] == "Healthy"
    })?;
    assert_ne!(phase(&application), "Failed");
    assert_eq!(application["status"]["conditions"], Value::Null);

    if policy == Policy::SelfHeal {
        shop.scale(3)?;
        shop.wait_for_replicas(1)?;
    }
    the_next_handler_of_git_goes_through(&watched, policy)
}

fn the_next_handler_of_git_goes_through(watched: &Watched, policy: Policy) -> Result<()> {
    let shop = &watched.shop;
    let revision = shop.commit(&[both(&exec())]);
    shop.bring(policy, &revision)?;
    let live = shop.deployment.read()?;
    for probe in PROBES {
        let probe = &live["spec"]["template"]["spec"]["containers"][0][probe];
        assert_eq!((&probe["exec"], &probe["httpGet"]), (&exec()["exec"], &Value::Null));
    }
    assert_eq!(
        ours(&live),
        Vec::<String>::new(),
        "{:#}",
        live["metadata"]["managedFields"]
    );
    watched.wait_for_watch("the new commit", |status| status["revision"] == revision.as_str())?;
    watched
        .wait_for_status("quiet", |status| status["phase"] == "InSync")
        .map(drop)
}

#[test]
fn under_client_side_apply_with_self_heal() -> Result<()> {
    the_incident_is_told_and_ended(
        "heal-client",
        Apply::ClientSide,
        Policy::SelfHeal,
        &["Restore", "Transfer", "Refresh", "StartOperation"],
    )
}

#[test]
fn under_server_side_apply_with_self_heal() -> Result<()> {
    the_incident_is_told_and_ended(
        "heal-server",
        Apply::ServerSide,
        Policy::SelfHeal,
        &["HandBack", "Refresh", "StartOperation"],
    )
}

#[test]
fn under_client_side_apply_with_manual_syncs() -> Result<()> {
    the_incident_is_told_and_ended(
        "heal-manual",
        Apply::ClientSide,
        Policy::Manual,
        &["Restore", "Transfer", "Refresh", "StartOperation"],
    )
}

#[test]
fn a_new_commit_is_pending_and_a_hand_change_is_drift() -> Result<()> {
    for (name, apply) in [
        ("pending-client", Apply::ClientSide),
        ("pending-server", Apply::ServerSide),
    ] {
        let watched = Watched::open(Shop::open(name, apply, Policy::Manual, &[])?, &json!({}))?;
        let shop = &watched.shop;
        // There may be one of the moment in which the watch began.
        let status = watched.status()?;
        assert!(
            status.is_null() || status["phase"] == "InSync",
            "a report of nothing: {status:#}"
        );
        let mut next = deployment(&http_get());
        next["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/web:2");
        next["spec"]["minReadySeconds"] = json!(1);
        shop.commit(&[next]);
        let status = watched.wait_for_status("a change that waits", |status| status["phase"] == "Pending")?;
        assert_eq!(
            (&status["counts"]["drifted"], &status["counts"]["pending"]),
            (&json!(0), &json!(2))
        );
        assert_eq!(status["prediction"]["when"], "when somebody syncs the application");
        shop.scale(3)?;
        let status = watched.wait_for_status("a drift", |status| status["phase"] == "Drifted")?;
        assert_eq!(
            (&status["counts"]["drifted"], &status["counts"]["pending"]),
            (&json!(1), &json!(2))
        );
        shop.scale(1)?;
        shop.argo_cd.refresh(&shop.application)?;
        shop.wait_until("the new revision", |seen| {
            seen["status"]["sync"]["status"] == "OutOfSync"
        })?;
        shop.sync(&json!({}))?;
        watched.wait_for_status("quiet", |status| status["phase"] == "InSync")?;
    }
    Ok(())
}

#[test]
fn under_server_side_apply_with_automated_syncs_and_no_self_heal() -> Result<()> {
    // The failed sync was one of the whole, and left nothing else undone.
    the_incident_is_told_and_ended(
        "heal-automated",
        Apply::ServerSide,
        Policy::Automated,
        &["HandBack", "Refresh", "StartOperation"],
    )
}

#[test]
fn under_server_side_apply_with_manual_syncs() -> Result<()> {
    the_incident_is_told_and_ended(
        "heal-manual-server",
        Apply::ServerSide,
        Policy::Manual,
        &["HandBack", "Refresh", "StartOperation"],
    )
}

#[test]
fn a_restore_hands_the_fields_to_argo_cd_that_applies_server_side() -> Result<()> {
    let watched = open(
        "heal-restore",
        Apply::ServerSide,
        Policy::SelfHeal,
        &json!({"remedy": "Restore"}),
    )?;
    switch_both(&watched.shop)?;
    watched.shop.wait_until_failed(None)?;
    watched.heal(&["Restore", "Transfer", "Refresh", "StartOperation"])?;
    assert_eq!(ours(&watched.shop.deployment.read()?), Vec::<String>::new());
    the_next_handler_of_git_goes_through(&watched, Policy::SelfHeal)
}

#[test]
fn a_hand_back_under_client_side_apply_names_the_fields_in_the_annotation() -> Result<()> {
    let watched = open(
        "heal-annotation",
        Apply::ClientSide,
        Policy::SelfHeal,
        &json!({"remedy": "HandBack"}),
    )?;
    switch_both(&watched.shop)?;
    watched.shop.wait_until_failed(None)?;
    watched.heal(&["HandBack", "Refresh", "StartOperation"])?;
    assert_eq!(ours(&watched.shop.deployment.read()?), Vec::<String>::new());
    the_next_handler_of_git_goes_through(&watched, Policy::SelfHeal)
}

#[test]
fn under_replace_argo_cd_undoes_the_change_by_itself() -> Result<()> {
    let watched = open("heal-replace", Apply::Replace, Policy::Manual, &json!({}))?;
    switch_both(&watched.shop)?;
    let status = watched.wait_for_status("the drift", |status| {
        status["phase"] == "Drifted" && !status["plan"].is_null()
    })?;
    assert_eq!(
        (&status["prediction"]["strategy"], &status["prediction"]["verdict"]),
        (&json!("replace"), &json!("Reverts"))
    );
    watched.heal(&["Restore", "Transfer", "Refresh"])?;
    the_next_handler_of_git_goes_through(&watched, Policy::Manual)
}

#[test]
fn a_comparison_by_server_side_dry_run_hides_the_incident_and_leaves_nothing_to_clear() -> Result<()> {
    for (name, apply, steps) in [
        (
            "heal-compare-client",
            Apply::ClientSide,
            &["Restore", "Transfer", "Refresh"][..],
        ),
        ("heal-compare-server", Apply::ServerSide, &["HandBack", "Refresh"]),
    ] {
        let watched = open(name, apply, Policy::SelfHeal, &json!({}))?;
        let compares =
            json!({"metadata": {"annotations": {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}}});
        watched.shop.application.merge_patch("ada", &compares)?.success()?;
        watched.shop.argo_cd.refresh(&watched.shop.application)?;
        switch_both(&watched.shop)?;
        let status = watched.wait_for_status("the predicted refusal", |status| status["phase"] == "Conflicted")?;
        assert_eq!(status["prediction"]["causes"], refusal());
        watched.heal(steps)?;
        watched.shop.wait_until_settled()?;
    }
    Ok(())
}

#[test]
fn a_deployment_that_was_deleted_comes_back_by_a_sync() -> Result<()> {
    let watched = open("heal-missing", Apply::ServerSide, Policy::Manual, &json!({}))?;
    let (shop, namespace) = (&watched.shop, format!("--namespace={}", watched.shop.namespace));
    shop.control_plane
        .kubectl(&["delete", "deployment", "web", &namespace])?
        .success()?;
    let status = watched.wait_for_status("what is missing", |status| status["phase"] == "Missing")?;
    assert_eq!(status["summary"], "Git has it, it was in the cluster, and it is gone");
    watched.heal(&["Refresh", "StartOperation"])?;
    shop.wait_until_settled()?;
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");
    Ok(())
}
