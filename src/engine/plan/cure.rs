//! The steps on the Deployment: what hands it back to the tool, or puts Git's values back, each checked before anybody
//! sees it.

use super::cautions::{self, Caution};
use super::choice::{Choice, Cure, choose};
use super::step::Step;
use super::{NoPlan, last_applied, traps};
use crate::engine::assessment::Assessment;
use crate::engine::diff::{Change, ChangeKind, Drift, Severity};
use crate::engine::facts::Facts;
use crate::engine::object::FieldPath;
use crate::engine::ownership::{ManagedFields, Operation, transfer};
use crate::engine::predict::{predict_knowing, refusal_of};
use crate::engine::remedy::hand_back::HandBackError;
use crate::engine::remedy::ill::Ill;
use crate::engine::remedy::restore::{RestoreError, Restored};
use crate::engine::remedy::whole::{Whole, whole};
use crate::engine::remedy::{hand_back, restore, trial};
use crate::engine::snapshot::{Policy, Snapshot};
use crate::engine::syncer::{Strategy, Syncer, TakesOver};
use crate::engine::trap::Trap;

/// The steps on the Deployment, and what to know about them.
#[derive(Default)]
pub(super) struct Cured {
    pub steps: Vec<Step>,

    /// What they put back and client-side apply would not take out again; `None` where it knows all of it.
    pub unrecorded: Option<Vec<FieldPath>>,
    pub cautions: Vec<Caution>,

    /// What will be in the way of Git's next change after the steps; `None` where it is what is so today.
    pub traps: Option<Vec<Trap>>,
}

/// Takes the way out that [`choose`] names, or the other one where the first does not work and either will do.
pub(super) fn cure(
    snapshot: &Snapshot,
    assessment: &Assessment,
    policy: &Policy,
    facts: &Facts<'_>,
    ill: Ill<'_>,
) -> Result<Cured, NoPlan> {
    let Choice { cure, or_else, .. } = choose(snapshot, policy);
    let is_anothers = || !ill.drifts.is_empty() || !ill.taken_over(snapshot).is_empty();
    if cure == Cure::Restore {
        if is_anothers() {
            return restored(snapshot, facts, ill);
        }
        let would_help = handed_back(snapshot, facts, ill).is_ok();
        return Err(if would_help { NoPlan::GitAlone } else { NoPlan::OnlyGit });
    }
    match (handed_back(snapshot, facts, ill), or_else) {
        (Ok(step), or_else) => {
            let steps = vec![step];
            // Argo CD does not sync what is in sync: where its sync would overwrite more than the drift, a write of
            // ours spares that.
            let spares = or_else && !ill.drifts.is_empty() && snapshot.tool.argo_cd().is_some();
            let overwrites = || {
                cautions::of_a_sync(snapshot, facts, assessment, &steps)
                    .iter()
                    .any(|caution| caution.must_acknowledge)
            };
            let restored = if spares && overwrites() {
                restored(snapshot, facts, ill).ok()
            } else {
                None
            };
            Ok(restored.unwrap_or_else(|| Cured {
                steps,
                cautions: needs_sync(snapshot),
                ..Cured::default()
            }))
        }
        (Err(_), true) if is_anothers() => restored(snapshot, facts, ill),
        (Err(error), _) => Err(NoPlan::NotHandedBack(error)),
    }
}

/// Nothing is planned on what the tool leaves alone on purpose: where it is in the way, only a change of Git or of the
/// rule helps.
pub(super) fn spares_ignored(snapshot: &Snapshot, assessment: &Assessment) -> Result<(), NoPlan> {
    let beside = assessment.prediction.iter().flat_map(|prediction| &prediction.beside);
    let spared = |path: &FieldPath| {
        let spared = assessment
            .of(Severity::Ignored)
            .find(|drift| path.starts_with(&drift.change.path) || drift.change.path.starts_with(path))?;
        let why = spared.reason.clone().filter(|reason| snapshot.tool.spares(reason))?;
        Some(NoPlan::IgnoredInTheWay {
            path: path.clone(),
            why,
        })
    };
    beside.filter_map(spared).next().map_or(Ok(()), Err)
}

