//! The stage itself: that a real kustomize-controller applies, is refused, and comes back.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::kustomize_controller::{KustomizeController, Options, condition};
use crate::harness::{self, ControlPlane};
use crate::shop::{PERSON, Shop, deployment, exec, http_get};

#[test]
fn a_kustomization_becomes_ready_and_follows_its_source() -> Result<()> {
    let shop = Shop::open("plain")?;
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");
    let revision = shop.publish(&deployment(&exec()))?;
    shop.flux.wait_ready(&shop.kustomization, &revision)?;
    assert_eq!(
        (&shop.probe()?["exec"], &shop.probe()?["httpGet"]),
        (&exec()["exec"], &json!(null))
    );
    Ok(())
}

#[test]
fn a_plain_hand_change_is_reverted_at_the_next_reconciliation() -> Result<()> {
    let shop = Shop::open("drift")?;
    shop.deployment
        .merge_patch(PERSON, &json!({"spec": {"replicas": 3}}))?
        .success()?;
    shop.flux.poke(&shop.kustomization)?;
    shop.deployment
        .wait_until("1 replica", |seen| seen["spec"]["replicas"] == 1)?;
    Ok(())
}

#[test]
fn the_incident_is_refused_by_the_dry_run_and_over_after_a_fix() -> Result<()> {
    let shop = Shop::open("incident")?;
    shop.switch_handler()?;
    let refused = shop.flux.poke(&shop.kustomization)?;
    let ready = condition(&refused, "Ready");
    assert_eq!(
        (&ready["status"], &ready["reason"]),
        (&json!("False"), &json!("ReconciliationFailed")),
        "{refused:#}"
    );
    let expected = format!(
        "Deployment/{}/web dry-run failed (Invalid): Deployment.apps \"web\" is invalid: \
         spec.template.spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler \
         type\n",
        shop.namespace
    );
    assert_eq!(ready["message"], expected.as_str());

    shop.switch_back(PERSON)?;
    let healed = shop.flux.poke(&shop.kustomization)?;
    assert_eq!(condition(&healed, "Ready")["status"], "True", "{healed:#}");
    assert_eq!(shop.probe()?["httpGet"]["path"], http_get()["httpGet"]["path"]);
    Ok(())
}

#[test]
fn a_killed_controller_does_nothing_and_a_restarted_one_reverts_what_happened_meanwhile() -> Result<()> {
    let control_plane = ControlPlane::start(harness::Options::default())?;
    let flux = KustomizeController::start(&control_plane, &Options::default())?;
    let shop = Shop::open_beside(&control_plane, &flux, "killed", &json!({}))?;
    flux.kill();
    shop.deployment
        .merge_patch(PERSON, &json!({"spec": {"replicas": 3}}))?
        .success()?;
    let before = shop.kustomization.read()?;
    let revision = shop.publish(&deployment(&exec()))?;
    assert_eq!(shop.kustomization.read()?["status"], before["status"]);
    flux.restart()?;
    flux.wait_ready(&shop.kustomization, &revision)?;
    assert_eq!(shop.deployment.read()?["spec"]["replicas"], 1);
    Ok(())
}
