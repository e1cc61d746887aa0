//! A decision and what happens between it and the heal, and heals that somebody may not make or breaks off.

mod heal;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::pods::{Fate, ReadyPods, Scope};
use crate::harness::{shared, shared_controller, wait};
use crate::tenant::{TOLD, Tenant, condition, deployment, deployment_with};

const BY_HAND: &str = "registry.example/web:by-hand";

/// A tenant whose Deployment `web` drifted, and the plan that is offered for it.
fn drifted(prefix: &str, manifest: &str) -> Result<(Tenant<'static>, String)> {
    shared_controller();
    let tenant = Tenant::open(shared(), prefix)?;
    tenant.sync("web.yaml", manifest)?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 1)?;
    tenant.set_image("web", BY_HAND)?;
    let plan = tenant.wait_for_plan("web", "")?;
    Ok((tenant, plan))
}

/// The image of the first container of a Pod.
fn image(pod: &Pod) -> &str {
    pod.spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .find_map(|container| container.image.as_deref())
        .unwrap_or_default()
}

fn wait_for_refusal(tenant: &Tenant, reason: &str) -> Result<String> {
    let report = tenant.wait_for("driftreport/deployment-web", reason, |report| {
        condition(report, "Approved")["reason"] == reason
    })?;
    Ok(condition(&report, "Approved")["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

#[test]
fn a_hash_of_no_plan_is_refused_by_the_command_line_and_told_when_kubectl_writes_it() -> Result<()> {
    let (tenant, plan) = drifted("foreign", &deployment("web"))?;
    let wrong = "f".repeat(64);
    let refused = tenant.driftmend(&["approve", "web", "--plan", &wrong])?;
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert_eq!(
        refused.stderr,
        format!(
            "error: ffffffffffff is not the current plan; that is {}\nhint: the cluster or Git changed since: look at \
             the new plan with `driftmend report`, then decide about that\n",
            &plan[..12]
        )
    );
    let short = tenant.driftmend(&["approve", "web", "--plan", &plan[..7]])?;
    assert_eq!(short.code, 2);
    assert!(
        short.stderr.ends_with("hint: give at least 8 digits\n"),
        "{}",
        short.stderr
    );
    let absent = tenant.driftmend(&["approve", "wbe", "--plan", &plan])?;
    assert_eq!(absent.code, 2);
    let nowhere = format!(
        "error: there is neither an object wbe in namespace {} nor a report about one\nhint: ",
        tenant.namespace
    );
    assert!(absent.stderr.starts_with(&nowhere), "{}", absent.stderr);
    // A wrong plan is told before the source is looked at, which this would refuse.
    let healed = tenant.driftmend(&["heal", "web", "--plan", &wrong])?;
    assert_eq!((healed.code, &healed.stderr), (2, &refused.stderr));
    let unencrypted = tenant.driftmend(&["heal", "web", "--plan", &plan])?;
    assert_eq!(unencrypted.code, 2);
    assert!(
        unencrypted
            .stderr
            .contains("\nhint: --allow-http reads it all the same"),
        "{}",
        unencrypted.stderr
    );

    let approval = json!({"decision": "Approved", "planHash": wrong, "by": "admin", "at": "2026-01-01T00:00:00Z"});
    let patch = json!({"status": {"approval": approval}}).to_string();
    tenant.kubectl(
        &[
            "patch",
            "driftreport",
            "deployment-web",
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ],
        "",
    )?;
    let message = wait_for_refusal(&tenant, "ApprovalForeign")?;
    assert_eq!(
        message,
        "ffffffffffff is not the hash of a plan of this report; take it from status.plan.hash"
    );
    let healed = tenant.driftmend(&["heal", "web", "--plan", &wrong, "--allow-http"])?;
    assert_eq!(healed.code, 2, "{}", healed.stdout);
    // What is not a hash at all does not even get in.
    let patch = patch.replace(&wrong, "yes please");
    let rejected = tenant.control_plane.kubectl(&[
        "patch",
        "driftreport",
        "deployment-web",
        "-n",
        &tenant.namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ])?;
    assert!(
        rejected.code == 1 && rejected.stderr.contains("status.approval.planHash"),
        "{}",
        rejected.stderr
    );
    Ok(())
}

#[test]
fn a_change_after_the_approval_makes_it_void_and_nothing_is_written() -> Result<()> {
    let (tenant, plan) = drifted("void", &deployment("web"))?;
    tenant.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    wait_for_refusal(&tenant, "AwaitingHealer")?;
    tenant.set_image("web", "registry.example/web:by-another-hand")?;
    let second = tenant.wait_for_plan("web", &plan)?;
    let message = wait_for_refusal(&tenant, "ApprovalStale")?;
    assert!(
        message.starts_with(&format!("plan {} is no longer what is needed", &plan[..12])),
        "{message}"
    );

    let before = tenant.get("deployment/web")?;
    let refused = tenant.driftmend(&["heal", "web", "--plan", &plan, "--allow-http"])?;
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    let unapproved = tenant.driftmend(&["heal", "web", "--plan", &second, "--allow-http"])?;
    assert_eq!(unapproved.code, 2, "{}", unapproved.stdout);
    assert_eq!(
        tenant.get("deployment/web")?["metadata"]["generation"],
        before["metadata"]["generation"]
    );

    // Paused by a person in the middle of something: no plan.
    tenant.kubectl(&["rollout", "pause", "deployment/web"], "")?;
    let paused =
        |report: &Value| report["status"]["plan"].is_null() && condition(report, "PlanReady")["reason"] == "Paused";
    tenant.wait_for("driftreport/deployment-web", "no plan while it is paused", paused)?;

    // Deleted: only a sync brings it back.
    tenant.kubectl(&["delete", "deployment", "web"], "")?;
    let report = tenant.wait_for_report("web", "Missing")?;
    let ready = condition(&report, "PlanReady");
    assert_eq!(
        (&report["status"]["plan"], &ready["reason"]),
        (&Value::Null, &json!("NeedsSync"))
    );
    assert_eq!(
        ready["message"],
        "Missing: no write of ours brings it back; sync the application"
    );
    Ok(())
}

#[test]
fn an_approval_holds_while_only_the_status_changes_as_with_pods_that_crash() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "crashing")?;
    // Up for a second, down for a second: so the Deployment's own status changes, too.
    let begun = Instant::now();
    let crash_by_hand = move |pod: &Pod| {
        let is_down = image(pod) == BY_HAND && begun.elapsed().as_secs() % 2 == 1;
        if is_down {
            Fate::CrashLoop { exit_code: 1 }
        } else {
            Fate::Ready
        }
    };
    let scope = Scope::Namespace(tenant.namespace.clone());
    let _pods = ReadyPods::start_with(shared().admin(), scope, Duration::from_millis(300), crash_by_hand)?;
    tenant.sync("web.yaml", &deployment_with("web", 1, ""))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 1)?;
    tenant.set_image("web", BY_HAND)?;
    let plan = tenant.wait_for_plan("web", "")?;
    tenant.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    let before = tenant.get("deployment/web")?["metadata"]["resourceVersion"].clone();
    let crashing = [
        "get",
        "pods",
        "-n",
        &tenant.namespace,
        "-o",
        "jsonpath={.items[*].status.containerStatuses[0].restartCount}",
    ];
    wait::until("three restarts", TOLD, || {
        let counts = shared().kubectl(&crashing)?.success()?;
        let risen = counts
            .split(' ')
            .any(|count| count.parse::<u32>().is_ok_and(|count| count >= 3));
        Ok(if risen {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(counts)
        })
    })?;
    // The deployment controller may be slow to count them.
    wait::until("the Deployment's status to change", TOLD, || {
        let changed = tenant.get("deployment/web")?["metadata"]["resourceVersion"] != before;
        Ok(if changed {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue("it did not yet".to_owned())
        })
    })?;

    let healed = tenant.driftmend(&["heal", "web", "--plan", &plan, "--allow-http"])?;
    assert_eq!(healed.code, 0, "{}{}", healed.stdout, healed.stderr);
    assert!(
        healed
            .stdout
            .ends_with("healed: Git's values are back, the next sync will be accepted, and the roll-out is complete\n")
    );
    Ok(())
}
