//! The story: three scenes, each a list of steps.

use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;

use crate::incident::{self, CLIENT_SIDE, SERVER_SIDE, Synced};
use crate::stage::Stage;
use crate::traces::Traces;
use crate::transcript::Transcript;

/// The Deployment in Git; `NAME` and `LIVENESS` are put in. On a real cluster the image answers its probes.
const MANIFEST: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
spec:
  replicas: 1
  selector:
    matchLabels: {app: NAME}
  template:
    metadata:
      labels: {app: NAME}
    spec:
      containers:
        - name: NAME
          image: registry.k8s.io/e2e-test-images/agnhost:2.53
          args: [netexec, --http-port=8080]
          ports:
            - containerPort: 8080
          livenessProbe:
            LIVENESS
            periodSeconds: 10
          readinessProbe:
            httpGet: {path: /healthz, port: 8080}
            periodSeconds: 5
";

/// The handler that Git begins with.
const HTTP: &str = "httpGet: {path: /healthz, port: 8080}";

/// The handler that Git changes to at last.
const COMMAND: &str = "exec: {command: [/agnhost, connect, '127.0.0.1:8080']}";

/// Plays everything; the stage stays for somebody who wants to look around.
pub fn play(traces: &Arc<Traces>, told: &mut Transcript) -> Result<Stage> {
    let mut stage = Stage::set(traces, told)?;
    client_side(&mut stage, told)?;
    server_side(&stage, told)?;
    not_yet_synced(&stage, told)?;
    Ok(stage)
}

fn client_side(stage: &mut Stage, told: &mut Transcript) -> Result<()> {
    told.scene("The incident: a probe is edited by hand, and Git can no longer be synced")?;
    told.say(
        "Git holds two Deployments, web and api, whose probes are httpGet. web is synced by `kubectl apply`, as \
              Argo CD does it.",
    )?;
    commit(stage, HTTP, "Probe by httpGet");
    told.run(
        &stage.program("git"),
        "git",
        &["clone", "--quiet", &stage.url(), "shop"],
    )?
    .success()?;
    CLIENT_SIDE.sync(stage, told)?.success()?;
    watch(stage, told, &CLIENT_SIDE)?;
    stage.start_controller(told)?;
    in_sync(stage, told, &CLIENT_SIDE)?;

    told.say("At night the probes fail. Someone makes them plain TCP, by hand, and the Pods live:")?;
    let report = incident::edit_by_hand(stage, told, &CLIENT_SIDE)?;
    let refused = format!(
        "driftmend_next_sync_refused{{kind=\"Deployment\",name=\"web\",namespace=\"{}\"",
        stage.namespace()
    );
    let metrics = stage.metrics(told, &["driftmend_next_sync_refused"])?;
    told.check(
        metrics.contains(&refused) && metrics.ends_with(" 1"),
        "the metric that pages somebody is 1",
        || metrics.clone(),
    )?;

    incident::sync_is_refused(stage, told, &CLIENT_SIDE, &report)?;
    incident::heal(stage, told, &CLIENT_SIDE, &report)?;
    incident::sync_changes_nothing(stage, told, &CLIENT_SIDE)
}

fn server_side(stage: &Stage, told: &mut Transcript) -> Result<()> {
    told.scene("The same with server-side apply, where the cure must give the fields back")?;
    told.say(
        "api is synced by server-side apply under the field manager gitops, as Flux does it. A restored field would \
         belong to whoever restored it, and the next change of the handler in Git would be refused again: so the \
         second step, Transfer, puts it into gitops' apply.",
    )?;
    SERVER_SIDE.sync(stage, told)?.success()?;
    watch(stage, told, &SERVER_SIDE)?;
    in_sync(stage, told, &SERVER_SIDE)?;
    let report = incident::edit_by_hand(stage, told, &SERVER_SIDE)?;
    incident::sync_is_refused(stage, told, &SERVER_SIDE, &report)?;
    incident::heal(stage, told, &SERVER_SIDE, &report)?;
    incident::sync_changes_nothing(stage, told, &SERVER_SIDE)?;
    let managers = stage.kubectl(&["get", "deployment/api", "--show-managed-fields", "--output=json"])?;
    let owners = owners_of_http(&serde_json::from_str(&managers)?);
    told.check(
        owners == ["gitops"],
        "httpGet of both probes belongs to gitops alone, as before the incident",
        || owners.join(", "),
    )
}

