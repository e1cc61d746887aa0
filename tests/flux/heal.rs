//! The incident under Flux: told before Flux meets it, and ended by a plan.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::kustomize_controller::condition as of_flux;
use crate::harness::object::field_owners;
use crate::shop::{PERSON, Shop, deployment, exec, http_get};
use crate::watched::{Watched, condition, finding, kinds};

/// The predicted cause, as the server words it.
fn refusal() -> Value {
    json!([{
        "reason": "FieldValueForbidden",
        "field": "spec.template.spec.containers[0].livenessProbe.tcpSocket",
        "message": "Forbidden: may not specify more than 1 handler type",
    }])
}

/// Managers of the live Deployment's fields that are ours.
fn ours(deployment: &Value) -> Vec<&str> {
    let entries = deployment["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .filter_map(|entry| entry["manager"].as_str())
        .filter(|manager| manager.starts_with("driftmend"))
        .collect()
}

/// Waits until the coming refusal is told, while Flux still says that all is well.
fn told_before_flux_meets_it(watched: &Watched<'_>) -> Result<()> {
    watched.shop.switch_handler()?;
    let status = watched.wait_for_status("the coming refusal", |status| status["phase"] == "Conflicted")?;
    assert_eq!(status["prediction"]["causes"], refusal());
    assert_eq!(
        (&status["operation"]["class"], &status["operation"]["application"]),
        (&json!("Ready"), &Value::Null)
    );
    assert_eq!(
        status["operation"]["kustomization"],
        format!("{}/shop", watched.shop.namespace)
    );
    let when = status["prediction"]["when"].as_str().unwrap_or_default();
    assert!(
        when.starts_with("at ") && when.ends_with("Flux reconciles it 1h after the last time, or at a new commit"),
        "{when}"
    );
    assert_eq!(of_flux(&watched.shop.kustomization.read()?, "Ready")["status"], "True");
    Ok(())
}

/// Checks that nothing of the incident or of its heal is left, and that the next change of handler in Git goes through.
fn nothing_is_left(watched: &Watched<'_>) -> Result<()> {
    let shop = &watched.shop;
    assert_eq!(
        (&shop.probe()?["tcpSocket"], &shop.probe()?["httpGet"]["path"]),
        (&Value::Null, &json!("/healthz"))
    );
    assert_eq!(ours(&shop.deployment.read()?), Vec::<&str>::new());
    assert_eq!(of_flux(&shop.kustomization.read()?, "Ready")["status"], "True");
    let revision = shop.publish(&deployment(&exec()))?;
    shop.flux.wait_ready(&shop.kustomization, &revision)?;
    assert_eq!(shop.probe()?["exec"], exec()["exec"]);
    let live = shop.deployment.read()?;
    assert_eq!(
        (&shop.probe()?["httpGet"], ours(&live)),
        (&Value::Null, Vec::new()),
        "{:#}",
        live["metadata"]["managedFields"]
    );
    // Flux names the branch before the commit.
    watched.wait_for_watch("the new commit", |status| {
        status["revision"]
            .as_str()
            .is_some_and(|commit| !commit.is_empty() && revision.ends_with(commit))
    })?;
    watched.wait_for_status("quiet", |status| status["phase"] == "InSync")?;
    Ok(())
}

#[test]
fn the_incident_is_handed_back_after_flux_met_it() -> Result<()> {
    let watched = Watched::open(Shop::open("handed")?, &json!({}))?;
    told_before_flux_meets_it(&watched)?;
    let shop = &watched.shop;
    let refused = shop.flux.poke(&shop.kustomization)?;
    assert_eq!(of_flux(&refused, "Ready")["reason"], "ReconciliationFailed");
    let status = watched.wait_for_status("Flux's own refusal", |status| {
        status["operation"]["class"] == "FailedDryRun"
    })?;
    assert_eq!(finding(&status, "not-reconciled")["severity"], "error", "{status:#}");
    let generation = shop.deployment.read()?["metadata"]["generation"].as_i64();
    let healed = watched.heal(&["HandBack", "Reconcile"])?;
    assert_eq!(
        shop.deployment.read()?["metadata"]["generation"].as_i64(),
        generation.map(|before| before + 1),
        "one change by Flux alone"
    );
    // The end is written by who heals, the class by the controller.
    watched.wait_for_status("Flux's success", |status| status["operation"]["class"] == "Ready")?;
    let handled = shop.kustomization.read()?["status"]["lastHandledReconcileAt"].clone();
    assert_eq!(
        handled,
        format!(
            "driftmend-{}",
            healed["history"][0]["planHash"].as_str().unwrap_or_default()
        )
    );
    nothing_is_left(&watched)
}

#[test]
fn the_incident_is_restored_before_flux_meets_it() -> Result<()> {
    let watched = Watched::open(Shop::open("restored")?, &json!({"remedy": "Restore"}))?;
    told_before_flux_meets_it(&watched)?;
    watched.heal(&["Restore", "Transfer", "Reconcile"])?;
    nothing_is_left(&watched)
}

#[test]
fn a_suspended_kustomization_is_left_alone() -> Result<()> {
    let watched = Watched::open(Shop::open("suspended")?, &json!({}))?;
    let shop = &watched.shop;
    shop.kustomization
        .merge_patch("ada", &json!({"spec": {"suspend": true}}))?
        .success()?;
    shop.switch_handler()?;
    let held = |status: &Value| {
        let ready = condition(status, "PlanReady");
        ready["reason"] == "HeldBack"
            && ready["message"] == "the Kustomization is suspended, perhaps for a change by hand"
    };
    let status = watched.wait_for_status("no plan", |status| status["phase"] == "Conflicted" && held(status))?;
    assert_eq!(
        (&status["plan"], &status["operation"]["class"]),
        (&Value::Null, &json!("Suspended"))
    );
    let when = status["prediction"]["when"].as_str().unwrap_or_default();
    assert_eq!(
        when,
        "never as it is: the Kustomization is suspended, perhaps for a change by hand"
    );
    // Approved, and suspended before it is carried out: nothing is written.
    shop.kustomization
        .merge_patch("ada", &json!({"spec": {"suspend": false}}))?
        .success()?;
    // Flux tries at once, and is refused: the plan of before is another one.
    let status = watched.wait_for_status("a plan over Flux's refusal", |status| {
        status["operation"]["class"] == "FailedDryRun" && kinds(status) == ["HandBack", "Reconcile"]
    })?;
    let plan = status["plan"]["hash"].as_str().unwrap_or_default();
    watched.driftmend(&["approve", "web", "--plan", plan])?.success()?;
    shop.kustomization
        .merge_patch("ada", &json!({"spec": {"suspend": true}}))?
        .success()?;
    let before = shop.deployment.read()?;
    let refused = watched.driftmend(&["heal", "web", "--plan", plan, "--allow-http"])?;
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    assert_eq!(field_owners(&shop.deployment.read()?), field_owners(&before));
    assert_eq!(shop.probe()?["tcpSocket"]["port"], 8080);
    Ok(())
}

#[test]
fn a_deployment_that_was_deleted_comes_back_by_a_reconciliation() -> Result<()> {
    let watched = Watched::open(Shop::open("deleted")?, &json!({}))?;
    let shop = &watched.shop;
    shop.control_plane
        .kubectl(&[
            "delete",
            "deployment",
            "web",
            &format!("--namespace={}", shop.namespace),
        ])?
        .success()?;
    watched.wait_for_status("a missing Deployment", |status| status["phase"] == "Missing")?;
    watched.heal(&["Reconcile"])?;
    assert_eq!(shop.probe()?["httpGet"]["path"], "/healthz");
    Ok(())
}

#[test]
fn a_new_commit_is_pending_and_a_hand_change_is_drift() -> Result<()> {
    let watched = Watched::open(Shop::open("pending")?, &json!({}))?;
    let shop = &watched.shop;
    // There may be one of the moment in which the watch began.
    let status = watched.status()?;
    assert!(
        status.is_null() || status["phase"] == "InSync",
        "a report of nothing: {status:#}"
    );
    let mut next = deployment(&http_get());
    next["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/web:2");
    next["spec"]["minReadySeconds"] = json!(1);
    next["spec"]["template"]["spec"]["containers"][0]
        .as_object_mut()
        .expect("a container")
        .remove("ports");
    let commit = shop.commit(&[("web.yaml", &format!("{next:#}\n"))]);
    let counts = |status: &Value| {
        (
            status["counts"]["drifted"].as_i64(),
            status["counts"]["pending"].as_i64(),
        )
    };
    let status = watched.wait_for_status("a change that waits", |status| status["phase"] == "Pending")?;
    assert_eq!(counts(&status), (Some(0), Some(3)), "{:#}", status["fields"]);
    assert_eq!(kinds(&status), Vec::<&str>::new());
    // A removal leaves no trace in managedFields: only what Flux says that it applied tells it from a new field of Git.
    let patch = json!([{"op": "remove", "path": "/spec/template/spec/containers/0/livenessProbe"}]);
    shop.deployment.json_patch(PERSON, &patch)?.success()?;
    let status = watched.wait_for_status("a drift", |status| status["phase"] == "Drifted")?;
    assert_eq!(counts(&status), (Some(1), Some(3)), "{:#}", status["fields"]);
    let fields = status["fields"].as_array().into_iter().flatten();
    let drifted: Vec<&Value> = fields.filter(|field| field["severity"] == "drift").collect();
    assert_eq!(
        (&drifted[0]["path"], &drifted[0]["change"]),
        (
            &json!(".spec.template.spec.containers[name=\"web\"].livenessProbe"),
            &json!("Removed")
        )
    );
    let revision = shop.fetch(&commit)?;
    shop.flux.wait_ready(&shop.kustomization, &revision)?;
    watched.wait_for_status("quiet", |status| {
        status["phase"] == "InSync" && counts(status) == (Some(0), Some(0))
    })?;
    Ok(())
}
