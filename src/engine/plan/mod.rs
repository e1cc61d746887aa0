//! What a person is asked to approve: ordered, guarded, content-hashed steps.
//!
//! A plan is made from one snapshot and its assessment and is never read back from where it is shown: at heal time it is
//! made again from a fresh snapshot, and only the same hash is the same plan. What may be carried out is an [`Approved`]
//! plan, and only [`judge`] makes one.

mod approval;
mod choice;
mod digest;
mod hand_back;
mod memory;
mod no_plan;
mod on_application;
mod on_kustomization;
mod recordable;
mod rehearsal;
mod restore;
mod step;
#[cfg(test)]
pub(super) mod tests;
pub(in crate::engine) mod trial;

use jiff::Timestamp;
use serde_json::Value;

pub use approval::{Approval, Approved, Begun, Decision, Ended, Ledger, Refusal, Remembered, judge, resume};
pub use choice::{Choice, Cure, choose};
use digest::refusal_digest;
pub use digest::{digest, drift_digest, live_digest};
pub use hand_back::HandBackError;
pub use memory::Memory;
pub use no_plan::NoPlan;
pub use on_application::{Act, ApplicationRef, Asked, NotYet, OnApplication};
pub use on_kustomization::{KustomizationRef, held_back};
pub use rehearsal::undone;
pub use restore::{RestoreError, Restored, restore};
pub use step::{Ground, HEAL_MANAGER, RenderError, Request, Step, StepKind, Written};

use self::on_application::{Around, Before};
use super::assess::Assessment;
use super::diff::{Change, Drift, Moved, Severity};
use super::ownership::Operation;
use super::phase::Phase;
use super::predict::{Facts, Prediction, Strategy, Verdict, refusal_of};
use super::rollout::rolls_out;
use super::snapshot::{Mode, Policy, Snapshot};
use super::tool::Tool;

/// What a person is asked to approve.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Covers everything that a person's yes depends on; 64 hexadecimal digits.
    pub hash: String,

    /// Rises where a plan of the same content was carried out, taken back or over by its time, so that it comes again under another hash.
    pub serial: u64,

    /// When it can no longer be approved.
    pub expires: Timestamp,

    /// The uid of the object.
    pub uid: String,

    /// The content of drift that it answers; a denial holds for this.
    pub drift: String,

    /// The steps, in order.
    pub steps: Vec<Step>,

    /// What a person should know before approving.
    pub cautions: Vec<String>,

    /// The sync window that forbids the heal, in words: such a plan is carried out only where the approval breaks the glass.
    pub window: Option<String>,

    /// For what it waits, in words: an operation runs, and the plan is carried out when that has ended. Nothing of this is hashed.
    pub waits: Option<String>,
}

/// Makes the plan for an assessment.
///
/// # Errors
/// [`NoPlan`] says why there is none; its text is for the report.
pub fn propose(snapshot: &Snapshot, assessment: &Assessment, policy: &Policy, memory: &Memory) -> Result<Plan, NoPlan> {
    propose_knowing(snapshot, assessment, policy, memory, None)
}

/// [`propose`] for a caller that has read the snapshot already.
pub(super) fn propose_knowing(
    snapshot: &Snapshot,
    assessment: &Assessment,
    policy: &Policy,
    memory: &Memory,
    facts: Option<&Facts<'_>>,
) -> Result<Plan, NoPlan> {
    let work = Work::of(snapshot, assessment)?;
    if policy.mode == Mode::Alert {
        return Err(NoPlan::AlertOnly);
    }
    let drift = work.digest(snapshot);
    if memory.denies(&drift, snapshot.now) {
        return Err(NoPlan::Denied);
    }
    if let Some(age) = snapshot.source.too_old(snapshot.now) {
        return Err(NoPlan::SourceTooOld { age });
    }
    let live = snapshot.live.as_ref();
    let at = |pointer: &str| live.and_then(|live| live.pointer(pointer));
    if at("/metadata/deletionTimestamp").is_some() {
        return Err(NoPlan::BeingDeleted);
    }
    if at("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return Err(NoPlan::Paused);
    }
    let window = snapshot.tool.argo_cd().and_then(|argo_cd| on_application::window(argo_cd, &snapshot.target, snapshot.now));
    let (Cured { mut steps, mut cautions }, drifts) = match work {
        Work::Cure { desired, live, drifts, prediction } => {
            // An operation would wait for the window to change and fire then: only what needs none is left.
            let by_restore = window.is_some() && !drifts.is_empty();
            let cured = |facts: &Facts<'_>| match by_restore {
                true => restored(snapshot, facts, &drifts, prediction),
                false => cure(snapshot, policy, facts, &drifts, prediction),
            };
            let cured = facts.map_or_else(|| cured(&Facts::of(desired, live)), cured)?;
            (cured, drifts)
        }
        Work::Sync | Work::Operation => (Cured { steps: Vec::new(), cautions: Vec::new() }, Vec::new()),
    };
    let mut waits = None;
    match &snapshot.tool {
        Tool::ArgoCd(argo_cd) => {
            let by_sync = live.is_none() || steps.iter().any(|step| step.kind() == StepKind::HandBack);
            let before = if by_sync { Before::NeedsSync } else { Before::InSync };
            let around = Around { target: &snapshot.target, source: &snapshot.source, memory, cures: !steps.is_empty(), now: snapshot.now };
            let after = on_application::after(argo_cd, before, around)?;
            match &window {
                Some(why) if after.steps.iter().all(|step| step.kind() == StepKind::Refresh) && !steps.is_empty() => {
                    cautions.push(format!("SyncWindow: {why}; to heal all the same, approve with --break-glass and a reason"));
                }
                Some(why) => return Err(NoPlan::HeldBack(why.clone())),
                None => {}
            }
            steps.extend(after.steps);
            cautions.extend(after.cautions);
            waits = after.waits;
        }
        Tool::Flux(flux) => {
            steps.extend(on_kustomization::after(flux, live.is_none())?);
            cautions.extend(flux.stays_behind(&snapshot.source.revision).map(|why| format!("NoNewCommits: {why}")));
            cautions.extend(flux.kustomization.force_caution().map(|caution| format!("Force: {caution}")));
        }
        Tool::Unknown => {}
    }
    recordable::check(&steps)?;
    let uid = at("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
    let hash = digest::plan_hash(snapshot, memory, &steps);
    let (serial, hash, expires) = memory.offer(hash, snapshot.now, policy.plan_ttl);
    cautions.extend(roll_out(&drifts, &steps));
    Ok(Plan { hash, serial, expires, uid, drift, steps, cautions, window, waits })
}

