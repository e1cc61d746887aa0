//! Stray reports: named otherwise than the one report of their target. Those of an earlier version are, and so is what
//! somebody made by hand. They are deleted; nothing that stands in them is carried over, a decision least of all.

use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tracing::warn;

use super::index::Target;
use super::queue::Next;
use super::{Context, Key, heal};
use crate::api::v1alpha1::DriftReport;
use crate::cluster::ApiError;
use crate::cluster::events::{EventType, ObjectReference, Occurrence};

impl Key {
    /// What is to be looked at where a report was touched.
    pub(super) fn of_report(report: &DriftReport) -> Self {
        let namespace = report.namespace().unwrap_or_default();
        if let Some(kind) = report.kind_of_its_target() {
            return Self::Target(Target {
                kind,
                namespace,
                name: report.spec.target.name.clone(),
            });
        }
        Self::Stray {
            namespace,
            name: report.name_any(),
        }
    }
}

/// Deletes a stray report and tells it on its target, which has a report of its own as soon as there is something
/// to tell.
///
/// # Errors
///
/// Requests that may succeed later.
pub async fn reconcile(context: &Context, namespace: &str, name: &str) -> Result<Next, ApiError> {
    let Some(report) = context.reports.get(&ObjectRef::new(name).within(namespace)) else {
        return Ok(Next::Done);
    };
    if report.kind_of_its_target().is_some() {
        return Ok(Next::Done);
    }
    // What stood in it is told where it can still be read when the report is gone.
    let status = report.status.as_ref();
    let (approval, healing) = (
        status.and_then(|status| status.approval.as_ref()),
        status.and_then(|status| status.healing.as_ref()),
    );
    warn!(
        namespace,
        name,
        ?approval,
        ?healing,
        "the report is not named by its target and is removed"
    );
    heal::tell_removed(&context.audit, &report, "it is not named by its target");
    context.cluster.delete_report(&report).await?;
    for occurrence in occurrences(&report) {
        context.events.publish(occurrence).await;
    }
    Ok(Next::Done)
}

fn occurrences(report: &DriftReport) -> [Occurrence; 2] {
    let target = &report.spec.target;
    let (namespace, name, right) = (report.namespace(), report.name_any(), target.report_name());
    let about_target = ObjectReference {
        api_version: Some(target.api_version.clone()),
        kind: Some(target.kind.clone()),
        namespace: namespace.clone(),
        name: Some(target.name.clone()),
        uid: report.status.as_ref().and_then(|status| status.target_uid.clone()),
        ..ObjectReference::default()
    };
    let about_report = ObjectReference {
        api_version: Some("driftmend.dev/v1alpha1".to_owned()),
        kind: Some("DriftReport".to_owned()),
        namespace,
        name: Some(name.clone()),
        uid: report.uid(),
        ..ObjectReference::default()
    };
    let approved = report.status.as_ref().is_some_and(|status| status.approval.is_some());
    let lost = if approved {
        "; the decision in it counts no more: look at the new plan and decide about that"
    } else {
        ""
    };
    let note = format!("the DriftReport {name} is removed: what it was about is told in {right}{lost}");
    let one = |regarding: &ObjectReference, related: &ObjectReference| Occurrence {
        regarding: regarding.clone(),
        related: Some(related.clone()),
        kind: if approved {
            EventType::Warning
        } else {
            EventType::Normal
        },
        reason: "ReportRenamed",
        action: "Delete",
        note: note.clone(),
    };
    [one(&about_target, &about_report), one(&about_report, &about_target)]
}