fn not_yet_synced(stage: &Stage, told: &mut Transcript) -> Result<()> {
    told.scene("A commit that is not yet synced: pending, no alert; and then it is accepted")?;
    told.say("Git moves on: the handler of the liveness probe becomes exec, in both. Nothing is synced yet.")?;
    commit(stage, COMMAND, "Probe by exec");
    told.run(&stage.program("git"), "git", &["-C", "shop", "pull", "--quiet"])?
        .success()?;
    told.run(
        &stage.program("git"),
        "git",
        &["-C", "shop", "show", "--oneline", "--unified=0"],
    )?
    .success()?;
    for synced in [&CLIENT_SIDE, &SERVER_SIDE] {
        let report = stage.wait_for("a pending report", &synced.report(), |report| {
            report["status"]["phase"] == "Pending"
        })?;
        told.check(
            report["status"]["plan"].is_null(),
            &format!("{} is Pending: nobody is asked for anything", synced.name),
            || report["status"]["plan"].to_string(),
        )?;
    }
    told.run(&stage.driftmend(), "driftmend", &["report", "web"])?
        .success()?;
    let alerting = [
        "driftmend_next_sync_refused",
        "driftmend_drift_age_seconds",
        "driftmend_missing",
    ];
    let metrics = stage.metrics(told, &alerting)?;
    told.check(metrics.is_empty(), "no metric that alerts has a series", || {
        metrics.clone()
    })?;

    told.say("Then both are synced. That is the next handler change in Git, and both ways of sync are accepted:")?;
    for synced in [&CLIENT_SIDE, &SERVER_SIDE] {
        let accepted = synced.sync(stage, told)?;
        told.check(
            accepted.code == 0,
            &format!("the sync of {} is accepted", synced.name),
            || accepted.stderr,
        )?;
    }
    let handlers = "custom-columns=NAME:.metadata.name,LIVENESS:.spec.template.spec.containers[0].livenessProbe";
    let shown = told
        .run(
            &stage.tool("kubectl")?,
            "kubectl",
            &["get", "deployments", "-o", handlers],
        )?
        .success()?;
    let only_exec = shown.matches("[exec:").count() == 2 && !shown.contains("httpGet") && !shown.contains("tcpSocket");
    told.check(only_exec, "live has exec and no other handler, in both", || shown)?;
    for synced in [&CLIENT_SIDE, &SERVER_SIDE] {
        stage.wait_for("a report in sync", &synced.report(), |report| {
            report["status"]["phase"] == "InSync"
        })?;
    }
    told.run(&stage.driftmend(), "driftmend", &["report"])?.success()?;
    told.check(true, "both reports are InSync", String::new)
}

/// Commits both Deployments with this liveness handler.
fn commit(stage: &Stage, liveness: &str, message: &str) {
    let of = |name: &str| MANIFEST.replace("NAME", name).replace("LIVENESS", liveness);
    stage.commit(
        &[("web/deployment.yaml", &of("web")), ("api/deployment.yaml", &of("api"))],
        message,
    );
}

/// Shows the DriftWatch and creates it.
fn watch(stage: &Stage, told: &Transcript, synced: &Synced) -> Result<()> {
    let file = format!("watch-{}.yaml", synced.name);
    stage.write(&file, &synced.watch(&stage.url()))?;
    told.run(&stage.program("cat"), "cat", &[&file])?.success()?;
    told.run(&stage.tool("kubectl")?, "kubectl", &["apply", "-f", &file])?
        .success()
        .map(drop)
}

/// Waits until the watch has seen its Deployment and found nothing to tell.
fn in_sync(stage: &Stage, told: &mut Transcript, synced: &Synced) -> Result<()> {
    let counts = |watch: &Value| watch["status"]["counts"]["governed"] == 1 && watch["status"]["counts"]["inSync"] == 1;
    stage.wait_for(
        "a watch whose Deployment is in sync",
        &format!("driftwatch/{}", synced.name),
        counts,
    )?;
    told.run(&stage.tool("kubectl")?, "kubectl", &["get", "driftwatches"])?
        .success()?;
    told.check(
        true,
        &format!("{} is governed and in sync, so there is no report", synced.name),
        String::new,
    )
}

/// The managers that own a probe's `httpGet`, once for each probe that they own.
fn owners_of_http(deployment: &Value) -> Vec<String> {
    let entries = deployment["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let owners = entries
        .iter()
        .filter(|entry| entry["fieldsV1"].to_string().contains("f:httpGet"));
    owners
        .filter_map(|entry| entry["manager"].as_str().map(str::to_owned))
        .collect()
}
