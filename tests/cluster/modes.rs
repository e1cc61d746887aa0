//! The chart's three modes in one cluster, one after the other, as an installation grows into them.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::driftmend::Controller;
use crate::harness::{Output, wait};
use crate::installation::{self, Installation};
use crate::shop::{Shop, Sync, condition, owners, text};

const PATIENCE: Duration = Duration::from_secs(150);

/// A write that changes nothing of use, to see whether it is allowed.
const TRIAL: &[&str] = &[
    "patch",
    "deployment",
    "web",
    "--field-manager=driftmend-heal",
    "--type=merge",
    "--patch",
    r#"{"metadata":{"labels":{"trial":"x"}}}"#,
];

fn approval_patch(by: &str, plan: &str) -> String {
    json!({"status": {"approval": {"decision": "Approved", "planHash": plan, "by": by, "at": Timestamp::now()}}})
        .to_string()
}

fn approve_as(shop: &Shop, kubeconfig: &Path, by: &str, plan: &str) -> Result<Output> {
    let patch = approval_patch(by, plan);
    shop.kubectl_as(
        kubeconfig,
        &[
            "patch",
            "driftreport",
            "deployment-web",
            "--subresource=status",
            "--type=merge",
            "--patch",
            &patch,
        ],
    )
}

/// A policy holds a moment after it was stored.
pub fn wait_until_refused(what: &str, by: &str, mut request: impl FnMut() -> Result<Output>) -> Result<()> {
    wait::until(what, PATIENCE, || {
        let output = request()?;
        let told = format!("{}{}", output.stdout, output.stderr);
        Ok(if output.code != 0 && told.contains(by) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(told)
        })
    })
}

/// A person with the cluster's own role `edit` in the namespace and nothing else.
fn editor(shop: &Shop, name: &str) -> Result<std::path::PathBuf> {
    shop.kubectl(&[
        "create",
        "rolebinding",
        name,
        "--clusterrole=edit",
        &format!("--user={name}"),
    ])?
    .success()?;
    shop.control_plane.user(name, &[])
}

#[test]
fn each_mode_may_do_what_it_says_and_no_more() -> Result<()> {
    let installation = Installation::prepare(&["shop", "office"])?;
    let control_plane = &installation.control_plane;

    let controller = installation.start_controller(&installation.install("observe", &[])?)?;
    let shop = Shop::open_watched(control_plane, "shop", Sync::ClientSide)?;
    let erin = editor(&shop, "erin")?;
    let healed = observe(&installation, &shop, &erin)?;
    installation::assert_no_right_was_missing(&controller);
    drop(controller);

    let controller = installation.start_controller(&installation.install("confirm", &[])?)?;
    let plan = confirm(&installation, &shop, &healed)?;
    installation::assert_no_right_was_missing(&controller);
    drop(controller);

    let controller = installation.start_controller(&installation.install("heal", &["shop"])?)?;
    shop.driftmend_as(&erin, &["approve", "web", "--plan", &plan])?
        .success()?;
    let status = shop.wait_for_heal(&plan)?;
    assert_eq!(
        status["history"]
            .as_array()
            .and_then(|history| history.last())
            .map(|entry| &entry["by"]),
        Some(&json!("erin"))
    );
    elsewhere(&installation)?;
    let controller = without_the_policy(&installation, &shop, controller, &plan)?;
    installation::assert_no_right_was_missing(&controller);
    Ok(())
}

