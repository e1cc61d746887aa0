//! Flux's GitRepositories, as far as a change of one is a reason to look at the sources that read it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use futures::StreamExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::queue::Queue;
use super::tool::{self, ToolKind};
use super::triggers::{look_anew, watch_key};
use super::{Context, Key, origin};
use crate::api::v1alpha1::DriftWatch;
use crate::cluster::tools::{self, Change, GIT_REPOSITORIES};
use crate::engine::flux::fetching::NotFetching;
use crate::engine::flux::git_repository::GitRepository;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::flux::origin::GIT_REPOSITORY;

/// A namespace and a name.
type Named = (String, String);

/// Follows the GitRepositories: what a Kustomization reads is asked for at once where its repository names or has
/// something else.
pub(super) fn spawn(context: &Arc<Context>, sources: &Queue<Key>, stop: &CancellationToken) {
    let changes = tools::watch(context.cluster.client(), GIT_REPOSITORIES, GIT_REPOSITORY);
    let (to, looks, stop) = (context.clone(), sources.clone(), stop.clone());
    // Of each no more than what tells a change from none: most of them are read by nobody here.
    let (mut seen, hasher): (HashMap<Named, u64>, _) = (HashMap::new(), RandomState::new());
    let follow = changes.for_each(move |change| {
        let (repository, now) = match change {
            Change::Put(namespace, name, object) => ((namespace, name), Some(hasher.hash_one(Facts::of(&object)))),
            Change::Gone(namespace, name) => ((namespace, name), None),
        };
        let before = match &now {
            Some(now) => seen.insert(repository.clone(), *now),
            None => seen.remove(&repository),
        };
        if before != now {
            for watch in to
                .watches
                .state()
                .iter()
                .filter(|watch| read_by(&to, watch).as_ref() == Some(&repository))
            {
                look_anew(&to, &looks, watch_key(watch));
            }
        }
        futures::future::ready(())
    });
    tokio::spawn(async move {
        tokio::select! {
            () = follow => {}
            () = stop.cancelled() => {}
        }
    });
}

/// The GitRepository of the Kustomization that a watch names; `None` where it names none, or that one is not known yet:
/// when it is, that is a reason to look by itself.
fn read_by(context: &Context, watch: &DriftWatch) -> Option<Named> {
    let (key, _) = origin::tool_of(watch).filter(|(key, _)| key.kind == ToolKind::Flux)?;
    match context.tools.facts(&key)? {
        tool::Facts::Flux(kustomization) => source_of(&kustomization),
        tool::Facts::ArgoCd(_) => None,
    }
}

fn source_of(kustomization: &Kustomization) -> Option<Named> {
    let source = &kustomization.source;
    (source.kind == GIT_REPOSITORY).then(|| {
        (
            source.namespace.as_ref().unwrap_or(&kustomization.namespace).clone(),
            source.name.clone(),
        )
    })
}

/// What of a GitRepository is a reason to look: what it names, whom it allows to read it, the commit that it has, and
/// whether it gets new ones. Everything else says only that Flux looked, too.
#[derive(Debug, PartialEq, Hash)]
struct Facts {
    spec: Value,
    allowed: Value,
    revision: Value,

    /// One word for what is in the way of new commits.
    not_fetching: Option<String>,
}

impl Facts {
    fn of(repository: &Value) -> Self {
        let at = |pointer: &str| repository.pointer(pointer).cloned().unwrap_or_default();
        let not_fetching = GitRepository::read(repository)
            .ok()
            .and_then(|repository| repository.not_fetching());
        Self {
            spec: at("/spec"),
            allowed: repository
                .pointer("/metadata/annotations")
                .and_then(|all| all.get(origin::ALLOW_ANNOTATION))
                .cloned()
                .unwrap_or_default(),
            revision: at("/status/artifact/revision"),
            not_fetching: not_fetching.map(|why| match why {
                NotFetching::Suspended => "Suspended".to_owned(),
                NotFetching::Failing { reason, .. } => reason,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn another_url_commit_or_outcome_is_a_reason_to_look_and_another_time_is_none() {
        let object = json!({
            "metadata": {"name": "shop", "resourceVersion": "1",
                         "annotations": {"reconcile.fluxcd.io/requestedAt": "1"}},
            "spec": {"url": "https://git.example/shop.git", "ref": {"branch": "main"}},
            "status": {
                "artifact": {"revision": "main@sha1:a", "lastUpdateTime": "2026-01-05T10:00:00Z"},
                "lastHandledReconcileAt": "1",
                "conditions": [{"type": "FetchFailed", "status": "True", "reason": "TimedOut",
                                "lastTransitionTime": "2026-01-05T10:00:00Z"}],
            },
        });
        let differs = |pointer: &str, value: Value| {
            let mut after = object.clone();
            *after.pointer_mut(pointer).unwrap() = value;
            Facts::of(&object) != Facts::of(&after)
        };
        assert!(differs("/spec/url", json!("https://git.example/other.git")));
        assert!(differs("/spec/ref", json!({"tag": "v1"})));
        assert!(differs("/status/artifact/revision", json!("main@sha1:b")));
        assert!(differs("/status/artifact", json!(null)));
        assert!(differs("/status/conditions/0/reason", json!("GitOperationFailed")));
        assert!(differs(
            "/metadata/annotations",
            json!({"driftmend.dev/allow-watches-from": "shop"})
        ));
        assert!(!differs("/metadata/resourceVersion", json!("2")));
        assert!(!differs(
            "/metadata/annotations",
            json!({"reconcile.fluxcd.io/requestedAt": "2"})
        ));
        assert!(!differs("/status/lastHandledReconcileAt", json!("2")));
        assert!(!differs(
            "/status/artifact/lastUpdateTime",
            json!("2026-01-05T10:05:00Z")
        ));
        assert!(!differs(
            "/status/conditions/0/lastTransitionTime",
            json!("2026-01-05T10:05:00Z")
        ));
    }

    #[test]
    fn a_kustomization_names_its_repository_here_or_elsewhere_or_reads_none() {
        let source = |source: Value| {
            let object = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"sourceRef": source}});
            Kustomization::read(&object)
                .ok()
                .and_then(|kustomization| source_of(&kustomization))
        };
        let named = |namespace: &str| Some((namespace.to_owned(), "web".to_owned()));
        assert_eq!(source(json!({"kind": "GitRepository", "name": "web"})), named("shop"));
        assert_eq!(
            source(json!({"kind": "GitRepository", "name": "web", "namespace": "flux-system"})),
            named("flux-system")
        );
        assert_eq!(source(json!({"kind": "OCIRepository", "name": "web"})), None);
        assert_eq!(source(json!({})), None);
    }
}
