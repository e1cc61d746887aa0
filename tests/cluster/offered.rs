//! The controller follows only what its own report offered, also where the policy over decisions would let more pass
//! than the chart's.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::wait;
use crate::installation::Installation;
use crate::shop::{Shop, Sync, condition, text};

const PATIENCE: Duration = Duration::from_secs(150);

/// Approves by hand, without what the command line checks.
fn approve(shop: &Shop, hash: &str, by: &str) -> Result<crate::harness::Output> {
    let approval = json!({"decision": "Approved", "planHash": hash, "by": by, "at": Timestamp::now()});
    let patch = json!({"status": {"approval": approval}}).to_string();
    shop.kubectl(&[
        "patch",
        "driftreport",
        "deployment-web",
        "--subresource=status",
        "--type=merge",
        "--patch",
        &patch,
    ])
}

/// Waits until the watch makes no plans, and the report, perhaps a new one, says so.
fn only_alert(shop: &Shop) -> Result<Value> {
    shop.apply_watch(&json!({"mode": "Alert"}))?;
    shop.wait_for_status("a report without a plan", |status| {
        condition(status, "PlanReady")["reason"] == "AlertOnly" && status["plan"].is_null()
    })
}

fn uid(shop: &Shop) -> Result<String> {
    Ok(text(&shop.report()?.context("no report")?["metadata"]["uid"]))
}

#[test]
fn what_no_report_offered_is_never_carried_out() -> Result<()> {
    let installation = Installation::prepare(&["shop"])?;
    let control_plane = &installation.control_plane;
    let _controller = installation.start_controller(&installation.install("heal", &["shop"])?.without_lease())?;
    let shop = Shop::open_watched(control_plane, "shop", Sync::ClientSide)?;
    shop.switch_handler("livenessProbe", 8080)?;
    let known = shop.wait_for_plan(None)?;
    let generation = shop.live()?["metadata"]["generation"].clone();

    // The attack: while no plan is shown, a hash that is known from before is approved on the report that was made
    // anew.
    only_alert(&shop)?;
    let before = uid(&shop)?;
    shop.kubectl(&["delete", "driftreport", "deployment-web"])?.success()?;
    shop.wait_for_status("another report without a plan", |status| {
        condition(status, "PlanReady")["reason"] == "AlertOnly"
    })?;
    assert_ne!(uid(&shop)?, before);
    wait::until("a refusal by the policy", PATIENCE, || {
        let answer = approve(&shop, &known, "admin")?;
        let words = "the report shows no plan that could be decided about";
        Ok(if answer.code != 0 && answer.stderr.contains(words) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;

    // Once more, past a policy that checks nothing but that the controller does not approve: the controller takes that
    // for the chart's.
    installation.let_people_decide_anything()?;
    wait::until("a policy that lets it pass", PATIENCE, || {
        let answer = approve(&shop, &known, "admin")?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;
    shop.apply_watch(&json!({"mode": "Propose"}))?;
    let offered = shop.wait_for_plan(Some(&known))?;
    let told = shop.wait_for_condition("Approved", "ApprovalForeign")?;
    assert_eq!(told["status"], "False");

    // A hash that this report offered and offers no more; then the same drift is offered again, under another hash.
    only_alert(&shop)?;
    approve(&shop, &offered, "admin")?.success()?;
    shop.apply_watch(&json!({"mode": "Propose"}))?;
    let again = shop.wait_for_plan(Some(&offered))?;
    assert_ne!(again, offered);
    shop.wait_for_condition("Approved", "ApprovalStale")?;

    // The watch made anew: what was offered for the one before is not offered for this one.
    shop.kubectl(&["delete", "driftwatch", "shop"])?.success()?;
    shop.apply_watch(&json!({}))?;
    let of_new = shop.wait_for_plan(Some(&again))?;
    approve(&shop, &again, "admin")?.success()?;
    shop.wait_for_status("a refusal", |status| condition(status, "Approved")["status"] == "False")?;
    assert_eq!(shop.live()?["metadata"]["generation"], generation, "it was written");

    // What is shown is followed.
    approve(&shop, &of_new, "admin")?.success()?;
    shop.wait_for_heal(&of_new)?;
    Ok(())
}
