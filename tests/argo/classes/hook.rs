//! A sync that waits for a hook.

use anyhow::{Result, anyhow};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{open, wait_for_class};
use crate::harness::incident::PROBE;
use crate::shop::{Apply, Policy, Shop, started_at, text};

/// A hook before the sync, which ends when [`end_hook`] says so: nothing runs its container here.
fn hook() -> Value {
    let annotations =
        json!({"argocd.argoproj.io/hook": "PreSync", "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation"});
    let container = json!({"name": "migrate", "image": "registry.example/migrate:1"});
    let spec = json!({"restartPolicy": "Never", "containers": [container]});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "migrate", "annotations": annotations},
           "spec": spec})
}

fn end_hook(shop: &Shop<'_>) -> Result<()> {
    shop.object("pod", "migrate")?
        .write_status(&json!({"phase": "Succeeded"}))
}

/// Starts a sync that waits for the hook, and gives the Application then.
fn wait_for_hook(shop: &Shop<'_>) -> Result<Value> {
    let revision = shop.commit(&[hook()]);
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_until("the new revision", |seen| {
        seen["status"]["sync"]["revision"] == revision.as_str()
    })?;
    shop.sync(&json!({}))?;
    let waits =
        |seen: &Value| text(&seen["status"]["operationState"]["message"]).contains("waiting for completion of hook");
    shop.wait_until("a sync that waits for its hook", waits)
}

#[test]
fn what_drifts_while_a_sync_waits_for_the_hook_before_it_is_healed_before_its_turn() -> Result<()> {
    let watched = open("class-hook", Apply::ClientSide, Policy::Manual)?;
    let shop = &watched.shop;
    let waiting = wait_for_hook(shop)?;
    shop.switch_handler()?;
    let steps = ["Restore", "Transfer", "Refresh", "StartOperation"];
    let status = wait_for_class(&watched, "WaitingForHook", &steps)?;
    assert_eq!(status["plan"]["waits"], Value::Null);
    let told = status["plan"]["cautions"].to_string();
    assert!(told.contains("has not come to the Deployment"), "{told}");
    let healed = std::thread::scope(|scope| {
        let heal = scope.spawn(|| watched.heal(&steps));
        let restored = |live: &Value| {
            !live
                .pointer(&format!("{PROBE}/httpGet"))
                .unwrap_or(&Value::Null)
                .is_null()
        };
        shop.deployment.wait_until("Git's handler", restored)?;
        end_hook(shop)?;
        heal.join().map_err(|_| anyhow!("the heal panicked"))?
    })?;
    assert_eq!(healed["history"][0]["removed"], Value::Null, "a state was cleared");
    let application = shop.wait_until_settled()?;
    assert_eq!(
        started_at(&application),
        started_at(&waiting),
        "another operation was started"
    );
    Ok(())
}
