//! The incident, unabridged: what Argo CD does, what driftmend tells of it, and how a plan ends it.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::shop::{Apply, Policy, Shop, config_map, deployment, exec, in_sync, phase, started_at, text};
use crate::watched::Watched;

/// The predicted cause, as the server words it.
fn refusal() -> Value {
    json!([{
        "reason": "FieldValueForbidden",
        "field": "spec.template.spec.containers[0].livenessProbe.tcpSocket",
        "message": "Forbidden: may not specify more than 1 handler type",
    }])
}

/// Managers of the live Deployment's fields that are ours.
fn ours(deployment: &Value) -> Vec<String> {
    let entries = deployment["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries.map(|entry| text(&entry["manager"])).filter(|manager| manager.starts_with("driftmend")).collect()
}

fn the_incident_is_told_and_ended(name: &str, apply: Apply, policy: Policy, steps: &[&str]) -> Result<()> {
    let watched = Watched::open(Shop::open(name, apply, policy, &[config_map("settings", 0, "old")])?, &json!({}))?;
    let shop = &watched.shop;
    let failed = shop.break_by_hand()?;

    let status = watched.wait_for_status("the stale operation", |status| {
        status["operation"]["class"] == "FailedAtRevision" && status["phase"] == "Conflicted"
    })?;
    assert_eq!(status["prediction"]["causes"], refusal());
    assert_eq!(status["operation"]["startedAt"], *started_at(&failed));
    assert!(status["findings"].as_array().is_some_and(|all| all.iter().any(|one| one["rule"] == "operation-stale")), "{status:#}");

    let plan = watched.wait_for_plan(steps)?;
    let generation = shop.deployment.read()?["metadata"]["generation"].clone();
    let healed = watched.approve_and_heal(&plan)?;
    let removed: Value = serde_json::from_str(&text(&healed["history"][0]["removed"]))?;
    assert_eq!((&removed["phase"], &removed["startedAt"]), (&json!("Failed"), started_at(&failed)));
    assert_eq!(healed["operation"]["class"], "Idle");
    let live = shop.deployment.read()?;
    assert_eq!((&shop.probe()?["tcpSocket"], &shop.probe()?["httpGet"]["path"]), (&Value::Null, &json!("/healthz")));
    if apply == Apply::ServerSide {
        assert_eq!(ours(&live), Vec::<String>::new(), "{:#}", live["metadata"]["managedFields"]);
    }
    assert!(live["metadata"]["generation"].as_i64() > generation.as_i64());
    let application = shop.wait_until("Synced and Healthy", |seen| in_sync(seen) && seen["status"]["health"]["status"] == "Healthy")?;
    assert_ne!(phase(&application), "Failed");
    assert_eq!(application["status"]["conditions"], Value::Null);

    if policy == Policy::SelfHeal {
        shop.scale(3)?;
        shop.wait_for_replicas(1)?;
    }
    // The next change of handler in Git goes through.
    shop.commit(&[deployment(&exec())]);
    shop.argo_cd.refresh(&shop.application)?;
    if policy == Policy::Manual {
        shop.wait_until("the new revision", |seen| seen["status"]["sync"]["status"] == "OutOfSync")?;
        shop.sync(&json!({}))?;
    }
    shop.deployment.wait_until("the handler of the next commit", |seen| {
        let probe = &seen["spec"]["template"]["spec"]["containers"][0]["livenessProbe"];
        probe["exec"] == exec()["exec"] && probe["httpGet"].is_null()
    })?;
    shop.wait_until_settled()?;
    let live = shop.deployment.read()?;
    assert_eq!(ours(&live), Vec::<String>::new(), "{:#}", live["metadata"]["managedFields"]);
    watched.wait_for_status("quiet", |status| status["phase"] == "InSync")?;
    Ok(())
}

#[test]
fn under_client_side_apply_with_self_heal() -> Result<()> {
    the_incident_is_told_and_ended("heal-client", Apply::ClientSide, Policy::SelfHeal, &["Restore", "Refresh", "ClearOperation"])
}

#[test]
fn under_server_side_apply_with_self_heal() -> Result<()> {
    the_incident_is_told_and_ended("heal-server", Apply::ServerSide, Policy::SelfHeal, &["HandBack", "Refresh", "StartOperation"])
}

#[test]
fn under_client_side_apply_with_manual_syncs() -> Result<()> {
    the_incident_is_told_and_ended("heal-manual", Apply::ClientSide, Policy::Manual, &["Restore", "Refresh", "ClearOperation"])
}

#[test]
fn a_new_commit_is_pending_and_a_hand_change_is_drift() -> Result<()> {
    for (name, apply) in [("pending-client", Apply::ClientSide), ("pending-server", Apply::ServerSide)] {
        let watched = Watched::open(Shop::open(name, apply, Policy::Manual, &[])?, &json!({}))?;
        let shop = &watched.shop;
        assert_eq!(watched.status()?, Value::Null, "a report of nothing");
        let mut next = deployment(&crate::shop::http_get());
        next["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/web:2");
        next["spec"]["minReadySeconds"] = json!(1);
        shop.commit(&[next]);
        let status = watched.wait_for_status("a change that waits", |status| status["phase"] == "Pending")?;
        assert_eq!((&status["counts"]["drifted"], &status["counts"]["pending"]), (&json!(0), &json!(2)));
        assert_eq!(status["prediction"]["when"], "when somebody syncs the application");
        shop.scale(3)?;
        let status = watched.wait_for_status("a drift", |status| status["phase"] == "Drifted")?;
        assert_eq!((&status["counts"]["drifted"], &status["counts"]["pending"]), (&json!(1), &json!(2)));
        shop.scale(1)?;
        shop.argo_cd.refresh(&shop.application)?;
        shop.wait_until("the new revision", |seen| seen["status"]["sync"]["status"] == "OutOfSync")?;
        shop.sync(&json!({}))?;
        watched.wait_for_status("quiet", |status| status["phase"] == "InSync")?;
    }
    Ok(())
}
