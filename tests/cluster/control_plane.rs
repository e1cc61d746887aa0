//! The control plane itself: what every other test here relies on.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::binaries::Binaries;
use crate::harness::control_plane::{Audit, Cluster};
use crate::harness::pods::{Fate, ReadyPods, Scope};
use crate::harness::{ControlPlane, Options, shared, wait};

/// How long something may take. It takes seconds; the rest is for a machine that does something else.
const PATIENCE: Duration = Duration::from_secs(150);

/// A Deployment of two Pods. Nothing pulls its image: there is no kubelet.
const WEB: &str = r#"{
  "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
  "spec": {
    "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
    "template": {
      "metadata": {"labels": {"app": "web"}},
      "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}
    }
  }
}"#;

fn create_web(control_plane: &ControlPlane, namespace: &str) -> Result<()> {
    control_plane
        .tool("kubectl")?
        .input(WEB)
        .run(&["create", "-n", namespace, "-f", "-"])?
        .success()?;
    Ok(())
}

/// Waits longer than a minute where it must: so long may the real controllers leave an API server alone that was away.
fn wait_until_rolled_out(control_plane: &ControlPlane, namespace: &str) -> Result<()> {
    control_plane
        .kubectl(&["rollout", "status", "deployment/web", "-n", namespace, "--timeout=170s"])?
        .success()?;
    Ok(())
}

#[test]
fn the_server_is_ready_and_as_new_as_kubectl() -> Result<()> {
    let version: Value = serde_json::from_str(&shared().kubectl(&["version", "--output=json"])?.success()?)?;
    assert_eq!(
        version["serverVersion"]["gitVersion"],
        version["clientVersion"]["gitVersion"]
    );
    Ok(())
}

#[test]
fn a_deployment_becomes_available_when_its_pods_are_reported_ready() -> Result<()> {
    let control_plane = shared();
    let namespace = control_plane.namespace("ready")?;
    let _pods = ReadyPods::start(control_plane.admin(), Scope::Namespace(namespace.clone()))?;
    create_web(control_plane, &namespace)?;
    wait_until_rolled_out(control_plane, &namespace)?;
    let available = control_plane.kubectl(&[
        "get",
        "deployment",
        "web",
        "-n",
        &namespace,
        "--output=jsonpath={.status.availableReplicas}",
    ])?;
    assert_eq!(available.success()?, "2");
    Ok(())
}

#[test]
fn a_deployment_stays_unavailable_while_its_pods_crash_and_their_restart_counts_rise() -> Result<()> {
    let control_plane = shared();
    let namespace = control_plane.namespace("crash")?;
    let crash = |_: &_| Fate::CrashLoop { exit_code: 137 };
    let _pods = ReadyPods::start_with(
        control_plane.admin(),
        Scope::Namespace(namespace.clone()),
        Duration::from_millis(300),
        crash,
    )?;
    create_web(control_plane, &namespace)?;
    let restarts = [
        "get",
        "pods",
        "-n",
        &namespace,
        "--output=jsonpath={.items[*].status.containerStatuses[*].restartCount}",
    ];
    wait::patiently("two Pods with three restarts each", PATIENCE, || {
        let counts = control_plane.kubectl(&restarts)?.success()?;
        let risen = counts
            .split(' ')
            .filter(|count| count.parse::<u32>().is_ok_and(|count| count >= 3))
            .count();
        Ok(if risen == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(counts)
        })
    })?;
    let unavailable = [
        "get",
        "deployment",
        "web",
        "-n",
        &namespace,
        "--output=jsonpath={.status.unavailableReplicas}",
    ];
    wait::patiently("two unavailable replicas", PATIENCE, || {
        let count = control_plane.kubectl(&unavailable)?.success()?;
        Ok(if count == "2" {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(count)
        })
    })
}

