//! One governed object from Git to cluster: a repository, the tool that syncs it, a watch, and the people who change it
//! by hand.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::git_server::{self, GitServer, Repository};
use crate::harness::object::write_locked;
use crate::harness::{ControlPlane, Output, driftmend, wait};

/// How long the controller may take for anything. It needs seconds; the rest is for a machine that does something else.
const PATIENCE: Duration = Duration::from_secs(120);

/// How the syncing tool writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    ClientSide,
    ServerSide,
    Replace,
}

impl Sync {
    /// What the DriftWatch says of it.
    fn spec(self) -> Value {
        match self {
            Self::ClientSide => json!({"strategy": "ClientSideApply"}),
            Self::ServerSide => json!({"strategy": "ServerSideApply", "manager": "argocd-controller"}),
            Self::Replace => json!({"strategy": "Replace"}),
        }
    }

    /// The same by kubectl.
    fn command(self) -> &'static [&'static str] {
        match self {
            Self::ClientSide => &["apply", "-f", "-"],
            Self::ServerSide => &[
                "apply",
                "--server-side",
                "--force-conflicts",
                "--field-manager=argocd-controller",
                "-f",
                "-",
            ],
            Self::Replace => &["replace", "-f", "-"],
        }
    }
}

/// The handlers of the incident.
pub fn http_get() -> Value {
    json!({"httpGet": {"path": "/healthz", "port": 8080}})
}

pub fn exec() -> Value {
    json!({"exec": {"command": ["/bin/healthy"]}})
}

/// The container's fields that a manifest of Git sets: the probes.
pub fn manifest(probes: &Value) -> Value {
    let mut container = json!({"name": "web", "image": "registry.example/web:1", "ports": [{"containerPort": 8080}]});
    json_patch::merge(&mut container, probes);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    })
}

/// A namespace with an object `web`, its repository and its syncing tool.
pub struct Shop<'a> {
    pub control_plane: &'a ControlPlane,
    pub namespace: String,

    /// The object's kind, as the manifest writes it.
    kind: String,
    sync: Sync,
    repository: Repository,
    git: GitServer,
    _folder: TempDir,
}

impl<'a> Shop<'a> {
    /// Commits the manifest, syncs it, and waits until its roll-out is complete; nothing watches it yet.
    pub fn open(control_plane: &'a ControlPlane, namespace: &str, sync: Sync, manifest: &Value) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let repository = Repository::create(folder.path(), "shop.git");
        let git = GitServer::start(folder.path(), &git_server::Options::default());
        let shop = Self {
            control_plane,
            namespace: namespace.to_owned(),
            kind: text(&manifest["kind"]),
            sync,
            repository,
            git,
            _folder: folder,
        };
        shop.commit(manifest);
        let first: &[&str] = if sync == Sync::Replace {
            &["create", "--save-config=false", "-f", "-"]
        } else {
            sync.command()
        };
        shop.send(first, manifest)?.success()?;
        shop.kubectl(&["rollout", "status", &shop.resource(), "--timeout=170s"])?
            .success()?;
        Ok(shop)
    }

    /// The object as kubectl takes it, such as `deployment/web`.
    fn resource(&self) -> String {
        format!("{}/web", self.kind.to_lowercase())
    }

    /// The name of its report.
    pub fn report_name(&self) -> String {
        format!("{}-web", self.kind.to_lowercase())
    }

    /// Opens a shop with the incident's manifest, and a watch that finds it in sync.
    pub fn open_watched(control_plane: &'a ControlPlane, namespace: &str, sync: Sync) -> Result<Self> {
        let shop = Self::open(
            control_plane,
            namespace,
            sync,
            &manifest(&json!({"livenessProbe": http_get()})),
        )?;
        shop.watch(&json!({}))?;
        Ok(shop)
    }

    /// Makes the watch, with these fields of its spec in addition, and waits until it finds everything in sync.
    pub fn watch(&self, more: &Value) -> Result<()> {
        self.apply_watch(more)?;
        let counts = [
            "get",
            "driftwatch",
            "shop",
            "--output=jsonpath={.status.counts.governed} {.status.counts.inSync}",
        ];
        wait::patiently("a watch that governs one Deployment, in sync", PATIENCE, || {
            let seen = self.kubectl(&counts)?.success()?;
            Ok(if seen == "1 1" {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(seen)
            })
        })
    }

