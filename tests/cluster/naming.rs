//! Each report is named by what it is about: the API server demands it, the controller removes what is named otherwise,
//! and people need not know it.

use std::fs;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use driftmend::cluster::{Cluster, Connection};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::harness::driftmend::Controller;
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options, shared, shared_controller, wait};
use crate::tenant::{TOLD, Tenant, deployment};

const BY_HAND: &str = "registry.example/web:by-hand";

fn report(name: &str, target: &Value) -> Value {
    json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport", "metadata": {"name": name},
        "spec": {"target": target, "watchRef": {"namespace": "shop", "name": "all"}},
    })
}

fn target(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name})
}

#[test]
fn the_api_server_takes_a_report_by_the_name_of_its_target_only() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "naming")?;
    let create = ["create", "--dry-run=server", "-n", &tenant.namespace, "-f", "-"];
    let answer = |report: &Value| shared().tool("kubectl")?.input(report.to_string()).run(&create);
    let long = "a".repeat(243);
    let cut = driftmend::api::v1alpha1::report_name("Deployment", &long);
    for (name, target) in [
        ("deployment-web", target("web")),
        ("deployment-deployment-web", target("deployment-web")),
        (&cut, target(&long)),
    ] {
        answer(&report(name, &target))?.success()?;
    }
    let mut stateful = target("web");
    stateful["kind"] = json!("StatefulSet");
    let mut shouted = target("web");
    shouted["kind"] = json!("DEPLOYMENT");
    let mut of_group = target("web");
    of_group["apiVersion"] = json!("extensions/v1beta1");
    for (name, target) in [
        ("web", target("web")),
        ("deployment-web", target("api")),
        ("deployment-web-2", target("web")),
        ("deployments-web", target("web")),
        ("deployment-web", target("web-2")),
        ("deployment-web", of_group),
        ("deployment-web", shouted),
        ("statefulset-web", stateful),
        (&cut[..252], target(&long)),
        (&format!("deployment-b{}", &cut[12..]), target(&long)),
    ] {
        let refused = answer(&report(name, &target))?;
        assert!(
            refused.code == 1 && refused.stderr.contains("invalid"),
            "{name}: {}{}",
            refused.stdout,
            refused.stderr
        );
    }
    // What ends a long name is a digest, which the rule cannot know: the controller does.
    let other = format!("{}{}", &cut[..221], "0".repeat(32));
    tenant.kubectl(&["create", "-f", "-"], &report(&other, &target(&long)).to_string())?;
    tenant.wait_for(&format!("driftreport/{other}"), "no report", Value::is_null)?;
    Ok(())
}

#[test]
fn a_report_of_the_old_naming_is_removed_and_nothing_in_it_counts() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "renamed")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    // A cluster with the definitions of a version before.
    let crd = "driftreports.driftmend.dev";
    let rule = json!([{"op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/x-kubernetes-validations"}])
        .to_string();
    control_plane
        .kubectl(&["patch", "crd", crd, "--type=json", "--patch", &rule])?
        .success()?;
    let mut old = report("web", &target("web"));
    old["spec"]["watchRef"]["namespace"] = json!(tenant.namespace);
    wait::until("a report of the old naming", TOLD, || {
        let create = ["create", "-n", &tenant.namespace, "-f", "-"];
        let answer = control_plane.tool("kubectl")?.input(old.to_string()).run(&create)?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;
    let mut held = report("held", &target("held"));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    tenant.kubectl(&["create", "-f", "-"], &held.to_string())?;
    let step = json!({"kind": "Restore", "target": "Deployment.apps shop/web", "summary": "…", "patch": "…"});
    let plan = json!({"hash": "a".repeat(64), "serial": 1, "expires": "2126-01-05T10:00:00Z", "cautions": [],
                      "steps": [step]});
    let approval =
        json!({"decision": "Approved", "planHash": "a".repeat(64), "by": "admin", "at": "2026-01-05T10:00:00Z"});
    let status = json!({"phase": "Drifted", "summary": "…", "plan": plan, "approval": approval});
    let patch = json!({"status": status}).to_string();
    tenant.kubectl(
        &[
            "patch",
            "driftreport",
            "web",
            "--subresource=status",
            "--type=merge",
            "--patch",
            &patch,
        ],
        "",
    )?;
    install_definitions(&control_plane)?;
    // One that something else holds can still be let go: the name was asked for when it was made.
    tenant.kubectl(&["delete", "driftreport", "held", "--wait=false"], "")?;
    tenant.kubectl(
        &[
            "patch",
            "driftreport",
            "held",
            "--type=merge",
            "--patch",
            r#"{"metadata":{"finalizers":null}}"#,
        ],
        "",
    )?;
    tenant.wait_for("driftreport/held", "no report", Value::is_null)?;

    let folder = control_plane.folder().join("controller");
    fs::create_dir_all(&folder)?;
    let _controller = Controller::start(control_plane.admin(), &folder, &[])?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_for("driftreport/web", "no report", Value::is_null)?;
    let note = "the DriftReport web is removed: what it was about is told in deployment-web; the decision in it counts \
                no more: look at the new plan and decide about that";
    for kind in ["Deployment", "DriftReport"] {
        wait::until(&format!("an Event about the {kind}"), TOLD, || {
            let selector =
                format!("--field-selector=reason=ReportRenamed,involvedObject.name=web,involvedObject.kind={kind}");
            let get = [
                "get",
                "events",
                "-n",
                &tenant.namespace,
                &selector,
                "--output=jsonpath={.items[*].message}",
            ];
            let told = control_plane.kubectl(&get)?.success()?;
            Ok(if told == note {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(told)
            })
        })?;
    }
    tenant.set_image("web", BY_HAND)?;
    tenant.wait_for_plan("web", "")?;
    let report = tenant.get("driftreport/deployment-web")?;
    assert_eq!(report["status"]["approval"], Value::Null);
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": tenant.namespace, "name": "web"});
    assert_eq!(report["status"]["plan"]["steps"][0]["object"], object);
    Ok(())
}

#[test]
fn a_report_is_deleted_as_it_was_read_or_not_at_all() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "exactly")?;
    let connection = Connection {
        kubeconfig: Some(control_plane.admin().to_owned()),
        context: None,
    };
    Runtime::new()?.block_on(async {
        let cluster = Cluster::connect(&connection).await?;
        let create = || {
            tenant.kubectl(
                &["create", "-f", "-"],
                &report("deployment-web", &target("web")).to_string(),
            )
        };
        let read = async || {
            cluster
                .get_report(&tenant.namespace, "deployment-web")
                .await?
                .context("no report")
        };
        create()?;
        let first = read().await?;
        // Somebody writes it, such as an approval that comes while the controller removes it.
        tenant.kubectl(&["annotate", "driftreport", "deployment-web", "seen=yes"], "")?;
        let refused = cluster.delete_report(&first).await.expect_err("it was written since");
        assert_eq!(refused.category(), "Conflict", "{refused}");
        cluster.delete_report(&read().await?).await?;
        assert!(cluster.get_report(&tenant.namespace, "deployment-web").await?.is_none());
        // Gone is what it was to be.
        cluster.delete_report(&first).await?;
        create()?;
        let refused = cluster.delete_report(&first).await.expect_err("it is another one");
        assert_eq!(refused.category(), "Conflict", "{refused}");
        Ok(())
    })
}

