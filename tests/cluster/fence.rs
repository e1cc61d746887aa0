//! The fences around what the chart's ServiceAccount may write on the objects of Argo CD and Flux: the requests of a
//! plan's steps pass, and whatever else a stolen token would send is refused. Neither tool runs here; their kinds are
//! theirs.

mod approver;
mod fenced;
mod operations;
mod owners;

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use driftmend::engine::argo_cd::requests::{Then, clear, refresh, start};
use driftmend::engine::flux::kustomization::Kustomization;
use driftmend::engine::flux::reconciliation::poke;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::{binaries, definitions, wait};
use crate::installation::{self, Installation};
use fenced::{Fenced, operation, shared};

const PATIENCE: Duration = Duration::from_secs(150);

/// The field manager of every heal.
const HEAL: &str = "driftmend-heal";

const REFRESH: &str = "/metadata/annotations/argocd.argoproj.io~1refresh";

#[test]
fn what_a_plans_steps_send_on_an_application_passes_in_each_namespace_listed() -> Result<()> {
    for namespace in ["argocd", "teams"] {
        let fenced = Fenced::application(shared()?, namespace, "passes")?;
        let asked = refresh(&fenced.read()?)?.context("nothing to ask")?;
        assert_eq!(
            fenced.accepted(&asked)?["metadata"]["annotations"]["argocd.argoproj.io/refresh"],
            "normal"
        );
        let seen = fenced.accepted(&clear(&fenced.read()?, &Then::Refresh)?)?;
        assert_eq!(seen["status"]["operationState"], Value::Null);

        // As Argo CD takes the request away.
        fenced
            .theirs
            .json_patch(
                "argocd-application-controller",
                &json!([{"op": "remove", "path": REFRESH}]),
            )?
            .success()?;
        fenced.fail()?;
        fenced.accepted(&clear(&fenced.read()?, &Then::Refresh)?)?;
        let application = fenced.read()?;
        let seen = fenced.accepted(&start(&application, &operation(&application))?)?;
        assert_eq!(seen["operation"]["sync"]["resources"][0]["name"], "web");
        fenced
            .theirs
            .json_patch(
                "argocd-application-controller",
                &json!([{"op": "remove", "path": "/operation"}]),
            )?
            .success()?;

        fenced.fail()?;
        let application = fenced.read()?;
        let seen = fenced.accepted(&clear(&application, &Then::Start(operation(&application)))?)?;
        assert_eq!(
            (
                &seen["status"]["operationState"],
                &seen["operation"]["initiatedBy"]["username"]
            ),
            (&Value::Null, &json!("driftmend"))
        );
    }
    Ok(())
}

#[test]
fn everything_else_on_an_application_is_refused() -> Result<()> {
    let fenced = Fenced::application(shared()?, "argocd", "refused")?;
    let set = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    let remove = |path: &str| json!([{"op": "remove", "path": path}]);
    let spec = "driftmend changes nothing of an Application's spec";
    fenced.refused(
        spec,
        HEAL,
        &set("/spec/source/repoURL", json!("https://git.example/another.git")),
    )?;
    fenced.refused(spec, HEAL, &set("/spec/project", json!("another")))?;
    fenced.refused(spec, HEAL, &remove("/spec/syncPolicy/automated"))?;

    let metadata = "driftmend changes nothing of an Application's labels, finalizers, owners or managers";
    fenced.refused(metadata, HEAL, &set("/metadata/labels/team", json!("another")))?;
    fenced.refused(
        metadata,
        HEAL,
        &set(
            "/metadata/finalizers",
            json!(["resources-finalizer.argocd.argoproj.io"]),
        ),
    )?;
    // Without managers the next apply of the app of apps would take nothing away any more.
    fenced.refused(metadata, HEAL, &set("/metadata/managedFields", json!([{}])))?;

    let annotations = "of an Application's annotations driftmend only adds argocd.argoproj.io/refresh: normal";
    fenced.refused(annotations, HEAL, &set("/metadata/annotations/note", json!("changed")))?;
    fenced.refused(annotations, HEAL, &remove("/metadata/annotations/note"))?;
    fenced.refused(
        annotations,
        HEAL,
        &set("/metadata/annotations/driftmend.dev~1allow-watches-from", json!("*")),
    )?;
    fenced.refused(annotations, HEAL, &set(REFRESH, json!("hard")))?;

    let status = "of an Application's status driftmend only removes operationState, as a whole";
    fenced.refused(status, HEAL, &set("/status/sync/status", json!("Synced")))?;
    fenced.refused(status, HEAL, &set("/status/operationState/phase", json!("Succeeded")))?;
    fenced.refused(status, HEAL, &set("/status/health", json!({"status": "Healthy"})))?;
    fenced.refused(status, HEAL, &remove("/status"))?;

    let manager = "driftmend writes an Application only under the field manager driftmend-heal";
    fenced.refused(manager, "kubectl", &set(REFRESH, json!("normal")))?;
    Ok(())
}