#[test]
fn pods_follow_their_fate_when_it_changes() -> Result<()> {
    let control_plane = shared();
    let namespace = control_plane.namespace("fate")?;
    let fate = Arc::new(Mutex::new(Fate::Held));
    let decided = Arc::clone(&fate);
    let scope = Scope::Namespace(namespace.clone());
    let decide = move |_: &_| *decided.lock().unwrap();
    let _pods = ReadyPods::start_with(control_plane.admin(), scope, Duration::from_secs(1), decide)?;
    create_web(control_plane, &namespace)?;
    let states = "--output=jsonpath={range .items[*]}{.status.phase} {.status.containerStatuses[0].ready};{end}";
    let wait_for = |expected: &str| {
        wait::patiently(expected, PATIENCE, || {
            let seen = control_plane
                .kubectl(&["get", "pods", "-n", &namespace, states])?
                .success()?;
            Ok(if seen == expected {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(seen)
            })
        })
    };
    wait_for("Pending ;Pending ;")?;
    *fate.lock().unwrap() = Fate::Ready;
    wait_for("Running true;Running true;")?;
    wait_until_rolled_out(control_plane, &namespace)?;
    *fate.lock().unwrap() = Fate::Unready;
    wait_for("Running false;Running false;")
}

#[test]
fn a_person_is_known_by_name_and_has_no_rights_but_those_given() -> Result<()> {
    let control_plane = shared();
    let namespace = control_plane.namespace("people")?;
    let view = [
        "create",
        "rolebinding",
        "viewers",
        "--clusterrole=view",
        "--group=shop-viewers",
        "-n",
        &namespace,
    ];
    control_plane.kubectl(&view)?.success()?;
    let get = ["get", "deployments", "-n", &namespace, "--output=name"];
    let as_user = |kubeconfig: &Path| control_plane.tool("kubectl")?.kubeconfig(kubeconfig).run(&get);

    let refused = as_user(&control_plane.user("mallory", &[])?)?;
    let reason = format!(
        "Error from server (Forbidden): deployments.apps is forbidden: User \"mallory\" cannot list resource \
         \"deployments\" in API group \"apps\" in the namespace \"{namespace}\""
    );
    assert_eq!((refused.code, refused.stderr.trim()), (1, reason.as_str()));
    // Rights hold a moment after they were stored.
    let wait_until_allowed = |who: &str, kubeconfig: &Path| {
        wait::patiently(&format!("the rights of {who}"), PATIENCE, || {
            let answer = as_user(kubeconfig)?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })
    };
    wait_until_allowed(
        "alice, by certificate",
        &control_plane.user("alice", &["shop-viewers"])?,
    )?;
    wait_until_allowed(
        "bob, by impersonation",
        &control_plane.user("bob", &["shop-owners", "shop-viewers"])?,
    )
}

#[test]
fn a_service_account_acts_by_its_own_token() -> Result<()> {
    let control_plane = shared();
    let namespace = control_plane.namespace("token")?;
    control_plane
        .kubectl(&["create", "serviceaccount", "healer", "-n", &namespace])?
        .success()?;
    let kubeconfig = control_plane.service_account(&namespace, "healer")?;
    let who = control_plane.tool("kubectl")?.kubeconfig(&kubeconfig).run(&[
        "auth",
        "whoami",
        "--output=jsonpath={.status.userInfo.username}",
    ])?;
    assert_eq!(who.success()?, format!("system:serviceaccount:{namespace}:healer"));
    Ok(())
}

#[test]
fn the_server_keeps_its_data_and_its_port_over_a_stop_and_controllers_go_on() -> Result<()> {
    let control_plane = ControlPlane::start(Options {
        audit: Audit::Metadata,
        ..Options::default()
    })?;
    let namespace = control_plane.namespace("restart")?;
    let _pods = ReadyPods::start(control_plane.admin(), Scope::Cluster)?;

    control_plane.stop_api_server()?;
    let down = control_plane.kubectl(&["get", "namespace", &namespace])?;
    assert_eq!(down.code, 1, "the API server still answers: {}", down.stdout);
    control_plane.start_api_server()?;

    control_plane.kubectl(&["get", "namespace", &namespace])?.success()?;
    create_web(&control_plane, &namespace)?;
    wait_until_rolled_out(&control_plane, &namespace)?;
    let audit = fs::read_to_string(control_plane.audit_log()).context("no audit log")?;
    assert!(
        audit.contains(&format!("/apis/apps/v1/namespaces/{namespace}/deployments")),
        "the audit log lacks the Deployment"
    );
    Ok(())
}

