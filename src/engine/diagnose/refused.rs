//! The next sync will be refused: by which rule of the API server, because of whose field, and the ways out.

use super::ways::ways_out;
use super::{Finding, Weight};
use crate::engine::diff::{ChangeKind, Drift};
use crate::engine::object::{FieldPath, Segment};
use crate::engine::predict::{Cause, Foretold, Verdict};
use crate::engine::snapshot::{Policy, Snapshot};

/// One finding for each cause of a predicted refusal.
///
/// The field that the server names is the second member of a union in the server's own order, not the intruder
/// (`validateHandler` in `pkg/apis/core/validation/validation.go`): the culprit comes from what differs beside it.
pub fn next_sync_refused(snapshot: &Snapshot, policy: &Policy, drifts: &[Drift], foretold: &Foretold<'_>) -> Vec<Finding> {
    let prediction = &foretold.prediction;
    if prediction.verdict != Verdict::Refused {
        return Vec::new();
    }
    prediction
        .causes
        .iter()
        .map(|cause| {
            let involved = involved(cause, drifts, foretold);
            Finding {
                rule: "next-sync-refused",
                weight: Weight::Error,
                path: involved.first().map(|drift| drift.change.path.clone()),
                message: match contrast(&involved) {
                    Some(contrast) => format!("the API server will refuse the next sync, because {contrast}"),
                    None => "the API server will refuse the next sync".to_owned(),
                },
                evidence: Some(format!("{}: {}", cause.field, cause.message)),
                remedy: Some(ways_out(snapshot, policy, &involved)),
            }
        })
        .collect()
}

/// The refusal in one clause, for a summary line: the first cause and how many more there are.
pub fn headline(drifts: &[Drift], foretold: &Foretold<'_>) -> Option<String> {
    let causes = &foretold.prediction.causes;
    let cause = causes.first()?;
    let clause = contrast(&involved(cause, drifts, foretold)).unwrap_or_else(|| format!("{}: {}", cause.field, cause.message));
    Some(match causes.len() {
        1 => clause,
        more => format!("{clause} (and {} more)", more - 1),
    })
}

/// The drifts that stand beside or below the field that the server names, under the same parent of the merged object.
fn involved<'a>(cause: &Cause, drifts: &'a [Drift], foretold: &Foretold<'_>) -> Vec<&'a Drift> {
    let Some(merged) = &foretold.refused else { return Vec::new() };
    let Some(union) = FieldPath::parse(&cause.field).ok().and_then(|field| field.parent()).and_then(|parent| parent.pointer(merged)) else {
        return Vec::new();
    };
    let below = format!("{union}/");
    drifts
        .iter()
        .filter(|drift| {
            let pointer = drift.change.path.pointer(merged);
            pointer.is_some_and(|pointer| pointer == union || pointer.starts_with(&below))
        })
        .collect()
}

/// `livenessProbe of container web has httpGet in Git, tcpSocket in the cluster (kubectl-patch, since …)`.
fn contrast(involved: &[&Drift]) -> Option<String> {
    let named = |kind: ChangeKind| -> Vec<String> {
        involved.iter().filter(|drift| drift.change.kind == kind).filter_map(|drift| last_name(&drift.change.path)).collect()
    };
    let (in_git, in_cluster) = (named(ChangeKind::Removed), named(ChangeKind::Added));
    let holder = involved.first()?.change.path.parent()?;
    let mut clause = match (in_git.is_empty(), in_cluster.is_empty()) {
        (false, false) => format!("{} has {} in Git, {} in the cluster", place(&holder), in_git.join(" and "), in_cluster.join(" and ")),
        (true, false) => format!("{} has {} in the cluster, not in Git", place(&holder), in_cluster.join(" and ")),
        (false, true) => format!("{} has {} in Git, not in the cluster", place(&holder), in_git.join(" and ")),
        (true, true) => format!("{} differs", place(&involved.first()?.change.path)),
    };
    if let Some(owner) = involved.iter().flat_map(|drift| &drift.owners).next() {
        match owner.time {
            Some(time) => clause.push_str(&format!(" ({}, since {time})", owner.manager)),
            None => clause.push_str(&format!(" ({})", owner.manager)),
        }
    }
    Some(clause)
}

fn last_name(path: &FieldPath) -> Option<String> {
    path.0.iter().rev().find_map(|segment| match segment {
        Segment::Field(name) => Some(name.clone()),
        Segment::Key(_) | Segment::Index(_) | Segment::Value(_) => None,
    })
}

/// A path in the words of a person: the field and the list item it belongs to.
pub(super) fn place(path: &FieldPath) -> String {
    let item =
        path.0.iter().enumerate().rev().find_map(|(at, segment)| match (segment, at.checked_sub(1).and_then(|list| path.0.get(list))) {
            (Segment::Key(keys), Some(Segment::Field(list))) => {
                let name = keys.first().and_then(|(_, value)| value.as_str())?;
                Some((at, list.strip_suffix('s').unwrap_or(list).to_owned(), name.to_owned()))
            }
            _ => None,
        });
    let tail = |from: usize| -> Vec<&str> {
        path.0[from..].iter().filter_map(|segment| if let Segment::Field(name) = segment { Some(name.as_str()) } else { None }).collect()
    };
    match item {
        Some((at, list, name)) if at + 1 == path.0.len() => format!("{list} {name}"),
        Some((at, list, name)) => format!("{} of {list} {name}", tail(at + 1).join(".")),
        None => tail(0).join("."),
    }
}
