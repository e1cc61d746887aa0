//! The objects of the tools that sync: kept as their watches bring them, read fresh where a write depends on them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use super::origin::Tenant;
use super::trust::{ArgoCdNamespaces, permits};
use crate::cluster::tools::{APP_PROJECTS, APPLICATION_SETS, APPLICATIONS, GIT_REPOSITORIES, KUSTOMIZATIONS};
use crate::cluster::{ApiError, Cluster, Resource};
use crate::engine::operation::{Application, GitRepository, Kustomization, NotFetching, Windows};
use crate::engine::{ArgoCd, Flux, Tool};
use crate::source::syncing::flux::GIT_REPOSITORY;

/// Which tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ToolKind {
    /// Argo CD, by an Application.
    ArgoCd,

    /// Flux, by a Kustomization.
    Flux,
}

impl ToolKind {
    /// The kind of its object.
    pub const fn object_kind(self) -> &'static str {
        match self {
            Self::ArgoCd => "Application",
            Self::Flux => "Kustomization",
        }
    }

    /// Where its objects are.
    pub const fn resource(self) -> Resource<'static> {
        match self {
            Self::ArgoCd => APPLICATIONS,
            Self::Flux => KUSTOMIZATIONS,
        }
    }
}

/// The object of a tool, by kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolKey {
    /// Which tool.
    pub kind: ToolKind,

    /// Its namespace.
    pub namespace: String,

    /// Its name.
    pub name: String,
}

impl std::fmt::Display for ToolKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.kind.object_kind(), self.namespace, self.name)
    }
}

/// Every object of a tool, as the watches have it.
#[derive(Debug, Default)]
pub struct Tools(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    objects: HashMap<ToolKey, Kept>,

    /// The newest sign of life in any Application so far.
    argo_cd_seen_alive: Option<Timestamp>,
}

/// An object, read once for all that it syncs: an Application may have a thousand Deployments, each of which is assessed at its events.
#[derive(Debug)]
struct Kept {
    object: Arc<Value>,
    facts: Option<Facts>,
}

impl Tools {
    /// A panic in another task must not stop the rest: the map holds whole values only.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an object, and gives the one that was there.
    pub fn put(&self, key: ToolKey, object: Value) -> Option<Arc<Value>> {
        let facts = Facts::read(key.kind, &object);
        let sign = if key.kind == ToolKind::ArgoCd { last_sign(&object) } else { None };
        let mut inner = self.lock();
        inner.argo_cd_seen_alive = inner.argo_cd_seen_alive.max(sign);
        inner.objects.insert(key, Kept { object: Arc::new(object), facts }).map(|kept| kept.object)
    }

    /// Forgets an object.
    pub fn remove(&self, key: &ToolKey) {
        self.lock().objects.remove(key);
    }

    /// An object as its watch has it.
    pub fn get(&self, key: &ToolKey) -> Option<Arc<Value>> {
        self.lock().objects.get(key).map(|kept| kept.object.clone())
    }

    /// What the engine may know of a tool; nothing where its object is not there or cannot be read.
    pub fn tool(&self, key: &ToolKey, surroundings: &Surroundings) -> Tool {
        let (facts, seen_alive) = {
            let inner = self.lock();
            (inner.objects.get(key).and_then(|kept| kept.facts.clone()), inner.argo_cd_seen_alive)
        };
        facts.map_or(Tool::Unknown, |facts| facts.tool(surroundings, seen_alive))
    }

    /// When Argo CD's controller last gave a sign of life: the newest time that it wrote into any Application.
    pub fn argo_cd_seen_alive(&self) -> Option<Timestamp> {
        self.lock().argo_cd_seen_alive
    }
}

/// A tool's object as it was read.
#[derive(Clone, Debug)]
enum Facts {
    ArgoCd(Arc<Application>),
    Flux(Arc<Kustomization>),
}

impl Facts {
    fn read(kind: ToolKind, object: &Value) -> Option<Self> {
        match kind {
            ToolKind::ArgoCd => Application::read(object).ok().map(|application| Self::ArgoCd(Arc::new(application))),
            ToolKind::Flux => Kustomization::read(object).ok().map(|kustomization| Self::Flux(Arc::new(kustomization))),
        }
    }

