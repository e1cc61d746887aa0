//! The chart's controller beside a real Argo CD whose Application is not in the namespace `argocd`: it heals through
//! its own fence, with the rights that the chart gives and no others, and only where the Application's namespace is
//! listed.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::argo_cd::{ArgoCd, Options};
use crate::installation::{self, Installation};
use crate::shop::{Apply, Policy, Shop, in_sync, text};
use crate::watched::{Watched, wait_for_plan_over_a_failure};

/// Where the Application is.
const TEAMS: &str = "teams";

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let all = status["conditions"].as_array().into_iter().flatten();
    all.into_iter()
        .find(|condition| condition["type"] == kind)
        .unwrap_or(&Value::Null)
}

#[test]
fn the_controller_ends_a_stale_operation_where_the_chart_lists_the_applications_namespace() -> Result<()> {
    let installation = Installation::prepare(&[TEAMS])?;
    let control_plane = &installation.control_plane;
    let argo_cd = ArgoCd::start(control_plane, &Options::default())?;
    let shop = Shop::open_at(
        control_plane,
        &argo_cd,
        TEAMS,
        "installed",
        Apply::ServerSide,
        Policy::SelfHeal,
        &[],
    )?;
    let namespace = shop.namespace.clone();
    let argocd: (&str, &[&str]) = ("argocd.namespaces", &["argocd"]);
    let controller = installation.start_controller(
        &installation
            .install_with("heal", &[&namespace], &[argocd])?
            .without_lease(),
    )?;
    let watched = Watched::beside(shop, &json!({"source": {"argoApplication": {"namespace": TEAMS}}}))?;
    let shop = &watched.shop;

    shop.break_by_hand()?;
    let plan = wait_for_plan_over_a_failure(&watched, &["HandBack", "Refresh", "StartOperation"])?;
    assert_eq!(
        controller.metric("driftmend_stale_operations{class=\"FailedAtRevision\"}")?,
        Some(1.0)
    );
    let labels = format!("{{application=\"{namespace}\",namespace=\"{TEAMS}\"}}");
    let disarmed = controller.metric(&format!("driftmend_self_heal_disarmed_seconds{labels}"))?;
    assert!(
        disarmed.is_some_and(|seconds| (0.0..600.0).contains(&seconds)),
        "{disarmed:?}"
    );

    watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    let status = watched.wait_for_status("a plan that waits for a person", |status| {
        condition(status, "Approved")["reason"] == "AwaitingHealer"
    })?;
    let words = format!(
        "approved; this controller does not write Applications in namespace {TEAMS}: run `driftmend heal web -n \
         {namespace}"
    );
    assert!(
        text(&condition(&status, "Approved")["message"]).starts_with(&words),
        "{status:#}"
    );
    installation::assert_no_right_was_missing(&controller);
    drop(controller);

    let applications: (&str, &[&str]) = ("heal.applications.namespaces", &[TEAMS]);
    let flags = installation.install_with("heal", &[&namespace], &[argocd, applications])?;
    let controller = installation.start_controller(&flags.without_lease())?;
    // The end of the heal is written first, what was found after it then.
    let status = watched.wait_for_status("a healed report", |status| {
        status["heal"] == "Healed" && status["phase"] == "InSync" && status["operation"]["class"] == "Idle"
    })?;
    assert_eq!(status["history"][0]["planHash"], json!(plan));
    let application = shop.wait_until("Synced and Healthy", |seen| {
        in_sync(seen) && seen["status"]["health"]["status"] == "Healthy"
    })?;
    let ours = application["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten();
    assert!(
        ours.into_iter()
            .all(|entry| entry["manager"] != "driftmend-heal" || entry["operation"] == "Update"),
        "{application:#}"
    );
    assert_eq!(shop.probe()?["tcpSocket"], Value::Null);
    // Counted when the report is read again.
    assert_eq!(
        controller.wait_for_metric("driftmend_heals_total{result=\"Healed\"}")?,
        1.0
    );
    assert_eq!(
        controller.metric("driftmend_stale_operations{class=\"FailedAtRevision\"}")?,
        None
    );
    assert_eq!(
        controller.metric(&format!("driftmend_self_heal_disarmed_seconds{labels}"))?,
        None
    );
    installation::assert_no_right_was_missing(&controller);

    // Armed again.
    shop.scale(3)?;
    shop.wait_for_replicas(1)
}