/// What there is to do.
enum Work<'a> {
    /// The Deployment drifted, or the next sync of it is refused.
    Cure { desired: &'a Value, live: &'a Value, drifts: Vec<&'a Drift>, prediction: Option<&'a Prediction> },

    /// The Deployment is gone: a sync brings it back.
    Sync,

    /// The Deployment is in sync, and a stale operation stops every further sync.
    Operation,
}

impl<'a> Work<'a> {
    fn of(snapshot: &'a Snapshot, assessment: &'a Assessment) -> Result<Self, NoPlan> {
        let (Some(document), Some(live)) = (&snapshot.desired, &snapshot.live) else {
            // What is refused for Git's own document is refused again, however often it is synced.
            if let Some(refused) = assessment.prediction.as_ref().filter(|_| snapshot.live.is_none() && snapshot.desired.is_some())
                && matches!(refused.verdict, Verdict::Refused | Verdict::Conflict)
            {
                return Err(NoPlan::CreationRefused(super::diagnose::told(&refused.causes)));
            }
            return match assessment.phase {
                Phase::Missing if !matches!(snapshot.tool, Tool::Unknown) => Ok(Self::Sync),
                Phase::InSync | Phase::Pending => Err(NoPlan::NothingToHeal),
                phase => Err(NoPlan::OneSided { phase }),
            };
        };
        let drifts: Vec<&Drift> = assessment.of(Severity::Drift).collect();
        let prediction = assessment.prediction.as_ref();
        let refused = prediction.is_some_and(|prediction| prediction.verdict == Verdict::Refused);
        match assessment.phase {
            _ if !refused && !drifts.is_empty() && drifts.iter().all(|drift| drift.moved == Some(Moved::Unknown)) => {
                Err(NoPlan::SideNotKnown)
            }
            _ if !drifts.is_empty() || refused => Ok(Self::Cure { desired: &document.value, live, drifts, prediction }),
            Phase::OperationStuck => Ok(Self::Operation),
            _ => Err(NoPlan::NothingToHeal),
        }
    }

    /// What a person's no holds for.
    fn digest(&self, snapshot: &Snapshot) -> String {
        match self {
            // Nobody's drift, and yet a person may say no to this refusal.
            Self::Cure { drifts, prediction: Some(prediction), .. } if drifts.is_empty() => refusal_digest(prediction),
            Self::Cure { drifts, .. } => drift_digest(drifts),
            Self::Sync => digest(&"missing".into()),
            Self::Operation => {
                let state = snapshot.tool.argo_cd().and_then(|argo_cd| argo_cd.application.state.as_ref());
                let began = state.and_then(|state| state.started_at.as_ref()).map(|began| began.text.as_str());
                digest(&serde_json::json!({"operation": began}))
            }
        }
    }
}

/// The steps on the Deployment, and what to know about them.
struct Cured {
    steps: Vec<Step>,
    cautions: Vec<String>,
}

