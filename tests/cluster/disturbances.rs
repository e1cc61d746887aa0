//! What the cluster does to the controller: rights that are missing, an API server that is away, signals in the middle
//! of a heal, and a cluster in which nothing happens.
//!
//! Each test has a control plane of its own: a second controller on the shared one would act on everybody's watches.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::control_plane::Audit;
use crate::harness::driftmend::Controller;
use crate::harness::git_server::Mode;
use crate::harness::pods::{Fate, ReadyPods, Scope};
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options, wait};
use crate::tenant::{TOLD, Tenant, condition, deployment, deployment_with};

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

/// A cluster in which the chart has given a ServiceAccount the rights of mode `heal` in one namespace, with its
/// admission policies.
struct Installed {
    control_plane: ControlPlane,
    heals_in: String,
    kubeconfig: PathBuf,
    folder: PathBuf,
}

impl Installed {
    fn start(prefix: &str) -> Result<Self> {
        let control_plane = ControlPlane::start(Options::default())?;
        let heals_in = control_plane.namespace(prefix)?;
        let chart = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("charts/driftmend")
            .display()
            .to_string();
        let namespaces = format!("heal.namespaces={{{heals_in}}}");
        let install = [
            "install",
            "driftmend",
            &chart,
            "-n",
            "driftmend",
            "--create-namespace",
            "--set",
            "mode=heal",
            "--set",
            &namespaces,
        ];
        control_plane.helm(&install)?.success()?;
        let kubeconfig = control_plane.service_account("driftmend", "driftmend")?;
        let folder = folder(&control_plane)?;
        Ok(Self {
            control_plane,
            heals_in,
            kubeconfig,
            folder,
        })
    }

    /// Takes rights of the controller away: the first rule of this resource gets these verbs.
    fn allow(&self, resource: &str, verbs: &[&str]) -> Result<()> {
        let role = self
            .control_plane
            .kubectl(&["get", "clusterrole", "driftmend", "--output=json"])?
            .success()?;
        let mut role: Value = serde_json::from_str(&role)?;
        let rules = role["rules"].as_array_mut().context("a role without rules")?;
        let rule = rules.iter_mut().find(|rule| {
            rule["resources"]
                .as_array()
                .is_some_and(|all| all.contains(&json!(resource)))
        });
        rule.with_context(|| format!("no rule for {resource}"))?["verbs"] = json!(verbs);
        role["metadata"]
            .as_object_mut()
            .context("no metadata")?
            .remove("managedFields");
        self.control_plane
            .tool("kubectl")?
            .input(role.to_string())
            .run(&["replace", "-f", "-"])?
            .success()
            .map(drop)
    }

    /// Waits until the API server refuses the controller a verb on a resource everywhere: a role counts a moment after
    /// it was stored.
    fn wait_until_refused(&self, question: &[&str]) -> Result<()> {
        let ask = [
            "auth",
            "can-i",
            "--all-namespaces",
            "--as=system:serviceaccount:driftmend:driftmend",
        ];
        wait::patiently(&format!("no right to {question:?}"), TOLD, || {
            let answer = self.control_plane.kubectl(&[&ask[..], question].concat())?;
            // Not by the code, which is that of any failure, too.
            let refused = answer.stdout.trim_start().starts_with("no");
            Ok(if refused {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(format!("{}{}", answer.stdout, answer.stderr))
            })
        })
    }
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
fn where_nothing_happens_nothing_is_written_but_the_lease() -> Result<()> {
    let control_plane = ControlPlane::start(Options {
        audit: Audit::Metadata,
        ..Options::default()
    })?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "idle")?;
    control_plane
        .kubectl(&["create", "namespace", "driftmend"])?
        .success()?;
    let manifests: Vec<String> = (0..20).map(|at| deployment(&format!("web-{at}"))).collect();
    tenant.sync("all.yaml", &manifests.join("---\n"))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    let bound = [
        "create",
        "clusterrolebinding",
        "observer",
        "--clusterrole=cluster-admin",
        "--user=observer",
    ];
    control_plane.kubectl(&bound)?.success()?;
    let observer = control_plane.user("observer", &[])?;
    // Before the controller begins, so that the watch's counts are complete with the first look.
    tenant.set_image("web-0", BY_HAND)?;
    // To the end of its roll-out, so that nothing of it moves later.
    tenant.kubectl(&["rollout", "status", "deployment/web-0", "--timeout=170s"], "")?;
    let _controller = Controller::start(&observer, &folder(&control_plane)?, &["--lease-name", "driftmend"])?;
    tenant.wait_for_plan("web-0", "")?;
    let counted =
        |watch: &Value| watch["status"]["counts"]["drifted"] == 1 && watch["status"]["counts"]["inSync"] == 19;
    tenant.wait_for("driftwatch/all", "its counts", counted)?;
    // The Events of that drift are written after its report; this is the last of them.
    let told = |events: &Value| {
        let mut all = events["items"].as_array().into_iter().flatten();
        all.any(|event| event["reason"] == "PlanReady" && event["involvedObject"]["kind"] == "DriftReport")
    };
    tenant.wait_for("events", "the last Event of the drift", told)?;

    let before = requests(&control_plane)?;
    tenant.server.take_requests();
    let begun = Instant::now();
    std::thread::sleep(Duration::from_secs(20));
    let (asked, seconds) = (
        tenant.server.take_requests(),
        usize::try_from(begun.elapsed().as_secs())?,
    );
    let mut during = requests(&control_plane)?;
    for (request, count) in before {
        during.entry(request).and_modify(|all| *all -= count);
    }
    during.retain(|(verb, _), count| *count > 0 && !["get", "list", "watch"].contains(&verb.as_str()));
    let writes: Vec<(String, String)> = during.keys().cloned().collect();
    assert_eq!(writes, [("update".to_owned(), "leases".to_owned())], "{during:?}");
    // One listing of references each interval, and no fetch.
    assert!(
        asked.len() <= seconds + 2
            && asked
                .iter()
                .all(|request| request.starts_with("GET /shop.git/info/refs")),
        "{asked:?}"
    );
    Ok(())
}

/// How often the user `observer` sent each verb to each resource so far.
fn requests(control_plane: &ControlPlane) -> Result<BTreeMap<(String, String), usize>> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(control_plane.audit_log())
        .context("no audit log")?
        .lines()
    {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        if event["user"]["username"] == "observer" && event["stage"] == "ResponseComplete" {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            *counts
                .entry((text(&event["verb"]), text(&event["objectRef"]["resource"])))
                .or_default() += 1;
        }
    }
    Ok(counts)
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
