//! Who may decide what, by the chart's policy alone: no controller runs here, so that each report shows exactly the
//! plan that a test gives it.

mod office;
mod shown;

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::harness::Output;
use office::{Office, STEPS, Written, by_patch, decision, hash, plan, step};

const PATIENCE: Duration = Duration::from_secs(150);

const NO_PLAN: &str = "the report shows no plan that could be decided about";
const ANOTHER: &str = "a decision is about the plan that the report shows";

#[test]
fn rights_are_asked_for_by_what_a_step_writes_and_not_by_what_it_shows() -> Result<()> {
    let office = by_patch()?;
    let erin = office.editor("erin")?;
    office.create("rights")?;
    let approved = decision("Approved", &hash('a'), "erin");
    let deployment = step("Restore", Written::Deployment.object("rights"));
    let shown = |steps: &[Value]| office.show("rights", &plan(&hash('a'), steps));
    shown(std::slice::from_ref(&deployment))?;
    office.accepted(&erin, "rights", &approved)?;
    // Of what she may not write she decides nothing, whatever the text for people says.
    for (kind, written) in &STEPS[3..] {
        let mut lying = step(kind, written.object("rights"));
        lying["target"] = json!("Deployment.apps shop/rights");
        shown(&[deployment.clone(), lying])?;
        let words = match written {
            Written::Application => "patch the Deployment \"rights\" in namespace \"shop\" and Application argocd/shop",
            _ => "patch the Deployment \"rights\" in namespace \"shop\" and Kustomization flux-system/shop",
        };
        for word in ["Approved", "Denied"] {
            office.refused(&erin, "rights", &decision(word, &hash('a'), "erin"), words)?;
        }
    }
    office.give("erin", "patch", "applications.argoproj.io", "argocd")?;
    let mut foreign = step("Refresh", Written::Application.object("rights"));
    foreign["target"] = json!("Application teams/other");
    shown(&[deployment.clone(), foreign])?;
    office.soon_accepted(&erin, "rights", &approved)?;
    // However many steps a plan has: the server ends an expression that asks for a right three times.
    office.give("erin", "breakglass", "driftreports.driftmend.dev", "shop")?;
    let mut breaking = approved.clone();
    (breaking["breakGlass"], breaking["reason"]) = (json!(true), json!("the shop is down"));
    for many in [3, 4, 6, 8] {
        let all: Vec<Value> = STEPS[..6]
            .iter()
            .rev()
            .cycle()
            .take(many)
            .map(|(kind, written)| step(kind, written.object("rights")))
            .collect();
        shown(&all)?;
        office.accepted(&erin, "rights", &approved)?;
        office.soon_accepted(&erin, "rights", &breaking)?;
        office.accepted(&erin, "rights", &decision("Denied", &hash('a'), "erin"))?;
    }
    // One of another namespace is not the target, and two tools are no plan of driftmend's.
    let mut elsewhere = Written::Deployment.object("rights");
    elsewhere["namespace"] = json!("argocd");
    shown(&[deployment.clone(), step("Restore", elsewhere)])?;
    office.refused(&erin, "rights", &approved, "and Deployment argocd/rights")?;
    shown(&[
        deployment.clone(),
        step("Refresh", Written::Application.object("")),
        step("Reconcile", Written::Kustomization.object("")),
    ])?;
    office.refused(
        office.control_plane().admin(),
        "rights",
        &decision("Approved", &hash('a'), "admin"),
        "or two beside its target",
    )?;
    // The same object in another group, another case, another spelling, or without a part is of no kind that is ever
    // written.
    let admin = office.control_plane().admin();
    let application = Written::Application.object("rights");
    for (key, value) in [
        ("kind", json!("application")),
        ("kind", json!("APPLICATION")),
        ("kind", json!("Applications")),
        ("kind", json!("Secret")),
        ("kind", json!("")),
        ("apiVersion", json!("ArgoProj.io/v1alpha1")),
        ("apiVersion", json!("argoproj.io.evil.example/v1")),
        ("apiVersion", json!("v1")),
        ("apiVersion", json!("kustomize.toolkit.fluxcd.io/v1")),
        ("namespace", json!("")),
        ("name", json!("")),
    ] {
        let mut odd = application.clone();
        odd[key] = value.clone();
        shown(&[deployment.clone(), step("Refresh", odd)])?;
        let answer = office.decide(admin, "rights", &decision("Approved", &hash('a'), "admin"))?;
        assert!(answer.code != 0, "{key} {value}: {}", answer.stdout);
    }
    // A plan of an earlier version does not say it.
    let mut old = deployment;
    old.as_object_mut().map(|step| step.remove("object"));
    shown(&[old])?;
    let answer = office.decide(admin, "rights", &decision("Approved", &hash('a'), "admin"))?;
    assert!(
        answer.code != 0 && answer.stderr.contains("approval.driftmend.dev"),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    Ok(())
}

#[test]
fn a_decision_is_a_persons_in_their_own_name() -> Result<()> {
    let office = by_patch()?;
    let (control_plane, admin) = (office.control_plane(), office.control_plane().admin());
    let ada = office.editor("ada")?;
    office.create("names")?;
    office.show(
        "names",
        &plan(&hash('a'), &[step("Restore", Written::Deployment.object("names"))]),
    )?;
    let own = "status.approval.by must be your own user name: set it to \"ada\"";
    for word in ["Approved", "Denied"] {
        office.refused(&ada, "names", &decision(word, &hash('a'), "bob"), own)?;
        office.refused(&ada, "names", &decision(word, &hash('a'), "Ada"), own)?;
    }
    let mallory = control_plane.user("mallory", &[])?;
    office.give("mallory", "get,patch", "driftreports.driftmend.dev/status", "shop")?;
    let right = "approving and denying need the right to patch the Deployment \"names\" in namespace \"shop\"";
    for word in ["Approved", "Denied"] {
        office.refused(&mallory, "names", &decision(word, &hash('a'), "mallory"), right)?;
    }
    // Nor does a stranger take back, or change, what somebody decided.
    office
        .patch(
            &ada,
            "names",
            &json!({"approval": decision("Denied", &hash('a'), "ada")}),
            &[],
        )?
        .success()?;
    office.refused(&mallory, "names", &Value::Null, right)?;
    office.refused(&mallory, "names", &json!({"by": "mallory", "reason": "no"}), right)?;
    // While a denial holds no plan is shown. Its author may word it anew; nobody makes a yes of it.
    office
        .patch(&office.controller, "names", &json!({"plan": null}), &[])?
        .success()?;
    office.accepted(&ada, "names", &json!({"reason": "the image is being fixed"}))?;
    // Nobody else does in their own name: what rights the plan took is not known any more.
    office.refused(admin, "names", &json!({"by": "admin", "reason": "not needed"}), NO_PLAN)?;
    office.refused(&ada, "names", &json!({"decision": "Approved"}), NO_PLAN)?;
    office.refused(&ada, "names", &json!({"planHash": hash('b')}), NO_PLAN)?;
    office.accepted(&ada, "names", &Value::Null)?;
    office
        .patch(&ada, "names", &json!({"approval": null}), &[])?
        .success()?;
    office.show(
        "names",
        &plan(&hash('a'), &[step("Restore", Written::Deployment.object("names"))]),
    )?;

    // A ServiceAccount is no person, however it comes; one that the chart lists may decide.
    let machine = "a ServiceAccount decides only where the chart lists it under approval.serviceAccounts";
    let as_ = |user: &str, groups: &[&str]| -> Result<Output> {
        let mut more = vec!["--dry-run=server".to_owned(), format!("--as={user}")];
        more.extend(groups.iter().map(|group| format!("--as-group={group}")));
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        office.patch(
            admin,
            "names",
            &json!({"approval": decision("Approved", &hash('a'), user)}),
            &more,
        )
    };
    let masters = "system:masters";
    for (user, groups) in [
        ("system:serviceaccount:shop:default", &[masters][..]),
        (
            "system:serviceaccount:shop:default",
            &[masters, "system:serviceaccounts"],
        ),
        ("bob", &[masters, "system:serviceaccounts"]),
        ("system:serviceaccount:shop:Robot", &[masters]),
        ("system:serviceaccount:office:robot", &[masters]),
    ] {
        let answer = as_(user, groups)?;
        assert!(
            answer.code != 0 && answer.stderr.contains(machine),
            "{user} {groups:?}: {}{}",
            answer.stdout,
            answer.stderr
        );
    }
    for (user, groups) in [
        (
            "system:serviceaccount:shop:robot",
            &[masters, "system:serviceaccounts"][..],
        ),
        ("bob", &[masters]),
    ] {
        as_(user, groups)?.success()?;
    }
    Ok(())
}

#[test]
fn a_sync_window_is_broken_only_with_the_verb_for_it() -> Result<()> {
    let office = by_patch()?;
    let grace = office.editor("grace")?;
    office.create("glass")?;
    office.show(
        "glass",
        &plan(&hash('a'), &[step("Restore", Written::Deployment.object("glass"))]),
    )?;
    let mut breaking = decision("Approved", &hash('a'), "grace");
    breaking["breakGlass"] = json!(true);
    breaking["reason"] = json!("the shop is down");
    let words = "breaking a sync window needs the verb \"breakglass\" on driftreports.driftmend.dev \
                 \"deployment-glass\" in namespace \"shop\"";
    office.refused(&grace, "glass", &breaking, words)?;
    office
        .patch(
            &grace,
            "glass",
            &json!({"approval": decision("Approved", &hash('a'), "grace")}),
            &[],
        )?
        .success()?;
    office.refused(&grace, "glass", &json!({"breakGlass": true, "reason": "later"}), words)?;
    breaking["breakGlass"] = json!(false);
    office.accepted(&grace, "glass", &breaking)?;
    breaking["breakGlass"] = json!(true);
    office.give("grace", "breakglass", "driftreports.driftmend.dev", "shop")?;
    office.accepted(&grace, "glass", &breaking)?;
    Ok(())
}

#[test]
fn what_must_be_acknowledged_is_named_by_an_approval_or_it_is_refused() -> Result<()> {
    let office = by_patch()?;
    let heidi = office.editor("heidi")?;
    office.create("cautions")?;
    let caution = |id: &str, must: bool| json!({"id": id, "text": "…", "mustAcknowledge": must});
    let mut shown = plan(&hash('a'), &[step("Restore", Written::Deployment.object("cautions"))]);
    shown["cautions"] = json!([caution("Overwrites", true), caution("Breaks", true), caution("RollOut", false),
                               {"id": "Bare", "text": "…"}]);
    office.show("cautions", &shown)?;
    let mut approved = decision("Approved", &hash('a'), "heidi");
    let refused = |approved: &Value, missing: &str| {
        let words = format!(
            "the plan has cautions that an approval must acknowledge, in status.approval.acknowledged: {missing}"
        );
        let answer = office.decide(&heidi, "cautions", approved)?;
        ensure!(
            answer.code != 0 && answer.stderr.trim_end().ends_with(&words),
            "{words:?} is not in {}{}",
            answer.stdout,
            answer.stderr
        );
        Ok(())
    };
    refused(&approved, "Overwrites, Breaks")?;
    approved["acknowledged"] = json!(["Breaks", "RollOut"]);
    refused(&approved, "Overwrites")?;
    approved["acknowledged"] = json!(["Overwrites", "Breaks"]);
    office.accepted(&heidi, "cautions", &approved)?;
    // Who says no knows enough.
    office.accepted(&heidi, "cautions", &decision("Denied", &hash('a'), "heidi"))?;
    // What was acknowledged is not taken out of an approval that stays.
    office
        .patch(&heidi, "cautions", &json!({"approval": approved}), &[])?
        .success()?;
    refused(&json!({"acknowledged": ["Breaks"]}), "Overwrites")
}

#[test]
fn where_the_chart_asks_for_the_verb_approve_it_is_enough_to_bring_git_back_and_nothing_else_is() -> Result<()> {
    let office = Office::open("approve", &[])?;
    let control_plane = office.control_plane();
    let erin = office.editor("erin")?;
    // The chart's own role for approvers, and no right on any Deployment.
    let (role, user) = ("--clusterrole=driftmend-approve", "--user=olga");
    control_plane
        .kubectl(&["create", "rolebinding", "olga", role, user, "-n", "shop"])?
        .success()?;
    let olga = control_plane.user("olga", &[])?;
    office.wait_for_right("olga", &["approve", "driftreports.driftmend.dev", "-n", "shop"])?;
    let words = "approving and denying need the verb \"approve\" on driftreports.driftmend.dev";
    for (kind, written) in STEPS {
        let target = kind.to_lowercase();
        office.create(&target)?;
        office.refused(&olga, &target, &decision("Approved", &hash('a'), "olga"), NO_PLAN)?;
        office.show(&target, &plan(&hash('a'), &[step(kind, written.object(&target))]))?;
        for word in ["Approved", "Denied"] {
            office.refused(&erin, &target, &decision(word, &hash('a'), "erin"), words)?;
            office.accepted(&olga, &target, &decision(word, &hash('a'), "olga"))?;
        }
        office.refused(&olga, &target, &decision("Approved", &hash('b'), "olga"), ANOTHER)?;
        // To carry it out takes the rights themselves.
        office
            .patch(
                &olga,
                &target,
                &json!({"approval": decision("Approved", &hash('a'), "olga")}),
                &[],
            )?
            .success()?;
        let steps = json!([{"kind": kind, "state": "Pending"}]);
        let healing = json!({"planHash": hash('a'), "uid": "", "by": "olga", "healer": "olga",
                             "startedAt": "2026-01-05T10:00:00Z", "steps": steps});
        let answer = office.patch(&olga, &target, &json!({"healing": healing}), &["--dry-run=server"])?;
        ensure!(
            answer.code != 0 && answer.stderr.contains("healing needs the right to patch"),
            "{}{}",
            answer.stdout,
            answer.stderr
        );
        office
            .patch(&olga, &target, &json!({"approval": null}), &[])?
            .success()?;
    }
    let mut breaking = decision("Approved", &hash('a'), "olga");
    breaking["breakGlass"] = json!(true);
    office.refused(&olga, "restore", &breaking, "needs the verb \"breakglass\"")?;
    // A plan that writes something of no known kind is approved by nobody.
    let mut odd = Written::Deployment.object("restore");
    odd["kind"] = json!("Secret");
    office.show("restore", &plan(&hash('a'), &[step("Restore", odd)]))?;
    office.refused(
        &olga,
        "restore",
        &decision("Approved", &hash('a'), "olga"),
        "names one of a kind that driftmend never writes",
    )?;
    Ok(())
}
