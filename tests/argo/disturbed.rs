//! A heal on an Application while somebody else does something with it, or its controller is away.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::crash::break_and_plan;
use crate::harness::argo_cd::{self, ArgoCd};
use crate::harness::disturbance::{log_of, start_heal};
use crate::harness::driftmend::Controller;
use crate::harness::object::field_owners;
use crate::harness::process::Process;
use crate::harness::proxy::{Proxy, Side};
use crate::harness::{ControlPlane, Options, shared_controller};
use crate::shop::{Apply, Policy, Shop, config_map, in_sync, phase, retry, started_at, text};
use crate::watched::{Watched, kinds, wait_for_plan_over_a_failure};

/// How long a heal may take to come to a place or to its end.
const PATIENCE: Duration = Duration::from_secs(90);

/// Longer than a heal waits for an answer before it asks again.
const AWAY: Duration = Duration::from_secs(15);

/// How many shops are tried where chance has a say.
const SHOPS: usize = 4;

const REFRESH: &str = "argocd.argoproj.io/refresh";

/// Breaks a shop, and carries the approved heal out up to the start of its sync: the first write to the Application
/// asks for a comparison, the second one removes the stale state and starts a sync.
fn cut_before_its_sync(watched: &Watched<'_>, proxy: &Proxy) -> Result<(String, Process)> {
    let plan = break_and_plan(watched, None)?;
    watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    proxy.cut_at_write_of("/applications/", 2, Side::Before);
    let mut heal = start_heal(
        proxy.kubeconfig(),
        &watched.shop.namespace,
        &plan,
        &[],
        &log_of(watched),
    )?;
    ensure!(
        proxy.wait_for_cut(PATIENCE, || Ok(heal.ended()?.is_some()))?,
        "the heal wrote the Application less than twice"
    );
    Ok((plan, heal))
}

