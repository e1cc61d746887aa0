//! What the cluster does to the controller: rights that are missing, an API server that is away, signals in the middle
//! of a heal, and a cluster in which nothing happens.
//!
//! Each test has a control plane of its own: a second controller on the shared one would act on everybody's watches.

mod installed;
mod quiet;

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::driftmend::Controller;
use crate::harness::git_server::Mode;
use crate::harness::pods::{Fate, ReadyPods, Scope};
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options, wait};
use crate::tenant::{TOLD, Tenant, condition, deployment, deployment_with};
use installed::Installed;

const BY_HAND: &str = "registry.example/web:by-hand";

/// How many sources of one namespace a controller asks at a time (`LOOKS_OF_ONE` in `src/controller/run.rs`).
const LOOKS: usize = 3;

/// How long a look at a server that hangs takes.
const HANGS: Duration = Duration::from_secs(15);

/// A folder for a controller's log and cache.
fn folder(control_plane: &ControlPlane) -> Result<PathBuf> {
    let folder = control_plane.folder().join("controller");
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    Ok(folder)
}

/// Waits until the log has a line with all of these words, and gives that line.
fn wait_for_log(controller: &Controller, words: &[&str]) -> Result<String> {
    wait::until(&format!("a line with {words:?} in the log"), TOLD, || {
        let log = controller.log();
        let line = log.lines().find(|line| words.iter().all(|word| line.contains(word)));
        Ok(line.map_or_else(
            || ControlFlow::Continue(log.clone()),
            |line| ControlFlow::Break(line.to_owned()),
        ))
    })
}

/// Tries something up to three times, and wants it under a limit once: a machine that stands still for a moment is no
/// fault of the controller's, and what is held up is held up each time.
fn takes_less_than(limit: Duration, mut once: impl FnMut(usize) -> Result<Duration>) -> Result<()> {
    let mut took = Vec::new();
    for at in 0..3 {
        let this = once(at)?;
        if this < limit {
            return Ok(());
        }
        took.push(this);
    }
    bail!("it took {took:?}, never less than {limit:?}")
}

#[test]
fn a_right_that_is_missing_is_named_and_its_grant_is_all_that_is_needed() -> Result<()> {
    let installed = Installed::start("healed")?;
    let tenant = Tenant::open(&installed.control_plane, "rights")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;

    // Without its Deployments it is not ready, and says why.
    installed.allow("deployments", &["get"])?;
    installed.wait_until_refused(&["list", "deployments.apps"])?;
    let controller = Controller::start_unready(&installed.kubeconfig, &installed.folder, &[])?;
    let line = wait_for_log(&controller, &["cannot list", "deployments"])?;
    assert!(line.contains("system:serviceaccount:driftmend:driftmend"), "{line}");
    let (code, text) = controller.get("/readyz")?;
    assert_eq!(code, 503, "{text}");
    assert_eq!(controller.get("/healthz")?.0, 200);
    installed.allow("deployments", &["get", "list", "watch"])?;
    controller.wait_until_ready()?;
    tenant.wait_until_assessed("all", 1)?;

    // A report that cannot be written is not lost, and everything else goes on.
    installed.allow("driftreports/status", &["get"])?;
    installed.wait_until_refused(&["patch", "driftreports.driftmend.dev", "--subresource=status"])?;
    tenant.set_image("web", BY_HAND)?;
    let line = wait_for_log(&controller, &["the reconcile failed", "driftreports/status"])?;
    for part in [
        "patch",
        "grant verb patch on driftreports.driftmend.dev/status in namespace",
        "system:serviceaccount:driftmend:driftmend",
    ] {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
    assert_eq!(
        (controller.get("/readyz")?.0, controller.get("/healthz")?.0),
        (200, 200)
    );
    installed.allow("driftreports/status", &["patch"])?;
    tenant.wait_for_report("web", "Drifted").map(drop)
}

#[test]
fn plain_http_needs_the_flag_that_allows_it() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "plain")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    let _controller = Controller::start_strict(control_plane.admin(), &folder(&control_plane)?)?;
    let (message, _) = tenant.source_failure("all", "InvalidURL")?;
    assert!(
        message.starts_with("spec.source.git.url: ") && message.contains("http"),
        "{message}"
    );
    assert_eq!(
        tenant.server.take_requests(),
        Vec::<String>::new(),
        "nothing is sent in the clear"
    );
    Ok(())
}

