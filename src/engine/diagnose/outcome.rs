//! What becomes of a drift at a sync that succeeds: it stays without a word, or somebody's change is lost.

use super::reason::Works;
use super::ways::ways_out;
use super::words::place;
use super::{Finding, Weight};
use crate::engine::diff::{Change, ChangeKind, Drift, Severity};
use crate::engine::object::FieldPath;
use crate::engine::ownership::people::{self, Kind};
use crate::engine::plan::trial;
use crate::engine::predict::{Facts, Prediction, Strategy, Verdict, predict_knowing};
use crate::engine::snapshot::Snapshot;

/// The rule of the findings of what stays.
pub(super) const KEEPS: &str = "next-sync-keeps";

/// One finding for each drift that the next sync keeps: Argo CD and Flux then call the object synced, and nobody is told.
pub fn next_sync_keeps(snapshot: &Snapshot, facts: &Facts<'_>, drifts: &[Drift], prediction: &Prediction) -> Vec<Finding> {
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
            let why = match (drift.change.kind, snapshot.syncer.strategy) {
                (ChangeKind::Added, Strategy::ServerSideApply) => "Git does not set it, and another manager owns it".to_owned(),
                (ChangeKind::Added, _) => "Git does not set it and never did".to_owned(),
                _ => format!("{} does not change it", snapshot.syncer.manager),
            };
            Finding {
                rule: KEEPS,
                weight: Weight::Warning,
                path: Some(drift.change.path.clone()),
                message: format!("the next sync succeeds and leaves {} as it is{}: {why}", place(&drift.change.path), by(drift)),
                evidence: None,
                remedy: Some(ways_out(snapshot, works, &[drift])),
            }
        })
        .collect()
}

/// Which ways out leave nothing of what stays.
fn works(snapshot: &Snapshot, facts: &Facts<'_>, drifts: &[Drift], kept: &[&Drift], prediction: &Prediction) -> Works {
    let all: Vec<&Change> = told(drifts).map(|drift| &drift.change).collect();
    let is_kept = |path: &FieldPath| kept.iter().any(|drift| path.starts_with(&drift.change.path));
    let back = trial::put_back(facts, &all).is_some_and(|tried| !tried.facts(facts).changed_paths().iter().any(is_kept));
    let handed = trial::handed_back(facts, &snapshot.syncer, &all, prediction).is_some_and(|tried| {
        let facts = tried.facts(facts);
        let after = predict_knowing(&facts, &snapshot.syncer, || facts.changed_paths()).prediction;
        after.causes.is_empty() && !after.residual.iter().any(is_kept)
    });
    Works { restore: back, hand_back: handed && snapshot.syncer.strategy != Strategy::Replace, commit: true, server_side: false }
}

/// One finding for each change of a person that the next sync undoes: in an outage the change may be what ended it.
pub fn hot_fix_lost(drifts: &[Drift], prediction: &Prediction) -> Vec<Finding> {
    if !matches!(prediction.verdict, Verdict::Reverts | Verdict::Residual) {
        return Vec::new();
    }
    let lost = told(drifts)
        .filter(|drift| !stays(drift, prediction) && drift.owners.iter().any(|owner| people::kind_of(&owner.manager) == Kind::Person));
    lost.map(|drift| Finding {
        rule: "hot-fix-lost",
        weight: Weight::Warning,
        path: Some(drift.change.path.clone()),
        message: format!("the next sync undoes a change by hand: {}{}", place(&drift.change.path), by(drift)),
        evidence: None,
        remedy: Some(format!(
            "commit it to Git before the sync if it is right (no roll-out); else the sync, or Restore, puts Git's value back ({})",
            cost(drift)
        )),
    })
    .collect()
}

fn told(drifts: &[Drift]) -> impl Iterator<Item = &Drift> {
    drifts.iter().filter(|drift| drift.severity == Severity::Drift)
}

fn stays(drift: &Drift, prediction: &Prediction) -> bool {
    prediction.residual.iter().any(|path| path.starts_with(&drift.change.path))
}

/// ` (kubectl-edit, since …)`, or nothing where no owner is recorded.
fn by(drift: &Drift) -> String {
    match drift.owners.first() {
        Some(owner) => owner.time.map_or_else(|| format!(" ({})", owner.manager), |time| format!(" ({}, since {time})", owner.manager)),
        None => String::new(),
    }
}

fn cost(drift: &Drift) -> &'static str {
    if drift.change.path.schema().starts_with("spec.template") { "one roll-out" } else { "no roll-out" }
}
