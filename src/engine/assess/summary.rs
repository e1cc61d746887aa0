//! The sentence that an assessment begins with.

use crate::engine::diff::{ChangeKind, Drift, Severity};
use crate::engine::phase::Phase;
use crate::engine::predict::{Prediction, Verdict};
use crate::engine::reason::{Reason, headline};
use crate::engine::snapshot::Snapshot;
use crate::engine::trap::{self, Trap};

/// One sentence. Times are absolute, so that the text of an unchanged assessment never changes.
pub(super) fn summary(phase: Phase, drifts: &[Drift], prediction: &Prediction, reasons: &[Reason]) -> String {
    let of = |severity: Severity| drifts.iter().filter(move |drift| drift.severity == severity);
    match phase {
        Phase::Conflicted => {
            let clause =
                headline(reasons, &prediction.causes).unwrap_or_else(|| "the API server does not accept it".to_owned());
            match prediction.verdict {
                Verdict::Conflict => format!("The next sync will meet a conflict: {clause}"),
                _ => format!("The next sync will be refused: {clause}"),
            }
        }
        Phase::Drifted => {
            let count = of(Severity::Drift).count();
            // What stays may be somebody's bookkeeping beside the drift, such as the deployment controller's revision.
            let outcome = if of(Severity::Drift).any(|drift| prediction.leaves(drift)) {
                "the next sync leaves some of it"
            } else {
                "the next sync reverts it"
            };
            let first = of(Severity::Drift).next().map(clause).unwrap_or_default();
            match count {
                1 => format!("1 field drifted, {outcome}: {first}"),
                _ => format!("{count} fields drifted, {outcome}: {first} and {} more", count - 1),
            }
        }
        Phase::Pending => {
            match (
                of(Severity::Pending).count(),
                of(Severity::Pending).filter(|drift| prediction.leaves(drift)).count(),
            ) {
                (1, 0) => "1 field waits for the next sync".to_owned(),
                (1, _) => "Git changed 1 field, and the next sync does not bring it".to_owned(),
                (count, 0) => format!("{count} fields wait for the next sync"),
                (count, left) if left == count => {
                    format!("Git changed {count} fields, and the next sync does not bring them")
                }
                (count, left) => format!("{count} fields wait for the next sync, which does not bring {left} of them"),
            }
        }
        _ => in_sync(drifts),
    }
}

/// In sync, with what is told below it all the same.
fn in_sync(drifts: &[Drift]) -> String {
    match drifts.iter().filter(|drift| drift.severity == Severity::Info).count() {
        0 => "live is what Git says".to_owned(),
        1 => "live is what Git says, but for 1 difference that does not count as drift".to_owned(),
        count => format!("live is what Git says, but for {count} differences that do not count as drift"),
    }
}

/// What is in the way of Git's next change, as the end of a sentence that says that all is in sync.
pub(super) fn trapped(snapshot: &Snapshot, phase: Phase, traps: &[Trap]) -> String {
    let Some(first) = traps.first().filter(|_| phase == Phase::InSync) else {
        return String::new();
    };
    let more = if traps.len() > 1 {
        format!(" (and {} more)", traps.len() - 1)
    } else {
        String::new()
    };
    format!("; {}{more}", trap::clause(&snapshot.syncer.manager, first))
}

/// What the next sync changes beside the drift, as the end of a sentence.
pub(super) fn harm(prediction: &Prediction) -> String {
    let more = |count: usize| {
        if count > 1 {
            format!(" and {} more", count - 1)
        } else {
            String::new()
        }
    };
    let mut told = String::new();
    if let Some(first) = prediction.breaks.first() {
        told.push_str(&format!(
            "; the next sync breaks {first}{}",
            more(prediction.breaks.len())
        ));
    }
    if let Some(first) = prediction.overwrites.first() {
        let is_ignored = prediction
            .overwrites
            .iter()
            .all(|overwrite| overwrite.severity == Severity::Ignored);
        let although = match (is_ignored, prediction.overwrites.len()) {
            (true, 1) => "it is ignored",
            (true, _) => "they are ignored",
            (false, 1) => "it does not count as drift",
            (false, _) => "they do not count as drift",
        };
        told.push_str(&format!(
            "; the next sync changes {}{}, although {although}",
            first.path,
            more(prediction.overwrites.len())
        ));
    }
    told
}

/// One sentence that says nothing of the next sync.
pub(super) fn bare_summary(phase: Phase, drifts: &[Drift]) -> String {
    let told: Vec<&Drift> = drifts
        .iter()
        .filter(|drift| drift.severity == Severity::Drift)
        .collect();
    match (phase, told.as_slice()) {
        (Phase::Drifted, [one]) => format!("1 field drifted: {}", clause(one)),
        (Phase::Drifted, [first, rest @ ..]) => format!(
            "{} fields drifted: {} and {} more",
            rest.len() + 1,
            clause(first),
            rest.len()
        ),
        (Phase::Pending, _) => "only Git moved on".to_owned(),
        _ => in_sync(drifts),
    }
}

fn clause(drift: &Drift) -> String {
    let what = match drift.change.kind {
        ChangeKind::Changed => "changed",
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Reordered => "reordered",
    };
    match drift.owners.first() {
        Some(owner) => format!("{} {what} by {}", drift.change.path, owner.manager),
        None => format!("{} {what}, no owner recorded", drift.change.path),
    }
}