/// What a HandBack rests on where nobody knows whether the tool syncs.
fn needs_sync(snapshot: &Snapshot) -> Vec<Caution> {
    let manager = &snapshot.syncer.manager;
    let told = || format!("nothing changes for the pods until {manager} syncs again; let it sync after the heal");
    if snapshot.tool.will_sync(&snapshot.target) {
        Vec::new()
    } else {
        vec![Caution::note(cautions::NEEDS_SYNC, told())]
    }
}

/// HandBack of what is in the way, checked.
fn handed_back(snapshot: &Snapshot, facts: &Facts<'_>, ill: Ill<'_>) -> Result<Step, HandBackError> {
    let prediction = ill.prediction.ok_or(HandBackError::NothingForeign)?;
    let changes = ill.changes(snapshot);
    let paths = hand_back::in_the_way(&changes, prediction);
    hand_back::check(facts, &snapshot.syncer, &paths, &changes)?;
    Ok(Step::HandBack {
        paths,
        syncer: snapshot.syncer.clone(),
    })
}

/// Restore, and Transfer of what it wrote.
pub(super) fn restored(snapshot: &Snapshot, known: &Facts<'_>, ill: Ill<'_>) -> Result<Cured, NoPlan> {
    let drifted = ill.changes(snapshot);
    // What stands beside the drift and is nobody's, such as a defaulted rollingUpdate, goes with it: the union changes
    // as one.
    let all = match ill.prediction {
        Some(prediction) => trial::with_beside(&drifted, prediction, known.live),
        None => drifted.into_iter().cloned().collect(),
    };
    let mut cured = whole(snapshot.kind, known, all, ill.others).map_err(NoPlan::NotRestorable)?;
    let stays = stays_behind(snapshot, known, &cured, ill.others);
    if !stays.is_empty() {
        let with_it = cured.changes.iter().chain(&stays).cloned().collect();
        cured = whole(snapshot.kind, known, with_it, ill.others).map_err(NoPlan::NotRestorable)?;
    }
    let Whole {
        changes,
        restored,
        refused,
    } = cured;
    let Restored { operations, healed } = restored;
    let same_books = changes.iter().all(|change| restore::spares_books(&change.path));
    let facts = if same_books {
        known.with_live_of_same_books(&healed)
    } else {
        known.with_live(&healed)
    };
    let left = lint(snapshot, &facts, &changes)?;
    if let Some(cause) = refused {
        return Err(NoPlan::NotRestorable(RestoreError::Invalid(cause.told())));
    }
    let paths: Vec<_> = changes.iter().map(|change| change.path.clone()).collect();
    let traps = traps::after_restore(snapshot, known, &healed, &paths, &left);
    let taken_over: Vec<_> = changes
        .iter()
        .filter(|change| change.desired.is_some())
        .map(|change| change.path.clone())
        .collect();
    let mut steps = vec![Step::Restore { paths, operations }];
    // What was only taken away is nobody's.
    if !taken_over.is_empty() {
        let written: Vec<_> = changes.iter().map(|change| change.path.clone()).collect();
        steps.push(taken_from_us(snapshot, known, &written, taken_over.clone())?);
    }
    let waits = |change: &&Change| {
        ill.others
            .iter()
            .any(|other| other.severity == Severity::Pending && other.change.path == change.path)
    };
    let brought: Vec<_> = changes.iter().filter(waits).collect();
    let unrecorded = last_applied::unrecorded(known, &snapshot.syncer, &taken_over);
    Ok(Cured {
        steps,
        unrecorded,
        cautions: ahead_of_sync(&brought).into_iter().collect(),
        traps,
    })
}