#[test]
fn of_a_kustomization_only_a_reconciliation_is_asked_for() -> Result<()> {
    let fenced = Fenced::kustomization(shared()?, "flux-system", "shop")?;
    for token in ["driftmend-one", "driftmend-two"] {
        let seen = Kustomization::read(&fenced.theirs.read()?)?;
        let seen = fenced.accepted(&poke(seen.uid.as_deref(), seen.annotations.as_ref(), token)?)?;
        assert_eq!(
            seen["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"],
            token
        );
    }
    let set = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    let rest = "driftmend changes nothing of a Kustomization's spec, status, labels, finalizers, owners or managers";
    fenced.refused(rest, HEAL, &set("/spec/suspend", json!(true)))?;
    fenced.refused(rest, HEAL, &set("/metadata/labels/team", json!("another")))?;
    let annotations = "of a Kustomization's annotations driftmend only sets reconcile.fluxcd.io/requestedAt";
    fenced.refused(annotations, HEAL, &set("/metadata/annotations/note", json!("changed")))?;
    fenced.refused(
        annotations,
        HEAL,
        &json!([{"op": "remove", "path": "/metadata/annotations/reconcile.fluxcd.io~1requestedAt"}]),
    )?;
    let requested = "/metadata/annotations/reconcile.fluxcd.io~1requestedAt";
    fenced.refused(
        "only under the field manager driftmend-heal",
        "kubectl",
        &set(requested, json!("driftmend-three")),
    )?;
    Ok(())
}