/// Takes the way out that [`choose`] names, or the other one where the first does not work and either will do.
fn cure(
    snapshot: &Snapshot,
    policy: &Policy,
    facts: &Facts<'_>,
    drifts: &[&Drift],
    prediction: Option<&Prediction>,
) -> Result<Cured, NoPlan> {
    let Choice { cure, or_else, .. } = choose(snapshot, policy);
    if cure == Cure::Restore {
        if !drifts.is_empty() {
            return restored(snapshot, facts, drifts, prediction);
        }
        let would_help = handed_back(snapshot, facts, drifts, prediction).is_ok();
        return Err(if would_help { NoPlan::GitAlone } else { NoPlan::OnlyGit });
    }
    match (handed_back(snapshot, facts, drifts, prediction), or_else) {
        (Ok(step), _) => Ok(Cured { steps: vec![step], cautions: needs_sync(snapshot) }),
        (Err(_), true) if !drifts.is_empty() => restored(snapshot, facts, drifts, prediction),
        (Err(error), _) => Err(NoPlan::NotHandedBack(error)),
    }
}

/// What a HandBack rests on where nobody knows whether the tool syncs.
fn needs_sync(snapshot: &Snapshot) -> Vec<String> {
    let manager = &snapshot.syncer.manager;
    let caution = || format!("NeedsSync: nothing changes for the pods until {manager} syncs again; let it sync after the heal");
    if snapshot.tool.will_sync(&snapshot.target) { Vec::new() } else { vec![caution()] }
}

/// HandBack of what is in the way, checked.
fn handed_back(snapshot: &Snapshot, facts: &Facts<'_>, drifts: &[&Drift], prediction: Option<&Prediction>) -> Result<Step, HandBackError> {
    let prediction = prediction.ok_or(HandBackError::NothingForeign)?;
    let changes: Vec<_> = drifts.iter().map(|drift| &drift.change).collect();
    let paths = hand_back::in_the_way(&changes, prediction);
    hand_back::check(facts, &snapshot.syncer, &paths, &changes)?;
    Ok(Step::HandBack { paths, syncer: snapshot.syncer.clone() })
}

/// Restore, and Transfer where the syncing tool applies server-side.
fn restored(snapshot: &Snapshot, known: &Facts<'_>, drifts: &[&Drift], prediction: Option<&Prediction>) -> Result<Cured, NoPlan> {
    let Facts { desired, live, .. } = *known;
    let drifted: Vec<_> = drifts.iter().map(|drift| &drift.change).collect();
    // What stands beside the drift and is nobody's, such as a defaulted rollingUpdate, goes with it: the union changes as one.
    let all = match prediction {
        Some(prediction) => trial::with_beside(&drifted, prediction, live),
        None => drifted.into_iter().cloned().collect(),
    };
    let changes: Vec<&Change> = all.iter().collect();
    let Restored { operations, healed } = restore(desired, live, &changes).map_err(NoPlan::NotRestorable)?;
    let same_books = changes.iter().all(|change| restore::spares_books(&change.path));
    let facts = if same_books { known.with_live_of_same_books(&healed) } else { known.with_live(&healed) };
    lint(snapshot, &facts, drifts)?;
    let paths: Vec<_> = changes.iter().map(|change| change.path.clone()).collect();
    let taken_over: Vec<_> = changes.iter().filter(|change| change.desired.is_some()).map(|change| change.path.clone()).collect();
    let mut steps = vec![Step::Restore { paths, operations }];
    if snapshot.syncer.strategy == Strategy::ServerSideApply && !taken_over.is_empty() {
        let appliers: Vec<&str> = known
            .managed
            .get()
            .entries()
            .map(|entry| &entry.owner)
            .filter(|owner| owner.operation == Operation::Apply && owner.subresource.is_none())
            .map(|owner| owner.manager.as_str())
            .filter(|manager| *manager != snapshot.syncer.manager)
            .collect();
        if !appliers.is_empty() {
            return Err(NoPlan::TwoAppliers(appliers.join(", ")));
        }
        steps.push(Step::Transfer { paths: taken_over, to: snapshot.syncer.manager.clone() });
    }
    Ok(Cured { steps, cautions: Vec::new() })
}

/// Checks a restoring patch before anybody sees it: live with the patch applied, which is the live of these facts, must have none of the
/// drift left, and the next sync must not be refused any more.
fn lint(snapshot: &Snapshot, facts: &Facts<'_>, drifts: &[&Drift]) -> Result<(), NoPlan> {
    let left = facts.changes();
    if let Some(change) = left.iter().find(|change| drifts.iter().any(|drift| change.path.starts_with(&drift.change.path))) {
        return Err(NoPlan::NotRestorable(RestoreError::LeavesDrift(change.path.clone())));
    }
    match refusal_of(facts, &snapshot.syncer).first() {
        Some(cause) => Err(NoPlan::StillRefused(cause.told())),
        None => Ok(()),
    }
}

/// The one roll-out that a change of the pod template costs, whoever writes it.
fn roll_out(drifts: &[&Drift], steps: &[Step]) -> Option<String> {
    let paths = drifts.iter().map(|drift| &drift.change.path).chain(steps.iter().flat_map(Step::paths));
    let of_template = paths.into_iter().any(rolls_out);
    of_template.then(|| "RollOut: the pod template changes, so the Deployment rolls out once".to_owned())
}
