//! A heal beside Flux that is disturbed at any of its writes: run again, it ends, and once.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::disturbance::{By, Kind};
use crate::harness::kustomize_controller::{KustomizeController, Options, condition as of_flux};
use crate::harness::object::field_owners;
use crate::harness::proxy::Proxy;
use crate::installation::Installation;
use crate::shop::Shop;
use crate::watched::{Watched, finding, kinds};

/// A heal of two steps has eight writes.
const WRITES: usize = 8;

/// How many rounds of a kind a run in CI plays, of those that were first and of those that take long.
const USUAL: usize = 2;
const FEW: usize = 1;

/// A program of somebody's, whose fields Flux does not take over.
const PROGRAM: &str = "Lens";

fn broken_by_hand(shop: &Shop) -> Result<()> {
    shop.switch_handler()?;
    shop.flux.poke(&shop.kustomization).map(drop)
}

/// That Git's handler is back and nobody's but Flux's, by Flux's own word.
fn is_well(shop: &Shop, at: &str) -> Result<()> {
    let probe = shop.probe()?;
    assert_eq!(
        (&probe["tcpSocket"], &probe["httpGet"]["path"]),
        (&Value::Null, &json!("/healthz")),
        "{at}"
    );
    let owners = format!("{:?}", field_owners(&shop.deployment.read()?));
    assert!(!owners.contains("driftmend-heal"), "{at}: {owners}");
    shop.flux
        .wait_until(&shop.kustomization, "Flux in order again", |seen| {
            of_flux(seen, "Ready")["status"] == "True"
        })
        .map(drop)
}

fn is_over_a_failure(status: &Value) -> bool {
    status["operation"]["class"] == "FailedDryRun"
}

fn disturbed_heals(name: &str, remedy: &str) -> Result<()> {
    let watched = Watched::open(Shop::open(name)?, &json!({"remedy": remedy}))?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let kind = Kind {
        watched: &watched,
        writes: WRITES,
        usual: USUAL,
        broken: &|| broken_by_hand(shop),
        is_offered: &is_over_a_failure,
        is_well: &|at| is_well(shop, at),
    };
    kind.disturbed(By::CommandLine(&proxy))
}

#[test]
fn a_hand_back_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    disturbed_heals("crash-hand", "HandBack")
}

#[test]
fn a_restore_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    disturbed_heals("crash-restore", "Restore")
}

#[test]
fn a_transfer_of_a_trap_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    let watched = Watched::open(Shop::open("crash-trap")?, &json!({}))?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let trap = |status: &Value| finding(status, "latent-trap");
    let kind = Kind {
        watched: &watched,
        writes: WRITES,
        usual: FEW,
        broken: &|| {
            shop.switch_handler_as(PROGRAM)?;
            shop.switch_back(PROGRAM)
        },
        is_offered: &|status| {
            status["phase"] == "InSync" && trap(status).is_object() && kinds(status) == ["Transfer", "Reconcile"]
        },
        is_well: &|at| {
            watched.wait_for_status(&format!("no trap ({at})"), |status| {
                trap(status).is_null() && status["plan"].is_null()
            })?;
            is_well(shop, at)
        },
    };
    kind.disturbed(By::CommandLine(&proxy))
}

#[test]
fn a_hand_back_by_the_controller_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    let installation = Installation::prepare(&[])?;
    let control_plane = &installation.control_plane;
    let flux = KustomizeController::start(control_plane, &Options::default())?;
    let shop = Shop::open_beside(control_plane, &flux, "crash-held", &json!({}))?;
    let kustomizations = ("heal.kustomizations.namespaces", &[shop.namespace.as_str()][..]);
    let flags = installation
        .install_with("heal", &[&shop.namespace], &[kustomizations])?
        .without_lease();
    let proxy = Proxy::start(&installation.service_account()?, control_plane.folder())?;
    let mut controller = installation.start_controller_through(proxy.kubeconfig(), &flags)?;
    let watched = Watched::beside(shop, &json!({}))?;
    let shop = &watched.shop;
    let kind = Kind {
        watched: &watched,
        writes: WRITES,
        usual: FEW,
        broken: &|| broken_by_hand(shop),
        is_offered: &|status| is_over_a_failure(status) && kinds(status) == ["HandBack", "Reconcile"],
        is_well: &|at| is_well(shop, at),
    };
    kind.disturbed(By::Controller(&proxy, &mut controller))
}
