//! The governed kinds beside each other: what holds of a Deployment holds of a DaemonSet, and two objects of one name
//! are two.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::{ControlPlane, shared, shared_controller, wait};
use crate::installation;
use crate::modes::wait_until_refused;
use crate::shop::{Shop, Sync, condition, exec, http_get, owners, probe, text};
use crate::tenant::{Tenant, deployment};

/// An image that no manifest here names.
const BY_HAND: &str = "registry.example/web:by-hand";

/// The incident's manifest as a DaemonSet.
fn manifest(probes: &Value) -> Value {
    let mut manifest = crate::shop::manifest(probes);
    manifest["kind"] = "DaemonSet".into();
    if let Some(spec) = manifest["spec"].as_object_mut() {
        spec.remove("replicas");
    }
    manifest
}

/// A DaemonSet as text, with this name.
fn daemon_set(name: &str) -> String {
    let mut manifest = manifest(&json!({}));
    manifest["metadata"]["name"] = name.into();
    format!("{manifest:#}\n")
}

/// A node without a kubelet, for which the daemon set controller makes Pods: else each roll-out is complete at once.
fn node(control_plane: &ControlPlane) -> Result<()> {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "farm"}});
    control_plane
        .tool("kubectl")?
        .input(node.to_string())
        .run(&["apply", "-f", "-"])?
        .success()
        .map(drop)
}

/// Opens a watched shop with the incident's DaemonSet, and has a person switch its handler.
fn incident<'a>(control_plane: &'a ControlPlane, namespace: &str, sync: Sync) -> Result<(Shop<'a>, String)> {
    node(control_plane)?;
    let shop = Shop::open(
        control_plane,
        namespace,
        sync,
        &manifest(&json!({"livenessProbe": http_get()})),
    )?;
    shop.watch(&json!({}))?;
    shop.switch_handler("livenessProbe", 8080)?;
    let status = shop.wait_for_status("the predicted refusal", |status| {
        status["phase"] == "Conflicted" && !status["plan"].is_null()
    })?;
    let refused = shop.sync(&manifest(&json!({"livenessProbe": http_get()})))?;
    let predicted = &status["prediction"];
    assert_eq!(predicted["verdict"], "Refused", "{predicted}");
    if sync == Sync::ClientSide {
        let told = format!(
            "The DaemonSet \"web\" is invalid: {}: {}",
            text(&predicted["causes"][0]["field"]),
            text(&predicted["causes"][0]["message"])
        );
        assert_eq!((refused.code, refused.stderr.trim()), (1, told.as_str()));
    }
    Ok((shop, text(&status["plan"]["hash"])))
}

