//! The objects of the tools that sync: kept as their watches bring them, read fresh where a write depends on them.

mod kept;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::origin::Tenant;
use super::trust::{ArgoCdNamespaces, permits};
use crate::cluster::tools::{APP_PROJECTS, APPLICATION_SETS, APPLICATIONS, GIT_REPOSITORIES, KUSTOMIZATIONS};
use crate::cluster::{ApiError, Cluster, Resource};
use crate::engine::Tool;
use crate::engine::argo_cd::ArgoCd;
use crate::engine::argo_cd::application::Application;
use crate::engine::argo_cd::window::Windows;
use crate::engine::flux::Flux;
use crate::engine::flux::fetching::NotFetching;
use crate::engine::flux::git_repository::GitRepository;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::flux::origin::GIT_REPOSITORY;
pub use kept::{Difference, Tools};

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

/// A tool's object as it was read.
#[derive(Clone, Debug)]
pub enum Facts {
    /// An Application.
    ArgoCd(Arc<Application>),

    /// A Kustomization.
    Flux(Arc<Kustomization>),
}

impl Facts {
    fn read(kind: ToolKind, object: &Value) -> Option<Self> {
        match kind {
            ToolKind::ArgoCd => Application::read(object)
                .ok()
                .map(|application| Self::ArgoCd(Arc::new(application))),
            ToolKind::Flux => Kustomization::read(object)
                .ok()
                .map(|kustomization| Self::Flux(Arc::new(kustomization))),
        }
    }

    fn tool(self, surroundings: &Surroundings, seen_alive: Option<Timestamp>) -> Tool {
        match self {
            Self::Flux(kustomization) => Tool::Flux(Arc::new(Flux {
                kustomization,
                repository: surroundings.repository.clone(),
            })),
            Self::ArgoCd(application) => {
                let windows = match &surroundings.project {
                    Some(project) => Windows::of(project, &application).unwrap_or_else(|_unreadable| Windows::unread()),
                    None => Windows::unread(),
                };
                let application_set = surroundings.application_set.clone();
                Tool::ArgoCd(Arc::new(ArgoCd {
                    application,
                    windows,
                    application_set,
                    seen_alive,
                }))
            }
        }
    }
}

/// The newest time that an Application's controller wrote into it.
pub fn last_sign(application: &Value) -> Option<Timestamp> {
    let times = [
        "/status/reconciledAt",
        "/status/operationState/startedAt",
        "/status/operationState/finishedAt",
    ];
    times
        .into_iter()
        .filter_map(|pointer| application.pointer(pointer)?.as_str()?.parse().ok())
        .max()
}