#[test]
fn a_cluster_that_is_there_already_is_used_and_left_running() -> Result<()> {
    let owner = shared();
    let namespace = owner.namespace("existing")?;
    let cluster = Cluster::Existing(owner.admin().as_os_str().to_owned());
    let visitor = ControlPlane::start(Options {
        cluster,
        ..Options::default()
    })?;
    visitor.kubectl(&["get", "namespace", &namespace])?.success()?;
    let alice = visitor.user("alice", &["shop-viewers"])?;
    let who = visitor
        .tool("kubectl")?
        .kubeconfig(&alice)
        .run(&["auth", "whoami", "--output=jsonpath={.status.userInfo}"])?
        .success()?;
    let who: Value = serde_json::from_str(&who)?;
    assert_eq!(
        (&who["username"], &who["groups"]),
        (&json!("alice"), &json!(["shop-viewers", "system:authenticated"]))
    );
    assert_eq!(
        visitor.stop_api_server().err().context("it was stopped")?.to_string(),
        "failed to reach the API server's process: the cluster is the user's own"
    );
    drop(visitor);
    owner.kubectl(&["get", "namespace", &namespace])?.success()?;
    Ok(())
}

#[test]
fn helm_installs_into_the_same_cluster() -> Result<()> {
    let control_plane = shared();
    let namespace = control_plane.namespace("helm")?;
    let chart = control_plane.folder().join("chart");
    fs::create_dir_all(chart.join("templates"))?;
    fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: shop\nversion: 1.0.0\n")?;
    fs::write(chart.join("templates/web.yaml"), WEB)?;
    control_plane
        .helm(&["install", "shop", &chart.display().to_string(), "-n", &namespace])?
        .success()?;
    assert_eq!(
        control_plane
            .kubectl(&["get", "deployment", "-n", &namespace, "--output=name"])?
            .success()?,
        "deployment.apps/web\n"
    );
    Ok(())
}

#[test]
fn a_start_without_a_program_names_the_program_and_the_place() -> Result<()> {
    let empty = tempfile::tempdir()?;
    let error = ControlPlane::start(Options {
        binaries: Binaries::Folder(empty.path().to_owned()),
        ..Options::default()
    })
    .err();
    assert_eq!(
        error.context("it started")?.to_string(),
        format!("failed to find etcd: it is not in {}", empty.path().display())
    );
    Ok(())
}

#[test]
fn a_start_that_takes_too_long_tells_what_it_waits_for_and_the_end_of_the_log() -> Result<()> {
    let error = ControlPlane::start(Options {
        deadline: Duration::ZERO,
        ..Options::default()
    })
    .err()
    .context("it started")?;
    let text = format!("{error:#}");
    let folder = text
        .split(' ')
        .find_map(|word| word.strip_suffix(':').filter(|word| word.contains("/driftmend-")))
        .context("it names no folder")?;
    fs::remove_dir_all(folder)?;
    for part in [
        "unable to see a ready API server within 0 s; seen last: ",
        "the end of kube-apiserver's log",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    Ok(())
}

#[test]
fn a_start_that_fails_shows_the_end_of_the_log() -> Result<()> {
    let options = Options {
        api_server_flags: vec!["--no-such-flag".to_owned()],
        ..Options::default()
    };
    let error = format!("{:#}", ControlPlane::start(options).err().context("it started")?);
    let folder = error
        .split([' ', '\n'])
        .find_map(|word| word.strip_suffix("/kube-apiserver.log:"))
        .context("it names no log file")?;
    assert_eq!(
        fs::read_to_string(format!("{folder}/kube-apiserver.log"))?,
        "Error: unknown flag: --no-such-flag\n"
    );
    fs::remove_dir_all(folder)?;
    for part in [
        "failed to keep kube-apiserver running: it ended with exit status: 1",
        "kube-apiserver.log",
        "unknown flag: --no-such-flag",
    ] {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    Ok(())
}
