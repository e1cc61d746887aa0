//! A heal on an Application that is killed at any of its writes: run again, it does exactly the rest.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::disturbance::{self, Heal};
use crate::harness::driftmend::binary;
use crate::harness::process::Process;
use crate::harness::proxy::{Proxy, Side};
use crate::harness::wait;
use crate::shop::{Apply, Policy, Shop, in_sync, ours, phase, started_at, text};
use crate::watched::{Watched, kinds};

/// How long one way to the cut, or to the end, may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A heal of three steps has eleven writes: the beginning, three for each step, the end. A second request for a comparison, where the first
/// one's answer came within the same second, and conflicts with the controller's own writes add some; this many are never needed.
const MOST_WRITES: usize = 24;

/// How many writes a heal has at least.
const LEAST_WRITES: usize = 11;

/// Breaks the Deployment, lets a sync of it fail at once, and gives the hash of the plan that stands then.
pub fn break_and_plan(watched: &Watched, last: Option<&str>) -> Result<String> {
    let shop = &watched.shop;
    shop.switch_handler()?;
    shop.wait_until("OutOfSync", |seen| !in_sync(seen))?;
    let options = shop.application.read()?["spec"]["syncPolicy"]["syncOptions"].clone();
    let resources = json!([{"group": "apps", "kind": "Deployment", "name": "web"}]);
    let sync = json!({"initiatedBy": {"username": "ada"}, "sync": {"syncOptions": options, "resources": resources}});
    shop.application.merge_patch("argocd-server", &json!({"operation": sync}))?.success()?;
    shop.wait_until_failed(None)?;
    let status = watched.wait_for_status("the plan over the failed operation", |status| {
        kinds(status) == ["HandBack", "Refresh", "StartOperation"]
            && status["operation"]["class"] == "FailedAtRevision"
            && status["plan"]["hash"].as_str() != last
    })?;
    Ok(text(&status["plan"]["hash"]))
}

/// `driftmend heal` in its own process, so that it can be killed.
pub fn start_heal(watched: &Watched, kubeconfig: &Path, plan: &str, log: &Path) -> Result<Process> {
    start_heal_with(watched, kubeconfig, plan, log, &[])
}

/// The same with these variables.
fn start_heal_with(watched: &Watched, kubeconfig: &Path, plan: &str, log: &Path, environment: &[(&str, &str)]) -> Result<Process> {
    let kubeconfig = kubeconfig.display().to_string();
    let arguments = ["heal", "web", "-n", &watched.shop.namespace, "--allow-http", "--plan", plan, "--kubeconfig", &kubeconfig];
    Process::start(&binary(), &arguments.map(str::to_owned), environment, log)
}

/// The syncs that succeeded: Argo CD tells of each end by an Event.
fn successes(shop: &Shop) -> Result<usize> {
    let selector = format!("--field-selector=involvedObject.name={},reason=OperationCompleted", shop.application.name());
    let namespace = format!("--namespace={}", shop.application.namespace());
    let events = shop.control_plane.kubectl(&["get", "events", &namespace, &selector, "--output=json"])?.success()?;
    let events: Value = serde_json::from_str(&events)?;
    let succeeded = |event: &&Value| event["message"].as_str().is_some_and(|message| message.contains("succeeded"));
    Ok(events["items"].as_array().into_iter().flatten().filter(succeeded).count())
}

