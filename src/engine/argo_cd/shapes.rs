//! Applications for tests: shapes made after those of a real Argo CD, in names and numbers of our own.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::application::Application;
use super::class::Context;
use super::window::Windows;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::object::ObjectId;

/// The commit that is compared.
pub const HERE: &str = "4be2c1d0a5f3e6978899aabbccddeeff00112233";

/// Another commit.
pub const BEFORE: &str = "0badc0de0badc0de0badc0de0badc0de0badc0de";

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The time of every test: ten seconds after the operation's start.
pub fn now() -> Timestamp {
    time("2026-03-02T10:00:10Z")
}

/// An automated Application in sync, self-heal on, whose last operation is forgotten.
pub fn quiet() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"namespace": "argocd", "name": "shop", "uid": "7d0e", "resourceVersion": "41"},
        "spec": {
            "project": "retail",
            "source": {"repoURL": "https://git.example.com/shop.git", "path": "web", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "syncPolicy": {
                "automated": {"prune": true, "selfHeal": true},
                "syncOptions": ["ServerSideApply=true"],
                "retry": {"limit": 3, "backoff": {"duration": "4s", "factor": 3, "maxDuration": "1m"}}
            }
        },
        "status": {
            "sync": {"status": "Synced", "revision": HERE},
            "health": {"status": "Healthy"},
            "sourceType": "Directory",
            "reconciledAt": "2026-03-02T10:00:05Z",
            "resources": [
                {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web",
                 "status": "Synced"},
                {"version": "v1", "kind": "Service", "namespace": "shop", "name": "web", "status": "Synced"}
            ],
            "history": [{"id": 0, "revision": BEFORE, "deployedAt": "2026-03-01T09:00:00Z",
                         "initiatedBy": {"automated": true}}]
        }
    })
}

/// The same with a last operation in this phase at this revision, over in the phases that are over.
pub fn with_state(phase: &str, revision: &str) -> Value {
    let mut value = quiet();
    let source = value["spec"]["source"].clone();
    let request = json!({"initiatedBy": {"automated": true}, "retry": value["spec"]["syncPolicy"]["retry"],
                         "sync": {"revision": revision}});
    value["status"]["operationState"] = json!({
        "operation": request,
        "phase": phase,
        "message": "one or more objects failed to apply",
        "startedAt": "2026-03-02T10:00:00Z",
        "syncResult": {"revision": revision, "source": source, "resources": []}
    });
    if ["Succeeded", "Failed", "Error"].contains(&phase) {
        value["status"]["operationState"]["finishedAt"] = json!("2026-03-02T10:00:04Z");
    }
    value
}

/// The same with its operation still there.
pub fn under_way(phase: &str) -> Value {
    let mut value = with_state(phase, HERE);
    value["operation"] = value["status"]["operationState"]["operation"].clone();
    value
}

/// With the last comparison's answer.
pub fn out_of_sync(mut value: Value) -> Value {
    value["status"]["sync"]["status"] = json!("OutOfSync");
    value["status"]["resources"][0]["status"] = json!("OutOfSync");
    value
}

/// With the value at a pointer; `null` takes it away.
pub fn set(mut value: Value, pointer: &str, new: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if new.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), new);
    }
    value
}

pub fn read(value: &Value) -> Application {
    Application::read(value).unwrap()
}

/// A context in which the controller lives and no window is set.
pub fn context() -> Context<'static> {
    static NONE: LazyLock<Windows> = LazyLock::new(Windows::none);
    static TARGET: LazyLock<ObjectId> = LazyLock::new(|| DEPLOYMENT.object("shop", "web"));
    Context {
        now: now(),
        controller_seen_alive: Some(now()),
        windows: &NONE,
        target: &TARGET,
    }
}