    fn tool(self, surroundings: &Surroundings, seen_alive: Option<Timestamp>) -> Tool {
        match self {
            Self::Flux(kustomization) => Tool::Flux(Arc::new(Flux { kustomization, repository: surroundings.repository.clone() })),
            Self::ArgoCd(application) => {
                let windows = match &surroundings.project {
                    Some(project) => Windows::of(project, &application).unwrap_or_else(|_unreadable| Windows::unread()),
                    None => Windows::unread(),
                };
                let application_set = surroundings.application_set.clone();
                Tool::ArgoCd(Arc::new(ArgoCd { application, windows, application_set, seen_alive }))
            }
        }
    }
}

/// The newest time that an Application's controller wrote into it.
pub fn last_sign(application: &Value) -> Option<Timestamp> {
    let times = ["/status/reconciledAt", "/status/operationState/startedAt", "/status/operationState/finishedAt"];
    times.into_iter().filter_map(|pointer| application.pointer(pointer)?.as_str()?.parse().ok()).max()
}

/// What decides about the syncs of an Application or a Kustomization and stands in other objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surroundings {
    /// The AppProject; `None` where it could not be read.
    pub project: Option<Value>,

    /// The ApplicationSet that owns the Application; `None` where there is none, or it could not be read.
    pub application_set: Option<Value>,

    /// The GitRepository that a Kustomization reads; `None` where it reads another kind of source, or that one could not be read.
    pub repository: Option<Arc<GitRepository>>,
}

/// Of the [`Surroundings`], what counts as a change.
#[derive(Debug, PartialEq, Eq)]
pub struct News<'a> {
    fetched: Option<(Option<&'a str>, Option<NotFetching>)>,
    project: Option<Option<&'a Value>>,
    application_set: Option<Option<&'a Value>>,
}

impl Surroundings {
    /// Reads what can be read for an Application: what a right does not reach is not known, and the plan says so.
    ///
    /// # Errors
    ///
    /// Requests that may succeed later.
    ///
    /// The AppProject is looked for only where Argo CD is known to run, and counts only for Applications that it is for: a tenant's
    /// Application names both, and its sync windows hold plans back.
    pub async fn read(
        cluster: &Cluster,
        application: &Application,
        controller_namespace: &str,
        argo_cd: &ArgoCdNamespaces,
    ) -> Result<Self, ApiError> {
        let project = if argo_cd.have(controller_namespace) {
            readable(cluster.get_object(APP_PROJECTS, Some(controller_namespace), &application.project).await)?
        } else {
            None
        };
        let project = project.filter(|project| permits(project, controller_namespace, &application.namespace));
        let application_set = match application.application_sets.first() {
            Some(name) => readable(cluster.get_object(APPLICATION_SETS, Some(&application.namespace), name).await)?,
            None => None,
        };
        Ok(Self { project, application_set, repository: None })
    }

    /// What an assessment may change by: the commit that Flux has and why it gets no other one, and the specs of Argo CD's objects, of
    /// which the sync windows are a part. Their status is not: an ApplicationSet's moves with each of its Applications.
    pub fn news(&self) -> News<'_> {
        fn spec(object: &Option<Value>) -> Option<Option<&Value>> {
            object.as_ref().map(|object| object.get("spec"))
        }
        News {
            fetched: self.repository.as_ref().map(|repository| (repository.commit(), repository.not_fetching())),
            project: spec(&self.project),
            application_set: spec(&self.application_set),
        }
    }

    /// The same as [`Self::read`] for a Kustomization. A GitRepository of another namespace counts only where the watch may name it: its
    /// conditions are told.
    ///
    /// # Errors
    ///
    /// Requests that may succeed later.
    pub async fn of_flux(cluster: &Cluster, kustomization: &Kustomization, tenant: Tenant<'_>) -> Result<Self, ApiError> {
        let Kustomization { source, namespace, .. } = kustomization;
        let of = source.namespace.as_ref().unwrap_or(namespace);
        let object = match source.kind.as_str() {
            GIT_REPOSITORY => readable(cluster.get_object(GIT_REPOSITORIES, Some(of), &source.name).await)?,
            _ => None,
        };
        let object = object.filter(|object| of == namespace || tenant.may_name(of, object));
        let repository = object.and_then(|object| GitRepository::read(&object).ok()).map(Arc::new);
        Ok(Self { repository, ..Self::default() })
    }
}

