//! Verify: a fresh look after the last step. A heal is done when nothing of the drift is left, the next sync will be
//! accepted and the roll-out is complete.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::engine::argo_cd::ArgoCd;
use crate::engine::argo_cd::standing::Standing;
use crate::engine::argo_cd::state::OperationPhase;
use crate::engine::diff::Severity;
use crate::engine::flux::Flux;
use crate::engine::flux::reconciliation::{Reconciliation, comes_after_apply, names};
use crate::engine::kind::{Kind, Rollout};
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::FieldPath;
use crate::engine::phase::Phase;
use crate::engine::plan::{StepKind, first_unnamed};
use crate::engine::predict::Verdict;
use crate::engine::tool_object::message::comparable;
use crate::engine::tool_object::resource::ResourceRef;
use crate::engine::{Assessment, Snapshot};

/// Beside the Deployment's own progress deadline: the time in which the deployment controller notices it.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// How long after a HandBack the tool may take to sync: the longest of the usual intervals, and the retries of one that
/// failed before.
const SYNC_LIMIT: SignedDuration = SignedDuration::from_mins(15);

/// How long after the end of a reconciliation of Flux it is believed: the Deployment was read a moment before the
/// Kustomization, and what was asked for in the middle of one reconciliation is followed by another at once. So it is
/// of what a sync of Argo CD wrote.
const SETTLED: SignedDuration = SignedDuration::from_secs(5);

/// How long Argo CD may call a Deployment OutOfSync that is as Git says, and that it has not synced since, before that
/// counts as an error of its own comparison: it comes to know of a write within moments.
const CALLED: SignedDuration = SignedDuration::from_mins(1);

/// What is said beside the end of a heal where Argo CD errs so.
fn errs_beside(kind: &Kind) -> String {
    format!(
        "; Argo CD goes on calling the {kind} OutOfSync, although nothing of it differs from Git: its own comparison \
         errs, and `argocd app diff` shows where"
    )
}

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

/// The times of a heal whose steps are done.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When it began.
    pub began: Timestamp,

    /// When its last step began: a heal may have stood in line before that.
    pub last_step: Timestamp,
}

