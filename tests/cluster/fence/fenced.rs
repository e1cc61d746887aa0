//! A tool's object behind the fence.

use std::ops::ControlFlow;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use driftmend::engine::argo_cd::application::Application;
use driftmend::engine::argo_cd::requests::Operation;
use driftmend::engine::tool_object::resource::ResourceRef;
use serde_json::{Value, json};

use super::{HEAL, PATIENCE};
use crate::harness::object::Object;
use crate::harness::{ControlPlane, binaries, definitions, wait};
use crate::installation::Installation;
use driftmend::engine::kind::DEPLOYMENT;

/// The namespaces where Applications, and where Kustomizations may be written; `office` is listed nowhere.
const NAMESPACES: &[&str] = &["argocd", "teams", "flux-system", "office", "shop"];

static SHARED: OnceLock<Result<Installation, String>> = OnceLock::new();

/// The chart in mode heal, in a cluster with the kinds of Argo CD and Flux.
pub(super) fn shared() -> Result<&'static Installation> {
    let made = SHARED.get_or_init(|| install().map_err(|error| format!("{error:?}")));
    made.as_ref()
        .map_err(|reason| anyhow::anyhow!("failed to install the chart for the tests of its fences: {reason}"))
}

fn install() -> Result<Installation> {
    let installation = Installation::prepare(NAMESPACES)?;
    for set in ["argo-cd", "kustomize-controller"] {
        definitions::install(&installation.control_plane, &binaries::components(set)?.join("crds"))?;
    }
    let lists: &[(&str, &[&str])] = &[
        ("heal.applications.namespaces", &["argocd", "teams"]),
        ("heal.kustomizations.namespaces", &["flux-system"]),
        ("argocd.namespaces", &["argocd"]),
    ];
    installation.install_with("heal", &["shop"], lists)?;
    // Rights and policies hold a moment after they were stored: where it is a policy that refuses, the right is there,
    // too.
    let application = "driftmend changes nothing of an Application's labels";
    let trials = [
        (Fenced::application(&installation, "argocd", "trial")?, application),
        (Fenced::application(&installation, "teams", "trial")?, application),
        (
            Fenced::kustomization(&installation, "flux-system", "trial")?,
            "driftmend changes nothing of a Kustomization's spec",
        ),
    ];
    for (trial, words) in trials {
        let mut tries = 0;
        wait::until(&format!("a fence with the words: {words}"), PATIENCE, || {
            // Another label each time: what changes nothing is refused by nobody.
            tries += 1;
            let label = json!({"trial": format!("number-{tries}")});
            let answer = trial.ours.json_patch(
                HEAL,
                &json!([{"op": "add", "path": "/metadata/labels", "value": label}]),
            )?;
            let told = format!("{}{}", answer.stdout, answer.stderr);
            Ok(if answer.code != 0 && told.contains(words) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(told)
            })
        })?;
    }
    Ok(installation)
}

/// An object as the administrator and as the chart's ServiceAccount reach it.
pub(super) struct Fenced {
    pub(super) theirs: Object,
    pub(super) ours: Object,
}

impl Fenced {
    fn of(installation: &Installation, kind: &str, namespace: &str, name: &str) -> Result<Self> {
        let control_plane = &installation.control_plane;
        let kubectl = control_plane
            .tool("kubectl")?
            .kubeconfig(&installation.service_account()?);
        Ok(Self {
            theirs: Object::new(control_plane, kind, namespace, name)?,
            ours: Object::by(kubectl, kind, namespace, name),
        })
    }

