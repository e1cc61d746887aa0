//! A heal on an Application that is killed at any of its writes: run again, it does exactly the rest.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::argo_cd::{ArgoCd, NAMESPACE, Options};
use crate::harness::disturbance::{By, Kind, log_of, start_heal};
use crate::harness::object::field_owners;
use crate::harness::proxy::{Proxy, Side};
use crate::harness::wait;
use crate::harness::watched::finding;
use crate::installation::Installation;
use crate::shop::{Apply, Policy, Shop, in_sync, ours, phase, started_at, text};
use crate::watched::{Watched, kinds};

/// How long one way to the cut, or to the end, may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A heal of three steps has eleven writes: the beginning, three for each step, the end. A second request for a
/// comparison, where the first one's answer came within the same second, and conflicts with the controller's own writes
/// add some; this many are never needed.
const MOST_WRITES: usize = 24;

/// How many writes a heal has at least.
const LEAST_WRITES: usize = 11;

/// A person who mends the Deployment by hand.
const FIXER: &str = "kubectl-edit";

/// Breaks the Deployment, lets a sync of it fail at once, and gives the hash of the plan that stands then.
pub fn break_and_plan(watched: &Watched, last: Option<&str>) -> Result<String> {
    let shop = &watched.shop;
    shop.switch_handler()?;
    shop.wait_until("OutOfSync", |seen| !in_sync(seen))?;
    let options = shop.application.read()?["spec"]["syncPolicy"]["syncOptions"].clone();
    let resources = json!([{"group": "apps", "kind": "Deployment", "name": "web"}]);
    let sync = json!({"initiatedBy": {"username": "ada"}, "sync": {"syncOptions": options, "resources": resources}});
    shop.application
        .merge_patch("argocd-server", &json!({"operation": sync}))?
        .success()?;
    shop.wait_until_failed(None)?;
    let status = watched.wait_for_status("the plan over the failed operation", |status| {
        kinds(status) == ["HandBack", "Refresh", "StartOperation"]
            && status["operation"]["class"] == "FailedAtRevision"
            && status["plan"]["hash"].as_str() != last
    })?;
    Ok(text(&status["plan"]["hash"]))
}

