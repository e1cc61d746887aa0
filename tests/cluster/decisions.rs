//! What becomes of a person's yes and no: only the plan that was seen is carried out, once, in time.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::wait;
use crate::installation::{self, Installation};
use crate::shop::{Shop, Sync, condition};

/// The administrator's user name, from the common name of their certificate.
const ADMINISTRATOR: &str = "admin";

/// Writes an approval the plain way, without the checks of the command line.
fn approve_by_patch(shop: &Shop, plan: &str) -> Result<()> {
    let approval = json!({"decision": "Approved", "planHash": plan, "by": ADMINISTRATOR, "at": Timestamp::now()});
    let patch = json!({"status": {"approval": approval}}).to_string();
    shop.kubectl(&[
        "patch",
        "driftreport",
        "deployment-web",
        "--subresource=status",
        "--type=merge",
        "--patch",
        &patch,
    ])?
    .success()
    .map(drop)
}

/// The refusal is told in the report and as an Event, and the Deployment stays as it is.
fn assert_refused(shop: &Shop, plan: &str, reason: &str, message: &str) -> Result<()> {
    let before = shop.live()?["metadata"]["generation"].clone();
    approve_by_patch(shop, plan)?;
    let told = shop.wait_for_condition("Approved", reason)?;
    assert_eq!((&told["status"], &told["message"]), (&json!("False"), &json!(message)));
    shop.wait_for_event("DriftReport", reason)?;
    assert_eq!(shop.live()?["metadata"]["generation"], before, "{reason}");
    Ok(())
}

#[test]
fn an_approval_holds_for_the_plan_that_was_seen_once_and_in_time() -> Result<()> {
    // Of this the chart's policy lets hardly anything come to the controller.
    let installation = Installation::prepare(&["decisions"])?;
    let _controller = installation.start_controller(&installation.install("heal", &["decisions"])?.without_lease())?;
    installation.let_people_decide_anything()?;
    let shop = Shop::open_watched(&installation.control_plane, "decisions", Sync::ClientSide)?;
    shop.switch_handler("livenessProbe", 8080)?;
    let stale = shop.wait_for_plan(None)?;
    let foreign = "0".repeat(64);
    wait::until("a policy that lets it pass", Duration::from_secs(150), || {
        let passed = approve_by_patch(&shop, &foreign);
        Ok(passed.map_or_else(
            |error| ControlFlow::Continue(format!("{error:#}")),
            |()| ControlFlow::Break(()),
        ))
    })?;
    let message = "000000000000 is not the hash of a plan of this report; take it from status.plan.hash";
    assert_refused(&shop, &foreign, "ApprovalForeign", message)?;

    shop.switch_handler("livenessProbe", 8081)?;
    let current = shop.wait_for_plan(Some(&stale))?;
    let message = format!(
        "plan {} is no longer what is needed: the cluster or Git changed since; look at the new plan and approve that",
        &stale[..12]
    );
    assert_refused(&shop, &stale, "ApprovalStale", &message)?;
    let refused = shop.driftmend(&["approve", "web", "--plan", &stale])?;
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains(&format!("that is {}", &current[..12])),
        "{}",
        refused.stderr
    );

    shop.approve(&current)?;
    shop.wait_for_heal(&current)?;
    shop.switch_handler("livenessProbe", 8081)?;
    let next = shop.wait_for_plan(Some(&current))?;
    let message = format!(
        "plan {} was carried out before; an approval holds for one heal",
        &current[..12]
    );
    assert_refused(&shop, &current, "ApprovalSpent", &message)?;

    // A plan's time is over a second after it was offered, so the one that is shown is always about to end. A plan
    // keeps the time that it was offered with: the watch makes none for a moment, so that the next one is surely
    // offered with the new time.
    shop.apply_watch(&json!({"planTTL": "1s", "mode": "Alert"}))?;
    shop.wait_for_status("no plan", |status| {
        status["plan"].is_null() && condition(status, "PlanReady")["reason"] == "AlertOnly"
    })?;
    shop.apply_watch(&json!({"planTTL": "1s"}))?;
    let short = shop.wait_for_plan(Some(&next))?;
    shop.wait_for_plan(Some(&short))?;
    let message = format!(
        "plan {} expired before it was approved; look at the new plan and approve that",
        &short[..12]
    );
    assert_refused(&shop, &short, "ApprovalExpired", &message)?;
    Ok(())
}

