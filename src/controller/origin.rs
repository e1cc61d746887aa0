//! From what a watch names as its source to a repository, a folder, and what is made of its documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use serde_json::Value;

use super::desired::SourceError;
use super::ignored::Rules;
use super::tool::{Surroundings, ToolKey, ToolKind, controller_namespace, readable};
use super::trust::ArgoCdNamespaces;
use crate::api::v1alpha1::{DriftWatch, SecretRef, ToolSource};
use crate::cluster::Cluster;
use crate::cluster::tools::{CONFIG_MAPS, GIT_REPOSITORIES};
use crate::engine::argo_cd::application::Application;
use crate::engine::dressing::Dressing;
use crate::engine::flux::git_repository::GitRepository;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::tool_object::origin::{Folders, Origin};
use crate::engine::{argo_cd, flux};

/// The annotation by which an Application or Kustomization lets watches of other namespaces name it: their namespaces
/// by commas, or `*`.
pub const ALLOW_ANNOTATION: &str = "driftmend.dev/allow-watches-from";

/// The namespace of Argo CD, where a watch does not say otherwise.
const ARGO_CD: &str = "argocd";

/// Where a watch's truth is, and what the syncing tool makes of it.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The repository and folder.
    pub origin: Origin,

    /// The Secret for it.
    pub secret: Option<SecretRef>,

    /// What the tool makes of each document.
    pub dressing: Dressing,

    /// The tool's object.
    pub tool: Option<ToolKey>,

    /// The Application, where the tool is Argo CD.
    pub application: Option<Application>,

    /// What decides about its syncs and stands in other objects.
    pub surroundings: Surroundings,

    /// What the tool was told to ignore.
    pub ignored: Arc<Rules>,

    /// What is not known and was taken as usual, in words.
    pub notes: Vec<String>,
}

/// The object that a watch names, where it names one.
pub fn tool_of(watch: &DriftWatch) -> Option<(ToolKey, &ToolSource)> {
    let source = &watch.spec.source;
    let key = |kind, source: &ToolSource, usual: &str| ToolKey {
        kind,
        namespace: source.namespace.clone().unwrap_or_else(|| usual.to_owned()),
        name: source.name.clone(),
    };
    let own = watch.namespace().unwrap_or_default();
    let argo_cd = source
        .argo_application
        .as_ref()
        .map(|named| (key(ToolKind::ArgoCd, named, ARGO_CD), named));
    argo_cd.or_else(|| {
        source
            .flux_kustomization
            .as_ref()
            .map(|named| (key(ToolKind::Flux, named, &own), named))
    })
}

/// The Application or Kustomization that a watch names, read fresh; `None` where it names none.
///
/// # Errors
/// [`SourceError`], with what a person can do.
pub async fn object(cluster: &Cluster, own_namespace: &str, watch: &DriftWatch) -> Result<Option<Value>, SourceError> {
    let Some((key, _)) = tool_of(watch) else {
        return Ok(None);
    };
    let object = cluster
        .get_object(key.kind.resource(), Some(&key.namespace), &key.name)
        .await;
    let object = object.map_err(|source| SourceError::Tool {
        key: key.to_string(),
        source: Box::new(source),
    })?;
    let tenant = Tenant {
        watch: watch.metadata.namespace.as_deref().unwrap_or_default(),
        own_namespace,
    };
    object
        .map(Some)
        .ok_or_else(|| tenant.not_there(&key.namespace, &key.to_string()))
}

/// Finds out where a watch's truth is, from the [`object`] that it names, where it names one.
///
/// # Errors
/// [`SourceError`], with what a person can do.
pub async fn resolve(
    cluster: &Cluster,
    own_namespace: &str,
    argo_cd: &ArgoCdNamespaces,
    watch: &DriftWatch,
    object: Option<Value>,
) -> Result<Resolved, SourceError> {
    let (Some((key, named)), Some(object)) = (tool_of(watch), object) else {
        return git(watch);
    };
    let tenant = Tenant {
        watch: &watch.namespace().unwrap_or_default(),
        own_namespace,
    };
    tenant.check(&key, &object)?;
    let secret = named.secret_ref.clone();
    match key.kind {
        ToolKind::ArgoCd => argo(cluster, argo_cd, key, object, secret).await,
        ToolKind::Flux => of_flux(cluster, tenant, key, object, secret).await,
    }
}

