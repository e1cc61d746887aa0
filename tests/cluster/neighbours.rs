//! Tenants beside each other: rules without an end, sources that fail, and Applications that nobody watches yet.
//!
//! There is no Argo CD: an Application is only read here, and what matters of it is written by hand. Each test has a
//! control plane of its own, which has the kind.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::applications::{self, ENDLESS};
use crate::harness::driftmend::Controller;
use crate::harness::git_server::Mode;
use crate::harness::object::Object;
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options, wait};
use crate::tenant::{TOLD, Tenant, deployment};

/// A control plane with all kinds, and a controller on it.
struct Stage {
    control_plane: ControlPlane,
    controller: Option<Controller>,
}

impl Stage {
    fn start() -> Result<Self> {
        let control_plane = ControlPlane::start(Options::default())?;
        install_definitions(&control_plane)?;
        applications::install_kind(&control_plane)?;
        let mut stage = Self {
            control_plane,
            controller: None,
        };
        let folder = stage.control_plane.folder().join("controller");
        std::fs::create_dir_all(&folder)?;
        stage.controller = Some(Controller::start(stage.control_plane.admin(), &folder, &[])?);
        Ok(stage)
    }

    fn log(&self) -> String {
        self.controller.as_ref().map(Controller::log).unwrap_or_default()
    }
}

/// Makes the Application of a tenant's repository, with these rules.
fn application(tenant: &Tenant, rules: &Value) -> Result<Object> {
    let object = applications::application(&tenant.namespace, "web", &tenant.server.url("shop.git"), ".", rules);
    tenant.kubectl(&["apply", "-f", "-"], &object.to_string())?;
    Object::new(tenant.control_plane, "application", &tenant.namespace, "web")
}

/// Watches that Application.
fn watch(tenant: &Tenant, name: &str) -> Result<()> {
    let source = json!({"argoApplication": {"name": "web", "namespace": tenant.namespace, "interval": "1s"}});
    let watch = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": {"name": name},
        "spec": {"source": source, "settle": "1s"},
    });
    tenant.kubectl(&["create", "-f", "-"], &watch.to_string())
}

fn warnings(watch: &Value) -> Vec<String> {
    let warnings = watch["status"]["warnings"].as_array().into_iter().flatten();
    warnings
        .filter_map(|warning| warning["message"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn rules_without_an_end_are_asked_a_few_times_and_what_is_not_in_force_is_told_on_the_watch() -> Result<()> {
    let stage = Stage::start()?;
    let loud = Tenant::open(&stage.control_plane, "loud")?;
    loud.sync("web.yaml", &deployment("web"))?;
    let expressions: Vec<String> = (0..120).map(|at| format!("{ENDLESS} | .spec.rule{at}")).collect();
    application(
        &loud,
        &json!([{"group": "apps", "kind": "Deployment", "jqPathExpressions": expressions}]),
    )?;
    watch(&loud, "all")?;
    // A hundred of them would take a hundred seconds of processor time, and again at each event.
    // No Argo CD marked it, which is its drift.
    loud.wait_for("driftwatch/all", "its Deployment assessed", |watch| {
        watch["status"]["counts"]["drifted"] == 1
    })?;
    let told = loud.wait_for("driftwatch/all", "its rules that are not in force", |watch| {
        warnings(watch).len() > 3
    })?;
    let told = warnings(&told).join("\n");
    let many = format!(
        "Application {}/web has 120 things to ignore in governed objects: the first 100 are in force, the other 20 are \
         not",
        loud.namespace
    );
    assert!(told.contains(&many), "{told}");
    assert!(told.contains("did not end within 1 s of processor time"), "{told}");
    assert!(told.contains("took too long or failed too often"), "{told}");

    // Neither events of its own nor its rules keep another tenant from being told.
    let quiet = Tenant::open(&stage.control_plane, "quiet")?;
    quiet.sync("web.yaml", &deployment("web"))?;
    quiet.watch("all", &quiet.source(""), &json!({}))?;
    quiet.wait_until_assessed("all", 1)?;
    for at in 0..5 {
        loud.kubectl(
            &["annotate", "--overwrite", "deployment/web", &format!("restless={at}")],
            "",
        )?;
    }
    let ended = |log: &str| log.lines().filter(|line| line.contains("did not end within")).count();
    let before = ended(&stage.log());
    quiet.set_image("web", "registry.example/web:by-hand")?;
    quiet.wait_for_report("web", "Drifted")?;
    assert_eq!(ended(&stage.log()), before, "no expression of the list was asked again");
    Ok(())
}

#[test]
fn an_application_that_is_named_later_is_known_with_all_that_its_operation_tells() -> Result<()> {
    let stage = Stage::start()?;
    let tenant = Tenant::open(&stage.control_plane, "later")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    let application = application(&tenant, &json!([]))?;
    wait::until("the Application to be listed", TOLD, || {
        let log = stage.log();
        let listed = log
            .lines()
            .any(|line| line.contains("the kind is watched") && line.contains("applications"));
        Ok(if listed {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(log)
        })
    })?;
    let source = application.read()?["spec"]["source"].clone();
    let state = |phase: &str| {
        json!({"status": {"sync": {"status": "OutOfSync", "revision": "a"}, "operationState": {
            "phase": phase, "startedAt": "2026-01-05T10:00:00Z", "operation": {"sync": {"revision": "a"}},
            "syncResult": {"revision": "a", "source": source},
        }}})
    };
    application
        .merge_patch("argocd-application-controller", &state("Failed"))?
        .success()?;
    tenant.set_image("web", "registry.example/web:by-hand")?;
    watch(&tenant, "all")?;
    let class = |report: &Value| report["status"]["operation"]["phase"].clone();
    tenant.wait_for(
        "driftreport/deployment-web",
        "the operation that failed before the watch was made",
        |report| class(report) == "Failed",
    )?;
    application
        .merge_patch("argocd-application-controller", &state("Error"))?
        .success()?;
    tenant.wait_for("driftreport/deployment-web", "what became of it since", |report| {
        class(report) == "Error"
    })?;
    Ok(())
}

#[test]
fn a_source_that_fails_again_and_again_is_asked_ever_more_rarely_until_its_watch_is_mended() -> Result<()> {
    let stage = Stage::start()?;
    let tenant = Tenant::open(&stage.control_plane, "failing")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.server.set_mode(Mode::Refuse);
    // It is asked for each second at first.
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    let begun = Instant::now();
    let mut asked = 0;
    wait::until("half a minute of failures", TOLD, || {
        asked += tenant.server.take_requests().len();
        Ok(if begun.elapsed() > Duration::from_secs(30) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(format!("{asked} requests"))
        })
    })?;
    assert!((2..=12).contains(&asked), "{asked} requests in half a minute");
    tenant.server.set_mode(Mode::Serve);
    // Whoever mends the watch is not kept waiting for the next time, which is half a minute away.
    let mut source = tenant.source("");
    source["interval"] = json!("2s");
    tenant.kubectl(
        &[
            "patch",
            "driftwatch/all",
            "--type=merge",
            "-p",
            &json!({"spec": {"source": {"git": source}}}).to_string(),
        ],
        "",
    )?;
    tenant.wait_until_assessed("all", 1)?;
    Ok(())
}