#[test]
fn outside_the_namespaces_listed_neither_rights_nor_fence_let_anything_through() -> Result<()> {
    let installation = shared()?;
    let control_plane = &installation.control_plane;
    let elsewhere = [
        Fenced::application(installation, "office", "elsewhere")?,
        Fenced::kustomization(installation, "office", "elsewhere")?,
    ];
    let annotated = json!([{"op": "add", "path": "/metadata/annotations/note", "value": "changed"}]);
    for fenced in &elsewhere {
        fenced.refused("cannot patch resource", HEAL, &annotated)?;
    }
    // Somebody gives the ServiceAccount more than the chart does.
    let listed = Fenced::application(installation, "argocd", "listed")?;
    for (name, group) in [
        ("applications", "argoproj.io"),
        ("kustomizations", "kustomize.toolkit.fluxcd.io"),
    ] {
        let resource = format!("--resource={name}.{group}");
        control_plane
            .kubectl(&["create", "clusterrole", name, "--verb=create,patch,delete", &resource])?
            .success()?;
        let (role, subject) = (format!("--clusterrole={name}"), "--serviceaccount=driftmend:driftmend");
        control_plane
            .kubectl(&["create", "clusterrolebinding", name, &role, subject])?
            .success()?;
    }
    for (fenced, kind) in elsewhere.iter().zip(["Applications", "Kustomizations"]) {
        let words = format!("driftmend may not write {kind} in this namespace");
        wait::until("the new right", PATIENCE, || {
            let answer = fenced.ours.json_patch(HEAL, &annotated)?;
            Ok(if answer.stderr.contains(&words) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })?;
    }
    let kubectl = control_plane
        .tool("kubectl")?
        .kubeconfig(&installation.service_account()?);
    let never = "driftmend never creates or deletes an Application, not even in a dry run";
    for dry_run in ["--dry-run=none", "--dry-run=server"] {
        let delete = kubectl.run(&["delete", "applications.argoproj.io", "listed", "-n", "argocd", dry_run])?;
        assert!(
            delete.code != 0 && delete.stderr.contains(never),
            "{}{}",
            delete.stdout,
            delete.stderr
        );
        let mut another = listed.theirs.read()?;
        another["metadata"] = json!({"name": "another", "namespace": "argocd"});
        let create = kubectl
            .clone()
            .input(another.to_string())
            .run(&["create", dry_run, "-f", "-"])?;
        assert!(
            create.code != 0 && create.stderr.contains(never),
            "{}{}",
            create.stdout,
            create.stderr
        );
    }
    Ok(())
}

#[test]
fn the_api_server_finds_no_fault_in_the_policies() -> Result<()> {
    let control_plane = &shared()?.control_plane;
    for name in [
        "writes",
        "heals",
        "applications",
        "kustomizations",
        "records",
        "approval",
    ] {
        let checked = wait::until("a type check", PATIENCE, || {
            let get = [
                "get",
                "validatingadmissionpolicy",
                &format!("{name}.driftmend.dev"),
                "--output=json",
            ];
            let policy: Value = serde_json::from_str(&control_plane.kubectl(&get)?.success()?)?;
            let checked = policy["status"]["observedGeneration"] == policy["metadata"]["generation"];
            Ok(if checked {
                ControlFlow::Break(policy["status"].clone())
            } else {
                ControlFlow::Continue(policy["status"].to_string())
            })
        })?;
        assert_eq!(
            checked["typeChecking"]["expressionWarnings"],
            Value::Null,
            "{name}: {checked:#}"
        );
    }
    Ok(())
}

#[test]
fn without_argo_cd_and_flux_it_runs_says_so_once_and_finds_them_when_they_come() -> Result<()> {
    let installation = Installation::prepare(&["argocd"])?;
    let control_plane = &installation.control_plane;
    let controller = installation.start_controller(&installation.install("observe", &[])?)?;
    let absent = "the cluster does not have the kind; it is looked for again";
    let said = |words: &str| -> Vec<String> {
        controller
            .log()
            .lines()
            .filter(|line| line.contains(words))
            .map(str::to_owned)
            .collect()
    };
    let wait_until_said = |words: &str, kinds: &[&str]| {
        wait::until(&format!("{words:?} of {kinds:?}"), PATIENCE, || {
            let lines = said(words);
            let all = kinds.iter().all(|kind| lines.iter().any(|line| line.contains(kind)));
            Ok(if all {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(lines.join("\n"))
            })
        })
    };
    let kinds = [
        "applications.argoproj.io",
        "kustomizations.kustomize.toolkit.fluxcd.io",
        "gitrepositories.source.toolkit.fluxcd.io",
    ];
    wait_until_said(absent, &kinds)?;
    for set in ["argo-cd", "kustomize-controller"] {
        definitions::install(control_plane, &binaries::components(set)?.join("crds"))?;
    }
    wait_until_said("the kind is watched", &kinds)?;
    assert_eq!(said(absent).len(), kinds.len(), "{:#?}", said(absent));
    installation::assert_no_right_was_missing(&controller);

    // In this mode nothing may be written, whatever rights somebody adds.
    let fenced = Fenced::application(&installation, "argocd", "shop")?;
    let rights = [
        "create",
        "clusterrolebinding",
        "all",
        "--clusterrole=cluster-admin",
        "--serviceaccount=driftmend:driftmend",
    ];
    control_plane.kubectl(&rights)?.success()?;
    let words = "driftmend was not given the right to write Applications";
    wait::until("the fence of mode observe", PATIENCE, || {
        let answer = fenced
            .ours
            .json_patch(HEAL, &json!([{"op": "add", "path": REFRESH, "value": "normal"}]))?;
        ensure!(answer.code != 0, "it was written");
        Ok(if answer.stderr.contains(words) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;
    Ok(())
}