/// The syncs that succeeded: Argo CD tells of each end by an Event.
fn successes(shop: &Shop) -> Result<usize> {
    let selector = format!(
        "--field-selector=involvedObject.name={},reason=OperationCompleted",
        shop.application.name()
    );
    let namespace = format!("--namespace={}", shop.application.namespace());
    let events = shop
        .control_plane
        .kubectl(&["get", "events", &namespace, &selector, "--output=json"])?
        .success()?;
    let events: Value = serde_json::from_str(&events)?;
    let succeeded = |event: &&Value| {
        event["message"]
            .as_str()
            .is_some_and(|message| message.contains("succeeded"))
    };
    Ok(events["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(succeeded)
        .count())
}

#[test]
fn a_heal_killed_before_any_of_its_writes_does_exactly_the_rest() -> Result<()> {
    let watched = Watched::open(Shop::open("crash", Apply::ServerSide, Policy::Manual, &[])?, &json!({}))?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let log = log_of(&watched);
    let mut last: Option<String> = None;
    for number in 1..MOST_WRITES {
        let at = format!("killed before write {number}");
        let plan = break_and_plan(&watched, last.as_deref())?;
        let before = successes(shop)?;
        watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
        proxy.cut_at(number, Side::Before);
        let mut heal = start_heal(proxy.kubeconfig(), &shop.namespace, &plan, &[], &log)?;
        let was_cut = proxy.wait_for_cut(PATIENCE, || Ok(heal.ended()?.is_some()))?;
        heal.kill();
        proxy.open();
        if was_cut {
            let mut again = start_heal(proxy.kubeconfig(), &shop.namespace, &plan, &[], &log)?;
            let ended = proxy.wait_for_cut(PATIENCE, || Ok(again.ended()?.is_some()));
            ensure!(!ended?, "{at}: the way is open and yet cut");
            let status = again.ended()?.context("it still runs")?;
            ensure!(
                status.success(),
                "{at}: the second run ended with {status}: {}",
                again.log_tail()
            );
        }
        let status = watched.wait_for_status("the healed report", |status| {
            status["heal"] == "Healed" && status["phase"] == "InSync"
        })?;
        let entries: Vec<&Value> = status["history"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| entry["planHash"] == plan.as_str())
            .collect();
        assert_eq!(entries.len(), 1, "{at}: {entries:?}");
        assert_eq!(
            (&entries[0]["result"], entries[0]["removed"].is_string()),
            (&json!("Healed"), true),
            "{at}"
        );
        let application = shop.wait_until("the end of the sync", |seen| {
            in_sync(seen) && phase(seen) == "Succeeded"
        })?;
        assert_eq!(
            application["status"]["operationState"]["operation"]["initiatedBy"]["username"], "driftmend",
            "{at}"
        );
        assert_eq!(shop.probe()?["tcpSocket"], Value::Null, "{at}");
        // Argo CD tells of the end after it has written it.
        wait::until("the Event of the sync's end", PATIENCE, || {
            let told = successes(shop)?;
            Ok(if told > before {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(format!("{told} of {}", before + 1))
            })
        })?;
        // Had another operation been asked for, it would have begun before this is answered.
        shop.argo_cd.refresh(&shop.application)?;
        let after = shop.application.read()?;
        assert_eq!(
            (&after["operation"], started_at(&after)),
            (&Value::Null, started_at(&application)),
            "{at}: another operation"
        );
        assert_eq!(successes(shop)?, before + 1, "{at}: not one operation");
        if !was_cut {
            ensure!(
                number > LEAST_WRITES,
                "the heal took only {} writes: {:?}",
                number - 1,
                proxy.writes()
            );
            return Ok(());
        }
        last = Some(plan);
    }
    bail!("the heal still writes after {MOST_WRITES} writes")
}

/// How many rounds of a kind a run in CI plays, of those that were first and of those that take long.
const USUAL: usize = 2;
const FEW: usize = 1;

/// The hand change, and a person's sync that is refused.
fn broken_by_hand(shop: &Shop) -> Result<()> {
    shop.switch_handler()?;
    shop.wait_until("OutOfSync", |seen| !in_sync(seen))?;
    shop.sync(&json!({}))?;
    shop.wait_until_failed(None).map(drop)
}

/// That Git's handler is back, by Argo CD's own word, and what is left of our writes.
fn is_well(shop: &Shop, apply: Apply, at: &str) -> Result<()> {
    shop.wait_until("the end of the sync", |seen| {
        in_sync(seen) && phase(seen) == "Succeeded"
    })?;
    let probe = shop.probe()?;
    assert_eq!(
        (&probe["httpGet"]["path"], &probe["tcpSocket"]),
        (&json!("/healthz"), &Value::Null),
        "{at}"
    );
    // Under client-side apply nobody's update is in the way of the next one, and the annotation says what is the
    // tool's.
    if apply == Apply::ServerSide {
        assert_eq!(ours(&shop.deployment.read()?), Vec::<String>::new(), "{at}");
    }
    Ok(())
}

fn is_over_a_failure(status: &Value) -> bool {
    status["operation"]["class"] == "FailedAtRevision"
}

/// Heals after a refused sync, disturbed while the command line carries them out.
fn disturbed_heals(name: &str, apply: Apply, remedy: &str) -> Result<()> {
    let watched = Watched::open(
        Shop::open(name, apply, Policy::Manual, &[])?,
        &json!({"remedy": remedy}),
    )?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let kind = Kind {
        watched: &watched,
        writes: LEAST_WRITES,
        usual: USUAL,
        broken: &|| broken_by_hand(shop),
        is_offered: &is_over_a_failure,
        is_well: &|at| is_well(shop, apply, at),
    };
    kind.disturbed(By::CommandLine(&proxy))
}

#[test]
fn a_hand_back_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    disturbed_heals("crash-hand", Apply::ServerSide, "HandBack")
}

#[test]
fn a_restore_under_server_side_apply_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    disturbed_heals("crash-server", Apply::ServerSide, "Restore")
}

#[test]
fn a_restore_under_client_side_apply_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    disturbed_heals("crash-client", Apply::ClientSide, "Restore")
}

