//! The stage itself: that a real Argo CD syncs, is refused, gives up, and comes back.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::argo_cd::shared_argo_cd;
use crate::shop::{Apply, Policy, Shop, config_map, deployment, exec, in_sync, message, phase, started_at, text};

/// What the API server says, as Argo CD repeats it.
const REFUSAL: &str = "Deployment.apps \"web\" is invalid: spec.template.spec.containers[0].livenessProbe.tcpSocket: \
                       Forbidden: may not specify more than 1 handler type";

/// Drops the state of an operation that has ended, so that Argo CD may try the same revision again.
fn clear(shop: &Shop, seen: &Value) -> Result<()> {
    let patch = json!([
        {"op": "test", "path": "/metadata/uid", "value": seen["metadata"]["uid"]},
        {"op": "test", "path": "/operation", "value": null},
        {"op": "test", "path": "/status/operationState/startedAt", "value": started_at(seen)},
        {"op": "test", "path": "/status/operationState/phase", "value": phase(seen)},
        {"op": "remove", "path": "/status/operationState"},
    ]);
    shop.application.json_patch("ada", &patch)?.success().map(drop)
}

#[test]
fn an_application_of_a_plain_folder_becomes_synced_and_follows_git() -> Result<()> {
    let shop = Shop::open(
        "plain",
        Apply::ClientSide,
        Policy::SelfHeal,
        &[config_map("settings", 0, "old")],
    )?;
    let application = shop.application.read()?;
    assert_eq!(
        application["status"]["resources"].as_array().map(Vec::len),
        Some(2),
        "{application:#}"
    );
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");

    let revision = shop.commit(&[deployment(&exec())]);
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_until("the new revision", |seen| {
        in_sync(seen) && seen["status"]["sync"]["revision"] == revision.as_str()
    })?;
    assert_eq!(shop.probe()?["exec"], exec()["exec"]);
    assert!(shop.probe()?["httpGet"].is_null());
    Ok(())
}

fn the_incident_fails_and_is_over_after_a_fix_and_a_clear(name: &str, apply: Apply) -> Result<()> {
    let shop = Shop::open(name, apply, Policy::SelfHeal, &[])?;
    let failed = shop.break_by_hand()?;
    assert_eq!(
        message(&failed),
        format!("one or more objects failed to apply, reason: {REFUSAL} (retried 1 times).")
    );
    assert_eq!(failed["status"]["sync"]["status"], "OutOfSync");
    assert_eq!(failed["status"]["operationState"]["retryCount"], 1);

    // The fix alone does not arm self-heal again.
    shop.switch_back("kubectl-patch")?;
    let fixed = shop.wait_until("Synced", in_sync)?;
    assert_eq!(
        (phase(&fixed), started_at(&fixed)),
        (&json!("Failed"), started_at(&failed))
    );
    shop.scale(3)?;
    let condition = |seen: &Value| {
        seen["status"]["conditions"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["type"] == "SyncError"))
    };
    let stuck = shop.wait_until("the word that it does not try again", condition)?;
    assert_eq!(
        (phase(&stuck), started_at(&stuck)),
        (&json!("Failed"), started_at(&failed))
    );
    assert_eq!(shop.deployment.read()?["spec"]["replicas"], 3);

    clear(&shop, &stuck)?;
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_for_replicas(1)?;
    let first = shop.wait_until_settled()?;
    assert!(text(started_at(&first)) > text(started_at(&failed)));
    shop.scale(2)?;
    shop.wait_for_replicas(1)?;
    let again = shop.wait_until_settled()?;
    assert!(text(started_at(&again)) > text(started_at(&first)));
    Ok(())
}

#[test]
fn under_client_side_apply_the_incident_fails_and_is_over_after_a_fix_and_a_clear() -> Result<()> {
    the_incident_fails_and_is_over_after_a_fix_and_a_clear("incident-client", Apply::ClientSide)
}

#[test]
fn under_server_side_apply_the_incident_fails_and_is_over_after_a_fix_and_a_clear() -> Result<()> {
    the_incident_fails_and_is_over_after_a_fix_and_a_clear("incident-server", Apply::ServerSide)
}

#[test]
fn an_application_may_live_in_the_namespace_that_it_deploys_to() -> Result<()> {
    let shop = Shop::open("anywhere", Apply::ClientSide, Policy::SelfHeal, &[])?;
    let mut copy = shop.application.read()?;
    copy["metadata"] = json!({"name": "own", "namespace": shop.namespace});
    copy["status"].take();
    // Not a second owner of the first one's Deployment: another part of the repository.
    shop.commit_into("own", &[config_map("own", 0, "here")]);
    copy["spec"]["source"]["path"] = json!("own");
    shop.control_plane.apply(&copy.to_string())?;
    let own = shared_argo_cd().application(&shop.namespace, "own");
    shop.argo_cd.wait_until(&own, "Synced", in_sync)?;
    assert_eq!(shop.object("configmap", "own")?.read()?["data"]["text"], "here");
    Ok(())
}
