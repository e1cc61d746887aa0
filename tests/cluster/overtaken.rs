//! A heal that something overtook before its first write failed nobody: it is told as not carried out, with the reason.

use std::time::Duration;

use anyhow::{Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::crash::start_heal;
use crate::harness::process::Process;
use crate::harness::proxy::{Proxy, Side};
use crate::harness::wait;
use crate::installation;
use crate::shop::{Shop, Sync, text};

/// How long one way to the cut, or to the end, may take.
const PATIENCE: Duration = Duration::from_secs(150);

/// An approved heal whose way is cut.
struct Cut {
    shop: Shop<'static>,
    proxy: Proxy,
    plan: String,
    heal: Process,
}

/// Drifts a Deployment, and carries the heal of it out up to a write of its report.
fn cut_at(name: &str, write: usize, side: Side) -> Result<Cut> {
    let control_plane = &installation::shared()?.installation.control_plane;
    let namespace = control_plane.namespace(name)?;
    let shop = Shop::open_watched(control_plane, &namespace, Sync::ClientSide)?;
    let proxy = Proxy::start(control_plane.admin(), control_plane.folder())?;
    let log = control_plane.folder().join(format!("{namespace}-heal.log"));
    shop.switch_handler("livenessProbe", 8_101)?;
    let plan = shop.wait_for_plan(None)?;
    shop.approve(&plan)?;
    shop.wait_for_condition("Approved", "AwaitingHealer")?;
    proxy.cut_at_write_of("/driftreports/", write, side);
    let mut heal = start_heal(&shop, proxy.kubeconfig(), &plan, &log)?;
    ensure!(
        proxy.wait_for_cut(PATIENCE, || Ok(heal.ended()?.is_some()))?,
        "the heal does not write the report {write} times"
    );
    Ok(Cut {
        shop,
        proxy,
        plan,
        heal,
    })
}

#[test]
fn a_change_between_the_beginning_of_a_step_and_its_write_ends_the_heal_as_not_carried_out() -> Result<()> {
    // The heal and its first step begin, and then the way is gone for a while: the second write of the report is
    // answered to nobody.
    let Cut {
        shop,
        proxy,
        plan,
        mut heal,
    } = cut_at("between-writes", 2, Side::After)?;
    let begun = shop.wait_for_status("the step that began", |status| {
        status["healing"]["steps"][0]["state"] == "Begun"
    })?;
    assert_eq!(begun["healing"]["requests"], Value::Null);
    shop.switch_handler("livenessProbe", 4_242)?;
    proxy.open();

    let status = shop.wait_for_status("the end", |status| {
        status["healing"].is_null() && !status["history"][0].is_null()
    })?;
    let ended = wait::until("the end of the command", PATIENCE, || {
        Ok(heal.ended()?.map_or_else(
            || std::ops::ControlFlow::Continue("it runs".to_owned()),
            std::ops::ControlFlow::Break,
        ))
    })?;
    assert_eq!(ended.code(), Some(2), "{}", heal.log_tail());
    let told = "nothing was written: somebody changed the object after the approval";
    ensure!(heal.log_tail().contains(told), "{}", heal.log_tail());
    let entry = &status["history"][0];
    assert_eq!(
        (&entry["planHash"], &entry["result"]),
        (&json!(plan), &json!("NotCarriedOut"))
    );
    ensure!(text(&entry["message"]).starts_with(told), "{entry:#}");
    let condition = shop.wait_for_condition("Approved", "NotCarriedOut")?;
    let begins = format!("plan {}, approved by admin, was not carried out: {told}", &plan[..12]);
    ensure!(
        text(&condition["message"]).starts_with(&begins),
        "{begins:?} does not begin {condition:#}"
    );
    shop.wait_for_event("DriftReport", "NotCarriedOut")?;

    let next = shop.wait_for_plan(Some(&plan))?;
    assert_eq!(shop.report()?.unwrap_or_default()["status"]["heal"], "AwaitingApproval");
    shop.approve(&next)?;
    shop.driftmend(&["heal", "web", "--allow-http", "--plan", &next])?
        .success()?;
    shop.wait_for_heal(&next)?;
    let reasons = shop.event_reasons("DriftReport")?;
    ensure!(!reasons.iter().any(|reason| reason == "HealFailed"), "{reasons:?}");
    Ok(())
}

#[test]
fn a_write_that_something_overtakes_before_it_is_recorded_is_in_the_record() -> Result<()> {
    // The third write of the report says that the step is done.
    let Cut {
        shop,
        proxy,
        plan,
        mut heal,
    } = cut_at("after-write", 3, Side::Before)?;
    shop.switch_handler("livenessProbe", 4_242)?;
    proxy.open();

    let status = shop.wait_for_status("the end", |status| {
        status["healing"].is_null() && !status["history"][0].is_null()
    })?;
    let entry = &status["history"][0];
    assert_eq!(
        (&entry["planHash"], &entry["result"]),
        (&json!(plan), &json!("Failed")),
        "{entry:#}"
    );
    assert_eq!(entry["requests"][0]["kind"], "Restore", "{entry:#}");
    wait::until("the end of the command", PATIENCE, || {
        Ok(heal.ended()?.map_or_else(
            || std::ops::ControlFlow::Continue("it runs".to_owned()),
            std::ops::ControlFlow::Break,
        ))
    })?;
    Ok(())
}