/// What Git dropped and no sync after this Restore takes out: the tool does not know that it is its own, or somebody
/// else owns it too. It goes with the drift, since nobody would look for it later.
fn stays_behind(snapshot: &Snapshot, known: &Facts<'_>, cured: &Whole, others: &[&Drift]) -> Vec<Change> {
    let dropped = |drift: &&&Drift| drift.severity == Severity::Pending && drift.change.kind == ChangeKind::Added;
    let mut dropped = others.iter().filter(dropped).peekable();
    if dropped.peek().is_none() {
        return Vec::new();
    }
    let facts = known.with_live(&cured.restored.healed);
    let left = predict_knowing(&facts, &snapshot.syncer, || facts.changed_paths())
        .prediction
        .residual;
    dropped
        .map(|drift| &drift.change)
        .filter(|change| left.contains(&change.path))
        .cloned()
        .collect()
}

/// The Transfer after a Restore of these fields: what we wrote becomes the tool's, since what stays ours stays in live
/// when Git drops it. Under server-side apply that is so at once, under the other ways, and before the first apply
/// after a switch to it, at the apply that follows the switch.
fn taken_from_us(
    snapshot: &Snapshot,
    known: &Facts<'_>,
    written: &[FieldPath],
    paths: Vec<FieldPath>,
) -> Result<Step, NoPlan> {
    let (syncer, managed) = (&snapshot.syncer, known.managed.get());
    let (to, into) = receiver(managed, syncer);
    if into == Operation::Update {
        return Ok(Step::Transfer {
            paths,
            from: Vec::new(),
            to,
            into,
        });
    }
    let appliers = transfer::appliers_of(managed, written, &syncer.manager);
    if !appliers.is_empty() {
        return Err(NoPlan::TwoAppliers(appliers.join(", ")));
    }
    Ok(Step::Transfer {
        paths,
        from: Vec::new(),
        to,
        into,
    })
}

/// Whose entry takes what we wrote: the tool's apply, where it has applied server-side before, or else what the tool,
/// or whoever applied for it, wrote by updates. The first server-side apply takes that over, by the annotation of
/// client-side apply: where there is none, it is an apply's from the start.
pub(super) fn receiver(managed: &ManagedFields, syncer: &Syncer) -> (String, Operation) {
    let has_applied = || managed.entry(&syncer.manager, Operation::Apply, None).is_some();
    let takes_nothing = || {
        matches!(syncer.takes_over, TakesOver::OfLastApplied | TakesOver::ClientSideOf(_))
            && last_applied::holder_of_annotation(managed).is_none()
    };
    let applies = syncer.strategy == Strategy::ServerSideApply && (has_applied() || takes_nothing());
    if applies {
        (syncer.manager.clone(), Operation::Apply)
    } else {
        (last_applied::holder(managed, syncer), Operation::Update)
    }
}

/// What a Restore brings although only Git changed it.
fn ahead_of_sync(brought: &[&Change]) -> Option<Caution> {
    let first = brought.first()?;
    let more = if brought.len() > 1 {
        format!(" and {} more", brought.len() - 1)
    } else {
        String::new()
    };
    Some(Caution::note(
        cautions::AHEAD_OF_SYNC,
        format!(
            "{}{more} waits for the sync and comes with this plan: it cannot be parted from what drifted, or the sync \
             would not bring it",
            first.path
        ),
    ))
}

/// Checks a restoring patch before anybody sees it: live with the patch applied, which is the live of these facts, must
/// have none of the drift left, nor of what was put back with it, and the next sync must not be refused any more. Gives
/// what differs still.
fn lint(snapshot: &Snapshot, facts: &Facts<'_>, changes: &[Change]) -> Result<Vec<Change>, NoPlan> {
    let left = facts.changes();
    if let Some(change) = left.iter().find(|change| {
        changes
            .iter()
            .any(|ours| change.path.starts_with(&ours.path) || ours.path.starts_with(&change.path))
    }) {
        return Err(NoPlan::NotRestorable(RestoreError::LeavesDrift(change.path.clone())));
    }
    match refusal_of(facts, &snapshot.syncer).first() {
        Some(cause) => Err(NoPlan::StillRefused(cause.told())),
        None => Ok(left),
    }
}