/// What only a sync of the whole runs.
fn hook(text: &str) -> Value {
    let annotations =
        json!({"argocd.argoproj.io/hook": "PostSync", "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation"});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "after", "annotations": annotations},
           "data": {"text": text}})
}

#[test]
fn a_clear_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    let shop = Shop::open("crash-clear", Apply::ServerSide, Policy::Automated, &[hook("0")])?;
    let watched = Watched::open(shop, &json!({}))?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let round = Cell::new(0);
    let kind = Kind {
        watched: &watched,
        writes: LEAST_WRITES,
        usual: FEW,
        // A commit each time: one that was cleared twice in vain gets no third clear.
        broken: &|| {
            round.set(round.get() + 1);
            shop.switch_handler()?;
            let revision = shop.commit(&[hook(&round.get().to_string())]);
            shop.argo_cd.refresh(&shop.application)?;
            shop.wait_until_failed(Some(&revision)).map(drop)
        },
        is_offered: &|status| is_over_a_failure(status) && kinds(status) == ["HandBack", "Refresh", "ClearOperation"],
        is_well: &|at| {
            is_well(shop, Apply::ServerSide, at)?;
            assert_eq!(
                shop.object("configmap", "after")?.read()?["data"]["text"],
                round.get().to_string(),
                "{at}: the hook was not run"
            );
            Ok(())
        },
    };
    kind.disturbed(By::CommandLine(&proxy))
}

/// The beginning of a heal of a trap, three writes for each of its steps, and the end.
const WRITES_OF_A_TRAP: usize = 8;

#[test]
fn a_transfer_of_a_trap_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    let watched = Watched::open(
        Shop::open("crash-trap", Apply::ServerSide, Policy::Manual, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let trap = |status: &Value| finding(status, "latent-trap");
    let kind = Kind {
        watched: &watched,
        writes: WRITES_OF_A_TRAP,
        usual: FEW,
        broken: &|| {
            shop.switch_handler()?;
            shop.switch_back(FIXER)?;
            shop.wait_until("Synced", in_sync).map(drop)
        },
        is_offered: &|status| {
            status["phase"] == "InSync" && trap(status).is_object() && kinds(status).first() == Some(&"Transfer")
        },
        is_well: &|at| {
            watched.wait_for_status(&format!("no trap ({at})"), |status| {
                trap(status).is_null() && status["plan"].is_null()
            })?;
            let live = shop.deployment.read()?;
            let owners = field_owners(&live);
            assert!(
                !owners
                    .iter()
                    .any(|entry| entry["manager"] == FIXER && entry.to_string().contains("livenessProbe")),
                "{at}: {owners:?}"
            );
            assert_eq!(ours(&live), Vec::<String>::new(), "{at}");
            Ok(())
        },
    };
    kind.disturbed(By::CommandLine(&proxy))
}

#[test]
fn a_hand_back_by_the_controller_that_is_disturbed_at_any_write_ends_once_and_well() -> Result<()> {
    let installation = Installation::prepare(&[])?;
    let control_plane = &installation.control_plane;
    let argo_cd = ArgoCd::start(control_plane, &Options::default())?;
    let shop = Shop::open_at(
        control_plane,
        &argo_cd,
        NAMESPACE,
        "crash-held",
        Apply::ServerSide,
        Policy::Manual,
        &[],
    )?;
    let applications: (&str, &[&str]) = ("heal.applications.namespaces", &[NAMESPACE]);
    let flags = installation
        .install_with(
            "heal",
            &[&shop.namespace],
            &[("argocd.namespaces", &[NAMESPACE]), applications],
        )?
        .without_lease();
    let proxy = Proxy::start(&installation.service_account()?, control_plane.folder())?;
    let mut controller = installation.start_controller_through(proxy.kubeconfig(), &flags)?;
    let watched = Watched::beside(shop, &json!({}))?;
    let shop = &watched.shop;
    let kind = Kind {
        watched: &watched,
        writes: LEAST_WRITES,
        usual: FEW,
        broken: &|| broken_by_hand(shop),
        is_offered: &|status| is_over_a_failure(status) && kinds(status) == ["HandBack", "Refresh", "StartOperation"],
        is_well: &|at| is_well(shop, Apply::ServerSide, at),
    };
    kind.disturbed(By::Controller(&proxy, &mut controller))
}
