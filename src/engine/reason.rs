//! Why a sync is refused, and which ways out were tried and work.
//!
//! The field that the server names is the second member of a union in the server's own order, not the intruder
//! (`validateHandler` in `pkg/apis/core/validation/validation.go`), and what differs around it need have nothing to do
//! with it. So each change is tried: one that, put back in live or given up in Git, makes the cause go, is part of it,
//! and nothing else is.

mod trials;

pub use trials::Works;

use std::cell::Cell;
use std::collections::HashMap;

use serde_json::Value;

use super::words::selector;
use crate::engine::diff::Drift;
use crate::engine::facts::Facts;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::predict::{Cause, Foretold, Verdict, refusals_as_it_is};
use crate::engine::schema::Tree;
use crate::engine::snapshot::Snapshot;
use trials::{FEWEST_TRIALS, MOST_TRIALS, Trials};

/// What kind of cause it is; each has its own words and its own ways out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The server refuses Git's document, whatever is live.
    GitItself,

    /// Git changes what can never be changed.
    Immutable,

    /// Client-side apply keeps a copy of the manifest in an annotation, and there is no room for it.
    NoRoom,

    /// Client-side apply cannot read what it keeps in the annotation of live, and without it the sync succeeds.
    Unreadable,

    /// Git and live each have something, and the server does not take both.
    Collision,

    /// Nothing that was tried makes it go.
    Unknown,

    /// Too much differs, or too much is wrong: not all that may make it go was tried, and nothing that was does.
    NotTried,
}

/// Why a sync is refused for one cause.
#[derive(Clone, Debug)]
pub struct Reason {
    /// What kind of cause it is.
    pub kind: Because,

    /// The changes that make it, in path order.
    pub involved: Vec<Drift>,

    /// The reason as the end of a sentence that begins with "because"; `None` where none is known.
    pub clause: Option<String>,

    /// What works.
    pub works: Works,
}

/// The reason for each cause of a refusal, in the order of the causes; none of a sync that is not refused.
pub fn reasons(snapshot: &Snapshot, facts: &Facts<'_>, drifts: &[Drift], foretold: &Foretold<'_>) -> Vec<Reason> {
    let prediction = &foretold.prediction;
    if prediction.verdict != Verdict::Refused {
        return Vec::new();
    }
    let of_git = refusals_as_it_is(facts.kind, facts.desired, snapshot.syncer.validation);
    let mut left = MOST_TRIALS;
    let mut found = Vec::with_capacity(prediction.causes.len());
    for (at, cause) in prediction.causes.iter().enumerate() {
        // One cause beside which a hundred fields differ leaves the others their part.
        let share = (left / (prediction.causes.len() - at)).max(FEWEST_TRIALS).min(left);
        let trials = Trials {
            snapshot,
            facts,
            foretold,
            left: Cell::new(share),
            ran_out: Cell::new(false),
        };
        found.push(trials.reason(cause, drifts, &of_git));
        left -= share - trials.left.get();
    }
    found
}

/// The refusal in one clause, for a summary line: the first cause and how many more there are.
pub fn headline(reasons: &[Reason], causes: &[Cause]) -> Option<String> {
    let cause = causes.first()?;
    let clause = reasons.first().and_then(|reason| reason.clause.clone());
    let clause = clause.unwrap_or_else(|| cause.told());
    Some(match causes.len() {
        1 => clause,
        more => format!("{clause} (and {} more)", more - 1),
    })
}

/// The drifts that stand beside or below the field that the server names, under the same parent of the merged object.
fn near<'a>(cause: &Cause, drifts: &'a [Drift], merged: Option<&Tree<'_>>) -> Vec<&'a Drift> {
    let Some(merged) = merged else { return Vec::new() };
    let Some(parent) = union_of(cause).and_then(|parent| parent.pointer(merged)) else {
        return Vec::new();
    };
    let below = format!("{parent}/");
    let stands = |drift: &&Drift| {
        drift
            .change
            .path
            .pointer(merged)
            .is_some_and(|pointer| pointer == parent || pointer.starts_with(&below))
    };
    drifts.iter().filter(stands).collect()
}

/// What the field that the server names stands in; where an item of a list says what another one says, it is the list.
fn union_of(cause: &Cause) -> Option<FieldPath> {
    let field = FieldPath::parse(&cause.field).ok()?;
    let repeats = cause.reason == "FieldValueDuplicate" || cause.message.contains("must be unique");
    let item = field
        .0
        .iter()
        .rposition(|segment| matches!(segment, Segment::Index(_)))
        .filter(|_| repeats);
    let parent = item.map_or_else(|| field.parent(), |at| Some(FieldPath(field.0[..at].to_vec())));
    parent.filter(|parent| !parent.0.is_empty())
}

/// Whether two causes are the same but for the numbers of list items, which move with what is merged.
fn is_same(one: &Cause, other: &Cause) -> bool {
    unnumbered(one) == unnumbered(other)
}

/// The field of a cause without the numbers of list items, and its message.
fn unnumbered(cause: &Cause) -> (String, &str) {
    let field = cause
        .field
        .split(['[', ']'])
        .filter(|part| part.parse::<usize>().is_err())
        .collect();
    (field, &cause.message)
}

/// How many causes are the same.
fn tally(causes: &[Cause]) -> HashMap<(String, &str), usize> {
    let mut tally = HashMap::new();
    causes
        .iter()
        .for_each(|cause| *tally.entry(unnumbered(cause)).or_default() += 1);
    tally
}

/// The field of a cause, or its words where it names none.
fn named(cause: &Cause) -> &str {
    if cause.field.is_empty() {
        &cause.message
    } else {
        &cause.field
    }
}

/// `spec.selector cannot be changed: Git's selector has v=2`.
fn immutable(cause: &Cause, facts: &Facts<'_>) -> String {
    let field = &cause.field;
    let of = |object: &Value| -> Option<Value> { FieldPath::parse(field).ok()?.get(object).cloned() };
    match (field.as_str(), of(facts.desired), of(facts.live)) {
        ("spec.selector", Some(git), Some(live)) => format!("{field} cannot be changed: {}", selector(&git, &live)),
        (_, Some(_), _) => format!("{field} cannot be changed, and Git's is not live's"),
        _ => format!("{field} cannot be changed"),
    }
}