/// After the heal the next handler is taken by the tool's own sync, and nothing of ours is left.
fn assert_no_trap_is_left(shop: &Shop) -> Result<()> {
    let live = shop.live()?;
    assert_eq!(probe(&live, "livenessProbe")["tcpSocket"], Value::Null);
    let next = manifest(&json!({"livenessProbe": exec()}));
    shop.commit(&next);
    shop.sync(&next)?.success()?;
    let live = shop.live()?;
    let probe = probe(&live, "livenessProbe");
    assert_eq!((&probe["exec"], &probe["httpGet"]), (&exec()["exec"], &Value::Null));
    let ours: Vec<String> = owners(&live)
        .into_iter()
        .filter(|owner| owner.starts_with("driftmend-heal"))
        .collect();
    assert_eq!(ours, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_daemon_set_is_watched_predicted_healed_and_verified_as_a_deployment_is() -> Result<()> {
    let shared = installation::shared()?;
    let control_plane = &shared.installation.control_plane;
    let (shop, plan) = incident(control_plane, "daemons-by-client", Sync::ClientSide)?;
    let row = shop.kubectl(&["get", "driftreports", "--no-headers"])?.success()?;
    let row: Vec<&str> = row.split_whitespace().take(3).collect();
    assert_eq!(row, ["daemonset-web", "DaemonSet", "Conflicted"]);
    let told = shop.driftmend(&["report", "web"])?;
    assert!(
        told.stdout.contains("DaemonSet.apps daemons-by-client/web"),
        "{}",
        told.stdout
    );

    // The right on a Deployment of the same name says nothing of the DaemonSet.
    let dora = control_plane.user("dora", &[])?;
    let role = |name: &str, verbs: &str, resource: &str| -> Result<()> {
        let (verbs, resource) = (format!("--verb={verbs}"), format!("--resource={resource}"));
        shop.kubectl(&["create", "role", name, &verbs, &resource])?.success()?;
        let binding = ["create", "rolebinding", name, &format!("--role={name}"), "--user=dora"];
        shop.kubectl(&binding)?.success().map(drop)
    };
    role(
        "reports",
        "get,list,patch,update",
        "driftreports.driftmend.dev,driftreports.driftmend.dev/status,driftwatches.driftmend.dev",
    )?;
    role("deployments", "patch", "deployments.apps")?;
    let message =
        "approving and denying need the right to patch the DaemonSet \"web\" in namespace \"daemons-by-client\"";
    let approve = ["approve", "ds/web", "--plan", plan.as_str()];
    wait_until_refused("a refusal of who may patch Deployments only", message, || {
        shop.driftmend_as(&dora, &approve)
    })?;
    role("daemonsets", "patch", "daemonsets.apps")?;
    wait::patiently("the new right to count", Duration::from_secs(60), || {
        let answer = shop.driftmend_as(&dora, &approve)?;
        Ok(match answer.code {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(answer.stderr),
        })
    })?;
    let status = shop.wait_for_heal(&plan)?;
    assert_eq!(
        (&status["phase"], &status["history"][0]["by"]),
        (&json!("InSync"), &json!("dora"))
    );
    assert!(
        text(&status["history"][0]["message"]).contains("the roll-out is complete"),
        "{status:#}"
    );
    assert_eq!(condition(&status, "Approved")["reason"], "CarriedOut");
    shop.wait_for_event("DaemonSet", "Healed")?;
    assert_no_trap_is_left(&shop)?;
    installation::assert_no_right_was_missing(&shared.controller);
    Ok(())
}

#[test]
fn a_daemon_set_that_is_applied_server_side_is_healed_without_a_trap() -> Result<()> {
    let shared = installation::shared()?;
    let (shop, plan) = incident(
        &shared.installation.control_plane,
        "daemons-by-server",
        Sync::ServerSide,
    )?;
    shop.approve(&plan)?;
    let status = shop.wait_for_heal(&plan)?;
    assert_eq!(status["history"][0]["result"], "Healed", "{status:#}");
    assert_no_trap_is_left(&shop)
}

#[test]
fn two_kinds_of_one_name_are_two_objects() -> Result<()> {
    let controller = shared_controller();
    let tenant = Tenant::open(shared(), "kinds")?;
    tenant.sync("web.yaml", &format!("{}---\n{}", deployment("web"), daemon_set("web")))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 2)?;
    for resource in ["deployment/web", "daemonset/web"] {
        tenant.kubectl(&["set", "image", resource, &format!("web={BY_HAND}")], "")?;
        tenant.wait_for(
            &format!("driftreport/{}", resource.replace('/', "-")),
            "the drift",
            |report| report["status"]["phase"] == "Drifted",
        )?;
    }
    let asked = tenant.driftmend(&["report", "web"])?;
    assert_eq!(
        (asked.code, asked.stderr.as_str()),
        (
            2,
            "error: web may be the Deployment web or the DaemonSet web\nhint: say which: deploy/web or ds/web\n"
        )
    );
    for (word, kind) in [
        ("deploy/web", "Deployment"),
        ("daemonset/web", "DaemonSet"),
        ("daemonset-web", "DaemonSet"),
    ] {
        let told = tenant.driftmend(&["report", word])?;
        let named = format!("{kind}.apps {}/web", tenant.namespace);
        assert!(
            told.code == 1 && told.stdout.contains(&named),
            "{word}: {}",
            told.stdout
        );
    }
    let metrics = controller.metrics()?;
    for kind in ["DaemonSet", "Deployment"] {
        let series = format!(
            "driftmend_drifted_fields{{kind=\"{kind}\",name=\"web\",namespace=\"{}\",severity=\"drift\"}} 1",
            tenant.namespace
        );
        assert!(metrics.contains(&series), "no {series}");
    }
    // One that comes back says nothing of the other.
    tenant.sync("web.yaml", &format!("{}---\n{}", deployment("web"), daemon_set("web")))?;
    tenant.kubectl(&["set", "image", "daemonset/web", &format!("web={BY_HAND}")], "")?;
    tenant.wait_for("driftreport/deployment-web", "the end of the drift", |report| {
        report["status"]["phase"] == "InSync"
    })?;
    tenant.wait_for("driftreport/daemonset-web", "the drift that is left", |report| {
        report["status"]["phase"] == "Drifted"
    })?;
    Ok(())
}

#[test]
fn a_watch_governs_the_kinds_that_it_names_and_says_what_it_leaves() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "named-kinds")?;
    tenant.sync(
        "web.yaml",
        &format!("{}---\n{}", deployment("web"), daemon_set("agent")),
    )?;
    for (kinds, told) in [
        (json!([]), "should have at least 1 items"),
        (json!(["Job"]), "supported values: \"Deployment\", \"DaemonSet\""),
        (json!(["Deployment", "Deployment"]), "Duplicate value"),
    ] {
        let refused = tenant.watch("all", &tenant.source(""), &json!({"kinds": kinds}));
        let refused = refused.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(refused.contains(told), "{kinds}: {refused}");
    }
    tenant.watch("all", &tenant.source(""), &json!({"kinds": ["DaemonSet"]}))?;
    let watch = tenant.wait_until_assessed("all", 1)?;
    assert_eq!(
        watch["status"]["notGoverned"],
        json!(["1 Deployment outside spec.kinds"])
    );
    let name = |kinds: Value| {
        let patch = json!({"spec": {"kinds": kinds}}).to_string();
        tenant.kubectl(&["patch", "driftwatch", "all", "--type=merge", "--patch", &patch], "")
    };
    name(json!(["DaemonSet", "Deployment"]))?;
    tenant.wait_until_assessed("all", 2)?;
    // What is drifting is let go at once.
    tenant.kubectl(&["set", "image", "deployment/web", &format!("web={BY_HAND}")], "")?;
    tenant.wait_for_report("web", "Drifted")?;
    name(json!(["DaemonSet"]))?;
    tenant.wait_until_assessed("all", 1)?;
    tenant.wait_for("driftreport/deployment-web", "its end", Value::is_null)?;
    tenant.sync("web.yaml", &deployment("web"))?;
    let watch = tenant.wait_for("driftwatch/all", "a kind that is named in vain", |watch| {
        watch["status"]["warnings"][0]["message"] == "spec.kinds names DaemonSet, and the source holds none"
    })?;
    let ready = crate::tenant::condition(&watch, "Ready");
    assert_eq!(ready["reason"], "GovernsNothing", "{ready}");
    Ok(())
}