#[test]
fn the_command_line_takes_the_name_as_kubectl_or_the_report_has_it_and_asks_where_two_are_meant() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "words")?;
    tenant.sync(
        "web.yaml",
        &format!("{}---\n{}", deployment("web"), deployment("deployment-api")),
    )?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 2)?;
    tenant.set_image("web", BY_HAND)?;
    tenant.set_image("deployment-api", BY_HAND)?;
    tenant.wait_for_report("web", "Drifted")?;
    tenant.wait_for_report("deployment-api", "Drifted")?;
    let first = |word: &str| -> Result<String> {
        let told = tenant.driftmend(&["report", word])?;
        assert_eq!(told.code, 1, "{word}: {}", told.stderr);
        // The first line tells that this controller has no Lease.
        Ok(told
            .stdout
            .lines()
            .skip(1)
            .flat_map(str::split_whitespace)
            .take(2)
            .collect::<Vec<_>>()
            .join(" "))
    };
    let named = |name: &str| format!("Deployment.apps {}/{name}", tenant.namespace);
    for word in [
        "web",
        "deploy/web",
        "deployment/web",
        "deployments.apps/web",
        "deployment-web",
        "driftreport/deployment-web",
    ] {
        assert_eq!(first(word)?, named("web"), "{word}");
    }
    for word in ["deployment-api", "deploy/deployment-api", "deployment-deployment-api"] {
        assert_eq!(first(word)?, named("deployment-api"), "{word}");
    }
    // A Deployment called as the report of another.
    tenant.sync("more.yaml", &deployment("deployment-web"))?;
    tenant.wait_for("driftwatch/all", "the third Deployment", |watch| {
        watch["status"]["counts"]["governed"] == 3
    })?;
    tenant.set_image("deployment-web", BY_HAND)?;
    tenant.wait_for_report("deployment-web", "Drifted")?;
    let ambiguous = tenant.driftmend(&["report", "deployment-web"])?;
    assert_eq!(ambiguous.code, 2);
    assert_eq!(
        ambiguous.stderr,
        "error: deployment-web may be the Deployment deployment-web or the report of the Deployment web\nhint: say \
         which: deploy/deployment-web or deploy/web\n"
    );
    assert_eq!(first("deploy/web")?, named("web"));
    assert_eq!(first("deploy/deployment-web")?, named("deployment-web"));
    let other = tenant.driftmend(&["report", "job/web"])?;
    assert_eq!(
        (other.code, other.stderr.as_str()),
        (
            2,
            "error: \"job/web\" names nothing that is governed\nhint: governed are Deployments and DaemonSets: \
             deploy/web or ds/web\n"
        )
    );
    Ok(())
}
