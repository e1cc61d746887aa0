//! What a person is asked to approve: ordered, guarded, content-hashed steps.
//!
//! A plan is made from one snapshot and its assessment and is never read back from where it is shown: at heal time it is
//! made again from a fresh snapshot, and only the same hash is the same plan. What may be carried out is an [`Approved`]
//! plan, and only [`judge`] makes one.

mod approval;
mod cautions;
mod choice;
mod digest;
mod hand_back;
mod ill;
mod last_applied;
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
mod traps;
pub(in crate::engine) mod trial;
#[cfg(test)]
pub(super) use whole::tests as union_scenes;
mod whole;

use jiff::Timestamp;
use serde_json::Value;

pub use approval::{Approval, Approved, Begun, Decision, Ended, Ledger, Refusal, Remembered, judge, resume};
pub use cautions::{Caution, SYNC_WINDOW};
pub use choice::{Choice, Cure, choose};
use digest::refusal_digest;
pub use digest::{digest, drift_digest, live_digest};
pub use hand_back::HandBackError;
pub(in crate::engine) use ill::is_taken_over;
pub use memory::Memory;
pub use no_plan::NoPlan;
pub use on_application::{Act, ApplicationRef, Asked, NotYet, OnApplication};
pub use on_kustomization::{KustomizationRef, held_back};
pub use rehearsal::undone;
pub use restore::{RestoreError, Restored, restore};
pub use step::{Ground, HEAL_MANAGER, RenderError, Request, Step, StepKind, Written};

