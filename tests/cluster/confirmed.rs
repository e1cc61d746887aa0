//! A predicted refusal is held against the server by one dry run: in mode confirm, as the chart installs it.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::driftmend::Controller;
use crate::harness::{ControlPlane, wait};
use crate::installation::{self, Installation};
use crate::shop::{Shop, Sync, http_get, manifest, text};

/// How long something may take. It takes seconds; the rest is for a machine that does something else.
const PATIENCE: Duration = Duration::from_secs(150);

/// What a validating policy of the test says; the server's own validation speaks before it.
const FRIDAY: &str = "nobody syncs on a Friday";

/// How many dry runs of syncs a controller has asked for, by any verdict.
fn dry_runs(controller: &Controller) -> Result<f64> {
    let text = controller.metrics()?;
    let series = text
        .lines()
        .filter(|line| line.starts_with("driftmend_dry_runs_total{"));
    Ok(series
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum())
}

fn mismatches(controller: &Controller) -> Result<Option<f64>> {
    controller.metric("driftmend_prediction_mismatch_total{strategy=\"client-side-apply\"}")
}

/// Waits for a conflicted report of which this holds for `confirmedBy`.
fn wait_for_confirmation(shop: &Shop, by: &str) -> Result<Value> {
    wait_for_confirmation_of_another(shop, by, "")
}

/// The same where the report has a plan already: for a plan that is not `known`.
fn wait_for_confirmation_of_another(shop: &Shop, by: &str, known: &str) -> Result<Value> {
    shop.wait_for_status(&format!("a refusal that is confirmed by {by}"), |status| {
        let is_another = status["plan"]["hash"].as_str().is_some_and(|hash| hash != known);
        status["phase"] == "Conflicted" && status["prediction"]["confirmedBy"] == by && is_another
    })
}

/// The finding of a rule, null where there is none.
fn finding(status: &Value, rule: &str) -> Value {
    let findings = status["findings"].as_array().into_iter().flatten();
    findings
        .into_iter()
        .find(|finding| finding["rule"] == rule)
        .cloned()
        .unwrap_or_default()
}

fn in_namespace(namespace: &str) -> Value {
    json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}})
}

fn deployments() -> Value {
    let rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                      "resources": ["deployments"]});
    json!({"resourceRules": [rule]})
}

/// What holds for a write of the syncing tool, and for none of a person.
fn of_the_tool() -> Value {
    let tool = "has(request.options.fieldManager) && request.options.fieldManager == 'kubectl-client-side-apply'";
    json!([{"name": "the-tool", "expression": tool}])
}

/// A webhook that is asked about whatever the syncing tool writes in a namespace, at an address where nobody listens.
fn lose_the_webhook_of_syncs(control_plane: &ControlPlane, namespace: &str) -> Result<()> {
    let webhook = json!({
        "name": "lost.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
        "timeoutSeconds": 1,
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "namespaceSelector": in_namespace(namespace)["namespaceSelector"],
        "rules": deployments()["resourceRules"],
        "matchConditions": of_the_tool(),
    });
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "lost"},
        "webhooks": [webhook],
    });
    control_plane.apply(&configuration.to_string()).map(drop)
}

/// A policy that refuses whatever the syncing tool writes in a namespace.
fn refuse_syncs(control_plane: &ControlPlane, namespace: &str) -> Result<()> {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "friday"},
        "spec": {
            "matchConstraints": deployments(),
            "matchConditions": of_the_tool(),
            "validations": [{"expression": "false", "message": FRIDAY}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "friday"},
        "spec": {"policyName": "friday", "validationActions": ["Deny"], "matchResources": in_namespace(namespace)},
    });
    control_plane.apply(&policy.to_string())?;
    control_plane.apply(&binding.to_string()).map(drop)
}

/// A policy that mends a union in a namespace before the server validates it, so that it accepts what we say it
/// refuses.
fn mend_syncs(control_plane: &ControlPlane, namespace: &str) -> Result<()> {
    let probe = "object.spec.template.spec.containers[0].livenessProbe";
    let both = format!("has({probe}) && has({probe}.httpGet) && has({probe}.tcpSocket)");
    let removal = "[JSONPatch{op: \"remove\", path: \"/spec/template/spec/containers/0/livenessProbe/tcpSocket\"}]";
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "mend"},
        "spec": {
            "matchConstraints": deployments(),
            "matchConditions": [{"name": "both", "expression": both}],
            "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": removal}}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": "mend"},
        "spec": {"policyName": "mend", "matchResources": in_namespace(namespace)},
    });
    control_plane.apply(&policy.to_string())?;
    control_plane.apply(&binding.to_string()).map(drop)
}

