//! The incident: Git's probe is `httpGet`, somebody switches the live one to `tcpSocket`, and the next sync is refused.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::installation;
use crate::shop::{Shop, Sync, condition, exec, http_get, manifest, owners, probe, text};

/// What kubectl prints of the refusal that a report predicts (`statusCausesToAggrError` in kubectl's
/// `pkg/cmd/util/helpers.go`).
pub fn refusal_as_kubectl_prints_it(prediction: &Value) -> String {
    let causes: Vec<String> = prediction["causes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|cause| format!("{}: {}", text(&cause["field"]), text(&cause["message"])))
        .collect();
    let told = match causes.as_slice() {
        [one] => one.clone(),
        several => several.iter().map(|cause| format!("\n* {cause}")).collect(),
    };
    format!("The Deployment \"web\" is invalid: {told}")
}

/// Both places that a person looks at tell the same story.
fn assert_events_tell_the_heal(shop: &Shop) -> Result<()> {
    for kind in ["Deployment", "DriftReport"] {
        shop.wait_for_event(kind, "Healed")?;
        let name = if kind == "DriftReport" { "deployment-web" } else { "web" };
        let told = shop.kubectl(&["describe", &kind.to_lowercase(), name])?.success()?;
        for reason in ["NextSyncRefused", "PlanReady", "PlanApproved", "Healed"] {
            assert!(
                told.contains(reason),
                "`kubectl describe` of the {kind} does not show {reason}:\n{told}"
            );
        }
    }
    Ok(())
}

#[test]
fn under_client_side_apply_the_refusal_is_predicted_word_for_word_and_the_heal_clears_it() -> Result<()> {
    let shared = installation::shared()?;
    let shop = Shop::open_watched(&shared.installation.control_plane, "client-side", Sync::ClientSide)?;
    let git = manifest(&json!({"livenessProbe": http_get()}));
    shop.switch_handler("livenessProbe", 8080)?;

    let status = shop.wait_for_status("the predicted refusal", |status| {
        status["phase"] == "Conflicted" && !status["plan"].is_null()
    })?;
    let prediction = &status["prediction"];
    assert_eq!(
        (&prediction["verdict"], &prediction["confirmedBy"]),
        (&json!("Refused"), &json!("DryRun"))
    );
    assert_eq!(
        prediction["causes"],
        json!([{
            "reason": "FieldValueForbidden",
            "field": "spec.template.spec.containers[0].livenessProbe.tcpSocket",
            "message": "Forbidden: may not specify more than 1 handler type",
        }])
    );
    let refused = shop.sync(&git)?;
    assert_eq!(
        (refused.code, refused.stderr.trim()),
        (1, refusal_as_kubectl_prints_it(prediction).as_str())
    );

    let columns = shop.kubectl(&["get", "driftreports"])?.success()?;
    let lines: Vec<&str> = columns.lines().collect();
    let head: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(
        head,
        [
            "NAME",
            "KIND",
            "PHASE",
            "DRIFTED",
            "CONFLICTS",
            "HEAL",
            "SUMMARY",
            "AGE"
        ]
    );
    let row = format!(
        "{} {} 1 AwaitingApproval",
        status["phase"].as_str().unwrap_or_default(),
        status["counts"]["drifted"]
    );
    assert_eq!(
        lines[1]
            .split_whitespace()
            .skip(2)
            .take(4)
            .collect::<Vec<_>>()
            .join(" "),
        row
    );
    assert!(lines[1].contains(&text(&status["summary"])), "{columns}");

    let before = shop.live()?["metadata"]["generation"].as_i64();
    let plan = text(&status["plan"]["hash"]);
    shop.approve(&plan)?;
    let status = shop.wait_for_heal(&plan)?;
    assert_eq!(
        (&status["phase"], &status["history"][0]["result"]),
        (&json!("InSync"), &json!("Healed"))
    );
    assert_eq!(condition(&status, "Approved")["reason"], "CarriedOut");
    let live = shop.live()?;
    assert_eq!(
        live["metadata"]["generation"].as_i64(),
        before.map(|generation| generation + 1)
    );
    assert_eq!(probe(&live, "livenessProbe")["tcpSocket"], Value::Null);
    assert_events_tell_the_heal(&shop)?;

    assert_eq!(shop.sync(&git)?.success()?, "deployment.apps/web unchanged\n");
    let next = manifest(&json!({"livenessProbe": exec()}));
    shop.commit(&next);
    assert_eq!(shop.sync(&next)?.success()?, "deployment.apps/web configured\n");
    let probe = probe(&shop.live()?, "livenessProbe");
    assert_eq!((&probe["exec"], &probe["httpGet"]), (&exec()["exec"], &Value::Null));
    installation::assert_no_right_was_missing(&shared.controller);
    Ok(())
}

#[test]
fn where_last_applied_was_lost_the_heal_names_what_it_restored_and_kubectl_owns_it() -> Result<()> {
    let shared = installation::shared()?;
    let shop = Shop::open_watched(&shared.installation.control_plane, "last-applied", Sync::ClientSide)?;
    let git = manifest(&json!({"livenessProbe": http_get()}));
    shop.kubectl(&[
        "annotate",
        "deployment",
        "web",
        "kubectl.kubernetes.io/last-applied-configuration-",
    ])?
    .success()?;
    shop.switch_handler("livenessProbe", 8080)?;
    let status = shop.wait_for_status("the predicted refusal", |status| {
        status["phase"] == "Conflicted" && !status["plan"].is_null()
    })?;
    let kinds: Vec<&Value> = status["plan"]["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| &step["kind"])
        .collect();
    assert_eq!(kinds, ["Restore", "Transfer"]);
    let plan = text(&status["plan"]["hash"]);
    shop.approve(&plan)?;
    shop.wait_for_heal(&plan)?;
    let live = shop.live()?;
    let annotation = text(&live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]);
    let named: Value = serde_json::from_str(&annotation)?;
    let probed = json!([{"name": "web", "livenessProbe": http_get()}]);
    assert_eq!(
        named["spec"],
        json!({"template": {"spec": {"containers": probed}}}),
        "the healed handler and nothing else"
    );
    let heal: Vec<String> = owners(&live)
        .into_iter()
        .filter(|owner| owner.starts_with("driftmend-heal"))
        .collect();
    assert_eq!(heal, Vec::<String>::new(), "{:?}", owners(&live));

    // The next handler, and the one back; then kubectl applies server-side, and Git drops a field.
    let next = manifest(&json!({"livenessProbe": exec()}));
    for (git, kept, gone) in [(&next, "exec", "httpGet"), (&git, "httpGet", "exec")] {
        shop.commit(git);
        shop.sync(git)?.success()?;
        let probe = probe(&shop.live()?, "livenessProbe");
        assert!(probe[kept].is_object() && probe[gone].is_null(), "{probe:#}");
    }
    let mut dropped = git.clone();
    dropped["spec"]["template"]["spec"]["containers"][0]
        .as_object_mut()
        .map(|container| container.remove("ports"));
    for git in [&git, &dropped] {
        shop.commit(git);
        let arguments = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "-n",
            &shop.namespace,
            "-f",
            "-",
        ];
        shop.control_plane
            .tool("kubectl")?
            .input(git.to_string())
            .run(&arguments)?
            .success()?;
    }
    assert_eq!(shop.live()?.pointer("/spec/template/spec/containers/0/ports"), None);
    installation::assert_no_right_was_missing(&shared.controller);
    Ok(())
}