use self::ill::Ill;
use self::on_application::{Around, Before};
use self::whole::Whole;
use super::assess::Assessment;
use super::diagnose::Trap;
use super::diff::{Change, Drift, Moved, Severity};
use super::object::FieldPath;
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
    pub cautions: Vec<Caution>,

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
pub(super) fn propose_knowing<'a>(
    snapshot: &'a Snapshot,
    assessment: &Assessment,
    policy: &Policy,
    memory: &Memory,
    facts: Option<&Facts<'a>>,
) -> Result<Plan, NoPlan> {
    let work = Work::of(snapshot, assessment)?;
    if policy.mode == Mode::Alert {
        return Err(NoPlan::AlertOnly);
    }
    let drift = work.digest(snapshot, &assessment.traps);
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
    let read = match (facts, &snapshot.desired, live) {
        (None, Some(document), Some(live)) => Some(Facts::sending(snapshot.source.sent_of(&document.value), &document.value, live)),
        _ => None,
    };
    let facts = facts.or(read.as_ref());
    let window = snapshot.tool.argo_cd().and_then(|argo_cd| on_application::window(argo_cd, &snapshot.target, snapshot.now));
    let (Cured { mut steps, unrecorded, cautions: mut told, traps }, drifts) = match work {
        Work::Cure { desired, live, drifts, others, prediction } => {
            spares_ignored(snapshot, assessment)?;
            // An operation would wait for the window to change and fire then: only what needs none is left.
            let by_restore = window.is_some() && !drifts.is_empty();
            let ill = Ill { drifts: &drifts, others: &others, prediction };
            let cured = |facts: &Facts<'_>| match by_restore {
                true => restored(snapshot, facts, ill),
                false => cure(snapshot, assessment, policy, facts, ill),
            };
            let cured = facts.map_or_else(|| cured(&Facts::of(desired, live)), cured)?;
            (cured, drifts)
        }
        Work::Sync | Work::Operation | Work::Traps => (Cured::default(), Vec::new()),
    };
    let record = |steps: &mut Vec<Step>, by_sync| {
        if let (Some(facts), Some(paths)) = (facts, &unrecorded) {
            last_applied::complete(steps, facts, &snapshot.syncer, paths, by_sync);
        }
    };
    match traps::taken(snapshot, traps.as_ref().unwrap_or(&assessment.traps)) {
        Ok(step) => steps.extend(step),
        Err(why) if steps.is_empty() => return Err(why),
        Err(_) => {}
    }
    let mut waits = None;
    match &snapshot.tool {
        Tool::ArgoCd(argo_cd) => {
            let by_sync = live.is_none() || steps.iter().any(|step| step.kind() == StepKind::HandBack);
            // The tool's own sync writes what it applied; one that changes more than the drift is not started for that alone.
            let changes_more = || facts.is_none_or(|facts| !cautions::of_a_sync(snapshot, facts, assessment, &steps).is_empty());
            let before = match by_sync {
                true => Before::NeedsSync,
                false if unrecorded.is_some() && window.is_none() && !changes_more() => Before::Unrecorded,
                false => Before::InSync,
            };
            let around = Around { target: &snapshot.target, source: &snapshot.source, memory, cures: !steps.is_empty(), now: snapshot.now };
            let after = on_application::after(argo_cd, before, around)?;
            match &window {
                Some(why) if after.steps.iter().all(|step| step.kind() == StepKind::Refresh) && !steps.is_empty() => {
                    let why = format!("{why}; to heal all the same, approve with --break-glass and a reason");
                    told.push(Caution::note(SYNC_WINDOW, why));
                }
                Some(why) => return Err(NoPlan::HeldBack(why.clone())),
                None => {}
            }
            let starts = after.steps.iter().any(|step| step.kind() == StepKind::StartOperation);
            record(&mut steps, starts);
            steps.extend(after.steps);
            told.extend(after.cautions);
            waits = after.waits;
        }
        Tool::Flux(flux) => {
            steps.extend(on_kustomization::after(flux, live.is_none())?);
            told.extend(flux.stays_behind(&snapshot.source.revision).map(|why| Caution::note(cautions::NO_NEW_COMMITS, why)));
            told.extend(flux.kustomization.force_caution().map(|why| Caution::note(cautions::FORCE, why)));
        }
        Tool::Unknown => record(&mut steps, false),
    }
    recordable::check(&steps)?;
    let uid = at("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
    // What is to be acknowledged comes first: a report that is too long leaves out the last ones.
    let of_sync = facts.map(|facts| cautions::of_own_sync(snapshot, facts, assessment, &steps));
    told.splice(..0, of_sync.unwrap_or_default());
    let hash = cautions::hashed(digest::plan_hash(snapshot, memory, &steps), &told);
    if memory.was_refused(&hash) {
        return Err(NoPlan::RefusedBefore);
    }
    let (serial, hash, expires) = memory.offer(hash, snapshot.now, policy.plan_ttl);
    told.extend(roll_out(&drifts, &steps));
    Ok(Plan { hash, serial, expires, uid, drift, steps, cautions: told, window, waits })
}

/// What there is to do.
enum Work<'a> {
    /// The Deployment drifted, or the next sync of it is refused.
    Cure { desired: &'a Value, live: &'a Value, drifts: Vec<&'a Drift>, others: Vec<&'a Drift>, prediction: Option<&'a Prediction> },

    /// The Deployment is gone: a sync brings it back.
    Sync,

    /// The Deployment is in sync, and a stale operation stops every further sync.
    Operation,

    /// All is in sync, and others than the tool own what will be in the way of Git's next change.
    Traps,
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
            _ if !drifts.is_empty() || refused => {
                let others = assessment.drifts.iter().filter(|drift| matches!(drift.severity, Severity::Pending | Severity::Info));
                Ok(Self::Cure { desired: &document.value, live, drifts, others: others.collect(), prediction })
            }
            Phase::OperationStuck => Ok(Self::Operation),
            _ if !assessment.traps.is_empty() => Ok(Self::Traps),
            _ => Err(NoPlan::NothingToHeal),
        }
    }

    /// What a person's no holds for.
    fn digest(&self, snapshot: &Snapshot, traps: &[Trap]) -> String {
        match self {
            // Nobody's drift, and yet a person may say no to this refusal.
            Self::Cure { drifts, prediction: Some(prediction), .. } if drifts.is_empty() => refusal_digest(prediction),
            Self::Cure { drifts, .. } => drift_digest(drifts),
            Self::Sync => digest(&"missing".into()),
            Self::Traps => {
                let owners = |trap: &Trap| trap.owners.iter().map(|owner| owner.manager.clone()).collect::<Vec<_>>();
                digest(&traps.iter().map(|trap| serde_json::json!([trap.path.to_string(), owners(trap)])).collect())
            }
            Self::Operation => {
                let state = snapshot.tool.argo_cd().and_then(|argo_cd| argo_cd.application.state.as_ref());
                let began = state.and_then(|state| state.started_at.as_ref()).map(|began| began.text.as_str());
                digest(&serde_json::json!({"operation": began}))
            }
        }
    }
}