/// A policy holds a moment after it was stored.
fn wait_until(what: &str, shop: &Shop, manifest: &Value, holds: impl Fn(i32, &str) -> bool) -> Result<()> {
    wait::until(what, PATIENCE, || {
        let output = shop.try_sync(manifest)?;
        let told = format!("{}{}", output.stdout, output.stderr);
        Ok(if holds(output.code, &told) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(told)
        })
    })
}

#[test]
fn a_refusal_is_confirmed_by_one_dry_run_and_a_contradiction_is_told_and_counted() -> Result<()> {
    let installation = Installation::prepare(&["client-side", "server-side", "friday", "lost", "mended"])?;
    let control_plane = &installation.control_plane;
    // It is killed in between, and its successor would wait for its Lease.
    let mut controller = installation.start_controller(&installation.install("confirm", &[])?.without_lease())?;

    let client_side = Shop::open_watched(control_plane, "client-side", Sync::ClientSide)?;
    client_side.switch_handler("livenessProbe", 8080)?;
    let status = wait_for_confirmation(&client_side, "DryRun")?;
    assert_eq!(
        (&status["prediction"]["dryRun"]["answer"], dry_runs(&controller)?),
        (&json!("Same"), 1.0)
    );
    let told = client_side.driftmend(&["report", "web"])?.stdout;
    assert!(
        told.contains("will be refused by the API server (confirmed by a dry run)\n"),
        "{told}"
    );

    let server_side = Shop::open_watched(control_plane, "server-side", Sync::ServerSide)?;
    server_side.switch_handler("livenessProbe", 8080)?;
    wait_for_confirmation(&server_side, "DryRun")?;
    assert_eq!(dry_runs(&controller)?, 2.0);

    nothing_is_asked_twice(&client_side, &mut controller)?;
    let before = dry_runs(&controller)?;
    let known = text(&client_side.report()?.unwrap_or_default()["status"]["plan"]["hash"]);
    client_side.switch_handler("livenessProbe", 8081)?;
    wait::until("a dry run of another question", PATIENCE, || {
        let now = dry_runs(&controller)?;
        Ok(if now > before {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(format!("{now} dry runs"))
        })
    })?;
    wait_for_confirmation_of_another(&client_side, "DryRun", &known)?;
    assert_eq!(mismatches(&controller)?, Some(0.0));
    installation::assert_no_right_was_missing(&controller);

    validation_speaks_before_a_policy(control_plane)?;
    where_a_webhook_does_not_answer_it_is_told_unconfirmed(control_plane)?;
    assert_eq!(mismatches(&controller)?, Some(0.0));
    a_contradiction_is_told(control_plane, &controller)?;
    without_the_right_it_is_told_unconfirmed(&client_side)
}

/// Whoever takes the right away gets reports all the same.
fn without_the_right_it_is_told_unconfirmed(shop: &Shop) -> Result<()> {
    shop.control_plane
        .kubectl(&["delete", "clusterrolebinding", "driftmend-confirm"])?
        .success()?;
    wait::until("the right to be gone", PATIENCE, || {
        let user = "--as=system:serviceaccount:driftmend:driftmend";
        let output = shop.kubectl(&["auth", "can-i", "patch", "deployments.apps", user])?;
        Ok(if output.code == 0 {
            ControlFlow::Continue(output.stdout)
        } else {
            ControlFlow::Break(())
        })
    })?;
    let known = text(&shop.report()?.unwrap_or_default()["status"]["plan"]["hash"]);
    shop.switch_handler("livenessProbe", 8082)?;
    let status = wait_for_confirmation_of_another(shop, "Local", &known)?;
    let told = finding(&status, "prediction-not-confirmed");
    let start = "not confirmed: failed to patch deployments.apps client-side/web: ";
    assert!(
        told["severity"] == "info" && text(&told["message"]).starts_with(start),
        "{status:#}"
    );
    Ok(())
}