/// What decides about the syncs of an Application or a Kustomization and stands in other objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surroundings {
    /// The AppProject; `None` where it could not be read.
    pub project: Option<Arc<Value>>,

    /// The ApplicationSet that owns the Application; `None` where there is none, or it could not be read.
    pub application_set: Option<Arc<Value>>,

    /// The GitRepository that a Kustomization reads; `None` where it reads another kind of source, or that one could
    /// not be read.
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
    /// The AppProject is looked for only where Argo CD is known to run, and counts only for Applications that it is
    /// for: a tenant's Application names both, and its sync windows hold plans back.
    pub async fn read(
        cluster: &Cluster,
        application: &Application,
        controller_namespace: &str,
        argo_cd: &ArgoCdNamespaces,
    ) -> Result<Self, ApiError> {
        let project = if argo_cd.have(controller_namespace) {
            readable(
                cluster
                    .get_object(APP_PROJECTS, Some(controller_namespace), &application.project)
                    .await,
            )?
        } else {
            None
        };
        let project = project.filter(|project| permits(project, controller_namespace, &application.namespace));
        let application_set = match application.application_sets.first() {
            Some(name) => readable(
                cluster
                    .get_object(APPLICATION_SETS, Some(&application.namespace), name)
                    .await,
            )?,
            None => None,
        };
        Ok(Self {
            project: project.map(spec_of).map(Arc::new),
            application_set: application_set.map(spec_of).map(Arc::new),
            repository: None,
        })
    }

    /// What an assessment may change by: the commit that Flux has and why it gets no other one, and the specs of Argo
    /// CD's objects, of which the sync windows are a part. Their status is not: an ApplicationSet's moves with each of
    /// its Applications.
    pub fn news(&self) -> News<'_> {
        fn spec(object: &Option<Arc<Value>>) -> Option<Option<&Value>> {
            object.as_ref().map(|object| object.get("spec"))
        }
        News {
            fetched: self
                .repository
                .as_ref()
                .map(|repository| (repository.commit(), repository.not_fetching())),
            project: spec(&self.project),
            application_set: spec(&self.application_set),
        }
    }

    /// The same as [`Self::read`] for a Kustomization. A GitRepository of another namespace counts only where the watch
    /// may name it: its conditions are told.
    ///
    /// # Errors
    ///
    /// Requests that may succeed later.
    pub async fn of_flux(
        cluster: &Cluster,
        kustomization: &Kustomization,
        tenant: Tenant<'_>,
    ) -> Result<Self, ApiError> {
        let Kustomization { source, namespace, .. } = kustomization;
        let of = source.namespace.as_ref().unwrap_or(namespace);
        let object = match source.kind.as_str() {
            GIT_REPOSITORY => readable(cluster.get_object(GIT_REPOSITORIES, Some(of), &source.name).await)?,
            _ => None,
        };
        let object = object.filter(|object| of == namespace || tenant.may_name(of, object));
        let repository = object
            .and_then(|object| GitRepository::read(&object).ok())
            .map(Arc::new);
        Ok(Self {
            repository,
            ..Self::default()
        })
    }
}

/// The part of an object that decides something: an ApplicationSet's status tells of each of its Applications, each of
/// which would keep it.
fn spec_of(mut object: Value) -> Value {
    let spec = object.get_mut("spec").map(Value::take);
    spec.map(|spec| ("spec".to_owned(), spec)).into_iter().collect()
}

/// Takes a missing right for an object that is not known.
pub fn readable<T>(answer: Result<Option<T>, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Err(ApiError::Forbidden { .. }) => Ok(None),
        other => other,
    }
}

/// The namespace in which the controller of an Application runs, as that one writes it; its own where it was never
/// compared. Nothing is read there that [`ArgoCdNamespaces`] do not have: a tenant who may write the Application may
/// write this, too.
pub fn controller_namespace(application: &Value) -> &str {
    let text = |pointer: &str| application.pointer(pointer).and_then(Value::as_str);
    text("/status/controllerNamespace")
        .or_else(|| text("/metadata/namespace"))
        .unwrap_or_default()
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
    let Some(object) = cluster
        .get_object(key.kind.resource(), Some(&key.namespace), &key.name)
        .await?
    else {
        return Ok(Tool::Unknown);
    };
    let Some(facts) = Facts::read(key.kind, &object) else {
        return Ok(Tool::Unknown);
    };
    let surroundings = match &facts {
        Facts::ArgoCd(application) => {
            Surroundings::read(cluster, application, controller_namespace(&object), argo_cd).await?
        }
        Facts::Flux(kustomization) => Surroundings::of_flux(cluster, kustomization, tenant).await?,
    };
    Ok(facts.tool(&surroundings, seen_alive.max(last_sign(&object))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_time_in_an_application_is_its_controllers_last_sign() {
        let application = json!({"status": {"reconciledAt": "2026-01-05T10:00:00Z",
                                            "operationState": {"startedAt": "2026-01-05T10:05:00Z"}}});
        assert_eq!(last_sign(&application), "2026-01-05T10:05:00Z".parse().ok());
        assert_eq!(last_sign(&json!({"status": {}})), None);
    }

    #[test]
    fn of_what_stands_in_other_objects_only_the_spec_is_kept() {
        let project = json!({
            "kind": "AppProject", "metadata": {"name": "default", "managedFields": [{"manager": "kubectl"}]},
            "spec": {"syncWindows": []}, "status": {"jwtTokensByRole": {}},
        });
        assert_eq!(spec_of(project), json!({"spec": {"syncWindows": []}}));
        assert_eq!(spec_of(json!({"kind": "AppProject"})), json!({}));
    }
}