/// Looks at a snapshot that was taken after the last step of a heal with these steps, which put these fields back.
pub fn verify(
    snapshot: &Snapshot,
    assessment: &Assessment,
    steps: &[StepKind],
    restored: &[FieldPath],
    times: Times,
) -> Verified {
    let late = snapshot.now.duration_since(times.last_step) > SYNC_LIMIT;
    let kind = snapshot.kind;
    let Some(live) = &snapshot.live else {
        // A plan for a Deployment that is gone is a sync, which brings it back.
        let comes = steps.contains(&StepKind::StartOperation) && !steps.contains(&StepKind::HandBack) && !late;
        let gone = || Verified::No(format!("the {kind} was deleted during the heal"));
        return if comes {
            Verified::NotYet(format!("the sync that brings the {kind} back"))
        } else {
            gone()
        };
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
                return Verified::No(format!(
                    "{} differs again: somebody changed it during the heal",
                    drift.change.path
                ));
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
    let mut beside = String::new();
    if let Some(argo_cd) = snapshot.tool.argo_cd() {
        let stays = match () {
            () if waits_for_somebody(argo_cd, assessment, steps) => OutOfSync::UntilSomebodySyncs,
            () if errs(argo_cd, snapshot, assessment, times) => OutOfSync::InError,
            () => OutOfSync::Passes,
        };
        match synced(argo_cd, snapshot, stays, times.began, late) {
            Synced::Not(verified) => return verified,
            Synced::BesideFailed(others) => beside = format!("; beside it Argo CD's sync failed for {others}"),
            Synced::ButForItself => beside.push_str(&errs_beside(kind)),
            Synced::Yes => {}
        }
        let only = ResourceRef::from(&snapshot.target);
        beside.extend(
            argo_cd
                .application
                .left_to_somebody(&only)
                .map(|left| format!("; {left}")),
        );
    }
    // Client-side apply takes out what the annotation names, and leaves the rest beside Git's next value.
    if let Some(path) = first_unnamed(snapshot, restored) {
        let why = format!("the annotation {LAST_APPLIED} does not name {path}");
        return match snapshot.now.duration_since(last_write(snapshot, times)) > SETTLED {
            true => Verified::No(format!(
                "Git's values are back, and {why}: the next change of it in Git would be refused, or leave it"
            )),
            false => Verified::NotYet(format!("what Argo CD's sync wrote: {why} yet")),
        };
    }
    if let Some(prediction) = assessment
        .prediction
        .as_ref()
        .filter(|prediction| prediction.verdict == Verdict::Refused)
    {
        let cause = prediction
            .causes
            .first()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .unwrap_or_default();
        return Verified::No(format!("the next sync would still be refused: {cause}"));
    }
    if steps
        .iter()
        .all(|step| matches!(step, StepKind::Transfer | StepKind::Refresh))
    {
        return Verified::Yes(format!(
            "nobody but the tool owns what is in Git: its next change will be accepted{beside}"
        ));
    }
    match (snapshot.kind.rollout)(live) {
        Rollout::Complete => Verified::Yes(format!(
            "Git's values are back, the next sync will be accepted, and the roll-out is complete{beside}"
        )),
        Rollout::Failed(message) => Verified::No(format!("Git's values are back, but the roll-out failed: {message}")),
        Rollout::Progressing(what) if snapshot.now.duration_since(times.last_step) > deadline(live) => Verified::No(
            format!("Git's values are back, but the roll-out did not complete in time: {what}"),
        ),
        Rollout::Progressing(what) => Verified::NotYet(format!("the roll-out: {what}")),
    }
}

/// When the last write came to an end that the heal is for: the Deployment was read a moment before the Application.
fn last_write(snapshot: &Snapshot, times: Times) -> Timestamp {
    let state = snapshot
        .tool
        .argo_cd()
        .and_then(|argo_cd| argo_cd.application.state.as_ref());
    state
        .and_then(|state| state.finished_at)
        .map_or(times.last_step, |finished| finished.max(times.last_step))
}

/// Whether something of the Deployment differs for Argo CD until a person starts a sync: it calls it OutOfSync until
/// then, heal or not. That is what waits in Git, and what is not drift and a sync would change, such as the replicas
/// that an autoscaler wrote.
fn waits_for_somebody(argo_cd: &ArgoCd, assessment: &Assessment, steps: &[StepKind]) -> bool {
    let syncs = |step: &StepKind| matches!(step, StepKind::HandBack | StepKind::StartOperation);
    let overwrites = assessment
        .prediction
        .as_ref()
        .is_some_and(|prediction| !prediction.overwrites.is_empty());
    let pending = assessment.of(Severity::Pending).next().is_some();
    let is_left = match argo_cd.application.automated() {
        None => pending || overwrites,
        // Auto-sync brings a new commit, and undoes nothing.
        Some(automated) => !automated.self_heal && overwrites && !pending,
    };
    is_left && !steps.iter().any(syncs)
}

/// Whether Argo CD calls the Deployment OutOfSync for nothing: it compared the commit that was read, after its own sync
/// of the Deployment went well or a good while after the last write, and nothing of it differs from Git. A value that
/// the API server writes otherwise and means the same is such a case.
fn errs(argo_cd: &ArgoCd, snapshot: &Snapshot, assessment: &Assessment, times: Times) -> bool {
    let differs = assessment
        .drifts
        .iter()
        .any(|drift| matches!(drift.severity, Severity::Drift | Severity::Pending));
    let changes = assessment
        .prediction
        .as_ref()
        .is_none_or(|prediction| prediction.verdict != Verdict::Clean);
    if differs || changes || snapshot.tool.compared_unread(&snapshot.source).is_some() {
        return false;
    }
    let (application, written) = (&argo_cd.application, last_write(snapshot, times));
    let is_compared = application
        .reconciled_at
        .is_some_and(|at| at.as_second() >= written.as_second());
    let object = ResourceRef::from(&snapshot.target);
    let is_applied = application.state.as_ref().is_some_and(|state| {
        let began = state
            .started_at
            .as_ref()
            .is_some_and(|started| started.time.as_second() >= times.began.as_second());
        let applied = state.result.iter().flat_map(|result| &result.resources);
        let mut of_object = applied.filter(|entry| entry.resource == object && entry.applied());
        began && state.phase == OperationPhase::Succeeded && of_object.next().is_some()
    });
    is_compared && snapshot.now.duration_since(written) > if is_applied { SETTLED } else { CALLED }
}

/// What becomes of a Deployment that Argo CD calls OutOfSync after the steps of a heal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutOfSync {
    /// Argo CD will call it Synced.
    Passes,

    /// It stays so until a person starts a sync.
    UntilSomebodySyncs,

    /// It stays so, and nothing differs.
    InError,
}

/// What Argo CD says after the steps of a heal.
enum Synced {
    /// It has nothing against it.
    Yes,

    /// Its sync failed for these other objects, and this one is synced.
    BesideFailed(String),

    /// It goes on calling it OutOfSync, for nothing.
    ButForItself,

    /// It is not so far, or will not be.
    Not(Verified),
}

