//! What Argo CD makes of an Application's documents before it applies them.
//!
//! Source: `applyObject` and `shouldUseServerSideApply` of gitops-engine's `pkg/sync/sync_context.go`,
//! `controller/sync.go`, and `util/argo/resource_tracking.go`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::application::Application;
use crate::engine::syncer::{Applier, CLIENT_SIDE_MANAGER, Strategy, Syncer, TakesOver};
use crate::engine::tool_object::metadata::{entry, name_of, set};

/// Argo CD's field manager, under either way of applying.
pub const MANAGER: &str = "argocd-controller";

const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
const INSTALLATION_ID: &str = "argocd.argoproj.io/installation-id";
const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";
const HOOK: &str = "argocd.argoproj.io/hook";
const HELM_HOOK: &str = "helm.sh/hook";
const MIGRATION_MANAGER: &str = "argocd.argoproj.io/client-side-apply-migration-manager";

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
pub(in crate::engine) fn passes_over(desired: &Value) -> Option<&'static str> {
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
    pub(in crate::engine) fn syncer(&self, desired: &Value, live: Option<&Value>) -> Syncer {
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
    pub(in crate::engine) fn dress(&self, desired: &mut Value, live: Option<&Value>) {
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
