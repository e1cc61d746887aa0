//! Unions while Git moves on, and what is in the way of Git's next change although Flux is Ready.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::shop::{Shop, deployment, exec, http_get};
use crate::watched::{Watched, finding};

/// A program that writes in its own name, of which Flux takes nothing over.
const PROGRAM: &str = "Lens";

fn tcp_socket() -> Value {
    json!({"tcpSocket": {"port": 8080}})
}

/// The one handler of a probe.
fn handler(probe: &Value) -> Vec<&str> {
    let all = ["exec", "httpGet", "tcpSocket", "grpc"];
    all.into_iter().filter(|name| !probe[name].is_null()).collect()
}

/// Checks that Git's next handlers go through.
fn the_next_handlers_go_through(watched: &Watched<'_>, probes: &[Value]) -> Result<()> {
    let shop = &watched.shop;
    for probe in probes {
        let revision = shop.publish(&deployment(probe))?;
        shop.flux.wait_ready(&shop.kustomization, &revision)?;
        assert_eq!(handler(&shop.probe()?), handler(probe));
    }
    Ok(())
}

#[test]
fn a_third_handler_of_git_comes_whole_by_a_restore() -> Result<()> {
    for (name, manager) in [("third-kubectl", "kubectl-patch"), ("third-program", PROGRAM)] {
        let watched = Watched::open(Shop::open(name)?, &json!({"remedy": "Restore"}))?;
        let shop = &watched.shop;
        shop.switch_handler_as(manager)?;
        watched.wait_for_status("the coming refusal", |status| status["phase"] == "Conflicted")?;
        shop.publish(&deployment(&exec()))?;
        watched.wait_for_status("Flux's own refusal", |status| {
            status["operation"]["class"] == "FailedDryRun"
        })?;
        watched.heal(&["Restore", "Transfer", "Reconcile"])?;
        assert_eq!(handler(&shop.probe()?), ["exec"]);
        the_next_handlers_go_through(&watched, &[http_get(), exec()])?;
    }
    Ok(())
}

#[test]
fn a_change_that_git_took_over_and_left_again_is_restored() -> Result<()> {
    let watched = Watched::open(Shop::open("left-again")?, &json!({"remedy": "Restore"}))?;
    let shop = &watched.shop;
    shop.switch_handler_as(PROGRAM)?;
    let revision = shop.publish(&deployment(&tcp_socket()))?;
    shop.flux.wait_ready(&shop.kustomization, &revision)?;
    watched.wait_for_status("the trap", |status| finding(status, "latent-trap").is_object())?;
    shop.publish(&deployment(&exec()))?;
    watched.wait_for_status("Flux's own refusal", |status| {
        status["operation"]["class"] == "FailedDryRun"
    })?;
    watched.heal(&["Restore", "Transfer", "Reconcile"])?;
    assert_eq!(handler(&shop.probe()?), ["exec"]);
    the_next_handlers_go_through(&watched, &[http_get(), tcp_socket()])
}

#[test]
fn a_fix_by_another_program_is_a_trap_that_is_told_and_healed_before_git_moves_on() -> Result<()> {
    let watched = Watched::open(Shop::open("trap")?, &json!({}))?;
    let shop = &watched.shop;
    shop.switch_handler_as(PROGRAM)?;
    shop.switch_back(PROGRAM)?;
    let status = watched.wait_for_status("the trap", |status| {
        status["phase"] == "InSync" && finding(status, "latent-trap").is_object()
    })?;
    let message = finding(&status, "latent-trap")["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(message.contains("will be refused: Lens owns it"), "{message}");
    watched.heal(&["Transfer", "Reconcile"])?;
    watched.wait_for_status("no trap", |status| finding(status, "latent-trap").is_null())?;
    the_next_handlers_go_through(&watched, &[exec(), http_get(), tcp_socket()])
}

#[test]
fn a_fix_by_kubectl_is_none_since_flux_takes_it_over() -> Result<()> {
    let watched = Watched::open(Shop::open("no-trap")?, &json!({}))?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    watched.wait_for_status("the coming refusal", |status| status["phase"] == "Conflicted")?;
    shop.switch_back("kubectl-edit")?;
    let status = watched.wait_for_status("in sync", |status| status["phase"] == "InSync")?;
    assert_eq!(
        (&finding(&status, "latent-trap"), &status["plan"]),
        (&Value::Null, &Value::Null),
        "{status:#}"
    );
    shop.flux.poke(&shop.kustomization)?;
    the_next_handlers_go_through(&watched, &[exec(), http_get()])
}