/// Neither another look at the same objects nor another process asks the same again.
fn nothing_is_asked_twice(shop: &Shop, controller: &mut Controller) -> Result<()> {
    // When this watch's one Deployment was last assessed, in whole seconds: so it is looked at until the next one.
    let series = format!(
        "driftmend_last_successful_assessment_timestamp_seconds{{namespace=\"{}\",watch=\"shop\"}}",
        shop.namespace
    );
    let (asked, looked) = (dry_runs(controller)?, controller.metric(&series)?);
    let mut tries = 0;
    wait::patiently("another look", PATIENCE, || {
        tries += 1;
        shop.kubectl(&[
            "annotate",
            "--overwrite",
            "driftreport",
            "deployment-web",
            &format!("looked={tries}-times"),
        ])?
        .success()?;
        let now = controller.metric(&series)?;
        Ok(if now > looked {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(format!("{now:?}"))
        })
    })?;
    assert_eq!(dry_runs(controller)?, asked);

    controller.kill_and_restart()?;
    wait::until("a look of another process at both", PATIENCE, || {
        let now = controller.metric("driftmend_watch_conflicted{namespace=\"client-side\",watch=\"shop\"}")?;
        let other = controller.metric("driftmend_watch_conflicted{namespace=\"server-side\",watch=\"shop\"}")?;
        let both = (now, other) == (Some(1.0), Some(1.0));
        Ok(if both {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(format!("{now:?}, {other:?}"))
        })
    })?;
    let status = wait_for_confirmation(shop, "DryRun")?;
    assert_eq!(
        (dry_runs(controller)?, &status["prediction"]["verdict"]),
        (0.0, &json!("Refused"))
    );
    Ok(())
}

/// A validating policy that would refuse the sync for a reason of its own does not come to speak.
fn validation_speaks_before_a_policy(control_plane: &ControlPlane) -> Result<()> {
    let shop = Shop::open_watched(control_plane, "friday", Sync::ClientSide)?;
    refuse_syncs(control_plane, &shop.namespace)?;
    let other = manifest(&json!({"livenessProbe": http_get(), "imagePullPolicy": "Always"}));
    wait_until("a policy that refuses syncs", &shop, &other, |code, told| {
        code != 0 && told.contains(FRIDAY)
    })?;
    shop.switch_handler("livenessProbe", 8080)?;
    wait_for_confirmation(&shop, "DryRun").map(drop)
}

/// What admission says is not known then. (That a webhook has side effects and cannot be asked at all is tried in
/// `engine::confirm` alone: no API server of today stores such a webhook.)
fn where_a_webhook_does_not_answer_it_is_told_unconfirmed(control_plane: &ControlPlane) -> Result<()> {
    let shop = Shop::open_watched(control_plane, "lost", Sync::ClientSide)?;
    lose_the_webhook_of_syncs(control_plane, &shop.namespace)?;
    let failure = "failed calling webhook \"lost.example.com\"";
    let other = manifest(&json!({"livenessProbe": http_get(), "imagePullPolicy": "Always"}));
    wait_until("a webhook that is asked", &shop, &other, |code, told| {
        code != 0 && told.contains(failure)
    })?;
    shop.switch_handler("livenessProbe", 8080)?;
    let status = wait_for_confirmation(&shop, "Local")?;
    let told = finding(&status, "prediction-not-confirmed");
    assert!(
        told["severity"] == "info" && text(&told["message"]).contains(failure),
        "{status:#}"
    );
    assert_eq!(status["prediction"]["verdict"], "Refused");
    Ok(())
}

/// The server accepts, after a policy has changed it, what we say it refuses.
fn a_contradiction_is_told(control_plane: &ControlPlane, controller: &Controller) -> Result<()> {
    let shop = Shop::open_watched(control_plane, "mended", Sync::ClientSide)?;
    mend_syncs(control_plane, &shop.namespace)?;
    let both = manifest(
        &json!({"livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "tcpSocket": {"port": 8080}}}),
    );
    wait_until("a policy that mends", &shop, &both, |code, _| code == 0)?;
    shop.switch_handler("livenessProbe", 8080)?;
    let status = shop.wait_for_status("the contradiction", |status| {
        !finding(status, "prediction-mismatch").is_null()
    })?;
    let cause =
        "spec.template.spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type";
    let message = format!(
        "the server contradicts the prediction in a dry run; we say: Deployment.apps \"web\" is invalid: {cause}; \
         the server says: it accepts the sync"
    );
    let told = finding(&status, "prediction-mismatch");
    assert_eq!((&told["severity"], text(&told["message"])), (&json!("error"), message));
    let prediction = &status["prediction"];
    assert_eq!(
        (&prediction["verdict"], &prediction["confirmedBy"]),
        (&json!("Refused"), &json!("Local"))
    );
    assert_eq!(mismatches(controller)?, Some(1.0));
    let log = controller.log();
    let loud = log
        .lines()
        .find(|line| line.contains("a dry run contradicts the prediction"))
        .unwrap_or_default();
    assert!(
        loud.contains("ERROR") && loud.contains(cause) && loud.contains("it accepts the sync"),
        "{log}"
    );
    Ok(())
}
