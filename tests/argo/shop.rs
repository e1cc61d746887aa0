//! One Application from Git to cluster: a repository with a Deployment and what a test adds, and the person who changes
//! things by hand.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::argo_cd::{ArgoCd, NAMESPACE, shared_argo_cd};
use crate::harness::git_server::{self, GitServer, Repository};
use crate::harness::incident::{self, PROBE};
pub use crate::harness::incident::{PERSON, deployment, exec, http_get};
use crate::harness::object::Object;
use crate::harness::pods::{ReadyPods, Scope};
use crate::harness::{ControlPlane, shared};

/// How Argo CD writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    ClientSide,
    ServerSide,
    Replace,
}

/// Who starts a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Argo CD, for each new revision and for each drift.
    SelfHeal,

    /// Argo CD, for each new revision.
    Automated,

    /// A person.
    Manual,
}

/// A manifest of a ConfigMap in a sync wave.
pub fn config_map(name: &str, wave: i32, text: &str) -> Value {
    let annotations = json!({"argocd.argoproj.io/sync-wave": wave.to_string()});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": annotations},
           "data": {"text": text}})
}

/// A namespace with a synced Application in it.
pub struct Shop<'a> {
    pub control_plane: &'a ControlPlane,
    pub argo_cd: &'a ArgoCd,
    pub namespace: String,
    pub application: Object,
    pub deployment: Object,
    repository: Repository,
    git: GitServer,
    _folder: TempDir,
    _pods: ReadyPods,
}

impl Shop<'static> {
    /// Opens a shop beside the Argo CD that all share.
    pub fn open(name: &str, apply: Apply, policy: Policy, manifests: &[Value]) -> Result<Self> {
        Self::open_beside(shared(), shared_argo_cd(), name, apply, policy, manifests)
    }
}

impl<'a> Shop<'a> {
    /// Commits the incident's Deployment and these manifests, makes the Application, and waits until it is Synced and
    /// Healthy.
    pub fn open_beside(
        control_plane: &'a ControlPlane,
        argo_cd: &'a ArgoCd,
        name: &str,
        apply: Apply,
        policy: Policy,
        manifests: &[Value],
    ) -> Result<Self> {
        Self::open_at(control_plane, argo_cd, NAMESPACE, name, apply, policy, manifests)
    }

    /// The same with the Application in this namespace, which must be there.
    pub fn open_at(
        control_plane: &'a ControlPlane,
        argo_cd: &'a ArgoCd,
        of_application: &str,
        name: &str,
        apply: Apply,
        policy: Policy,
        manifests: &[Value],
    ) -> Result<Self> {
        let manifests = [&[deployment(&http_get())], manifests].concat();
        let shop = Self::made(
            control_plane,
            argo_cd,
            of_application,
            name,
            (apply, policy),
            &manifests,
            &json!({}),
        )?;
        shop.wait_until_settled()?;
        Ok(shop)
    }

    /// Commits these manifests and makes the Application with these fields in addition, and returns when its first sync
    /// is asked for.
    pub fn made(
        control_plane: &'a ControlPlane,
        argo_cd: &'a ArgoCd,
        of_application: &str,
        name: &str,
        (apply, policy): (Apply, Policy),
        manifests: &[Value],
        more: &Value,
    ) -> Result<Self> {
        let namespace = control_plane.namespace(name)?;
        let folder = tempfile::tempdir()?;
        let repository = Repository::create(folder.path(), "shop.git");
        let git = GitServer::start(folder.path(), &git_server::Options::default());
        let shop = Self {
            control_plane,
            argo_cd,
            application: argo_cd.application(of_application, &namespace),
            deployment: Object::new(control_plane, "deployment", &namespace, "web")?,
            repository,
            git,
            _folder: folder,
            _pods: ReadyPods::start(control_plane.admin(), Scope::Namespace(namespace.clone()))?,
            namespace,
        };
        shop.commit(manifests);
        let mut manifest = shop.manifest(apply, policy);
        json_patch::merge(&mut manifest, more);
        control_plane.apply(&manifest.to_string())?;
        if policy == Policy::Manual {
            shop.sync(&json!({}))?;
        }
        Ok(shop)
    }

