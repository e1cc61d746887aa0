//! Observe: one Deployment as one snapshot, from the stores for telling and from the API server for deciding a write.

use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use serde_json::Value;

use super::Context;
use super::governed::{Lead, Target, WatchKey, source_facts};
use crate::cluster::ApiError;
use crate::cluster::deployments;
use crate::crd::{DriftReport, DriftWatch, FREEZE_ANNOTATION};
use crate::engine::object::{Document, ObjectId};
use crate::engine::{Policy, Snapshot, Tool};

/// One Deployment with everything that a reconcile needs of it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What the engine may know.
    pub snapshot: Snapshot,

    /// What the watch asks for.
    pub policy: Arc<Policy>,

    /// The watch that leads.
    pub key: WatchKey,

    /// The watch as its user wrote it.
    pub watch: Arc<DriftWatch>,

    /// The report, where there is one.
    pub report: Option<Arc<DriftReport>>,
}

/// A [`Scene`] read from the API server, with what stops every write.
#[derive(Clone, Debug)]
pub struct FreshScene {
    /// The scene.
    pub scene: Scene,

    /// Where a freeze annotation stands, in words.
    pub frozen: Option<String>,
}

/// The id of a Deployment.
pub fn deployment(target: &Target) -> ObjectId {
    ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some(target.namespace.clone()),
        name: target.name.clone(),
    }
}

/// The scene as the stores have it; `None` when no watch governs the Deployment, nor did.
///
/// A Deployment that its watch no longer names, but that still has a report, is told as orphaned.
pub fn from_stores(context: &Context, target: &Target) -> Option<Scene> {
    let report = context.reports.get(&ObjectRef::new(&target.name).within(&target.namespace));
    let live = context.deployments.get(&deployments::key(&target.namespace, &target.name)).map(|live| live.object());
    scene(context, target, live, report)
}

/// The scene as the API server has it now: the object, the report, and every place of a freeze annotation.
///
/// # Errors
/// The first request that fails.
pub async fn fresh(context: &Context, target: &Target) -> Result<Option<FreshScene>, ApiError> {
    let live = context.cluster.get_deployment(&target.namespace, &target.name).await?;
    let report = context.cluster.get_report(&target.namespace, &target.name).await?.map(Arc::new);
    let Some(scene) = scene(context, target, live, report) else { return Ok(None) };
    let watch = context.cluster.get_watch(&scene.key.namespace, &scene.key.name).await?;
    let namespace = context.cluster.get_namespace(&target.namespace).await?;
    let frozen = frozen(
        namespace.as_ref().and_then(|namespace| namespace.annotations.get(FREEZE_ANNOTATION)),
        watch.as_ref().and_then(|watch| watch.annotations().get(FREEZE_ANNOTATION)),
        scene.report.as_ref().and_then(|report| report.annotations().get(FREEZE_ANNOTATION)),
    );
    Ok(Some(FreshScene { scene, frozen }))
}

/// Where a freeze annotation stands. Any value but `false` counts: a person in a hurry writes `now`, a name, or nothing.
pub fn frozen(namespace: Option<&String>, watch: Option<&String>, report: Option<&String>) -> Option<String> {
    let places = [("namespace", namespace), ("watch", watch), ("report", report)];
    let (place, value) = places.into_iter().find_map(|(place, value)| Some((place, value.filter(|value| *value != "false")?)))?;
    Some(match value.as_str() {
        "" | "true" => format!("the annotation {FREEZE_ANNOTATION} on the {place}"),
        reason => format!("the annotation {FREEZE_ANNOTATION} on the {place}: {reason}"),
    })
}

fn scene(context: &Context, target: &Target, live: Option<Value>, report: Option<Arc<DriftReport>>) -> Option<Scene> {
    let lead = context.governed.lead(target);
    let (key, watched, document, changed_at) = match lead {
        Some(Lead { key, watched, desired }) => (key, watched, Some(desired.document.clone()), desired.changed_at),
        None => {
            let watch = &report.as_ref()?.spec.watch_ref;
            let key = WatchKey { namespace: watch.namespace.clone(), name: watch.name.clone() };
            let watched = context.governed.watch(&key)?;
            (key, watched, None, None)
        }
    };
    let seen = context.governed.outcome(target).is_some()
        || report.as_ref().is_some_and(|report| report.status.as_ref().is_some_and(|status| status.target_uid.is_some()));
    let snapshot = snapshot(context, target, document, live, seen, &watched, changed_at);
    Some(Scene { snapshot, policy: watched.policy, key, watch: watched.watch, report })
}

fn snapshot(
    context: &Context,
    target: &Target,
    desired: Option<Document>,
    live: Option<Value>,
    seen: bool,
    watched: &super::governed::Watched,
    changed_at: Option<Timestamp>,
) -> Snapshot {
    Snapshot {
        cluster: context.cluster_id.clone(),
        target: deployment(target),
        desired,
        live,
        seen,
        syncer: watched.syncer.clone(),
        tool: Tool::default(),
        source: source_facts(watched, changed_at),
        now: whole_seconds(Timestamp::now()),
    }
}

/// A time as Kubernetes writes it, in whole seconds.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