/// Takes a missing right for an object that is not known.
pub fn readable<T>(answer: Result<Option<T>, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Err(ApiError::Forbidden { .. }) => Ok(None),
        other => other,
    }
}

/// The namespace in which the controller of an Application runs, as that one writes it; its own where it was never compared. Nothing is read
/// there that [`ArgoCdNamespaces`] do not have: a tenant who may write the Application may write this, too.
pub fn controller_namespace(application: &Value) -> &str {
    let text = |pointer: &str| application.pointer(pointer).and_then(Value::as_str);
    text("/status/controllerNamespace").or_else(|| text("/metadata/namespace")).unwrap_or_default()
}

/// What the engine may know of a tool, read fresh.
///
/// # Errors
///
/// Requests that may succeed later.
pub async fn fresh(
    cluster: &Cluster,
    tenant: Tenant<'_>,
    argo_cd: &ArgoCdNamespaces,
    key: Option<&ToolKey>,
    seen_alive: Option<Timestamp>,
) -> Result<Tool, ApiError> {
    let Some(key) = key else { return Ok(Tool::Unknown) };
    let Some(object) = cluster.get_object(key.kind.resource(), Some(&key.namespace), &key.name).await? else { return Ok(Tool::Unknown) };
    let Some(facts) = Facts::read(key.kind, &object) else { return Ok(Tool::Unknown) };
    let surroundings = match &facts {
        Facts::ArgoCd(application) => Surroundings::read(cluster, application, controller_namespace(&object), argo_cd).await?,
        Facts::Flux(kustomization) => Surroundings::of_flux(cluster, kustomization, tenant).await?,
    };
    Ok(facts.tool(&surroundings, seen_alive.max(last_sign(&object))))
}

/// What a change of a tool's object is a reason for: to look at the source (what is synced, or which commit was), and to assess what it
/// syncs (how far its operation is).
///
/// A comparison that found nothing new moves `reconciledAt` alone, every few minutes for each Application: a reason for nothing. Flux tells
/// each stage of a reconciliation in its conditions, every few minutes for each Kustomization: only its end is a reason to assess.
pub fn difference(kind: ToolKind, before: Option<&Value>, now: Option<&Value>) -> (bool, bool) {
    let differs = |pointers: &[&str]| {
        let part = |object: Option<&Value>, pointer: &str| object.and_then(|object| object.pointer(pointer)).cloned();
        pointers.iter().any(|pointer| part(before, pointer) != part(now, pointer))
    };
    let synced = [
        "/spec",
        "/metadata/annotations",
        "/status/operationState/syncResult/revision",
        "/status/history",
        "/status/sync/revision",
        "/status/sync/revisions",
        "/status/lastAppliedRevision",
    ];
    let moved = before.is_none() || now.is_none() || differs(&synced);
    let stirred = match kind {
        ToolKind::ArgoCd => differs(&[
            "/metadata/deletionTimestamp",
            "/operation",
            "/status/operationState",
            "/status/sync",
            "/status/conditions",
            "/status/resources",
        ]),
        ToolKind::Flux => {
            let ended = ended(now);
            differs(&["/metadata/deletionTimestamp", "/metadata/generation"]) || ended.is_some() && ended != self::ended(before)
        }
    };
    (moved, moved || stirred)
}