#[test]
fn many_servers_that_hang_hold_up_neither_another_tenant_nor_the_end() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "healthy")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    let mut controller = Controller::start(control_plane.admin(), &folder(&control_plane)?, &[])?;
    tenant.wait_until_assessed("all", 1)?;

    let hanging = Tenant::open(&control_plane, "hanging")?;
    hanging.server.set_mode(Mode::Hang);
    // Many more than are asked at a time: whenever one of them is given up, another one is due.
    for at in 0..64 {
        let mut source = hanging.source("");
        // Repositories of their own: those who share one take turns anyway.
        source["url"] = json!(hanging.server.url(&format!("shop-{at}.git")));
        hanging.watch(&format!("hangs-{at}"), &source, &json!({}))?;
    }
    let (mut asked, first) = (0, Instant::now());
    wait::until("as many requests that hang as there are looks", TOLD, || {
        asked += hanging.server.take_requests().len();
        Ok(if asked >= LOOKS {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(format!("{asked} requests"))
        })
    })?;
    // A new watch of another tenant is read meanwhile.
    takes_less_than(Duration::from_secs(10), |at| {
        let begun = Instant::now();
        let name = format!("later-{at}");
        tenant.watch(&name, &tenant.source(""), &json!({}))?;
        tenant.wait_for(&format!("driftwatch/{name}"), "its commit", |watch| {
            watch["status"]["revision"].is_string()
        })?;
        Ok(begun.elapsed())
    })?;
    asked += hanging.server.take_requests().len();
    let most = LOOKS * (2 + first.elapsed().as_secs() as usize / HANGS.as_secs() as usize);
    assert!(
        asked <= most,
        "{asked} requests, and no more than {LOOKS} hang at a time: {most}"
    );
    let mut plan = String::new();
    takes_less_than(Duration::from_secs(10), |at| {
        let begun = Instant::now();
        tenant.set_image("web", &format!("{BY_HAND}-{at}"))?;
        plan = tenant.wait_for_plan("web", &plan)?;
        Ok(begun.elapsed())
    })?;

    takes_less_than(Duration::from_secs(10), |at| {
        if at > 0 {
            controller.kill_and_restart()?;
        }
        // A request that was sent just now would hold the end up for all of its 15 s.
        hanging.server.take_requests();
        wait::until("one more request that hangs", TOLD, || {
            let is_sent = !hanging.server.take_requests().is_empty();
            Ok(if is_sent {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue("no request".to_owned())
            })
        })?;
        controller.signal("TERM")?;
        let begun = Instant::now();
        assert_eq!(
            controller.wait_for_end(Duration::from_secs(60))?,
            Some(0),
            "{}",
            controller.log()
        );
        Ok(begun.elapsed())
    })
}

#[test]
fn an_api_server_that_is_late_or_goes_away_is_waited_for_and_nothing_is_lost() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "away")?;
    tenant.sync("web.yaml", &format!("{}---\n{}", deployment("web"), deployment("api")))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;

    // Not there yet.
    control_plane.stop_api_server()?;
    let controller = Controller::start_unready(control_plane.admin(), &folder(&control_plane)?, &[])?;
    wait_for_log(&controller, &["waiting for the API server", "cannot be reached"])?;
    assert_eq!(
        (controller.get("/healthz")?.0, controller.get("/readyz")?.0),
        (200, 503)
    );
    control_plane.start_api_server()?;
    controller.wait_until_ready()?;
    tenant.wait_until_assessed("all", 2)?;
    tenant.set_image("web", BY_HAND)?;
    let before = tenant.wait_for_plan("web", "")?;

    // Gone in the middle: alive and ready all the same, since a restart would not bring it back.
    control_plane.stop_api_server()?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        assert_eq!(
            (controller.get("/healthz")?.0, controller.get("/readyz")?.0),
            (200, 200)
        );
        std::thread::sleep(Duration::from_secs(1));
    }
    control_plane.start_api_server()?;
    tenant.set_image("api", BY_HAND)?;
    tenant.wait_for_plan("api", "")?;
    // What was offered before is offered still, and a change after the outage is seen.
    assert_eq!(
        tenant.get("driftreport/deployment-web")?["status"]["plan"]["hash"],
        json!(before)
    );
    tenant.set_image("web", "registry.example/web:by-another-hand")?;
    tenant.wait_for_plan("web", &before).map(drop)
}