#[test]
fn a_denial_holds_for_that_drift_until_it_is_taken_back_or_the_drift_changes() -> Result<()> {
    let shop = Shop::open_watched(
        &installation::shared()?.installation.control_plane,
        "denial",
        Sync::ClientSide,
    )?;
    shop.switch_handler("livenessProbe", 8080)?;
    let first = shop.wait_for_plan(None)?;
    shop.driftmend(&["deny", "web", "--plan", &first, "--reason", "Git is wrong"])?
        .success()?;
    let denied = |status: &Value| status["heal"] == "Denied" && status["plan"].is_null();
    let status = shop.wait_for_status("a denial", denied)?;
    let told = condition(&status, "Approved");
    let message = "denied by admin while the drift stays as it is: Git is wrong; `driftmend deny web -n denial \
                   --withdraw` takes it back";
    assert_eq!(
        (&told["status"], &told["reason"], &told["message"]),
        (&json!("False"), &json!("Denied"), &json!(message))
    );
    let event = shop.event_note("PlanDenied")?;
    assert_eq!(
        event,
        format!("plan {} was denied by admin: Git is wrong", &first[..12])
    );
    assert_eq!(
        (&status["phase"], condition(&status, "PlanReady")["reason"].clone()),
        (&json!("Conflicted"), json!("Denied"))
    );
    // Something else about the Deployment changes, and the no still holds.
    shop.kubectl(&["scale", "deployment/web", "--replicas=1"])?.success()?;
    shop.kubectl(&["annotate", "deployment/web", "shop.example/note=x"])?
        .success()?;
    shop.wait_for_status("the other change", |status| status["counts"]["info"] == 1)?;
    assert!(
        denied(&shop.report()?.unwrap_or_default()["status"]),
        "the denial was forgotten"
    );

    let told = shop.driftmend(&["report", "web"])?;
    assert!(
        told.stdout
            .contains(&format!("\nDenied: {}\n", message.trim_start_matches("denied "))),
        "{}",
        told.stdout
    );

    let refused = shop.driftmend(&["approve", "web", "--plan", &first])?;
    let who = "error: web shows no plan: admin denied it while the drift stays as it is: Git is wrong\nhint: driftmend \
               deny web -n denial --withdraw\n";
    assert_eq!((refused.stderr.as_str(), refused.code), (who, 2));

    shop.driftmend(&["deny", "web", "--withdraw"])?.success()?;
    let nothing = shop.driftmend(&["deny", "web", "--withdraw"])?;
    assert_eq!(
        (nothing.stderr.as_str(), nothing.code),
        ("error: there is no decision about denial/web\n", 2)
    );
    shop.wait_for_event("DriftReport", "DecisionTakenBack")?;
    let again = shop.wait_for_plan(Some(&first))?;
    let until = shop
        .driftmend(&["deny", "web", "--plan", &again, "--until", "3s"])?
        .success()?;
    assert!(until.contains(" is denied until 20"), "{until}");
    // Its time is over soon, and the plan is offered again, as another one.
    let again = shop.wait_for_plan(Some(&again))?;
    shop.driftmend(&["deny", "web", "--plan", &again])?.success()?;
    shop.wait_for_status("a second denial", denied)?;

    shop.switch_handler("livenessProbe", 8081)?;
    let new = shop.wait_for_plan(Some(&again))?;
    shop.approve(&new)?;
    shop.wait_for_heal(&new)?;
    Ok(())
}