    /// Makes or changes the watch without waiting.
    pub fn apply_watch(&self, more: &Value) -> Result<()> {
        let mut spec = json!({"source": {"git": {"url": self.git.url("shop.git"), "interval": "1s"}}, "settle": "1s"});
        json_patch::merge(&mut spec, &self.sync.spec());
        json_patch::merge(&mut spec, more);
        let watch = json!({"apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": {"name": "shop"},
                           "spec": spec});
        self.send(&["apply", "-f", "-"], &watch)?.success().map(drop)
    }

    /// Commits a manifest.
    pub fn commit(&self, manifest: &Value) -> String {
        self.repository
            .commit(&[("web.yaml", &format!("{manifest:#}\n"))], "Change web")
    }

    /// Commits another file.
    pub fn commit_file(&self, name: &str, text: &str) -> String {
        self.repository.commit(&[(name, text)], "Add a file")
    }

    /// The tool's own sync of a manifest.
    pub fn sync(&self, manifest: &Value) -> Result<Output> {
        self.send(self.sync.command(), manifest)
    }

    /// The same as a dry run: what the server would say.
    pub fn try_sync(&self, manifest: &Value) -> Result<Output> {
        self.send(&[self.sync.command(), &["--dry-run=server"]].concat(), manifest)
    }

    /// `kubectl replace` sends the version that it has just read, and the deployment controller may write between the
    /// two.
    fn send(&self, command: &[&str], manifest: &Value) -> Result<Output> {
        let mut arguments = command.to_vec();
        arguments.extend(["-n", &self.namespace]);
        write_locked(|| {
            self.control_plane
                .tool("kubectl")?
                .input(manifest.to_string())
                .run(&arguments)
        })
    }

