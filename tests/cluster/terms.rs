//! What a watch says now is in force now, also while its source is away.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::git_server::Mode;
use crate::harness::{shared, shared_controller};
use crate::tenant::{Tenant, condition, deployment};

/// A shop whose Deployment `web` drifted and has a plan, and whose Git server answers nobody any more.
fn without_git(prefix: &str, mode: Mode) -> Result<(Tenant<'static>, String)> {
    shared_controller();
    let shop = Tenant::open(shared(), prefix)?;
    shop.sync("web.yaml", &deployment("web"))?;
    shop.watch("all", &shop.source(""), &json!({}))?;
    shop.wait_until_assessed("all", 1)?;
    shop.set_image("web", "registry.example/web:by-hand")?;
    let plan = shop.wait_for_plan("web", "")?;
    shop.server.set_mode(mode);
    Ok((shop, plan))
}

/// Changes the spec of the watch as its owner does.
fn say(shop: &Tenant, spec: Value) -> Result<()> {
    let patch = json!({ "spec": spec }).to_string();
    shop.kubectl(&["patch", "driftwatch", "all", "--type=merge", "--patch", &patch], "")
}

#[test]
fn mode_ignore_rules_and_selector_hold_while_git_is_away() -> Result<()> {
    let (shop, plan) = without_git("terms", Mode::Refuse)?;
    shop.source_failure("all", "GitUnreachable")?;

    say(&shop, json!({"mode": "Alert"}))?;
    let alert =
        |report: &Value| condition(report, "PlanReady")["reason"] == "AlertOnly" && report["status"]["plan"].is_null();
    let report = shop.wait_for("driftreport/deployment-web", "no plan in mode Alert", alert)?;
    assert_eq!(report["status"]["phase"], "Drifted");

    say(&shop, json!({"mode": "Propose"}))?;
    let second = shop.wait_for_plan("web", &plan)?;
    shop.driftmend(&["approve", "web", "--plan", &second])?.success()?;
    say(
        &shop,
        json!({"ignore": [{"paths": [".spec.template.spec.containers[name=\"web\"].image"], "reason": "a hot-fix"}]}),
    )?;
    shop.wait_for_report("web", "InSync")?;

    say(
        &shop,
        json!({"ignore": null, "strategy": "ServerSideApply", "manager": "argocd-controller"}),
    )?;
    let by_apply = |report: &Value| report["status"]["prediction"]["strategy"] == "server-side-apply";
    shop.wait_for("driftreport/deployment-web", "the other strategy", by_apply)?;

    say(&shop, json!({"selector": {"matchLabels": {"tier": "another"}}}))?;
    shop.wait_for("driftwatch/all", "nothing governed", |watch| {
        watch["status"]["counts"]["governed"] == 0
    })?;
    shop.source_failure("all", "GitUnreachable")?;
    Ok(())
}

#[test]
fn a_look_that_hangs_does_not_hold_up_what_the_watch_says_and_does_not_bring_back_what_it_said() -> Result<()> {
    let (shop, _) = without_git("hanging-terms", Mode::Hang)?;
    say(&shop, json!({"mode": "Alert"}))?;
    let alert = |report: &Value| condition(report, "PlanReady")["reason"] == "AlertOnly";
    shop.wait_for("driftreport/deployment-web", "no plan in mode Alert", alert)?;
    shop.source_failure("all", "GitUnreachable")?;
    let report = shop.get("driftreport/deployment-web")?;
    assert_eq!(condition(&report, "PlanReady")["reason"], "AlertOnly");

    // Git answers again, and a new commit comes: it is held against what the watch says.
    shop.server.set_mode(Mode::Serve);
    shop.sync("web.yaml", &deployment("web").replace(":1.0", ":2.0"))?;
    shop.wait_for_report("web", "InSync")?;
    Ok(())
}

#[test]
fn a_watch_that_names_another_source_governs_nothing_until_that_is_read() -> Result<()> {
    let (shop, _) = without_git("another-source", Mode::Refuse)?;
    say(&shop, json!({"source": {"git": {"path": "elsewhere"}}}))?;
    shop.wait_for("driftwatch/all", "nothing read", |watch| {
        condition(watch, "Ready")["status"] == "False" && watch["status"]["counts"]["governed"] == 0
    })?;
    // What was told of it stays, as after a restart: nothing may vanish because Git is away.
    assert_eq!(shop.get("driftreport/deployment-web")?["status"]["phase"], "Drifted");
    Ok(())
}