pub(super) fn git(watch: &DriftWatch) -> Result<Resolved, SourceError> {
    let git = watch.spec.source.git.as_ref().ok_or_else(|| SourceError::Invalid {
        reason: "SourceMissing",
        message: "spec.source names no source; set git, argoApplication or fluxKustomization".to_owned(),
    })?;
    Ok(Resolved {
        origin: Origin {
            url: git.url.clone(),
            revision: git.revision.clone(),
            path: git.path.clone().unwrap_or_default(),
            folders: Folders::All,
            synced: Vec::new(),
            compared: None,
        },
        secret: git.secret_ref.clone(),
        dressing: Dressing::AsWritten,
        tool: None,
        application: None,
        surroundings: Surroundings::default(),
        ignored: Arc::default(),
        notes: Vec::new(),
    })
}

async fn argo(
    cluster: &Cluster,
    argo_cd: &ArgoCdNamespaces,
    key: ToolKey,
    object: Value,
    secret: Option<SecretRef>,
) -> Result<Resolved, SourceError> {
    let unreadable = |source: ApiErrorBox| SourceError::Tool {
        key: key.to_string(),
        source,
    };
    let application = Application::read(&object).map_err(|error| SourceError::ToolUnreadable {
        key: key.to_string(),
        reason: error.to_string(),
    })?;
    let origin = argo_cd::origin::origin(&application).map_err(|reason| SourceError::Unsupported {
        key: key.to_string(),
        reason,
    })?;
    let of_argo_cd = controller_namespace(&object).to_owned();
    let known = argo_cd.have(&of_argo_cd);
    let settings = if known {
        readable(cluster.get_object(CONFIG_MAPS, Some(&of_argo_cd), "argocd-cm").await)
            .map_err(|error| unreadable(error.into()))?
    } else {
        None
    };
    let surroundings = Surroundings::read(cluster, &application, &of_argo_cd, argo_cd)
        .await
        .map_err(|error| unreadable(error.into()))?;
    let mut objects = vec![(key.to_string(), &object)];
    objects.extend(
        settings
            .as_ref()
            .map(|settings| (format!("ConfigMap {of_argo_cd}/argocd-cm"), settings)),
    );
    let (list, mut notes) = (rules(&objects), Vec::new());
    if !known {
        notes.push(format!(
            "the Application says that Argo CD runs in namespace {of_argo_cd}, which is not listed (argocd.namespaces \
             of the chart, --argocd-namespace): its AppProject and argocd-cm are not read there, and the usual ones \
             are assumed"
        ));
    } else if settings.is_none() {
        notes.push(format!(
            "the ConfigMap {of_argo_cd}/argocd-cm could not be read: Argo CD's usual way of marking \
                            resources is assumed"
        ));
    }
    let data: BTreeMap<String, String> = settings
        .as_ref()
        .and_then(|settings| serde_json::from_value(settings.get("data")?.clone()).ok())
        .unwrap_or_default();
    let dressing = Dressing::ArgoCd(argo_cd::dressing::dressing(
        &application,
        &of_argo_cd,
        argo_cd::dressing::Tracking::of(&data),
    ));
    Ok(Resolved {
        origin,
        secret,
        dressing,
        tool: Some(key),
        application: Some(application),
        surroundings,
        ignored: Arc::new(list),
        notes,
    })
}

async fn of_flux(
    cluster: &Cluster,
    tenant: Tenant<'_>,
    key: ToolKey,
    object: Value,
    secret: Option<SecretRef>,
) -> Result<Resolved, SourceError> {
    let kustomization = Kustomization::read(&object).map_err(|error| SourceError::ToolUnreadable {
        key: key.to_string(),
        reason: error.to_string(),
    })?;
    flux::origin::check(&kustomization).map_err(|reason| SourceError::Unsupported {
        key: key.to_string(),
        reason,
    })?;
    let source = &kustomization.source;
    let namespace = source.namespace.as_deref().unwrap_or(&key.namespace);
    let named = format!("GitRepository {namespace}/{}", source.name);
    let repository = cluster
        .get_object(GIT_REPOSITORIES, Some(namespace), &source.name)
        .await
        .map_err(|source| SourceError::Tool {
            key: named.clone(),
            source: Box::new(source),
        })?
        .ok_or_else(|| tenant.not_there(namespace, &named))?;
    if namespace != key.namespace {
        tenant.check_named(namespace, &named, &repository)?;
    }
    let repository = GitRepository::read(&repository).map_err(|error| SourceError::ToolUnreadable {
        key: named.clone(),
        reason: error.to_string(),
    })?;
    let origin = flux::origin::origin(&kustomization, &repository)
        .map_err(|reason| SourceError::Unsupported { key: named, reason })?;
    let dressing = Dressing::Flux(flux::dressing::dressing(&kustomization));
    let surroundings = Surroundings {
        repository: Some(Arc::new(repository)),
        ..Surroundings::default()
    };
    let list = rules(&[(key.to_string(), &object)]);
    Ok(Resolved {
        origin,
        secret,
        dressing,
        tool: Some(key),
        application: None,
        surroundings,
        ignored: Arc::new(list),
        notes: Vec::new(),
    })
}