/// The controller tells and cannot write; people decide in their own name, and heal with their own rights.
fn observe(installation: &Installation, shop: &Shop, erin: &Path) -> Result<String> {
    let service_account = installation.service_account()?;
    shop.switch_handler("livenessProbe", 8080)?;
    let plan = shop.wait_for_plan(None)?;
    let status = shop.wait_for_status("a prediction", |status| status["prediction"]["verdict"] == "Refused")?;
    assert_eq!(
        (&status["prediction"]["confirmedBy"], &status["prediction"]["dryRun"]),
        (&json!("Local"), &Value::Null)
    );
    for trial in [TRIAL.to_vec(), [TRIAL, &["--dry-run=server"]].concat()] {
        let refused = shop.kubectl_as(&service_account, &trial)?;
        let reason = "User \"system:serviceaccount:driftmend:driftmend\" cannot patch resource \"deployments\"";
        assert!(
            refused.code == 1 && refused.stderr.contains(reason),
            "{}{}",
            refused.stdout,
            refused.stderr
        );
    }

    // Mallory may write the status of reports, and has no say over the Deployment.
    let rules = [
        "create",
        "role",
        "status",
        "--verb=get,patch",
        "--resource=driftreports.driftmend.dev,driftreports.driftmend.dev/status",
    ];
    shop.kubectl(&rules)?.success()?;
    shop.kubectl(&["create", "rolebinding", "status", "--role=status", "--user=mallory"])?
        .success()?;
    let mallory = shop.control_plane.user("mallory", &[])?;
    let message = "approving and denying need the right to patch the Deployment \"web\" in namespace \"shop\"";
    wait_until_refused("a refusal of who may not patch", message, || {
        approve_as(shop, &mallory, "mallory", &plan)
    })?;
    let message = "status.approval.by must be your own user name: set it to \"erin\"";
    wait_until_refused("a refusal of another's name", message, || {
        approve_as(shop, erin, "alice", &plan)
    })?;
    let message = "driftmend's own ServiceAccount may neither give, change nor remove an approval";
    wait_until_refused("a refusal of the controller", message, || {
        shop.driftmend_as(&service_account, &["approve", "web", "--plan", &plan])
    })?;
    let other = [
        "patch",
        "driftreport",
        "deployment-web",
        "--subresource=status",
        "--type=merge",
        "--patch",
        r#"{"status":{"summary":"all is well"}}"#,
    ];
    wait_until_refused(
        "a refusal of another part",
        "only driftmend itself writes status.summary",
        || shop.kubectl_as(erin, &other),
    )?;

    shop.driftmend_as(erin, &["approve", "web", "--plan", &plan])?
        .success()?;
    let waits = shop.wait_for_condition("Approved", "AwaitingHealer")?;
    let short = &plan[..12];
    let advice = format!(
        "approved; this controller does not write in namespace shop: run `driftmend heal web -n shop --plan {short}`"
    );
    assert_eq!((&waits["status"], text(&waits["message"])), (&json!("True"), advice));
    shop.driftmend_as(erin, &["heal", "web", "--allow-http", "--plan", short])?
        .success()?;
    let status = shop.wait_for_heal(&plan)?;
    assert_eq!(
        (&status["phase"], &status["history"][0]["by"]),
        (&json!("InSync"), &json!("erin"))
    );
    Ok(plan)
}

/// The plan is tried before anybody is asked, and a real write is fenced off.
fn confirm(installation: &Installation, shop: &Shop, last: &str) -> Result<String> {
    let service_account = installation.service_account()?;
    shop.switch_handler("livenessProbe", 8081)?;
    let plan = shop.wait_for_plan(Some(last))?;
    let status = shop.wait_for_status("the dry run's answer", |status| !status["plan"]["dryRun"].is_null())?;
    assert_eq!(status["prediction"]["confirmedBy"], "DryRun");
    assert!(
        text(&status["plan"]["dryRun"]).starts_with("accepted by the API server at "),
        "{}",
        status["plan"]
    );
    shop.kubectl_as(&service_account, &[TRIAL, &["--dry-run=server"]].concat())?
        .success()?;
    let message = "driftmend runs in mode confirm and may only dry-run (dryRun=All)";
    wait_until_refused("the fence", message, || shop.kubectl_as(&service_account, TRIAL))?;
    assert_eq!(shop.live()?["metadata"]["labels"]["trial"], Value::Null);
    Ok(plan)
}