/// What Argo CD says after the steps.
///
/// `status.sync` is not to be believed before it was compared after the heal began, and an operation that began since
/// is waited for, unless it waits for a sync window itself. A failure that names other objects only is theirs.
fn synced(argo_cd: &ArgoCd, snapshot: &Snapshot, stays: OutOfSync, began: Timestamp, late: bool) -> Synced {
    let (application, target) = (&argo_cd.application, &snapshot.target);
    let object = ResourceRef::from(target);
    let since = |time: Timestamp| time.as_second() >= began.as_second();
    let mut beside = None;
    let not_yet = |what: &str, beside: Option<&String>| {
        let beside = beside
            .map(|others| format!("; its sync failed for {others}"))
            .unwrap_or_default();
        Synced::Not(if late {
            Verified::No(format!(
                "Argo CD did not get there within {} minutes: {what}{beside}",
                SYNC_LIMIT.as_mins()
            ))
        } else {
            Verified::NotYet(format!("{what}{beside}"))
        })
    };
    let waits_for_window = matches!(
        argo_cd.standing(target, snapshot.now),
        Standing::WaitingForWindow { .. }
    );
    let under_way = || argo_cd.under_way(target, snapshot.now);
    if application.operation.is_some() && !waits_for_window {
        return not_yet(&under_way(), None);
    }
    if let Some(state) = application.state.as_ref().filter(|_| !waits_for_window)
        && state.started_at.as_ref().is_some_and(|started| since(started.time))
    {
        match state.phase {
            OperationPhase::Failed | OperationPhase::Error => match state.failed_for_others_only(&object) {
                Some(others) => beside = Some(others),
                None => {
                    return Synced::Not(Verified::No(format!(
                        "Argo CD's sync failed again: {}",
                        comparable(&state.message)
                    )));
                }
            },
            OperationPhase::Running | OperationPhase::Terminating => return not_yet(&under_way(), None),
            OperationPhase::Succeeded | OperationPhase::Other(_) => {}
        }
    }
    if !application.reconciled_at.is_some_and(since) {
        return not_yet("a comparison by Argo CD that is newer than the heal", beside.as_ref());
    }
    let of_object = application.resources.iter().find(|found| found.resource == object);
    match of_object.and_then(|found| found.status.as_deref()) {
        Some("Synced") => beside.map_or(Synced::Yes, Synced::BesideFailed),
        _ if stays == OutOfSync::UntilSomebodySyncs => beside.map_or(Synced::Yes, Synced::BesideFailed),
        _ if stays == OutOfSync::InError => beside.map_or(Synced::ButForItself, Synced::BesideFailed),
        _ => not_yet(
            &format!("Argo CD to call the {} Synced", snapshot.kind),
            beside.as_ref(),
        ),
    }
}

/// What Flux says after the steps, the last of which it took up; `None` where it has nothing against it.
///
/// A failure that names other objects only is theirs: the Deployment is as Git says.
fn reconciled(
    flux: &Flux,
    snapshot: &Snapshot,
    assessment: &Assessment,
    handed_back: bool,
    late: bool,
) -> Option<Verified> {
    let not_yet = |what: &str| {
        Some(if late {
            Verified::No(format!(
                "Flux did not get there within {} minutes: {what}",
                SYNC_LIMIT.as_mins()
            ))
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
        Reconciliation::FailedDryRun { message, .. }
        | Reconciliation::Waiting { message, .. }
        | Reconciliation::Failed { message, .. } => Some(message),
        Reconciliation::Ready
        | Reconciliation::Suspended
        | Reconciliation::Stalled { .. }
        | Reconciliation::Deleting => None,
    };
    let concerned = |message: &str| names(message, &snapshot.target) || drifted.or(pending).is_some();
    match (failed.filter(|message| concerned(message)), drifted, pending) {
        (None, None, None) => None,
        _ if !settled => not_yet(&format!("the {} as Flux applied it", snapshot.kind)),
        (Some(message), ..) => Some(Verified::No(format!("Flux's reconciliation failed again: {message}"))),
        (None, Some(path), _) => Some(Verified::No(format!(
            "{path} differs again: somebody changed it during the heal"
        ))),
        // A newer commit, which Flux has not fetched.
        (None, None, Some(_)) => None,
    }
}

/// How long a roll-out may take: the Deployment's own `progressDeadlineSeconds` (600 by default) and a margin.
fn deadline(live: &Value) -> SignedDuration {
    let seconds = live
        .pointer("/spec/progressDeadlineSeconds")
        .and_then(Value::as_i64)
        .unwrap_or(600);
    // The API server takes 2147483647 for "no deadline"; a heal that nobody ends is no use.
    SignedDuration::from_secs(seconds.clamp(1, 3_600)) + MARGIN
}

#[cfg(test)]
mod tests;