/// The rules of a tool's objects. Whoever may write one may write a megabyte of them: other tasks of this thread go
/// elsewhere meanwhile.
fn rules(objects: &[(String, &Value)]) -> Rules {
    tokio::task::block_in_place(|| Rules::read(objects))
}

type ApiErrorBox = Box<crate::cluster::ApiError>;

/// Who asks: a watch outside the controller's namespace names an object elsewhere only where that one says so, since
/// its status would tell the tenant what a foreign repository holds.
#[derive(Clone, Copy, Debug)]
pub struct Tenant<'a> {
    /// The namespace of the watch.
    pub watch: &'a str,

    /// The controller's own namespace.
    pub own_namespace: &'a str,
}

impl Tenant<'_> {
    /// Checks an Application or a Kustomization: it must also deploy to the tenant's namespace.
    fn check(self, key: &ToolKey, object: &Value) -> Result<(), SourceError> {
        let Self { watch, own_namespace } = self;
        if watch == own_namespace || watch == key.namespace {
            return Ok(());
        }
        self.check_named(&key.namespace, &key.to_string(), object)?;
        let destination = object
            .pointer("/spec/destination/namespace")
            .or_else(|| object.pointer("/spec/targetNamespace"));
        if destination.and_then(Value::as_str) == Some(watch) {
            return Ok(());
        }
        Err(SourceError::Invalid {
            reason: "NotAllowed",
            message: format!(
                "{key} deploys to another namespace than {watch}; put the watch there, or into the controller's own \
                 namespace"
            ),
        })
    }

    /// Whether an object of a namespace may be named by the tenant's watches.
    pub fn may_name(self, namespace: &str, object: &Value) -> bool {
        let Self { watch, own_namespace } = self;
        let allowed = object
            .pointer("/metadata/annotations")
            .and_then(|annotations| annotations.get(ALLOW_ANNOTATION))
            .and_then(Value::as_str);
        let named = allowed.is_some_and(|allowed| {
            allowed
                .split(',')
                .map(str::trim)
                .any(|name| name == "*" || name == watch)
        });
        named || watch == own_namespace || watch == namespace
    }

    /// Checks that an object of another namespace lets the tenant's watches name it.
    fn check_named(self, namespace: &str, key: &str, object: &Value) -> Result<(), SourceError> {
        if self.may_name(namespace, object) {
            Ok(())
        } else {
            Err(self.not_allowed(key))
        }
    }

    /// What is told where an object is not there. Of another namespace it is the same whether it is not there or may
    /// not be named: who may not read that namespace does not learn what is in it.
    fn not_there(self, namespace: &str, key: &str) -> SourceError {
        let Self { watch, own_namespace } = self;
        if watch == own_namespace || watch == namespace {
            SourceError::NoTool { key: key.to_owned() }
        } else {
            self.not_allowed(key)
        }
    }

    fn not_allowed(self, key: &str) -> SourceError {
        let watch = self.watch;
        let message = format!(
            "there is no {key} that allows watches of namespace {watch}; where it is, annotate it with \
             {ALLOW_ANNOTATION}: {watch}"
        );
        SourceError::Invalid {
            reason: "NotAllowed",
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_and_what_may_not_be_named_are_told_alike_of_another_namespace() {
        let tenant = Tenant {
            watch: "shop",
            own_namespace: "driftmend",
        };
        let (key, silent) = ("GitRepository blue/web", json!({"metadata": {"name": "web"}}));
        let refused = tenant.check_named("blue", key, &silent).unwrap_err();
        assert_eq!(refused.to_string(), tenant.not_there("blue", key).to_string());
        assert_eq!(refused.category(), tenant.not_there("blue", key).category());
        for (watch, namespace) in [("blue", "blue"), ("driftmend", "blue")] {
            let own = Tenant { watch, ..tenant };
            assert_eq!(own.not_there(namespace, key).category(), "NoSuchTool", "{watch}");
        }
    }
}
