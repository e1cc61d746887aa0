//! What comes between the steps of a heal by hand.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{BY_HAND, drifted, wait_for_refusal};
use crate::harness::command::Tool;
use crate::harness::driftmend::binary;
use crate::harness::pods::{Fate, ReadyPods, Scope};
use crate::harness::process::Process;
use crate::harness::proxy::{Proxy, Side};
use crate::harness::{shared, shared_controller, wait};
use crate::tenant::{TOLD, Tenant, deployment, deployment_with};

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