/// How the last reconciliation of a Kustomization ended; `None` while one is under way.
fn ended(kustomization: Option<&Value>) -> Option<Vec<&Value>> {
    let conditions = kustomization?.pointer("/status/conditions")?.as_array()?;
    let ends: Vec<&Value> = conditions.iter().filter(|condition| matches!(condition["type"].as_str(), Some("Ready" | "Stalled"))).collect();
    ends.iter().all(|condition| condition["status"] != "Unknown").then_some(ends)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_comparison_that_found_nothing_is_a_reason_for_nothing() {
        let at = |time: &str, phase: &str, revision: &str| {
            json!({"spec": {"project": "default"}, "status": {"reconciledAt": time, "sync": {"status": "Synced"},
                "operationState": {"phase": phase, "syncResult": {"revision": revision}}}})
        };
        let before = at("2026-01-05T10:00:00Z", "Succeeded", "a");
        let differs = |now: Value| difference(ToolKind::ArgoCd, Some(&before), Some(&now));
        assert_eq!(differs(at("2026-01-05T10:03:00Z", "Succeeded", "a")), (false, false));
        assert_eq!(differs(at("2026-01-05T10:00:00Z", "Failed", "a")), (false, true));
        assert_eq!(differs(at("2026-01-05T10:00:00Z", "Succeeded", "b")), (true, true));
        assert_eq!(difference(ToolKind::ArgoCd, Some(&before), None), (true, true));
        let mut compared = before.clone();
        compared["status"]["sync"]["revision"] = json!("c");
        assert_eq!(differs(compared), (true, true), "what a sync would bring is another commit's");
    }

    #[test]
    fn only_the_end_of_a_reconciliation_is_a_reason_to_assess() {
        let at = |ready: &str, stage: &str, time: &str, applied: &str| {
            json!({"metadata": {"generation": 1}, "spec": {"interval": "10m"}, "status": {"lastAppliedRevision": applied, "conditions": [
                {"type": "Reconciling", "status": "True", "message": stage},
                {"type": "Ready", "status": ready, "lastTransitionTime": time}]}})
        };
        let differs = |before: &Value, now: &Value| difference(ToolKind::Flux, Some(before), Some(now));
        let (ready, again) = (at("True", "", "10:00", "a"), at("True", "", "10:10", "a"));
        let (fetching, detecting) = (at("Unknown", "Fetching", "10:10", "a"), at("Unknown", "Detecting", "10:10", "a"));
        assert_eq!(differs(&ready, &fetching), (false, false));
        assert_eq!(differs(&fetching, &detecting), (false, false));
        assert_eq!(differs(&detecting, &again), (false, true), "the next one comes later now");
        assert_eq!(differs(&detecting, &at("False", "", "10:10", "a")), (false, true));
        assert_eq!(differs(&detecting, &at("True", "", "10:10", "b")), (true, true));
        let mut suspended = ready.clone();
        suspended["spec"]["suspend"] = json!(true);
        assert_eq!(differs(&ready, &suspended), (true, true));
    }

    #[test]
    fn an_object_is_read_once_and_the_newest_sign_of_life_stays() {
        let tools = Tools::default();
        let key = |name: &str| ToolKey { kind: ToolKind::ArgoCd, namespace: "argocd".to_owned(), name: name.to_owned() };
        let application = |name: &str, at: &str| json!({"metadata": {"name": name}, "spec": {}, "status": {"reconciledAt": at}});
        tools.put(key("web"), application("web", "2026-01-05T10:00:00Z"));
        tools.put(key("api"), application("api", "2026-01-05T10:05:00Z"));
        tools.remove(&key("api"));
        let seen = tools.argo_cd_seen_alive();
        assert_eq!(seen, "2026-01-05T10:05:00Z".parse().ok());
        let read = |name: &str| tools.tool(&key(name), &Surroundings::default());
        let (first, second) = (read("web"), read("web"));
        let (first, second) = (first.argo_cd().unwrap(), second.argo_cd().unwrap());
        assert!(Arc::ptr_eq(&first.application, &second.application) && first.seen_alive == seen);
        assert!(read("api").argo_cd().is_none());
        tools.put(key("web"), json!({"metadata": {}}));
        assert!(read("web").argo_cd().is_none(), "one that cannot be read is not known");
    }

    #[test]
    fn the_newest_time_in_an_application_is_its_controllers_last_sign() {
        let application =
            json!({"status": {"reconciledAt": "2026-01-05T10:00:00Z", "operationState": {"startedAt": "2026-01-05T10:05:00Z"}}});
        assert_eq!(last_sign(&application), "2026-01-05T10:05:00Z".parse().ok());
        assert_eq!(last_sign(&json!({"status": {}})), None);
    }
}
