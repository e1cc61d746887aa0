//! An Argo CD Application as a source.
//!
//! Source: `applyObject` and `shouldUseServerSideApply` of gitops-engine's `pkg/sync/sync_context.go`,
//! `controller/sync.go`, `GenerateManifests` of `reposerver/repository/repository.go`, and
//! `util/argo/resource_tracking.go`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Folders, Origin, Unsupported, entry, name_of, set};
use crate::engine::argo_cd::application::Application;
use crate::engine::argo_cd::source::{Source, SourceKind, Sources};
use crate::engine::syncer::{Applier, CLIENT_SIDE_MANAGER, Strategy, Syncer, TakesOver};
use crate::engine::tool_object::resource::ResourceRef;

/// Argo CD's field manager, under either way of applying.
pub const MANAGER: &str = "argocd-controller";

/// A file with this text is passed over.
const SKIP_FILE: &str = "+argocd:skip-file-rendering";

const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
const INSTALLATION_ID: &str = "argocd.argoproj.io/installation-id";
const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";
const HOOK: &str = "argocd.argoproj.io/hook";
const HELM_HOOK: &str = "helm.sh/hook";
const MIGRATION_MANAGER: &str = "argocd.argoproj.io/client-side-apply-migration-manager";

/// The address and the name by which Argo CD knows the cluster that it runs in.
const THIS_CLUSTER: (&str, &str) = ("https://kubernetes.default.svc", "in-cluster");

/// What Argo CD marks its resources with, and reads of its options.
#[derive(Clone, Debug, PartialEq)]
pub struct Dressing {
    /// `spec.destination.namespace`.
    pub namespace: Option<String>,

    /// The name of the Application in tracking marks.
    instance: String,

    tracking: Tracking,

    /// `spec.syncPolicy.syncOptions`.
    options: Vec<String>,

    takes_over: TakesOver,
}

/// How an instance of Argo CD marks what it applies (`argocd-cm`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracking {
    /// `application.resourceTrackingMethod`; `None` where it is not set or not known.
    method: Option<String>,

    /// `application.instanceLabelKey`.
    label: Option<String>,

    /// `installationID`.
    installation: Option<String>,
}

impl Tracking {
    /// Reads the data of `argocd-cm`.
    pub fn of(data: &BTreeMap<String, String>) -> Self {
        let text = |key: &str| data.get(key).filter(|value| !value.is_empty()).cloned();
        Self {
            method: text("application.resourceTrackingMethod"),
            label: text("application.instanceLabelKey"),
            installation: text("installationID"),
        }
    }
}

/// Where an Application reads its manifests.
///
/// # Errors
/// [`Unsupported`] for everything but one plain folder that is applied to this cluster.
pub fn origin(application: &Application) -> Result<Origin, Unsupported> {
    let (at, source) = match &application.sources {
        Sources::Single(source) => ("spec.source", source.as_ref()),
        Sources::Multiple(sources) if let [one] = sources.as_slice() => ("spec.sources[0]", one),
        Sources::Multiple(_) => return Err(Unsupported::new("spec.sources", "several sources are not rendered yet")),
        Sources::Hydrated(_) => {
            return Err(Unsupported::new(
                "spec.sourceHydrator",
                "a hydrated source is not read yet",
            ));
        }
        Sources::Absent => return Err(Unsupported::new("spec.source", "the Application names no source")),
    };
    check_source(source).map_err(|why| Unsupported {
        field: format!("{at}.{}", why.field),
        ..why
    })?;
    let destination = &application.destination;
    let elsewhere = destination
        .server
        .as_deref()
        .filter(|server| server.trim_end_matches('/') != THIS_CLUSTER.0);
    let named = destination.name.as_deref().filter(|name| *name != THIS_CLUSTER.1);
    if let Some(other) = elsewhere.or(named) {
        return Err(Unsupported::new(
            "spec.destination",
            format!("{other} is another cluster than this one"),
        ));
    }
    let compared = application
        .sync
        .as_ref()
        .and_then(|sync| sync.revision.as_ref()?.one())
        .filter(|commit| !commit.is_empty() && is_commit_long(commit));
    let last = application
        .state
        .as_ref()
        .and_then(|state| state.result.as_ref()?.revision.as_ref());
    let mut synced: Vec<String> = [application.synced_revision(), last]
        .into_iter()
        .flatten()
        .filter_map(|revision| revision.one())
        .filter(|commit| is_commit_long(commit))
        .map(str::to_owned)
        .collect();
    synced.dedup();
    Ok(Origin {
        url: source.repo_url.clone().unwrap_or_default(),
        revision: source.target_revision.clone().filter(|revision| revision != "HEAD"),
        path: source.path.as_deref().map(plain_path).unwrap_or_default(),
        folders: if source.directory.recurse {
            Folders::All
        } else {
            Folders::TopOnly
        },
        synced,
        compared: compared.map(str::to_owned),
    })
}

/// Whether a file carries the text that makes Argo CD pass over it.
pub fn is_marked(file: &[u8]) -> bool {
    file.windows(SKIP_FILE.len()).any(|text| text == SKIP_FILE.as_bytes())
}

/// `./a//b/` is `a/b`.
pub(super) fn plain_path(path: &str) -> String {
    path.split('/')
        .filter(|name| !matches!(*name, "" | "."))
        .collect::<Vec<_>>()
        .join("/")
}

