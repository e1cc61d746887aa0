//! A heal beside Flux that is disturbed at any of its writes: run again, it ends, and once.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::disturbance::{self, Heal};
use crate::harness::driftmend::binary;
use crate::harness::kustomize_controller::condition as of_flux;
use crate::harness::object::field_owners;
use crate::harness::process::Process;
use crate::harness::proxy::Proxy;
use crate::shop::Shop;
use crate::watched::Watched;

/// A heal of two steps has eight writes.
const WRITES: usize = 8;

fn disturbed_heals(name: &str, remedy: &str) -> Result<()> {
    let watched = Watched::open(Shop::open(name)?, &json!({"remedy": remedy}))?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let log = shop.control_plane.folder().join(format!("{}-heal.log", shop.namespace));
    let mut last = Value::Null;
    for (number, disturbance) in disturbance::rounds(WRITES, 2)? {
        let at = format!("{disturbance:?} at write {number}");
        shop.switch_handler()?;
        shop.flux.poke(&shop.kustomization)?;
        let status = watched.wait_for_status(&format!("the plan over the failed reconciliation ({at})"), |status| {
            status["operation"]["class"] == "FailedDryRun" && status["plan"]["hash"].is_string() && status["plan"]["hash"] != last
        })?;
        let plan = status["plan"]["hash"].as_str().unwrap_or_default().to_owned();
        watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
        let start = |environment: &[(&str, &str)]| {
            let kubeconfig = proxy.kubeconfig().display().to_string();
            let arguments = ["heal", "web", "-n", &shop.namespace, "--allow-http", "--plan", &plan, "--kubeconfig", &kubeconfig];
            Process::start(&binary(), &arguments.map(str::to_owned), environment, &log)
        };
        let heal = Heal { proxy: &proxy, start: &start };
        heal.disturbed(number, disturbance)?;
        let healed = heal.brought_to_its_end(&watched, &plan, &at)?;
        assert_eq!((&shop.probe()?["tcpSocket"], &shop.probe()?["httpGet"]["path"]), (&Value::Null, &json!("/healthz")), "{at}");
        let owners = format!("{:?}", field_owners(&shop.deployment.read()?));
        assert!(!owners.contains("driftmend-heal"), "{at}: {owners}");
        shop.flux.wait_until(&shop.kustomization, "Flux in order again", |seen| of_flux(seen, "Ready")["status"] == "True")?;
        last = healed["history"].as_array().and_then(|history| history.last()).map(|entry| entry["planHash"].clone()).unwrap_or_default();
    }
    Ok(())
}

#[test]
fn a_hand_back_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    disturbed_heals("crash-hand", "HandBack")
}

#[test]
fn a_restore_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    disturbed_heals("crash-restore", "Restore")
}
