//! What becomes of a drift at a sync that succeeds: it stays without a word, or somebody's change is lost.

use super::reason::Works;
use super::ways::ways_out;
use super::words::{by, cost, place};
use super::{Finding, Weight};
use crate::engine::diff::{Change, ChangeKind, Drift, Moved, Severity};
use crate::engine::facts::Facts;
use crate::engine::object::FieldPath;
use crate::engine::ownership::people::{self, Writer};
use crate::engine::plan::trial;
use crate::engine::predict::{Prediction, Verdict, predict_knowing};
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Strategy, Syncer};

/// The rule of the findings of what stays.
pub(super) const KEEPS: &str = "next-sync-keeps";

/// One finding for each drift that the next sync keeps: Argo CD and Flux then call the object synced, and nobody is
/// told.
pub fn next_sync_keeps(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    drifts: &[Drift],
    prediction: &Prediction,
) -> Vec<Finding> {
    if prediction.verdict != Verdict::Residual {
        return Vec::new();
    }
    let kept: Vec<&Drift> = told(drifts).filter(|drift| stays(drift, prediction)).collect();
    if kept.is_empty() {
        return Vec::new();
    }
    let works = works(snapshot, facts, drifts, &kept, prediction);
    kept.iter()
        .map(|drift| {
            let why = why_kept(snapshot, facts, drift);
            Finding {
                rule: KEEPS,
                weight: Weight::Warning,
                path: Some(drift.change.path.clone()),
                message: format!(
                    "the next sync succeeds and leaves {} as it is{}: {why}",
                    place(&drift.change.path),
                    by(&[drift])
                ),
                evidence: None,
                remedy: Some(ways_out(snapshot, works, &[drift])),
            }
        })
        .collect()
}

/// What of Git, of the last apply and of who owns what makes the sync leave it.
fn why_kept(snapshot: &Snapshot, facts: &Facts<'_>, drift: &Drift) -> String {
    let Syncer { manager, strategy, .. } = &snapshot.syncer;
    let was_applied = || {
        facts
            .last_applied
            .value()
            .is_some_and(|applied| drift.change.path.get(applied).is_some())
    };
    match (drift.change.kind, strategy) {
        (ChangeKind::Added, Strategy::ServerSideApply) if drift.owners.is_empty() => {
            "Git does not set it, and nobody is recorded to own it".to_owned()
        }
        (ChangeKind::Added, Strategy::ServerSideApply)
            if drift.owners.iter().any(|owner| owner.manager != *manager) =>
        {
            "Git does not set it, and another manager owns it".to_owned()
        }
        // Whether Git ever did, nobody knows: the tool may have applied it once and forgotten it.
        (ChangeKind::Added, Strategy::ClientSideApply) if !was_applied() => {
            "Git does not set it, and neither does what was applied last".to_owned()
        }
        _ => format!("{manager} does not change it"),
    }
}

/// Which ways out leave nothing of what stays.
fn works(snapshot: &Snapshot, facts: &Facts<'_>, drifts: &[Drift], kept: &[&Drift], prediction: &Prediction) -> Works {
    let all: Vec<&Change> = told(drifts).map(|drift| &drift.change).collect();
    let is_kept = |path: &FieldPath| kept.iter().any(|drift| path.starts_with(&drift.change.path));
    let back =
        trial::put_back(facts, &all).is_some_and(|tried| !tried.facts(facts).changed_paths().iter().any(is_kept));
    let handed = trial::handed_back(facts, &snapshot.syncer, &all, prediction).is_some_and(|tried| {
        let facts = tried.facts(facts);
        let after = predict_knowing(&facts, &snapshot.syncer, || facts.changed_paths()).prediction;
        after.causes.is_empty() && !after.residual.iter().any(is_kept)
    });
    Works {
        restore: back,
        hand_back: handed && snapshot.syncer.strategy != Strategy::Replace,
        commit: true,
        ..Works::default()
    }
}

/// One finding for each change of a person that the next sync undoes: in an outage the change may be what ended it.
///
/// What stands under the tool's own manager is a person's only where live is known to have moved: somebody applied
/// under the tool's name.
pub fn hot_fix_lost(snapshot: &Snapshot, drifts: &[Drift], prediction: &Prediction) -> Vec<Finding> {
    if !matches!(prediction.verdict, Verdict::Reverts | Verdict::Residual) {
        return Vec::new();
    }
    let is_persons = |drift: &Drift, manager: &str| {
        people::kind_of(manager) == Writer::Person
            && (manager != snapshot.syncer.manager || drift.moved == Some(Moved::Live))
    };
    let lost = told(drifts).filter(|drift| {
        !stays(drift, prediction) && drift.owners.iter().any(|owner| is_persons(drift, &owner.manager))
    });
    lost.map(|drift| Finding {
        rule: "hot-fix-lost",
        weight: Weight::Warning,
        path: Some(drift.change.path.clone()),
        message: format!(
            "the next sync undoes a change by hand: {}{}",
            place(&drift.change.path),
            by(&[drift])
        ),
        evidence: None,
        remedy: Some(format!(
            "commit it to Git before the sync if it is right (no roll-out); else the sync, or Restore, puts Git's \
             value back ({})",
            cost(snapshot.kind, &[drift])
        )),
    })
    .collect()
}

fn told(drifts: &[Drift]) -> impl Iterator<Item = &Drift> {
    drifts.iter().filter(|drift| drift.severity == Severity::Drift)
}

fn stays(drift: &Drift, prediction: &Prediction) -> bool {
    prediction
        .residual
        .iter()
        .any(|path| path.starts_with(&drift.change.path))
}