/// The steps on the Deployment, and what to know about them.
#[derive(Default)]
struct Cured {
    steps: Vec<Step>,

    /// What they put back and client-side apply would not take out again; `None` where it knows all of it.
    unrecorded: Option<Vec<FieldPath>>,
    cautions: Vec<Caution>,

    /// What will be in the way of Git's next change after the steps; `None` where it is what is so today.
    traps: Option<Vec<Trap>>,
}

/// Takes the way out that [`choose`] names, or the other one where the first does not work and either will do.
fn cure(snapshot: &Snapshot, assessment: &Assessment, policy: &Policy, facts: &Facts<'_>, ill: Ill<'_>) -> Result<Cured, NoPlan> {
    let Choice { cure, or_else, .. } = choose(snapshot, policy);
    if cure == Cure::Restore {
        if !ill.drifts.is_empty() || !ill.taken_over(snapshot).is_empty() {
            return restored(snapshot, facts, ill);
        }
        let would_help = handed_back(snapshot, facts, ill).is_ok();
        return Err(if would_help { NoPlan::GitAlone } else { NoPlan::OnlyGit });
    }
    match (handed_back(snapshot, facts, ill), or_else) {
        (Ok(step), or_else) => {
            let steps = vec![step];
            // Argo CD does not sync what is in sync: where its sync would overwrite more than the drift, a write of ours spares that.
            let spares = or_else && !ill.drifts.is_empty() && snapshot.tool.argo_cd().is_some();
            let overwrites = || cautions::of_a_sync(snapshot, facts, assessment, &steps).iter().any(|caution| caution.must_acknowledge);
            let restored = if spares && overwrites() { restored(snapshot, facts, ill).ok() } else { None };
            Ok(restored.unwrap_or_else(|| Cured { steps, cautions: needs_sync(snapshot), ..Cured::default() }))
        }
        (Err(_), true) if !ill.drifts.is_empty() => restored(snapshot, facts, ill),
        (Err(error), _) => Err(NoPlan::NotHandedBack(error)),
    }
}

/// Nothing is planned on what the tool leaves alone on purpose: where it is in the way, only a change of Git or of the rule helps.
fn spares_ignored(snapshot: &Snapshot, assessment: &Assessment) -> Result<(), NoPlan> {
    let beside = assessment.prediction.iter().flat_map(|prediction| &prediction.beside);
    let spared = |path: &FieldPath| {
        let spared =
            assessment.of(Severity::Ignored).find(|drift| path.starts_with(&drift.change.path) || drift.change.path.starts_with(path))?;
        let why = spared.reason.clone().filter(|reason| snapshot.tool.spares(reason))?;
        Some(NoPlan::IgnoredInTheWay { path: path.clone(), why })
    };
    beside.filter_map(spared).next().map_or(Ok(()), Err)
}

/// What a HandBack rests on where nobody knows whether the tool syncs.
fn needs_sync(snapshot: &Snapshot) -> Vec<Caution> {
    let manager = &snapshot.syncer.manager;
    let told = || format!("nothing changes for the pods until {manager} syncs again; let it sync after the heal");
    if snapshot.tool.will_sync(&snapshot.target) { Vec::new() } else { vec![Caution::note(cautions::NEEDS_SYNC, told())] }
}

