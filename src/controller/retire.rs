//! Retire: an object that no watch governs any more, and a report that has nothing to tell.

use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use tracing::info;

use super::index::{Target, WatchKey, Watched};
use super::observe::Scene;
use super::queue::Next;
use super::{Context, Key, heal, observe};
use crate::cluster::ApiError;
use crate::cluster::live::Standing;
use crate::crd::DriftReport;
use std::sync::Arc;

/// How soon a report is looked at again whose heal was ended.
const SOON: Duration = Duration::from_secs(1);

/// How soon an object is looked at again whose kind is out of reach, as often as the kind is looked for.
const OUT_OF_REACH: Duration = Duration::from_secs(30);

/// Forgets an object that no watch governs, and deletes its report if the report's watch is gone. A heal that is in
/// progress there is ended before: the record says that it was, and how far it is known to have come.
///
/// A watch that is there but whose source was not read yet keeps its reports: after a restart nothing may vanish just
/// because Git is away.
///
/// # Errors
///
/// Requests that may succeed later.
pub async fn ungoverned(context: &Context, target: &Target) -> Result<Next, ApiError> {
    forget(context, target);
    let Some(report) = observe::report(context, target) else {
        context.index.forget(target);
        return Ok(Next::Done);
    };
    let watch = &report.spec.watch_ref;
    let there = context
        .watches
        .get(&ObjectRef::new(&watch.name).within(&watch.namespace))
        .is_some();
    let key = WatchKey {
        namespace: watch.namespace.clone(),
        name: watch.name.clone(),
    };
    let passes_over =
        |watched: Arc<Watched>| watched.rendition.passed_over.contains(target) || context.index.is_let_go(target);
    let passed_over = context.index.watch(&key).is_some_and(passes_over);
    if there && !passed_over {
        return Ok(Next::Done);
    }
    if let Some(healing) = report.status.as_ref().and_then(|status| status.healing.as_ref()) {
        heal::interrupt(&context.cluster, &context.audit, &report, healing, heal::UNGOVERNED).await?;
        return Ok(Next::After(SOON));
    }
    let next = delete(
        context,
        target,
        &report,
        if there {
            "its watch does not govern it any more"
        } else {
            "its watch is gone"
        },
    )
    .await?;
    context.index.forget(target);
    Ok(next)
}

/// Leaves an object alone whose kind is out of reach: what was known of it counts no more, its report stays as it is,
/// and its watch says why. `None` where the kind is followed.
pub fn out_of_reach(context: &Context, target: &Target) -> Option<Next> {
    if context.live.standing(target.kind) == Standing::Held {
        return None;
    }
    context.metrics.forget(target.kind, &target.namespace, &target.name);
    if context.index.unknown(target)
        && let Some(lead) = context.index.lead(target)
    {
        context.queue.after(Key::Counts(lead.key), SOON);
    }
    Some(Next::After(OUT_OF_REACH))
}

/// Deletes a report that has nothing to tell any more. What it remembers of heals is told in the log before.
///
/// # Errors
///
/// Requests that may succeed later.
pub async fn delete(context: &Context, target: &Target, report: &DriftReport, why: &str) -> Result<Next, ApiError> {
    heal::tell_removed(&context.audit, report, why);
    context.cluster.delete_report(report).await?;
    forget(context, target);
    info!(%target, why, "the report was removed");
    Ok(Next::Done)
}

/// Forgets an object that neither Git nor the cluster has, and of which there is no report.
pub fn gone(context: &Context, target: &Target, scene: &Scene) -> Next {
    forget(context, target);
    context.index.forget(target);
    context.queue.after(Key::Counts(scene.key.clone()), SOON);
    Next::Done
}

fn forget(context: &Context, target: &Target) {
    for other in context.index.forget_told(target) {
        context.queue.after(Key::Target(other), SOON);
    }
    context.metrics.forget(target.kind, &target.namespace, &target.name);
}