/// In a namespace that is not listed an approved plan waits for a person.
fn elsewhere(installation: &Installation) -> Result<()> {
    let office = Shop::open_watched(&installation.control_plane, "office", Sync::ClientSide)?;
    office.switch_handler("livenessProbe", 8080)?;
    let plan = office.wait_for_plan(None)?;
    let before = office.live()?["metadata"]["generation"].clone();
    office.approve(&plan)?;
    let waits = office.wait_for_condition("Approved", "AwaitingHealer")?;
    assert!(
        text(&waits["message"]).contains("does not write in namespace office"),
        "{waits}"
    );
    let refused = office.kubectl_as(&installation.service_account()?, TRIAL)?;
    assert!(
        refused.code == 1 && refused.stderr.contains("cannot patch resource \"deployments\""),
        "{}",
        refused.stderr
    );
    assert_eq!(office.live()?["metadata"]["generation"], before);
    Ok(())
}

/// What no policy judged never counts, also when the policy is back.
fn without_the_policy(
    installation: &Installation,
    shop: &Shop,
    controller: Controller,
    last: &str,
) -> Result<Controller> {
    let control_plane = &installation.control_plane;
    let delete = ["delete", "validatingadmissionpolicybinding", "approval.driftmend.dev"];
    let probe = [
        "patch",
        "driftreport",
        "deployment-web",
        "--subresource=status",
        "--type=merge",
        "--patch",
    ];
    let forge = |patch: &str| {
        wait::until("an API server without the policy", PATIENCE, || {
            let output = shop.kubectl(&[&probe[..], &[patch]].concat())?;
            Ok(if output.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(output.stderr)
            })
        })
    };
    shop.switch_handler("livenessProbe", 8082)?;
    let offered = shop.wait_for_plan(Some(last))?;
    let before = shop.live()?["metadata"].clone();
    control_plane.kubectl(&delete)?.success()?;
    forge(&approval_patch("somebody else", &offered))?;
    let told = shop.wait_for_condition("PlanReady", "PolicyMissing")?;
    assert!(
        text(&told["message"]).contains("install the chart's ValidatingAdmissionPolicy"),
        "{told}"
    );
    let flags = installation.install("heal", &["shop"])?;
    let offered = shop.wait_for_plan(Some(&offered))?;
    shop.wait_for_condition("Approved", "ApprovalStale")?;

    // While the controller is away, so that it sees the policy before and after; and a heal of its own that never was.
    drop(controller);
    control_plane.kubectl(&delete)?.success()?;
    forge(&approval_patch("somebody else", &offered))?;
    control_plane
        .kubectl(&["delete", "validatingadmissionpolicybinding", "records.driftmend.dev"])?
        .success()?;
    let judge = shop
        .report()?
        .map(|report| report["status"]["judge"].clone())
        .unwrap_or_default();
    let healing = json!({
        "planHash": offered, "uid": "", "judge": judge, "by": "somebody else", "startedAt": Timestamp::now(),
        "healer": "controller as system:serviceaccount:driftmend:driftmend",
        "steps": [{"kind": "Transfer", "state": "Pending", "paths": [".spec.replicas"]}],
    });
    forge(&json!({"status": {"healing": healing, "heal": "Healing"}}).to_string())?;
    installation.install("heal", &["shop"])?;
    let controller = installation.start_controller(&flags)?;
    let plan = shop.wait_for_plan(Some(&offered))?;
    let status = shop.wait_for_status("the end of what never began", |status| status["healing"].is_null())?;
    let message = text(
        &status["history"]
            .as_array()
            .and_then(|history| history.last())
            .unwrap_or(&Value::Null)["message"],
    );
    assert!(
        message.starts_with("interrupted: the policy that judges approvals was changed"),
        "{message}"
    );
    let after = shop.live()?["metadata"].clone();
    assert_eq!(
        (&after["generation"], owners(&shop.live()?)),
        (&before["generation"], owners(&json!({"metadata": before})))
    );

    shop.approve(&plan)?;
    let status = shop.wait_for_heal(&plan)?;
    assert_eq!(condition(&status, "Approved")["reason"], "CarriedOut");
    Ok(controller)
}
