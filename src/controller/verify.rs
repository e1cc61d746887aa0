//! Verify: a fresh look after the last step. A heal is done when nothing of the drift is left, the next sync will be
//! accepted and the roll-out is complete.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::engine::diff::Severity;
use crate::engine::object::ObjectId;
use crate::engine::operation::{OperationPhase, Reconciliation, ResourceRef, comes_after_apply, comparable, names};
use crate::engine::phase::Phase;
use crate::engine::plan::StepKind;
use crate::engine::predict::Verdict;
use crate::engine::rollout::{Rollout, rollout};
use crate::engine::{ArgoCd, Assessment, Flux, Snapshot};

/// Beside the Deployment's own progress deadline: the time in which the deployment controller notices it.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// How long after a HandBack the tool may take to sync: the longest of the usual intervals, and the retries of one that failed before.
const SYNC_LIMIT: SignedDuration = SignedDuration::from_mins(15);

/// How long after the end of a reconciliation of Flux it is believed: the Deployment was read a moment before the Kustomization, and what was
/// asked for in the middle of one reconciliation is followed by another at once.
const SETTLED: SignedDuration = SignedDuration::from_secs(5);

/// What a fresh look says of a heal whose steps are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It is done.
    Yes(String),

    /// Not yet; what is still missing.
    NotYet(String),

    /// It will not be; what was seen.
    No(String),
}

/// Looks at a snapshot that was taken after the last step of a heal with these steps.
pub fn verify(snapshot: &Snapshot, assessment: &Assessment, steps: &[StepKind], started_at: Timestamp) -> Verified {
    let late = snapshot.now.duration_since(started_at) > SYNC_LIMIT;
    let Some(live) = &snapshot.live else {
        // A plan for a Deployment that is gone is a sync, which brings it back.
        let comes = steps.contains(&StepKind::StartOperation) && !steps.contains(&StepKind::HandBack) && !late;
        let gone = || Verified::No("the Deployment was deleted during the heal".to_owned());
        return if comes { Verified::NotYet("the sync that brings the Deployment back".to_owned()) } else { gone() };
    };
    // After a HandBack Git's values come by the tool's own sync.
    let handed_back = steps.contains(&StepKind::HandBack);
    let differs = assessment.drifts.iter().find(|drift| match drift.severity {
        Severity::Drift => true,
        Severity::Pending => handed_back,
        Severity::Info | Severity::Ignored => false,
    });
    if let Some(flux) = snapshot.tool.flux() {
        if let Some(verified) = reconciled(flux, snapshot, assessment, handed_back, late) {
            return verified;
        }
    } else {
        match (differs, &snapshot.syncer.manager) {
            (None, _) => {}
            (Some(drift), _) if !handed_back => {
                return Verified::No(format!("{} differs again: somebody changed it during the heal", drift.change.path));
            }
            (Some(drift), manager) if late => {
                return Verified::No(format!(
                    "{manager} did not sync within {} minutes: {} still differs",
                    SYNC_LIMIT.as_mins(),
                    drift.change.path
                ));
            }
            (Some(_), manager) if assessment.phase != Phase::Conflicted => {
                return Verified::NotYet(format!("the next sync of {manager}"));
            }
            (Some(_), _) => {}
        }
    }
    if let Some(argo_cd) = snapshot.tool.argo_cd()
        && let Some(verified) = synced(argo_cd, &snapshot.target, waits_for_somebody(argo_cd, assessment, steps), started_at, late)
    {
        return verified;
    }
    if let Some(prediction) = assessment.prediction.as_ref().filter(|prediction| prediction.verdict == Verdict::Refused) {
        let cause = prediction.causes.first().map(|cause| format!("{}: {}", cause.field, cause.message)).unwrap_or_default();
        return Verified::No(format!("the next sync would still be refused: {cause}"));
    }
    match rollout(live) {
        Rollout::Complete => {
            Verified::Yes("Git's values are back, the next sync will be accepted, and the roll-out is complete".to_owned())
        }
        Rollout::Failed(message) => Verified::No(format!("Git's values are back, but the roll-out failed: {message}")),
        Rollout::Progressing(what) if snapshot.now.duration_since(started_at) > deadline(live) => {
            Verified::No(format!("Git's values are back, but the roll-out did not complete in time: {what}"))
        }
        Rollout::Progressing(what) => Verified::NotYet(what),
    }
}

/// Whether something of the Deployment waits in Git for a sync that only a person starts: Argo CD calls it OutOfSync until then, heal or not.
fn waits_for_somebody(argo_cd: &ArgoCd, assessment: &Assessment, steps: &[StepKind]) -> bool {
    let syncs = |step: &StepKind| matches!(step, StepKind::HandBack | StepKind::StartOperation);
    argo_cd.application.automated().is_none() && !steps.iter().any(syncs) && assessment.of(Severity::Pending).next().is_some()
}