#[test]
fn under_server_side_apply_the_tool_owns_the_restored_probe_and_its_next_change_is_accepted() -> Result<()> {
    let shared = installation::shared()?;
    let shop = Shop::open_watched(&shared.installation.control_plane, "server-side", Sync::ServerSide)?;
    let git = manifest(&json!({"livenessProbe": http_get()}));
    shop.switch_handler("livenessProbe", 8080)?;
    let status = shop.wait_for_status("the predicted refusal", |status| {
        status["phase"] == "Conflicted" && !status["plan"].is_null()
    })?;
    assert_eq!(status["prediction"]["confirmedBy"], "DryRun");
    let refused = shop.sync(&git)?;
    assert_eq!(
        (refused.code, refused.stderr.trim()),
        (1, refusal_as_kubectl_prints_it(&status["prediction"]).as_str())
    );
    let kinds: Vec<&Value> = status["plan"]["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| &step["kind"])
        .collect();
    assert_eq!(kinds, ["Restore", "Transfer"]);

    let before = shop.live()?["metadata"]["generation"].as_i64();
    let plan = text(&status["plan"]["hash"]);
    shop.approve(&plan)?;
    shop.wait_for_heal(&plan)?;
    let live = shop.live()?;
    assert_eq!(
        live["metadata"]["generation"].as_i64(),
        before.map(|generation| generation + 1)
    );
    let heal: Vec<String> = owners(&live)
        .into_iter()
        .filter(|owner| owner.starts_with("driftmend-heal"))
        .collect();
    assert_eq!(heal, Vec::<String>::new(), "{:?}", owners(&live));

    shop.sync(&git)?.success()?;
    assert_eq!(
        shop.live()?["metadata"]["generation"],
        live["metadata"]["generation"],
        "the tool's own sync changed something"
    );
    let next = manifest(&json!({"livenessProbe": exec()}));
    shop.commit(&next);
    shop.sync(&next)?.success()?;
    let probe = probe(&shop.live()?, "livenessProbe");
    assert_eq!((&probe["exec"], &probe["httpGet"]), (&exec()["exec"], &Value::Null));
    installation::assert_no_right_was_missing(&shared.controller);
    Ok(())
}

#[test]
fn under_replace_the_next_sync_reverts_the_drift_and_so_does_the_heal() -> Result<()> {
    let shared = installation::shared()?;
    let shop = Shop::open_watched(&shared.installation.control_plane, "replace", Sync::Replace)?;
    let git = manifest(&json!({"livenessProbe": http_get()}));
    shop.switch_handler("livenessProbe", 8080)?;
    let plan = shop.wait_for_plan(None)?;
    let status = shop.wait_for_status("the drift", |status| status["phase"] == "Drifted")?;
    assert_eq!(
        (&status["prediction"]["verdict"], &status["prediction"]["causes"]),
        (&json!("Reverts"), &json!([]))
    );

    let before = shop.live()?["metadata"]["generation"].as_i64();
    shop.approve(&plan)?;
    shop.wait_for_heal(&plan)?;
    let live = shop.live()?;
    assert_eq!(
        live["metadata"]["generation"].as_i64(),
        before.map(|generation| generation + 1)
    );
    shop.sync(&git)?.success()?;
    // Not the generation: a PUT takes the deployment controller's annotation away, and annotations count for it.
    assert_eq!(
        shop.live()?["spec"],
        live["spec"],
        "the tool's own sync changed something"
    );
    let next = manifest(&json!({"livenessProbe": exec()}));
    shop.commit(&next);
    shop.sync(&next)?.success()?;
    let probe = probe(&shop.live()?, "livenessProbe");
    assert_eq!((&probe["exec"], &probe["httpGet"]), (&exec()["exec"], &Value::Null));
    Ok(())
}

#[test]
fn two_switched_probes_are_two_causes_and_one_heal() -> Result<()> {
    let shared = installation::shared()?;
    let probes = json!({"livenessProbe": http_get(), "readinessProbe": http_get()});
    let shop = Shop::open(
        &shared.installation.control_plane,
        "two-probes",
        Sync::ClientSide,
        &manifest(&probes),
    )?;
    shop.watch(&json!({}))?;
    shop.change_container(&json!({
        "livenessProbe": {"httpGet": null, "tcpSocket": {"port": 8080}},
        "readinessProbe": {"httpGet": null, "exec": {"command": ["true"]}},
    }))?;
    let status = shop.wait_for_status("both causes", |status| {
        status["counts"]["refused"] == 2 && !status["plan"].is_null()
    })?;
    let refused = shop.sync(&manifest(&probes))?;
    assert_eq!(
        (refused.code, refused.stderr.trim()),
        (1, refusal_as_kubectl_prints_it(&status["prediction"]).as_str())
    );

    let before = shop.live()?["metadata"]["generation"].as_i64();
    let plan = text(&status["plan"]["hash"]);
    shop.approve(&plan)?;
    shop.wait_for_heal(&plan)?;
    assert_eq!(
        shop.live()?["metadata"]["generation"].as_i64(),
        before.map(|generation| generation + 1)
    );
    assert_eq!(
        shop.sync(&manifest(&probes))?.success()?,
        "deployment.apps/web unchanged\n"
    );
    Ok(())
}