    /// kubectl in the shop's namespace, as the administrator.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Output> {
        self.control_plane
            .kubectl(&[arguments, &["-n", &self.namespace]].concat())
    }

    /// kubectl in the shop's namespace, as somebody else.
    pub fn kubectl_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Result<Output> {
        self.control_plane
            .tool("kubectl")?
            .kubeconfig(kubeconfig)
            .run(&[arguments, &["-n", &self.namespace]].concat())
    }

    /// driftmend's command line in the shop's namespace, as the administrator.
    pub fn driftmend(&self, arguments: &[&str]) -> Result<Output> {
        self.driftmend_as(self.control_plane.admin(), arguments)
    }

    /// The same as somebody else.
    pub fn driftmend_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Result<Output> {
        driftmend::run(kubeconfig, &[arguments, &["-n", &self.namespace]].concat())
    }

    /// A person changes the container by hand.
    pub fn change_container(&self, fields: &Value) -> Result<()> {
        let mut container = json!({"name": "web"});
        // Not merged: a null removes a field of the live object and has to arrive there.
        for (key, value) in fields.as_object().into_iter().flatten() {
            container[key] = value.clone();
        }
        let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}}).to_string();
        self.kubectl(&["patch", &self.resource(), "--type=strategic", "--patch", &patch])?
            .success()
            .map(drop)
    }

    /// The hand change of the incident: another handler at this port.
    pub fn switch_handler(&self, probe: &str, port: u16) -> Result<()> {
        self.change_container(&json!({probe: {"httpGet": null, "tcpSocket": {"port": port}}}))
    }

    /// The live object, with its managedFields.
    pub fn live(&self) -> Result<Value> {
        self.get(&self.resource())?.context("the object web is gone")
    }

    /// The report, where there is one.
    pub fn report(&self) -> Result<Option<Value>> {
        self.get(&format!("driftreport/{}", self.report_name()))
    }

    fn get(&self, resource: &str) -> Result<Option<Value>> {
        let options = ["--show-managed-fields", "--ignore-not-found", "--output=json"];
        let text = self
            .kubectl(&[&["get", resource], options.as_slice()].concat())?
            .success()?;
        if text.is_empty() {
            Ok(None)
        } else {
            Ok(Some(serde_json::from_str(&text)?))
        }
    }

    /// Waits for a status that `fits`.
    pub fn wait_for_status(&self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        wait::patiently(what, PATIENCE, || {
            let status = self
                .report()?
                .map(|report| report["status"].clone())
                .unwrap_or_default();
            Ok(if fits(&status) {
                ControlFlow::Break(status)
            } else {
                ControlFlow::Continue(format!("{status:#}"))
            })
        })
    }

    /// Waits for the first plan that is not `known`, and gives its hash.
    pub fn wait_for_plan(&self, known: Option<&str>) -> Result<String> {
        let status = self.wait_for_status("a new plan", |status| {
            status["heal"] == "AwaitingApproval"
                && status["plan"]["hash"].as_str().is_some_and(|hash| Some(hash) != known)
        })?;
        Ok(text(&status["plan"]["hash"]))
    }

    /// Waits until a plan was carried out and the controller has said so, and gives the status: the healer ends the
    /// heal first.
    pub fn wait_for_heal(&self, plan: &str) -> Result<Value> {
        self.wait_for_status("a heal", |status| {
            status["healing"].is_null()
                && status["heal"] == "Healed"
                && condition(status, "Approved")["reason"] == "CarriedOut"
                && status["history"]
                    .as_array()
                    .is_some_and(|history| history.last().is_some_and(|entry| entry["planHash"] == plan))
        })
    }

    /// Waits for a condition's reason, and gives the condition.
    pub fn wait_for_condition(&self, kind: &str, reason: &str) -> Result<Value> {
        let status = self.wait_for_status(&format!("the condition {kind} with the reason {reason}"), |status| {
            condition(status, kind)["reason"] == reason
        })?;
        Ok(condition(&status, kind))
    }

    /// Approves a plan as the administrator.
    pub fn approve(&self, plan: &str) -> Result<()> {
        self.driftmend(&["approve", &self.resource(), "--plan", plan])?
            .success()
            .map(drop)
    }

    /// The reasons of all Events about the object or its report, each once and sorted.
    pub fn event_reasons(&self, kind: &str) -> Result<Vec<String>> {
        let report = self.report_name();
        let name = if kind == "DriftReport" { report.as_str() } else { "web" };
        let selector = format!("--field-selector=involvedObject.kind={kind},involvedObject.name={name}");
        let events: Value = serde_json::from_str(
            &self
                .kubectl(&["get", "events", &selector, "--output=json"])?
                .success()?,
        )?;
        let mut reasons: Vec<String> = events["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|event| {
                event["reportingComponent"]
                    .as_str()
                    .is_some_and(|component| component.contains("driftmend"))
            })
            .map(|event| text(&event["reason"]))
            .collect();
        reasons.sort();
        reasons.dedup();
        Ok(reasons)
    }

    /// Waits for an Event about the report, and gives its note.
    pub fn event_note(&self, reason: &str) -> Result<String> {
        self.wait_for_event("DriftReport", reason)?;
        let selector = format!("--field-selector=involvedObject.kind=DriftReport,reason={reason}");
        self.kubectl(&["get", "events", &selector, "--output=jsonpath={.items[0].message}"])?
            .success()
    }

    /// Waits for an Event about the object or its report.
    pub fn wait_for_event(&self, kind: &str, reason: &str) -> Result<()> {
        wait::patiently(&format!("an Event {reason} about the {kind}"), PATIENCE, || {
            let seen = self.event_reasons(kind)?;
            Ok(if seen.iter().any(|seen| seen == reason) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(format!("{seen:?}"))
            })
        })
    }
}

/// The condition of a type, null where there is none.
pub fn condition(status: &Value, kind: &str) -> Value {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    conditions
        .into_iter()
        .find(|condition| condition["type"] == kind)
        .cloned()
        .unwrap_or_default()
}

/// The live container's probe.
pub fn probe(deployment: &Value, name: &str) -> Value {
    deployment["spec"]["template"]["spec"]["containers"][0][name].clone()
}

/// Each owner as `manager operation`, with `/status` where it owns the status.
pub fn owners(deployment: &Value) -> Vec<String> {
    let entries = deployment["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut owners: Vec<String> = entries
        .map(|entry| {
            let subresource = entry["subresource"]
                .as_str()
                .map(|name| format!("/{name}"))
                .unwrap_or_default();
            format!("{} {}{subresource}", text(&entry["manager"]), text(&entry["operation"]))
        })
        .collect();
    owners.sort();
    owners
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
