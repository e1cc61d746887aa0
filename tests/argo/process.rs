//! Argo CD as programs: killed, stopped and configured. Each test has a control plane of its own.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::argo_cd::{ArgoCd, Options};
use crate::harness::{self, ControlPlane};
use crate::shop::{Apply, PERSON, Policy, Shop, in_sync, phase, started_at, text};

#[test]
fn an_operation_outlives_a_killed_controller_and_waits_for_one_that_was_stopped() -> Result<()> {
    let control_plane = ControlPlane::start(harness::Options::default())?;
    let argo_cd = ArgoCd::start(&control_plane, &Options::default())?;
    let shop = Shop::open_beside(
        &control_plane,
        &argo_cd,
        "killed",
        Apply::ServerSide,
        Policy::SelfHeal,
        &[],
    )?;
    // 20 s before the retry: time to kill the controller in.
    shop.retry_by(&json!({"limit": 1, "backoff": {"duration": "10s", "factor": 2, "maxDuration": "1m"}}))?;
    shop.switch_handler()?;
    shop.wait_until("a wait before the retry", |seen| {
        seen["status"]["operationState"]["retryCount"] == 1
    })?;
    argo_cd.kill_controller();
    shop.switch_back(PERSON)?;
    let orphan = shop.application.read()?;
    assert_eq!(
        (phase(&orphan), orphan["operation"].is_null()),
        (&json!("Running"), false)
    );
    argo_cd.restart_controller()?;
    let resumed = shop.wait_until_settled()?;
    assert_eq!(started_at(&resumed), started_at(&orphan), "it began anew");

    argo_cd.stop_controller()?;
    shop.sync(&json!({}))?;
    shop.scale(3)?;
    let waiting = shop.application.read()?;
    assert_eq!(
        (&waiting["operation"]["initiatedBy"]["username"], started_at(&waiting)),
        (&json!("ada"), started_at(&resumed))
    );
    argo_cd.restart_controller()?;
    shop.wait_for_replicas(1)?;
    let after = shop.wait_until_settled()?;
    assert!(text(started_at(&after)) > text(started_at(&resumed)));
    Ok(())
}

#[test]
fn its_configuration_and_its_projects_are_those_that_were_asked_for() -> Result<()> {
    let control_plane = ControlPlane::start(harness::Options::default())?;
    // A window that never ends, and forbids a person's sync as well.
    let window =
        json!({"kind": "deny", "schedule": "* * * * *", "duration": "24h", "applications": ["*"], "manualSync": false});
    let options = Options {
        config: vec![("application.resourceTrackingMethod".to_owned(), "label".to_owned())],
        projects: vec![("frozen".to_owned(), json!({"syncWindows": [window]}))],
        ..Options::default()
    };
    let argo_cd = ArgoCd::start(&control_plane, &options)?;
    let shop = Shop::open_beside(
        &control_plane,
        &argo_cd,
        "settings",
        Apply::ClientSide,
        Policy::SelfHeal,
        &[],
    )?;
    let metadata = &shop.deployment.read()?["metadata"];
    assert_eq!(
        metadata["labels"]["app.kubernetes.io/instance"],
        shop.namespace.as_str()
    );
    assert_eq!(metadata["annotations"]["argocd.argoproj.io/tracking-id"], Value::Null);

    shop.application
        .merge_patch("ada", &json!({"spec": {"project": "frozen"}}))?
        .success()?;
    shop.argo_cd.refresh(&shop.application)?;
    shop.scale(3)?;
    shop.wait_until("OutOfSync", |seen| !in_sync(seen))?;
    shop.sync(&json!({}))?;
    // Argo CD writes the message by a second patch.
    shop.wait_until("an operation of the person that waits for the window", |seen| {
        let state = &seen["status"]["operationState"];
        let blocked = state["message"] == "Sync operation blocked by sync window";
        blocked && phase(seen) == "Running" && state["operation"]["initiatedBy"]["username"] == "ada"
    })?;
    assert_eq!(shop.deployment.read()?["spec"]["replicas"], 3);
    Ok(())
}