#[test]
fn a_controller_that_is_told_to_stop_in_the_middle_of_a_heal_ends_soon_and_the_next_one_finishes_it() -> Result<()> {
    let installed = Installed::start("healed")?;
    let namespace = installed.heals_in.clone();
    let held = Arc::new(AtomicBool::new(false));
    let hold = held.clone();
    let fate = move |_: &Pod| {
        if hold.load(Ordering::SeqCst) {
            Fate::Held
        } else {
            Fate::Ready
        }
    };
    let admin = installed.control_plane.admin();
    let _pods = ReadyPods::start_with(admin, Scope::Namespace(namespace.clone()), Duration::from_secs(1), fate)?;
    let tenant = Tenant::open_in(&installed.control_plane, namespace.clone())?;
    tenant.sync("web.yaml", &deployment_with("web", 1, ""))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    let flags = ["--mode", "heal", "--heal-namespace", &namespace];
    let mut plan = String::new();
    for signal in ["INT", "TERM"] {
        let mut controller = Controller::start(&installed.kubeconfig, &installed.folder, &flags)?;
        tenant.set_image("web", &format!("registry.example/web:{}", signal.to_lowercase()))?;
        // To its end: of a roll-out in progress Git's Pods would be there still, and the heal would be done at once.
        tenant.kubectl(&["rollout", "status", "deployment/web", "--timeout=170s"], "")?;
        held.store(true, Ordering::SeqCst);
        plan = tenant.wait_for_plan("web", &plan)?;
        tenant.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
        let carried_out = |report: &Value| report["status"]["healing"]["steps"][0]["state"] == "Done";
        tenant.wait_for(
            "driftreport/deployment-web",
            "a heal that waits for its roll-out",
            carried_out,
        )?;
        let generation = tenant.get("deployment/web")?["metadata"]["generation"].clone();
        let beside = tenant.driftmend(&["heal", "web", "--plan", &plan, "--allow-http"])?;
        assert_eq!(beside.code, 2, "{}", beside.stdout);
        assert!(beside.stderr.contains("is being carried out by"), "{}", beside.stderr);

        controller.signal(signal)?;
        let begun = Instant::now();
        assert_eq!(
            controller.wait_for_end(Duration::from_secs(60))?,
            Some(0),
            "{}",
            controller.log()
        );
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "it took {:?} to end",
            begun.elapsed()
        );
        let report = tenant.get("driftreport/deployment-web")?;
        assert_eq!(
            report["status"]["healing"]["planHash"],
            json!(plan),
            "the heal is no longer recorded"
        );

        held.store(false, Ordering::SeqCst);
        let _next = Controller::start(&installed.kubeconfig, &installed.folder, &flags)?;
        let healed = |report: &Value| {
            let history = report["status"]["history"].as_array();
            let carried_out = history.is_some_and(|all| all.iter().any(|entry| entry["planHash"] == json!(plan)));
            // The condition comes a write after the history.
            carried_out && condition(report, "Healed")["status"] == "True"
        };
        let report = tenant.wait_for("driftreport/deployment-web", "the end of the heal", healed)?;
        let last = report["status"]["history"]
            .as_array()
            .and_then(|history| history.last())
            .context("no history")?;
        assert_eq!((&last["result"], &last["planHash"]), (&json!("Healed"), &json!(plan)));
        assert_eq!(
            tenant.get("deployment/web")?["metadata"]["generation"],
            generation,
            "a step was carried out twice"
        );
    }
    Ok(())
}
