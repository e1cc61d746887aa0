//! Retire: a Deployment that no watch governs any more, and a report that has nothing to tell.

use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use tracing::info;

use super::governed::Target;
use super::queue::Next;
use super::{Context, heal, observe};
use crate::cluster::ApiError;
use crate::crd::DriftReport;

/// How soon a report is looked at again whose heal was ended.
const SOON: Duration = Duration::from_secs(1);

/// Forgets a Deployment that no watch governs, and deletes its report if the report's watch is gone. A heal that is in progress there is ended
/// before: the record says that it was, and how far it is known to have come.
///
/// A watch that is there but whose source was not read yet keeps its reports: after a restart nothing may vanish just
/// because Git is away.
///
/// # Errors
///
/// Requests that may succeed later.
pub async fn ungoverned(context: &Context, target: &Target) -> Result<Next, ApiError> {
    forget(context, target);
    let Some(report) = observe::report(context, target) else { return Ok(Next::Done) };
    let watch = &report.spec.watch_ref;
    if context.watches.get(&ObjectRef::new(&watch.name).within(&watch.namespace)).is_some() {
        return Ok(Next::Done);
    }
    if let Some(healing) = report.status.as_ref().and_then(|status| status.healing.as_ref()) {
        heal::interrupt(&context.cluster, &context.audit, &report, healing, heal::UNGOVERNED).await?;
        return Ok(Next::After(SOON));
    }
    delete(context, target, &report, "its watch is gone").await
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

fn forget(context: &Context, target: &Target) {
    context.governed.record(target, None);
    context.metrics.forget(&target.namespace, &target.name);
    context.announcements.forget(target);
    context.confirmations.forget(target);
    context.written.forget(target);
}