/// HandBack of what is in the way, checked.
fn handed_back(snapshot: &Snapshot, facts: &Facts<'_>, ill: Ill<'_>) -> Result<Step, HandBackError> {
    let prediction = ill.prediction.ok_or(HandBackError::NothingForeign)?;
    let changes = ill.changes(snapshot);
    let paths = hand_back::in_the_way(&changes, prediction);
    hand_back::check(facts, &snapshot.syncer, &paths, &changes)?;
    Ok(Step::HandBack { paths, syncer: snapshot.syncer.clone() })
}

/// Restore, and Transfer where the syncing tool applies server-side.
fn restored(snapshot: &Snapshot, known: &Facts<'_>, ill: Ill<'_>) -> Result<Cured, NoPlan> {
    let drifted = ill.changes(snapshot);
    // What stands beside the drift and is nobody's, such as a defaulted rollingUpdate, goes with it: the union changes as one.
    let all = match ill.prediction {
        Some(prediction) => trial::with_beside(&drifted, prediction, known.live),
        None => drifted.into_iter().cloned().collect(),
    };
    let Whole { changes, restored, refused } = whole::whole(known, all, ill.others).map_err(NoPlan::NotRestorable)?;
    let Restored { operations, healed } = restored;
    let same_books = changes.iter().all(|change| restore::spares_books(&change.path));
    let facts = if same_books { known.with_live_of_same_books(&healed) } else { known.with_live(&healed) };
    let left = lint(snapshot, &facts, &changes)?;
    if let Some(cause) = refused {
        return Err(NoPlan::NotRestorable(RestoreError::Invalid(cause.told())));
    }
    let paths: Vec<_> = changes.iter().map(|change| change.path.clone()).collect();
    let traps = traps::after_restore(snapshot, known, &healed, &paths, &left);
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
        steps.push(Step::Transfer {
            paths: taken_over.clone(),
            from: Vec::new(),
            to: snapshot.syncer.manager.clone(),
            into: Operation::Apply,
        });
    }
    let waits = |change: &&Change| ill.others.iter().any(|other| other.severity == Severity::Pending && other.change.path == change.path);
    let brought: Vec<_> = changes.iter().filter(waits).collect();
    let unrecorded = last_applied::unrecorded(known, &snapshot.syncer, &taken_over);
    Ok(Cured { steps, unrecorded, cautions: ahead_of_sync(&brought).into_iter().collect(), traps })
}

/// What a Restore brings although only Git changed it.
fn ahead_of_sync(brought: &[&Change]) -> Option<Caution> {
    let first = brought.first()?;
    let more = if brought.len() > 1 { format!(" and {} more", brought.len() - 1) } else { String::new() };
    Some(Caution::note(
        cautions::AHEAD_OF_SYNC,
        format!("{}{more} waits for the sync and comes with this plan, since it cannot be parted from what drifted", first.path),
    ))
}

/// Checks a restoring patch before anybody sees it: live with the patch applied, which is the live of these facts, must have none of the
/// drift left, nor of what was put back with it, and the next sync must not be refused any more.
/// Gives what differs still.
fn lint(snapshot: &Snapshot, facts: &Facts<'_>, changes: &[Change]) -> Result<Vec<Change>, NoPlan> {
    let left = facts.changes();
    if let Some(change) =
        left.iter().find(|change| changes.iter().any(|ours| change.path.starts_with(&ours.path) || ours.path.starts_with(&change.path)))
    {
        return Err(NoPlan::NotRestorable(RestoreError::LeavesDrift(change.path.clone())));
    }
    match refusal_of(facts, &snapshot.syncer).first() {
        Some(cause) => Err(NoPlan::StillRefused(cause.told())),
        None => Ok(left),
    }
}

/// The one roll-out that a change of the pod template costs, whoever writes it.
fn roll_out(drifts: &[&Drift], steps: &[Step]) -> Option<Caution> {
    let written = steps.iter().filter(|step| step.kind() != StepKind::Transfer);
    let paths = drifts.iter().map(|drift| &drift.change.path).chain(written.flat_map(Step::paths));
    let of_template = paths.into_iter().any(rolls_out);
    of_template.then(|| Caution::note(cautions::ROLL_OUT, "the pod template changes, so the Deployment rolls out once"))
}
