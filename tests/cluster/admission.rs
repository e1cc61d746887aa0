//! What admission makes of a write is nobody's drift, and no plan of ours fights it.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::driftmend::Controller;
use crate::harness::shared_controller::install_definitions;
use crate::harness::webhook::{DIGEST, Webhook};
use crate::harness::{ControlPlane, Options, shared, shared_controller};
use crate::tenant::{Tenant, condition, deployment};

/// A policy that adds an annotation, a variable and a mirror's name to whatever is written in a namespace.
fn mirror_images(control_plane: &ControlPlane, namespace: &str) -> Result<()> {
    let container = "Object.spec.template.spec.containers{name: c.name, \
                     image: c.image.startsWith(\"mirror/\") ? c.image : \"mirror/\" + c.image, \
                     env: [Object.spec.template.spec.containers.env{name: \"ADDED\", value: \"1\"}]}";
    let expression = format!(
        "Object{{spec: Object.spec{{template: Object.spec.template{{\
         metadata: Object.spec.template.metadata{{annotations: {{\"mirror.example/by\": \"admission\"}}}}, \
         spec: Object.spec.template.spec{{containers: object.spec.template.spec.containers.map(c, {container})}}}}}}}}"
    );
    let rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                      "resources": ["deployments"]});
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]}, "failurePolicy": "Fail", "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace,
                 "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}},
    });
    control_plane.apply(&policy.to_string())?;
    control_plane.apply(&binding.to_string()).map(drop)
}

fn image(tenant: &Tenant<'_>) -> Result<String> {
    let live = tenant.get("deployment/web")?;
    Ok(live["spec"]["template"]["spec"]["containers"][0]["image"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// Applies the file that stands in Git until admission does to it what it is to do: a policy holds a moment after it
/// was stored.
fn apply_until(tenant: &Tenant<'_>, arguments: &[&str], wanted: &str) -> Result<()> {
    for _ in 0..60 {
        tenant.kubectl(&["delete", "deployment", "web", "--ignore-not-found"], "")?;
        tenant.kubectl(&[&["apply", "-f", "-"], arguments].concat(), &deployment("web"))?;
        if image(tenant)? == wanted {
            return Ok(());
        }
        sleep(Duration::from_millis(500));
    }
    anyhow::bail!("admission left the image as it is")
}

/// The fields that a report or `diff` tells of the Deployment, as severity and side.
fn told(tenant: &Tenant<'_>, arguments: &[&str]) -> Result<(i32, Vec<(String, String)>)> {
    let get = [
        "get",
        "deployment/web",
        "-n",
        &tenant.namespace,
        "--show-managed-fields",
        "-o",
        "json",
    ];
    let live = tenant.control_plane.kubectl(&get)?.success()?;
    let folder = tenant.control_plane.folder().join(format!("diff-{}", tenant.namespace));
    fs::create_dir_all(&folder)?;
    let (git, cluster) = (folder.join("git.yaml"), folder.join("live.json"));
    fs::write(&git, deployment("web"))?;
    fs::write(&cluster, live)?;
    let files = [
        git.to_string_lossy().into_owned(),
        cluster.to_string_lossy().into_owned(),
    ];
    let arguments: Vec<&str> = ["diff", &files[0], &files[1], "-o", "json"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    let output = tenant.driftmend(&arguments)?;
    let told: Value = serde_json::from_str(&output.stdout)?;
    let fields = told["objects"][0]["fields"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|field| field["severity"] != "ignored");
    Ok((
        output.code,
        fields
            .map(|field| (field["severity"].to_string(), field["path"].to_string()))
            .collect(),
    ))
}

#[test]
fn what_a_policy_makes_of_the_tools_own_write_is_info_under_both_ways_of_applying() -> Result<()> {
    shared_controller();
    for (prefix, apply, more) in [
        ("mirrored", &[][..], json!({})),
        (
            "mirrored-ssa",
            &["--server-side"][..],
            json!({"strategy": "ServerSideApply"}),
        ),
    ] {
        let tenant = Tenant::open(shared(), prefix)?;
        mirror_images(tenant.control_plane, &tenant.namespace)?;
        tenant.repository.commit(&[("web.yaml", &deployment("web"))], "Add web");
        tenant.watch("all", &tenant.source(""), &more)?;
        // Git is seen first, as where a pipeline syncs what was merged.
        tenant.wait_for("driftwatch/all", "one governed", |watch| {
            watch["status"]["counts"]["governed"] == 1
        })?;
        apply_until(&tenant, apply, "mirror/registry.example/web:1.0")?;
        tenant.wait_until_assessed("all", 1)?;
        sleep(Duration::from_secs(3));
        tenant.wait_until_assessed("all", 1)?;
        // A person's change is theirs all the same, and so is what admission made of it.
        tenant.set_image("web", "mirror/registry.example/web:hotfix")?;
        let report = tenant.wait_for_report("web", "Drifted")?;
        assert_eq!(report["status"]["counts"]["drifted"], 1, "{prefix}: {report}");
    }
    Ok(())
}

#[test]
fn a_webhook_that_undoes_a_plan_is_named_and_the_plan_is_not_offered() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let tenant = Tenant::open(&control_plane, "pinned")?;
    let webhook = Webhook::start(control_plane.folder())?;
    control_plane.apply(&webhook.configuration("pin", &tenant.namespace))?;
    apply_until(&tenant, &[], &format!("registry.example/web:1.0@{DIGEST}"))?;
    let (code, fields) = told(
        &tenant,
        &[
            "--strategy",
            "client-side-apply",
            "--manager",
            "kubectl-client-side-apply",
        ],
    )?;
    ensure!(
        code == 0 && fields.iter().all(|(severity, _)| severity == "\"info\""),
        "{code} {fields:?}"
    );

    tenant.repository.commit(&[("web.yaml", &deployment("web"))], "Add web");
    let folder = control_plane.folder().join("controller");
    fs::create_dir_all(&folder)?;
    let _controller = Controller::start(control_plane.admin(), &folder, &["--mode", "confirm"])?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 1)?;
    let by_hand = format!("registry.example/web:by-hand@{DIGEST}");
    tenant.set_image("web", &by_hand)?;
    let undone = |report: &Value| condition(report, "PlanReady")["reason"] == "UndoneByAdmission";
    let report = tenant.wait_for("driftreport/deployment-web", "no plan against admission", undone)?;
    assert_eq!(
        (&report["status"]["phase"], &report["status"]["plan"]),
        (&json!("Drifted"), &Value::Null)
    );
    let message = condition(&report, "PlanReady")["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    ensure!(
        message.contains("it may be MutatingWebhookConfiguration pin"),
        "{message}"
    );
    assert_eq!(image(&tenant)?, by_hand);
    ensure!(webhook.asked() > 0, "nobody asked the webhook");
    Ok(())
}
