//! A sync that succeeds leaves a drift as it is, without a word.

use super::ways::ways_out;
use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::diff::{Change, ChangeKind, Drift, Severity};
use crate::engine::facts::Facts;
use crate::engine::object::FieldPath;
use crate::engine::predict::{Prediction, Verdict, predict_knowing};
use crate::engine::reason::Works;
use crate::engine::remedy::trial;
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::words::{by, place};

/// The rule.
pub static RULE: Rule = Rule {
    id: "next-sync-keeps",
    title: "The next sync leaves the drift as it is",
    severity: Weight::Warning,
    milder: &[],
    meaning: "The sync succeeds and does not bring Git's value back, since the syncing tool does not own the field or \
              was never told to set it; it then calls the object synced, and nobody is told.",
    remedy: "Take one of the ways that the finding names, each of which was tried on the prediction; or commit the \
             change to Git, if it is right.",
    in_check: false,
    wants: nothing,
    check: Check::Both(check),
};

/// One finding for each drift that the next sync keeps: Argo CD and Flux then call the object synced, and nobody is
/// told.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let (snapshot, assessment) = (case.snapshot, case.assessment);
    let Some(prediction) = case.prediction().filter(|found| found.verdict == Verdict::Residual) else {
        return Vec::new();
    };
    let kept: Vec<&Drift> = assessment
        .of(Severity::Drift)
        .filter(|drift| prediction.leaves(drift))
        .collect();
    let Some(facts) = case.facts().filter(|_| !kept.is_empty()) else {
        return Vec::new();
    };
    let works = works(case, facts, &kept, prediction);
    kept.iter()
        .map(|drift| {
            let why = why_kept(snapshot, facts, drift);
            Finding {
                rule: RULE.id,
                weight: RULE.severity,
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
fn works(case: &Case<'_>, facts: &Facts<'_>, kept: &[&Drift], prediction: &Prediction) -> Works {
    let syncer = &case.snapshot.syncer;
    let drifted = case.assessment.of(Severity::Drift);
    let all: Vec<&Change> = drifted.map(|drift| &drift.change).collect();
    let is_kept = |path: &FieldPath| kept.iter().any(|drift| path.starts_with(&drift.change.path));
    let back =
        trial::put_back(facts, &all).is_some_and(|tried| !tried.facts(facts).changed_paths().iter().any(is_kept));
    let handed = trial::handed_back(facts, syncer, &all, prediction).is_some_and(|tried| {
        let facts = tried.facts(facts);
        let after = predict_knowing(&facts, syncer, || facts.changed_paths()).prediction;
        after.causes.is_empty() && !after.residual.iter().any(is_kept)
    });
    Works {
        restore: back,
        hand_back: handed && syncer.strategy != Strategy::Replace,
        commit: true,
        ..Works::default()
    }
}