    /// An Application whose last sync failed, applied server-side as an app of apps would.
    pub(super) fn application(installation: &Installation, namespace: &str, name: &str) -> Result<Self> {
        let fenced = Self::of(installation, "applications.argoproj.io", namespace, name)?;
        let source = json!({"repoURL": "https://git.example/shop.git", "path": ".", "targetRevision": "main"});
        let destination = json!({"server": "https://kubernetes.default.svc", "namespace": "shop"});
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": name, "namespace": namespace, "labels": {"team": "web"},
                         "annotations": {"note": "kept"}},
            "spec": {
                "project": "default", "source": source, "destination": destination,
                "syncPolicy": {
                    "automated": {"selfHeal": true}, "syncOptions": ["ServerSideApply=true"],
                    "retry": {"limit": 3, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
                },
            },
        });
        apply(&installation.control_plane, &object)?;
        fenced.fail()?;
        Ok(fenced)
    }

    /// What Argo CD's controller writes after a sync that was refused.
    pub(super) fn fail(&self) -> Result<()> {
        let revision = "4a4fcb8d1c2b3a4f5e6d7c8b9a0f1e2d3c4b5a69";
        let spec = self.theirs.read()?["spec"].clone();
        let state = json!({
            "phase": "Failed", "startedAt": "2026-01-05T10:00:00Z", "finishedAt": "2026-01-05T10:00:04Z",
            "message": "refused",
            "operation": {"sync": {"revision": revision, "autoHealAttemptsCount": 2}},
            "syncResult": {"revision": revision, "source": spec["source"]},
        });
        let sync = json!({
            "status": "OutOfSync", "revision": revision, "comparedTo": {"source": spec["source"],
                "destination": spec["destination"]},
        });
        let resource = |kind: &str, namespace: &str, name: &str| {
            let group = if kind == "Deployment" { "apps" } else { "" };
            json!({"group": group, "version": "v1", "kind": kind, "namespace": namespace, "name": name,
                   "status": "OutOfSync"})
        };
        let resources = json!([
            resource("Deployment", "shop", "web"),
            resource("Deployment", "office", "web"),
            resource("ConfigMap", "shop", "web")
        ]);
        let status = json!({"reconciledAt": "2026-01-05T10:00:05Z", "sync": sync, "operationState": state,
                            "resources": resources});
        self.theirs
            .merge_patch("argocd-application-controller", &json!({"status": status}))?
            .success()
            .map(drop)
    }

    pub(super) fn kustomization(installation: &Installation, namespace: &str, name: &str) -> Result<Self> {
        let fenced = Self::of(
            installation,
            "kustomizations.kustomize.toolkit.fluxcd.io",
            namespace,
            name,
        )?;
        let object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": name, "namespace": namespace, "labels": {"team": "web"},
                         "annotations": {"note": "kept"}},
            "spec": {"interval": "10m", "prune": true, "path": "./deploy",
                     "sourceRef": {"kind": "GitRepository", "name": "shop"}},
        });
        apply(&installation.control_plane, &object)?;
        Ok(fenced)
    }

    pub(super) fn read(&self) -> Result<Application> {
        Application::read(&self.theirs.read()?).context("no Application")
    }

    /// Sends a patch under the right name, which must be stored.
    pub(super) fn accepted(&self, patch: &impl serde::Serialize) -> Result<Value> {
        self.ours.json_patch(HEAL, &serde_json::to_value(patch)?)?.success()?;
        self.theirs.read()
    }

    /// Sends a patch, which must be refused by the words of a policy and change nothing.
    pub(super) fn refused(&self, words: &str, manager: &str, patch: &Value) -> Result<()> {
        let before = self.theirs.read()?["metadata"]["resourceVersion"].clone();
        let answer = self.ours.json_patch(manager, patch)?;
        ensure!(
            answer.code != 0 && answer.stderr.contains(words),
            "{patch}\n{}{}\nis no refusal with: {words}",
            answer.stdout,
            answer.stderr
        );
        ensure!(
            self.theirs.read()?["metadata"]["resourceVersion"] == before,
            "{patch} was stored"
        );
        Ok(())
    }
}

fn apply(control_plane: &ControlPlane, object: &Value) -> Result<()> {
    let arguments = ["apply", "--server-side", "--field-manager=app-of-apps", "-f", "-"];
    control_plane
        .tool("kubectl")?
        .input(object.to_string())
        .run(&arguments)?
        .success()
        .map(drop)
}

pub(super) fn operation(application: &Application) -> Operation {
    let info = vec![("driftmend.dev/plan".to_owned(), "0123456789ab".to_owned())];
    Operation::of(
        application,
        "driftmend",
        info,
        Some(ResourceRef::of(&DEPLOYMENT, "shop", "web")),
    )
}