/// What Argo CD says after the steps; `None` where it has nothing against it.
///
/// `status.sync` is not to be believed before it was compared after the heal began, and an operation that began since is waited for.
fn synced(argo_cd: &ArgoCd, target: &ObjectId, waits_for_somebody: bool, started_at: Timestamp, late: bool) -> Option<Verified> {
    let application = &argo_cd.application;
    let since = |time: Timestamp| time.as_second() >= started_at.as_second();
    let not_yet = |what: &str| {
        Some(if late {
            Verified::No(format!("Argo CD did not get there within {} minutes: {what}", SYNC_LIMIT.as_mins()))
        } else {
            Verified::NotYet(what.to_owned())
        })
    };
    if application.operation.is_some() {
        return not_yet("the sync of Argo CD");
    }
    if let Some(state) = &application.state
        && state.started_at.as_ref().is_some_and(|started| since(started.time))
    {
        match state.phase {
            OperationPhase::Failed | OperationPhase::Error => {
                return Some(Verified::No(format!("Argo CD's sync failed again: {}", comparable(&state.message))));
            }
            OperationPhase::Running | OperationPhase::Terminating => return not_yet("the sync of Argo CD"),
            OperationPhase::Succeeded | OperationPhase::Other(_) => {}
        }
    }
    if !application.reconciled_at.is_some_and(since) {
        return not_yet("a comparison by Argo CD that is newer than the heal");
    }
    let deployment = ResourceRef::deployment(target.namespace.as_deref().unwrap_or_default(), &target.name);
    let of_deployment = application.resources.iter().find(|found| found.resource == deployment);
    match of_deployment.and_then(|found| found.status.as_deref()) {
        Some("Synced") => None,
        _ if waits_for_somebody => None,
        _ => not_yet("Argo CD to call the Deployment Synced"),
    }
}

/// What Flux says after the steps, the last of which it took up; `None` where it has nothing against it.
///
/// A failure that names other objects only is theirs: the Deployment is as Git says.
fn reconciled(flux: &Flux, snapshot: &Snapshot, assessment: &Assessment, handed_back: bool, late: bool) -> Option<Verified> {
    let not_yet = |what: &str| {
        Some(if late {
            Verified::No(format!("Flux did not get there within {} minutes: {what}", SYNC_LIMIT.as_mins()))
        } else {
            Verified::NotYet(what.to_owned())
        })
    };
    let of = |severity| assessment.of(severity).next().map(|drift| &drift.change.path);
    let (drifted, pending) = (of(Severity::Drift), of(Severity::Pending).filter(|_| handed_back));
    let ended = flux.kustomization.condition("Ready").and_then(|ready| ready.changed_at);
    let settled = ended.is_none_or(|ended| snapshot.now.duration_since(ended) > SETTLED);
    let failed = match flux.reconciliation() {
        Reconciliation::Progressing => return not_yet("the reconciliation of Flux"),
        Reconciliation::Failed { reason, .. } if comes_after_apply(&reason) => None,
        Reconciliation::FailedDryRun { message, .. } | Reconciliation::Waiting { message, .. } | Reconciliation::Failed { message, .. } => {
            Some(message)
        }
        Reconciliation::Ready | Reconciliation::Suspended | Reconciliation::Stalled { .. } | Reconciliation::Deleting => None,
    };
    let concerned = |message: &str| names(message, &snapshot.target) || drifted.or(pending).is_some();
    match (failed.filter(|message| concerned(message)), drifted, pending) {
        (None, None, None) => None,
        _ if !settled => not_yet("the Deployment as Flux applied it"),
        (Some(message), ..) => Some(Verified::No(format!("Flux's reconciliation failed again: {message}"))),
        (None, Some(path), _) => Some(Verified::No(format!("{path} differs again: somebody changed it during the heal"))),
        // A newer commit, which Flux has not fetched.
        (None, None, Some(_)) => None,
    }
}

/// How long a roll-out may take: the Deployment's own `progressDeadlineSeconds` (600 by default) and a margin.
fn deadline(live: &Value) -> SignedDuration {
    let seconds = live.pointer("/spec/progressDeadlineSeconds").and_then(Value::as_i64).unwrap_or(600);
    // The API server takes 2147483647 for "no deadline"; a heal that nobody ends is no use.
    SignedDuration::from_secs(seconds.clamp(1, 3_600)) + MARGIN
}

#[cfg(test)]
mod tests;
