//! Dry run: what the server says to a plan's first write before a person is asked for it, and whether the policy that
//! makes an approval mean something is really there.

use serde_json::{Value, json};

use super::heal::is_stale;
use super::index::Target;
use super::judge::APPROVAL_POLICY;
use super::observe::Scene;
use super::{Context, judge, observe};
use crate::cluster::{ApiError, DryRun, Retry};
use crate::crd::DriftReport;
use crate::engine::Snapshot;
use crate::engine::digest::live_digest;
use crate::engine::object::FieldPath;
use crate::engine::plan::{Ground, Plan, Written, undone};
use crate::report::{HISTORY_LIMIT, HealResult, HistoryEntry, PlanReport};

/// The chart's policy over `status.history` and `status.healing`; so does its.
const RECORDS_POLICY: &str = "records.driftmend.dev";

/// How the answer to a rehearsal begins that the server takes; one that could not be made says so, and is made again.
pub const ACCEPTED: &str = "accepted by the API server";

/// How often a question is asked again whose lock is stale, as a heal's own writes are.
pub(super) const LOCK_TRIES: usize = 5;

/// The server's answer to a plan's first step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsed {
    /// This controller has no right to ask, or was told the answer for this plan before.
    NotAsked,

    /// Accepted.
    Accepted,

    /// Refused, in the server's words.
    Refused(String),

    /// Accepted, and stored otherwise than it is written: these fields.
    Changed(Vec<FieldPath>),

    /// The Deployment is not what the plan was made for any more, which comes as an event.
    Overtaken,

    /// Each of several tries met a stale lock; why, in words.
    Stale(String),
}

fn is_accepted(shown: &PlanReport) -> bool {
    shown
        .dry_run
        .as_ref()
        .is_some_and(|answer| answer.starts_with(ACCEPTED))
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
    let shown = report
        .and_then(|report| report.status.as_ref())
        .and_then(|status| status.plan.as_ref());
    let known = shown.is_some_and(|shown| shown.hash == plan.hash && is_accepted(shown));
    if known || !context.settings.may_dry_run(&target.namespace) {
        return Ok(Rehearsed::NotAsked);
    }
    let (Some(step), Some(_), Some(_)) = (plan.steps.first(), &snapshot.desired, &snapshot.live) else {
        return Ok(Rehearsed::NotAsked);
    };
    let mut read = None;
    let mut stale = String::new();
    for _ in 0..LOCK_TRIES {
        let snapshot = read.as_ref().unwrap_or(snapshot);
        let ground = Ground::of(snapshot, &plan.hash, None);
        let request = match step.render(&ground) {
            Ok(Some(request)) if request.written == Written::Target => request,
            // What is written on an Application is not worth a right to ask.
            _ => return Ok(Rehearsed::NotAsked),
        };
        let sent = context
            .cluster
            .patch_governed(
                ground.kind,
                (&target.namespace, &target.name),
                &request.patch,
                request.manager,
                DryRun::Yes,
            )
            .await;
        match sent {
            Ok(answer) => {
                let undone = undone(ground.kind, step, ground.live, &answer);
                return Ok(if undone.is_empty() {
                    Rehearsed::Accepted
                } else {
                    Rehearsed::Changed(undone)
                });
            }
            // (client reads) A stale lock says only that somebody wrote the Deployment, mostly its status, after it was
            // read.
            Err(error) if is_stale(&error) => match fresh_of_same(context, target, snapshot).await? {
                Some(fresh) => {
                    stale = told_of_stale(&error, version(snapshot) != version(&fresh));
                    read = Some(fresh);
                }
                None => return Ok(Rehearsed::Overtaken),
            },
            Err(error) if error.retry() == Retry::AwaitChange => return Ok(Rehearsed::Refused(error.to_string())),
            Err(error) => return Err(error),
        }
    }
    Ok(Rehearsed::Stale(stale))
}

fn version(snapshot: &Snapshot) -> Option<&Value> {
    snapshot.live.as_ref()?.pointer("/metadata/resourceVersion")
}