/// Whether a source is a plain folder; a field is named from the source on.
fn check_source(source: &Source) -> Result<(), Unsupported> {
    let unsupported = |field: &str, what: &str| Err(Unsupported::new(field, what));
    match source.kind {
        SourceKind::Directory | SourceKind::Undetected => {}
        SourceKind::Helm => return unsupported("helm", "Helm charts are not rendered yet"),
        SourceKind::Kustomize => return unsupported("kustomize", "kustomizations are not rendered yet"),
        SourceKind::Plugin => return unsupported("plugin", "plugins cannot be rendered here"),
    }
    if source.chart.is_some() {
        return unsupported("chart", "Helm charts are not rendered yet");
    }
    let directory = &source.directory;
    match (directory.jsonnet, &directory.include, &directory.exclude) {
        (true, ..) => unsupported("directory.jsonnet", "Jsonnet is not rendered yet"),
        (_, Some(_), _) => unsupported("directory.include", "globs of files are not read yet"),
        (_, _, Some(_)) => unsupported("directory.exclude", "globs of files are not read yet"),
        _ => Ok(()),
    }
}

/// The commit from which a Deployment was applied last, as far as the Application remembers.
pub fn synced_revision_of<'a>(application: &'a Application, resource: &ResourceRef) -> Option<&'a str> {
    application
        .synced_revision_of(resource)?
        .one()
        .filter(|commit| is_commit_long(commit))
}

/// Whether a text is no longer than the id of a commit: the status of an Application may say anything, and each
/// Deployment repeats it.
fn is_commit_long(text: &str) -> bool {
    text.len() <= 64
}

/// What Argo CD makes of an Application's documents; `controller_namespace` is where it runs.
pub fn dressing(application: &Application, controller_namespace: &str, tracking: Tracking) -> Dressing {
    let Application {
        namespace,
        name,
        policy,
        ..
    } = application;
    let instance = if namespace.is_empty() || namespace == controller_namespace {
        name.clone()
    } else {
        format!("{namespace}_{name}")
    };
    let off = policy
        .sync_options
        .iter()
        .any(|option| option == "ClientSideApplyMigration=false");
    let named = application
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(MIGRATION_MANAGER))
        .filter(|name| !name.is_empty());
    let manager = named.cloned().unwrap_or_else(|| CLIENT_SIDE_MANAGER.to_owned());
    // It applies by kubectl's own code, which takes over in any case.
    let takes_over = if off {
        TakesOver::OfLastApplied
    } else {
        TakesOver::ClientSideOf(manager)
    };
    Dressing {
        namespace: application.destination.namespace.clone(),
        instance,
        tracking,
        options: policy.sync_options.clone(),
        takes_over,
    }
}

/// Why Argo CD does not keep a document in sync.
pub(super) fn passes_over(desired: &Value) -> Option<&'static str> {
    // `IsHook` of gitops-engine's `pkg/sync/hook/hook.go`.
    let is_hook = [HOOK, HELM_HOOK]
        .into_iter()
        .any(|hook| entry(desired, "annotations", hook).is_some_and(|hook| hook != "Skip"));
    is_hook.then_some("hooks")
}

/// A name cut at the longest label that Kubernetes takes, as `TruncateLabel` does it.
fn label_value(name: &str) -> &str {
    match name.get(..63) {
        Some(cut) => cut.trim_end_matches(|last: char| !last.is_ascii_alphanumeric()),
        None => name,
    }
}

impl Dressing {
    /// How the document is applied. Its own options count beside the Application's, and one of the options is read from
    /// live, too.
    pub(super) fn syncer(&self, desired: &Value, live: Option<&Value>) -> Syncer {
        let set_for_all = |option: &str| self.options.iter().any(|set| set == option);
        let set_here = |object: &Value, option: &str| {
            entry(object, "annotations", SYNC_OPTIONS)
                .is_some_and(|options| options.split(',').any(|set| set.trim() == option))
        };
        let replace = set_for_all("Replace=true")
            || [Some(desired), live]
                .into_iter()
                .flatten()
                .any(|object| set_here(object, "Replace=true"));
        let server_side = !set_here(desired, "ServerSideApply=false")
            && (set_for_all("ServerSideApply=true") || set_here(desired, "ServerSideApply=true"));
        let strategy = match (replace, server_side) {
            (true, _) => Strategy::Replace,
            (false, true) => Strategy::ServerSideApply,
            (false, false) => Strategy::ClientSideApply,
        };
        Syncer {
            takes_over: self.takes_over.clone(),
            ..Syncer::by(Applier::ArgoCd, strategy, MANAGER)
        }
    }

    /// Sets the marks by which Argo CD knows its resources again.
    ///
    /// Version 3 marks by annotation unless `argocd-cm` says otherwise, and version 2 by label: where it does not say,
    /// what live carries decides.
    pub(super) fn dress(&self, desired: &mut Value, live: Option<&Value>) {
        let Tracking {
            method,
            label,
            installation,
        } = &self.tracking;
        let label = label.as_deref().unwrap_or("app.kubernetes.io/instance");
        let by_label = |live: &Value| {
            entry(live, "annotations", TRACKING_ID).is_none() && entry(live, "labels", label) == Some(&self.instance)
        };
        let method = match method.as_deref() {
            Some(method) => method,
            None if live.is_some_and(by_label) => "label",
            None => "annotation",
        };
        if method != "label" {
            let group = desired
                .get("apiVersion")
                .and_then(Value::as_str)
                .and_then(|version| version.split_once('/'))
                .map_or("", |(group, _)| group);
            let kind = desired.get("kind").and_then(Value::as_str).unwrap_or_default();
            let (namespace, name) = (name_of(desired, "namespace"), name_of(desired, "name"));
            let id = format!("{}:{group}/{kind}:{namespace}/{name}", self.instance);
            set(desired, "annotations", TRACKING_ID, &id);
            if let Some(installation) = installation {
                set(desired, "annotations", INSTALLATION_ID, installation);
            }
        }
        match method {
            "label" => set(desired, "labels", label, &self.instance),
            "annotation+label" => set(desired, "labels", label, label_value(&self.instance)),
            _ => {}
        }
    }
}
