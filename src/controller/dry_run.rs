//! Dry run: what the server says to a plan's first write before a person is asked for it, and whether the policy that makes
//! an approval mean something is really there.

use serde_json::json;

use super::Context;
use super::governed::Target;
use crate::cluster::{ApiError, DryRun, Retry};
use crate::crd::DriftReport;
use crate::engine::Snapshot;
use crate::engine::plan::{Ground, Plan, Written};

/// The chart's policy over `status.approval`; its name stands in every refusal of it.
const APPROVAL_POLICY: &str = "approval.driftmend.dev";

/// The server's answer to a plan's first step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsed {
    /// This controller has no right to ask, or was told the answer for this plan before.
    NotAsked,

    /// Accepted.
    Accepted,

    /// Refused, in the server's words.
    Refused(String),
}

/// Rehearses a plan that is new to its report. Later steps cannot be rehearsed: they rest on the first one.
///
/// # Errors
///
/// Requests that may succeed later.
pub async fn rehearse(
    context: &Context,
    target: &Target,
    snapshot: &Snapshot,
    plan: &Plan,
    report: Option<&DriftReport>,
) -> Result<Rehearsed, ApiError> {
    let shown = report.and_then(|report| report.status.as_ref()).and_then(|status| status.plan.as_ref());
    let known = shown.is_some_and(|shown| shown.hash == plan.hash && shown.dry_run.is_some());
    if known || !context.settings.may_dry_run(&target.namespace) {
        return Ok(Rehearsed::NotAsked);
    }
    let (Some(step), Some(_), Some(_)) = (plan.steps.first(), &snapshot.desired, &snapshot.live) else {
        return Ok(Rehearsed::NotAsked);
    };
    let ground = Ground::of(snapshot, &plan.hash, None);
    let request = match step.render(&ground) {
        Ok(Some(request)) if request.written == Written::Deployment => request,
        // What is written on an Application is not worth a right to ask.
        _ => return Ok(Rehearsed::NotAsked),
    };
    let sent = context.cluster.patch_deployment(&target.namespace, &target.name, &request.patch, request.manager, DryRun::Yes).await;
    match sent {
        Ok(_) => Ok(Rehearsed::Accepted),
        Err(error) if error.retry() == Retry::AwaitChange => Ok(Rehearsed::Refused(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Whether the admission policy stands that lets an approval be written by its author only.
///
/// It is not looked up but tried: a dry run in which this controller approves in another's name must be refused. A policy
/// that is installed without its binding, or for another ServiceAccount, does not count.
///
/// # Errors
///
/// Requests that may succeed later.
pub async fn policy_stands(context: &Context, report: &DriftReport) -> Result<bool, ApiError> {
    let forged = json!({"approval": {
        "decision": "Denied",
        "planHash": "0".repeat(64),
        "by": "driftmend:policy-probe",
        "at": jiff::Timestamp::now(),
    }});
    match context.cluster.patch_report_status(report, forged, DryRun::Yes).await {
        Ok(_) => Ok(false),
        // Any other refusal proves nothing: a missing right, or a schema of another version.
        Err(ApiError::Invalid { message, .. } | ApiError::Forbidden { message, .. }) => Ok(message.contains(APPROVAL_POLICY)),
        Err(error) => Err(error),
    }
}
