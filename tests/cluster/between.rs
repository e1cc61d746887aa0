//! A decision and what happens between it and the heal, and heals that somebody may not make or breaks off.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::command::Tool;
use crate::harness::driftmend::binary;
use crate::harness::pods::{Fate, ReadyPods, Scope};
use crate::harness::process::Process;
use crate::harness::proxy::{Proxy, Side};
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
        "error: there is neither a Deployment wbe in namespace {} nor a report about one\nhint: ",
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

/// A person who may do whatever a heal needs but for patching Deployments, which a role of its own gives.
struct Healer {
    name: String,
    kubeconfig: PathBuf,
}

impl Healer {
    fn without_the_right_to_patch(tenant: &Tenant) -> Result<Self> {
        let (namespace, name) = (&tenant.namespace, format!("jane-{}", tenant.namespace));
        let role = format!(
            "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {namespace}}}
rules:
  - {{apiGroups: [\"\"], resources: [namespaces], verbs: [get]}}
  - {{apiGroups: [apps], resources: [deployments], verbs: [get]}}
  - {{apiGroups: [driftmend.dev], resources: [driftreports, driftwatches], verbs: [get]}}
  - {{apiGroups: [driftmend.dev], resources: [driftreports/status], verbs: [patch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {namespace}}}
subjects: [{{kind: User, apiGroup: rbac.authorization.k8s.io, name: {name}}}]
"
        );
        shared().apply(&role)?;
        let kubeconfig = shared().user(&name, &[])?;
        let jane = Self { name, kubeconfig };
        jane.wait_until_judged("get", "driftwatches.driftmend.dev", tenant, "yes")?;
        Ok(jane)
    }

    /// Waits until the API server goes by a role as it was made.
    fn wait_until_judged(&self, verb: &str, resource: &str, tenant: &Tenant, wanted: &str) -> Result<()> {
        let namespace = format!("--namespace={}", tenant.namespace);
        wait::patiently(&format!("{wanted} to {verb} {resource}"), TOLD, || {
            let answer = shared()
                .kubectl(&["auth", "can-i", verb, resource, "--as", &self.name, &namespace])?
                .stdout;
            Ok(if answer.trim() == wanted {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer)
            })
        })
    }

    /// Gives the right, or takes it away, and waits until the API server goes by that.
    fn may_patch(&self, tenant: &Tenant, may: bool) -> Result<()> {
        let namespace = format!("--namespace={}", tenant.namespace);
        if may {
            shared()
                .kubectl(&[
                    "create",
                    "role",
                    "patches",
                    "--verb=patch",
                    "--resource=deployments.apps",
                    &namespace,
                ])?
                .success()?;
            let user = format!("--user={}", self.name);
            shared()
                .kubectl(&["create", "rolebinding", "patches", "--role=patches", &user, &namespace])?
                .success()?;
        } else {
            shared()
                .kubectl(&["delete", "rolebinding", "patches", &namespace])?
                .success()?;
        }
        self.wait_until_judged("patch", "deployments.apps", tenant, if may { "yes" } else { "no" })
    }

    /// The end of the sentence that names what is missing.
    fn grant(&self, tenant: &Tenant) -> String {
        format!(
            "grant verb patch on deployments.apps in namespace {} to {}",
            tenant.namespace, self.name
        )
    }
}

#[test]
fn who_may_not_patch_begins_no_heal_and_spends_no_approval() -> Result<()> {
    let (tenant, plan) = drifted("forbidden", &deployment("web"))?;
    let jane = Healer::without_the_right_to_patch(&tenant)?;
    tenant.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    let heal = Tool::new(&binary())
        .kubeconfig(&jane.kubeconfig)
        .deadline(Duration::from_secs(60));
    let refused = tenant.driftmend_as(heal, &["heal", "web", "--plan", &plan, "--allow-http"])?;
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert!(
        refused.stderr.ends_with(&format!("hint: {}\n", jane.grant(&tenant))),
        "{}",
        refused.stderr
    );

    let status = tenant.get("driftreport/deployment-web")?["status"].clone();
    assert_eq!((&status["healing"], &status["history"]), (&Value::Null, &json!([])));
    let healed = tenant.driftmend(&["heal", "web", "--plan", &plan, "--allow-http"])?;
    assert_eq!(healed.code, 0, "{}{}", healed.stdout, healed.stderr);
    Ok(())
}

#[test]
fn a_right_that_is_taken_away_during_a_heal_ends_it_with_what_is_missing() -> Result<()> {
    let (tenant, plan) = drifted("taken", &deployment("web"))?;
    let jane = Healer::without_the_right_to_patch(&tenant)?;
    jane.may_patch(&tenant, true)?;
    tenant.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    // The controller's own answer to that comes first: a heal's write beside it would be refused, and cut in place of
    // one that is stored.
    wait_for_refusal(&tenant, "AwaitingHealer")?;
    // After the first write the report says that the heal began; the Deployment is as it was.
    let proxy = Proxy::start(&jane.kubeconfig, shared().folder())?;
    proxy.cut_at(1, Side::After);
    let arguments = ["heal", "web", "--plan", &plan, "--allow-http", "-n", &tenant.namespace].map(str::to_owned);
    let log = shared().folder().join(format!("heal-{}.log", tenant.namespace));
    let mut heal = Process::start(
        &binary(),
        &arguments,
        &[("KUBECONFIG", &proxy.kubeconfig().display().to_string())],
        &log,
    )?;
    ensure!(
        proxy.wait_for_cut(TOLD, || Ok(heal.ended()?.is_some()))?,
        "the heal made no write: {}",
        heal.log_tail()
    );
    heal.kill();
    proxy.open();
    jane.may_patch(&tenant, false)?;

    let again = Tool::new(&binary())
        .kubeconfig(&jane.kubeconfig)
        .deadline(Duration::from_secs(60));
    let failed = tenant.driftmend_as(again, &["heal", "web", "--plan", &plan, "--allow-http"])?;
    assert_eq!(failed.code, 1, "{}{}", failed.stdout, failed.stderr);
    assert!(failed.stdout.contains(&jane.grant(&tenant)), "{}", failed.stdout);
    let report = tenant.wait_for("driftreport/deployment-web", "a history", |report| {
        report["status"]["history"][0]["result"] == "Failed"
    })?;
    assert!(
        report["status"]["history"][0]["message"]
            .as_str()
            .is_some_and(|message| message.contains(&jane.grant(&tenant)))
    );
    assert_eq!(report["status"]["healing"], Value::Null);
    // Spent is spent, and the way out is a new plan.
    let second = tenant.wait_for_plan("web", &plan)?;
    tenant.driftmend(&["approve", "web", "--plan", &second])?.success()?;
    let healed = tenant.driftmend(&["heal", "web", "--plan", &second, "--allow-http"])?;
    assert_eq!(healed.code, 0, "{}{}", healed.stdout, healed.stderr);
    Ok(())
}

#[test]
fn a_heal_that_is_interrupted_tells_how_to_go_on_and_goes_on_when_it_is_run_again() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "interrupted")?;
    let held = Arc::new(AtomicBool::new(true));
    let hold = held.clone();
    let fate = move |_: &Pod| {
        if hold.load(Ordering::SeqCst) {
            Fate::Held
        } else {
            Fate::Ready
        }
    };
    let _pods = ReadyPods::start_with(
        shared().admin(),
        Scope::Namespace(tenant.namespace.clone()),
        Duration::from_secs(1),
        fate,
    )?;
    tenant.sync("web.yaml", &deployment_with("web", 1, ""))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 1)?;
    tenant.set_image("web", BY_HAND)?;
    let plan = tenant.wait_for_plan("web", "")?;
    tenant.driftmend(&["approve", "web", "--plan", &plan])?.success()?;