#[test]
fn a_sync_that_a_person_starts_in_the_middle_of_a_heal_is_the_heals_last_step() -> Result<()> {
    let watched = Watched::open(
        Shop::open("disturbed-sync", Apply::ServerSide, Policy::Manual, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let (plan, mut heal) = cut_before_its_sync(&watched, &proxy)?;
    heal.kill();
    shop.sync(&json!({}))?;
    let succeeded = shop.wait_until("the person's sync", |seen| in_sync(seen) && phase(seen) == "Succeeded")?;
    proxy.open();

    let mut again = start_heal(proxy.kubeconfig(), &shop.namespace, &plan, &[], &log_of(&watched))?;
    proxy.wait_for_cut(PATIENCE, || Ok(again.ended()?.is_some()))?;
    let status = again.ended()?.context("it still runs")?;
    ensure!(
        status.success(),
        "the second run ended with {status}: {}",
        again.log_tail()
    );
    let status = watched.wait_for_status("the healed report", |status| {
        status["heal"] == "Healed" && status["phase"] == "InSync"
    })?;
    assert_eq!(
        (&status["history"][0]["planHash"], &status["history"][0]["result"]),
        (&json!(plan), &json!("Healed"))
    );
    let after = shop.application.read()?;
    assert_eq!(started_at(&after), started_at(&succeeded), "another sync was started");
    assert_eq!(
        after["status"]["operationState"]["operation"]["initiatedBy"]["username"],
        "ada"
    );
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");
    Ok(())
}

#[test]
fn what_somebody_changes_before_the_sync_of_a_plan_is_not_taken_back_unsaid() -> Result<()> {
    let watched = Watched::open(
        Shop::open("disturbed-fix", Apply::ServerSide, Policy::Manual, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let (plan, _heal) = cut_before_its_sync(&watched, &proxy)?;
    let image = "/spec/template/spec/containers/0/image";
    shop.deployment
        .json_patch(
            "kubectl-edit",
            &json!([{"op": "replace", "path": image, "value": "web:hotfix"}]),
        )?
        .success()?;
    let failed = shop.application.read()?;
    proxy.open();

    let status = watched.wait_for_status("the end", |status| {
        status["healing"].is_null() && !status["history"][0].is_null()
    })?;
    let entry = &status["history"][0];
    assert_eq!(
        (&entry["planHash"], &entry["result"]),
        (&json!(plan), &json!("Failed")),
        "{entry:#}"
    );
    let message = text(&entry["message"]);
    ensure!(
        message.contains("would by now change .spec.template.spec.containers[name=\"web\"].image, too"),
        "{message}"
    );
    assert_eq!(entry["requests"][0]["kind"], "HandBack", "{entry:#}");
    assert_eq!(shop.deployment.read()?.pointer(image), Some(&json!("web:hotfix")));
    assert_eq!(
        started_at(&shop.application.read()?),
        started_at(&failed),
        "a sync was started"
    );

    // What is left is offered, and says what it takes back.
    let status = watched.wait_for_status("what is left", |status| status["plan"]["hash"].is_string())?;
    ensure!(
        status["fields"].to_string().contains("web:hotfix"),
        "{:#}",
        status["fields"]
    );
    watched.heal(&kinds(&status))?;
    assert_ne!(shop.deployment.read()?.pointer(image), Some(&json!("web:hotfix")));
    shop.wait_until("Synced", in_sync).map(drop)
}

#[test]
fn an_approval_does_not_hold_for_a_sync_that_began_after_it() -> Result<()> {
    let watched = Watched::open(
        Shop::open("disturbed-plan", Apply::ServerSide, Policy::Manual, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    let plan = break_and_plan(&watched, None)?;
    watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    shop.sync(&json!({}))?;
    // By its retry: an operation's start has whole seconds, and the one that failed may have begun in the same one.
    let running = shop.wait_until("the person's sync", |seen| {
        seen["status"]["operationState"]["operation"]["retry"] == retry()
    })?;
    let before = shop.deployment.read()?;

    // How it is refused depends on how far the person's sync is, and on whether the report tells of it yet.
    let refused = watched.driftmend(&["heal", "web", "--plan", &plan, "--allow-http"])?;
    ensure!(refused.code != 0, "{} {}", refused.stdout, refused.stderr);
    let after = shop.wait_until("the end of the person's sync", |seen| {
        phase(seen) == "Failed" && seen["operation"].is_null()
    })?;
    assert_eq!(
        started_at(&after),
        started_at(&running),
        "the person's operation was replaced"
    );
    assert_eq!(field_owners(&shop.deployment.read()?), field_owners(&before));
    assert_eq!(watched.status()?["history"], json!([]));
    Ok(())
}

#[test]
fn a_commit_that_changes_something_else_does_not_hold_a_heal_back() -> Result<()> {
    for _ in 0..SHOPS {
        let watched = Watched::open(
            Shop::open("disturbed-commit", Apply::ServerSide, Policy::Manual, &[])?,
            &json!({}),
        )?;
        let shop = &watched.shop;
        break_and_plan(&watched, None)?;
        // The comparison that follows a sync is over when this one is answered.
        shop.argo_cd.refresh(&shop.application)?;
        // In a repository of many, commits come faster than Argo CD compares.
        let commit = shop.commit_into("elsewhere", &[config_map("other", 0, "new")]);
        watched.wait_for_watch("the new commit", |status| status["revision"] == commit.as_str())?;
        if shop.application.read()?["status"]["sync"]["revision"] == commit.as_str() {
            // It compared just then. At this revision nothing has failed yet, so there is nothing to try here any more.
            continue;
        }
        watched.heal(&["HandBack", "Refresh", "StartOperation"])?;
        assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");
        return shop
            .wait_until("Synced", |seen| in_sync(seen) && phase(seen) == "Succeeded")
            .map(drop);
    }
    bail!("in {SHOPS} shops Argo CD compared with the commit as soon as the watch knew it")
}

#[test]
fn a_heal_clears_nothing_while_argo_cds_controller_is_away_and_goes_on_when_it_is_back() -> Result<()> {
    // It stops the controller, which all others of this program need.
    let control_plane = ControlPlane::start(Options::default())?;
    let argo_cd = ArgoCd::start(&control_plane, &argo_cd::Options::default())?;
    let shop = Shop::open_beside(
        &control_plane,
        &argo_cd,
        "disturbed-away",
        Apply::ServerSide,
        Policy::SelfHeal,
        &[],
    )?;
    shared_controller::install_definitions(&control_plane)?;
    let folder = tempfile::tempdir()?;
    let _controller = Controller::start(control_plane.admin(), folder.path(), &[])?;
    let watched = Watched::beside(shop, &json!({}))?;
    let shop = &watched.shop;
    let failed = shop.break_by_hand()?;
    let plan = wait_for_plan_over_a_failure(&watched, &["HandBack", "Refresh", "StartOperation"])?;
    watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;

    argo_cd.stop_controller()?;
    let mut heal = start_heal(
        control_plane.admin(),
        &shop.namespace,
        &plan,
        &[],
        &folder.path().join("heal.log"),
    )?;
    let asked = |seen: &Value| !seen["metadata"]["annotations"][REFRESH].is_null();
    shop.wait_until("the request for a comparison", asked)?;
    thread::sleep(AWAY);
    let waiting = shop.wait_until("a request that is made again", asked)?;
    assert_eq!(
        (phase(&waiting), started_at(&waiting)),
        (&json!("Failed"), started_at(&failed)),
        "it was cleared"
    );
    assert_eq!(waiting["operation"], Value::Null);
    ensure!(heal.ended()?.is_none(), "the heal gave up: {}", heal.log_tail());

    argo_cd.restart_controller()?;
    watched.wait_for_status("the healed report", |status| {
        status["heal"] == "Healed" && status["phase"] == "InSync"
    })?;
    let application = shop.wait_until("Synced", |seen| in_sync(seen) && phase(seen) == "Succeeded")?;
    assert_ne!(started_at(&application), started_at(&failed));
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");
    Ok(())
}