    /// The Application. Its retries end after one, 4 s later; by default they go on for five minutes.
    fn manifest(&self, apply: Apply, policy: Policy) -> Value {
        let options: &[&str] = match apply {
            Apply::ClientSide => &[],
            Apply::ServerSide => &["ServerSideApply=true"],
            Apply::Replace => &["Replace=true"],
        };
        let mut sync = json!({"syncOptions": options, "retry": retry()});
        if policy != Policy::Manual {
            sync["automated"] = json!({"selfHeal": policy == Policy::SelfHeal});
        }
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": self.application.name(), "namespace": self.application.namespace()},
            "spec": {
                "project": "default",
                "source": {"repoURL": self.git.url("shop.git"), "path": ".", "targetRevision": "main"},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": self.namespace},
                "syncPolicy": sync,
            },
        })
    }

    /// Commits each manifest as a file of its own, and gives the commit's id.
    pub fn commit(&self, manifests: &[Value]) -> String {
        self.commit_into("", manifests)
    }

    /// The same in a folder, which is not the Application's.
    pub fn commit_into(&self, folder: &str, manifests: &[Value]) -> String {
        let folder = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let files: Vec<(String, String)> = manifests
            .iter()
            .map(|manifest| {
                (
                    format!("{folder}{}.yaml", text(&manifest["metadata"]["name"])),
                    format!("{manifest:#}\n"),
                )
            })
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        self.repository.commit(&files, "Change the shop")
    }

    /// An object in the shop's namespace.
    pub fn object(&self, kind: &str, name: &str) -> Result<Object> {
        Object::new(self.control_plane, kind, &self.namespace, name)
    }

    /// A person's manual sync at what Git has, as Argo CD's own command line asks for it, with these fields in
    /// addition.
    pub fn sync(&self, more: &Value) -> Result<()> {
        self.ask(more, &json!({}))
    }

    /// The same with these fields of the operation in addition.
    pub fn ask(&self, more: &Value, of_operation: &Value) -> Result<()> {
        let mut sync = json!({"syncOptions": self.application.read()?["spec"]["syncPolicy"]["syncOptions"]});
        json_patch::merge(&mut sync, more);
        let mut operation = json!({"initiatedBy": {"username": "ada"}, "sync": sync, "retry": retry()});
        json_patch::merge(&mut operation, of_operation);
        let operation = json!({"operation": operation});
        self.application
            .merge_patch("argocd-server", &operation)?
            .success()
            .map(drop)
    }

    /// Waits until the Application fits.
    pub fn wait_until(&self, what: &str, fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        self.argo_cd.wait_until(&self.application, what, fits)
    }

    /// Brings a commit into the cluster, by whoever syncs there.
    pub fn bring(&self, policy: Policy, revision: &str) -> Result<()> {
        self.argo_cd.refresh(&self.application)?;
        self.wait_until("the new revision", |seen| {
            seen["status"]["sync"]["revision"] == revision
        })?;
        if policy == Policy::Manual {
            self.sync(&json!({}))?;
        }
        self.wait_until("the commit's state", |seen| {
            in_sync(seen) && seen["status"]["sync"]["revision"] == revision
        })?;
        self.wait_until_settled().map(drop)
    }

    /// Waits until all is as Git says and no sync runs or follows, and gives the Application.
    ///
    /// Argo CD often does a second, partial sync right after the first: its cache of the cluster lags a little behind.
    pub fn wait_until_settled(&self) -> Result<Value> {
        loop {
            let fits = |seen: &Value| {
                in_sync(seen) && seen["status"]["health"]["status"] == "Healthy" && phase(seen) == "Succeeded"
            };
            let before = self.wait_until("Synced and Healthy after a sync that succeeded", fits)?;
            thread::sleep(Duration::from_millis(1500));
            let after = self.application.read()?;
            if fits(&after) && started_at(&before) == started_at(&after) {
                return Ok(after);
            }
        }
    }

    /// Lets Argo CD's own syncs be retried in this way from now on.
    pub fn retry_by(&self, retry: &Value) -> Result<()> {
        self.application
            .merge_patch("ada", &json!({"spec": {"syncPolicy": {"retry": retry}}}))?
            .success()?;
        // Argo CD may hear of the Deployment's next change first: an answer shows that it has heard of this one.
        self.argo_cd.refresh(&self.application)
    }

    /// The hand change of the incident.
    pub fn switch_handler(&self) -> Result<()> {
        incident::switch_handler(&self.deployment, PERSON)
    }

    /// The hand change taken back, in the name of this manager.
    pub fn switch_back(&self, manager: &str) -> Result<()> {
        incident::switch_back(&self.deployment, manager)
    }

    /// Waits until Argo CD has given up a sync of this revision, or of any, and gives the Application.
    pub fn wait_until_failed(&self, revision: Option<&str>) -> Result<Value> {
        self.wait_until("a failed sync", |seen| {
            let at = &seen["status"]["operationState"]["syncResult"]["revision"];
            phase(seen) == "Failed" && seen["operation"].is_null() && revision.is_none_or(|revision| at == revision)
        })
    }

    /// The incident: the person's change, and Argo CD's sync, which is refused until Argo CD gives up. Gives the
    /// Application then.
    pub fn break_by_hand(&self) -> Result<Value> {
        self.switch_handler()?;
        if self.application.read()?["spec"]["syncPolicy"]["automated"]["selfHeal"] != json!(true) {
            // Nobody else asks for a sync of this revision.
            self.wait_until("OutOfSync", |seen| !in_sync(seen))?;
            self.sync(&json!({}))?;
        }
        self.wait_until_failed(None)
    }

    /// A person changes the number of replicas.
    pub fn scale(&self, replicas: u32) -> Result<()> {
        self.deployment
            .merge_patch(PERSON, &json!({"spec": {"replicas": replicas}}))?
            .success()
            .map(drop)
    }

    /// Waits until the Deployment has this many replicas again.
    pub fn wait_for_replicas(&self, replicas: u32) -> Result<()> {
        self.deployment
            .wait_until(&format!("{replicas} replicas"), |seen| {
                seen["spec"]["replicas"] == replicas
            })
            .map(drop)
    }

    /// The live container's probe.
    pub fn probe(&self) -> Result<Value> {
        self.deployment.read()?.pointer(PROBE).cloned().context("no probe")
    }
}

/// As an operation is retried here: once, after 4 s (Argo CD counts before it waits).
pub fn retry() -> Value {
    json!({"limit": 1, "backoff": {"duration": "2s", "factor": 2, "maxDuration": "10s"}})
}

pub fn in_sync(application: &Value) -> bool {
    application["status"]["sync"]["status"] == "Synced" && application["operation"].is_null()
}

/// The phase of the operation that runs, or of the last; null after it was cleared.
pub fn phase(application: &Value) -> &Value {
    &application["status"]["operationState"]["phase"]
}

pub fn started_at(application: &Value) -> &Value {
    &application["status"]["operationState"]["startedAt"]
}

/// The last operation's message without the name of the file that Argo CD patched from, which is another each time.
pub fn message(application: &Value) -> String {
    let message = text(&application["status"]["operationState"]["message"]);
    match message
        .split_once("error when patching \"")
        .and_then(|(before, rest)| Some((before, rest.split_once("\": ")?.1)))
    {
        Some((before, after)) => format!("{before}{after}"),
        None => message,
    }
}

/// The managers of an object's fields that are ours.
pub fn ours(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .map(|entry| text(&entry["manager"]))
        .filter(|manager| manager.starts_with("driftmend"))
        .collect()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