    let command = ["heal", "web", "--plan", &plan, "--allow-http", "-n", &tenant.namespace];
    let arguments: Vec<String> = command.iter().map(ToString::to_string).collect();
    let log = shared().folder().join(format!("heal-{}.log", tenant.namespace));
    let kubeconfig = shared().admin().display().to_string();
    let mut heal = Process::start(&binary(), &arguments, &[("KUBECONFIG", &kubeconfig)], &log)?;
    let read = || std::fs::read_to_string(&log).unwrap_or_default();
    wait::until("a heal that waits for its roll-out", TOLD, || {
        let text = read();
        Ok(if text.contains("waiting: ") {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(text)
        })
    })?;
    Tool::new(Path::new("/bin/kill"))
        .run(&["-INT", &heal.id().to_string()])?
        .success()?;
    let ended = wait::until("the end of the heal", Duration::from_secs(60), || {
        Ok(heal
            .ended()?
            .map_or(ControlFlow::Continue("it still runs".to_owned()), ControlFlow::Break))
    })?;
    assert_eq!(ended.code(), Some(2), "{}", read());
    assert!(
        read().contains(&format!("hint: run the same command again to go on with plan {plan}\n")),
        "{}",
        read()
    );
    let generation = tenant.get("deployment/web")?["metadata"]["generation"].clone();
    // What is written is on its way: that it is not there in time is no failure of the command.
    let late = tenant.driftmend(&[&command[..5], &["--timeout", "1"]].concat())?;
    assert_eq!(late.code, 1, "{}{}", late.stdout, late.stderr);
    assert!(
        late.stderr.contains("error: still waiting after 1 s: "),
        "{}",
        late.stderr
    );

    held.store(false, Ordering::SeqCst);
    let again = tenant.driftmend(&command[..5])?;
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    assert!(
        again.stdout.starts_with("going on with the heal that began before\n"),
        "{}",
        again.stdout
    );
    let live = tenant.get("deployment/web")?;
    assert_eq!(
        live["metadata"]["generation"], generation,
        "the step was carried out twice"
    );
    let report = tenant.wait_for_report("web", "InSync")?;
    let history = report["status"]["history"].as_array().context("no history")?;
    assert_eq!(
        (history.len(), &history[0]["result"], &history[0]["planHash"]),
        (1, &json!("Healed"), &json!(plan))
    );
    Ok(())
}