#[test]
fn a_heal_killed_before_any_of_its_writes_does_exactly_the_rest() -> Result<()> {
    let watched = Watched::open(Shop::open("crash", Apply::ServerSide, Policy::Manual, &[])?, &json!({}))?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let log = shop.control_plane.folder().join(format!("{}-heal.log", shop.namespace));
    let mut last: Option<String> = None;
    for number in 1..MOST_WRITES {
        let at = format!("killed before write {number}");
        let plan = break_and_plan(&watched, last.as_deref())?;
        let before = successes(shop)?;
        watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
        proxy.cut_at(number, Side::Before);
        let mut heal = start_heal(&watched, proxy.kubeconfig(), &plan, &log)?;
        let was_cut = proxy.wait_for_cut(PATIENCE, || Ok(heal.ended()?.is_some()))?;
        heal.kill();
        proxy.open();
        if was_cut {
            let mut again = start_heal(&watched, proxy.kubeconfig(), &plan, &log)?;
            let ended = proxy.wait_for_cut(PATIENCE, || Ok(again.ended()?.is_some()));
            ensure!(!ended?, "{at}: the way is open and yet cut");
            let status = again.ended()?.context("it still runs")?;
            ensure!(status.success(), "{at}: the second run ended with {status}: {}", again.log_tail());
        }
        let status = watched.wait_for_status("the healed report", |status| status["heal"] == "Healed" && status["phase"] == "InSync")?;
        let entries: Vec<&Value> =
            status["history"].as_array().into_iter().flatten().filter(|entry| entry["planHash"] == plan.as_str()).collect();
        assert_eq!(entries.len(), 1, "{at}: {entries:?}");
        assert_eq!((&entries[0]["result"], entries[0]["removed"].is_string()), (&json!("Healed"), true), "{at}");
        let application = shop.wait_until("the end of the sync", |seen| in_sync(seen) && phase(seen) == "Succeeded")?;
        assert_eq!(application["status"]["operationState"]["operation"]["initiatedBy"]["username"], "driftmend", "{at}");
        assert_eq!(shop.probe()?["tcpSocket"], Value::Null, "{at}");
        // Argo CD tells of the end after it has written it.
        wait::until("the Event of the sync's end", PATIENCE, || {
            let told = successes(shop)?;
            Ok(if told > before { ControlFlow::Break(()) } else { ControlFlow::Continue(format!("{told} of {}", before + 1)) })
        })?;
        // Had another operation been asked for, it would have begun before this is answered.
        shop.argo_cd.refresh(&shop.application)?;
        let after = shop.application.read()?;
        assert_eq!((&after["operation"], started_at(&after)), (&Value::Null, started_at(&application)), "{at}: another operation");
        assert_eq!(successes(shop)?, before + 1, "{at}: not one operation");
        if !was_cut {
            ensure!(number > LEAST_WRITES, "the heal took only {} writes: {:?}", number - 1, proxy.writes());
            return Ok(());
        }
        last = Some(plan);
    }
    bail!("the heal still writes after {MOST_WRITES} writes")
}

/// Breaks the Deployment time and again, and disturbs each heal of it at another write.
fn disturbed_heals(name: &str, apply: Apply, remedy: &str) -> Result<()> {
    let watched = Watched::open(Shop::open(name, apply, Policy::Manual, &[])?, &json!({"remedy": remedy}))?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let log = shop.control_plane.folder().join(format!("{}-heal.log", shop.namespace));
    let mut last = Value::Null;
    for (number, disturbance) in disturbance::rounds(LEAST_WRITES, 2)? {
        let at = format!("{disturbance:?} at write {number}");
        shop.switch_handler()?;
        shop.wait_until("OutOfSync", |seen| !in_sync(seen))?;
        shop.sync(&json!({}))?;
        shop.wait_until_failed(None)?;
        let status = watched.wait_for_status(&format!("the plan over the failed operation ({at})"), |status| {
            status["operation"]["class"] == "FailedAtRevision" && status["plan"]["hash"].is_string() && status["plan"]["hash"] != last
        })?;
        let plan = text(&status["plan"]["hash"]);
        watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
        let start = |environment: &[(&str, &str)]| start_heal_with(&watched, proxy.kubeconfig(), &plan, &log, environment);
        let heal = Heal { proxy: &proxy, start: &start };
        heal.disturbed(number, disturbance)?;
        let healed = heal.brought_to_its_end(&watched, &plan, &at)?;
        shop.wait_until("the end of the sync", |seen| in_sync(seen) && phase(seen) == "Succeeded")?;
        assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz", "{at}");
        assert_eq!(shop.probe()?["tcpSocket"], Value::Null, "{at}");
        // Under client-side apply nobody's update is in the way of the next one, and the annotation says what is the tool's.
        if apply == Apply::ServerSide {
            assert_eq!(ours(&shop.deployment.read()?), Vec::<String>::new(), "{at}");
        }
        last = healed["history"].as_array().and_then(|history| history.last()).map(|entry| entry["planHash"].clone()).unwrap_or_default();
    }
    Ok(())
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