/// Why the last question met a stale lock. Where nobody wrote the Deployment, it was none, and the server's words say
/// more.
fn told_of_stale(error: &ApiError, was_written: bool) -> String {
    if was_written {
        "the object was written between each reading and each question".to_owned()
    } else {
        error.to_string()
    }
}

/// The same with the Deployment as it is now; `None` where it is not what the plan was made for any more.
async fn fresh_of_same(context: &Context, target: &Target, snapshot: &Snapshot) -> Result<Option<Snapshot>, ApiError> {
    let now = context
        .cluster
        .get_governed(snapshot.kind, &target.namespace, &target.name)
        .await?;
    let same = now.as_ref().map(live_digest) == snapshot.live.as_ref().map(live_digest);
    Ok(same.then(|| Snapshot {
        live: now,
        ..snapshot.clone()
    }))
}

/// Whether a plan that this controller would carry out may be offered: what its hash names as the judge of approvals
/// stands, and judges. One that is shown was looked at when it was new, and is another plan as soon as the judge is
/// another one.
///
/// # Errors
///
/// Requests that may succeed later.
pub async fn is_judged(context: &Context, scene: &Scene, plan: &Plan) -> Result<bool, ApiError> {
    let Some(report) = scene.report.as_ref().filter(|_| !scene.snapshot.judge.is_empty()) else {
        return Ok(false);
    };
    if scene
        .status()
        .plan
        .as_ref()
        .is_some_and(|shown| shown.hash == plan.hash)
    {
        return Ok(true);
    }
    Ok(judge::now(context).await? == scene.snapshot.judge && policy_stands(context, report).await?)
}

/// Whether the admission policies stand that let an approval be written by its author only, and keep the record of
/// heals as it is.
///
/// They are not looked up but tried: dry runs in which this controller approves in another's name, and forges a heal,
/// must be refused. A policy that is installed without its binding, or for another ServiceAccount, does not count.
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
    Ok(is_refused(context, report, forged, APPROVAL_POLICY).await?
        && is_refused(context, report, forged_heal(report), RECORDS_POLICY).await?)
}

/// A history with a heal that never was, in the place of the oldest one where there is no room.
fn forged_heal(report: &DriftReport) -> Value {
    let history = report
        .status
        .as_ref()
        .map(|status| status.history.clone())
        .unwrap_or_default();
    let now = observe::whole_seconds(jiff::Timestamp::now());
    let forged = HistoryEntry {
        plan_hash: "0".repeat(64),
        by: "driftmend:policy-probe".to_owned(),
        healer: "driftmend:policy-probe".to_owned(),
        started_at: now,
        finished_at: now,
        result: HealResult::Failed,
        message: String::new(),
        removed: None,
        evidence: Vec::new(),
        evidence_omitted: 0,
        requests: Vec::new(),
    };
    let kept = history.len().saturating_sub(HISTORY_LIMIT - 1);
    json!({"history": history[kept..].iter().chain([&forged]).collect::<Vec<_>>()})
}

/// Whether a forged status is refused by a policy.
async fn is_refused(context: &Context, report: &DriftReport, forged: Value, policy: &str) -> Result<bool, ApiError> {
    match context.cluster.patch_report_status(report, forged, DryRun::Yes).await {
        Ok(_) => Ok(false),
        // Any other refusal proves nothing: a missing right, or a schema of another version.
        Err(ApiError::Invalid { message, .. } | ApiError::Forbidden { message, .. }) => Ok(message.contains(policy)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::cluster::{Call, Verb};

    #[test]
    fn a_lock_that_is_none_is_told_in_the_servers_words() {
        let call = Box::new(Call::new(Verb::Patch, "deployments.apps").namespace("shop").name("web"));
        let bare = ApiError::Invalid {
            call,
            message: "the server rejected our request".to_owned(),
            causes: Vec::new(),
        };
        assert!(
            is_stale(&bare),
            "a test that fails beside the lock is answered like that"
        );
        assert_eq!(
            told_of_stale(&bare, true),
            "the object was written between each reading and each question"
        );
        assert_eq!(
            told_of_stale(&bare, false),
            "failed to patch deployments.apps shop/web: the server rejected our request"
        );
    }
}
