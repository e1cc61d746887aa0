//! Why a sync is refused, and which ways out were tried and work.
//!
//! The field that the server names is the second member of a union in the server's own order, not the intruder
//! (`validateHandler` in `pkg/apis/core/validation/validation.go`), and what differs around it need have nothing to do
//! with it. So each change is tried: one that, put back in live or given up in Git, makes the cause go, is part of it,
//! and nothing else is.

use std::cell::Cell;
use std::collections::HashMap;

use serde_json::Value;

use super::words::{by, contrast, ports, selector};
use crate::engine::diff::{Change, Drift, LAST_APPLIED, Severity};
use crate::engine::object::{FieldPath, Segment};
use crate::engine::plan;
use crate::engine::plan::trial::{self, Tried};
use crate::engine::predict::{Cause, Facts, Foretold, Strategy, Syncer, Verdict, refusal_of, refusals_as_it_is};
use crate::engine::schema::{Tree, apply_defaults};
use crate::engine::snapshot::Snapshot;

/// The most predictions that are made to find reasons: each takes as long as the one that they are about, and a
/// manifest may have a thousand faults.
const MOST_TRIALS: usize = 64;

/// The fewest that a cause gets while there are any left: a union of two members and its ways out take so many, and
/// with fewer nothing comes of any cause.
const FEWEST_TRIALS: usize = 8;

/// What kind of cause it is; each has its own words and its own ways out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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
#[derive(Debug)]
pub struct Reason<'a> {
    /// What kind of cause it is.
    pub(super) kind: Kind,

    /// The changes that make it, in path order.
    pub(super) involved: Vec<&'a Drift>,

    /// The reason as the end of a sentence that begins with "because"; `None` where none is known.
    pub(super) clause: Option<String>,

    /// What works.
    pub(super) works: Works,
}

/// The ways out that were tried and make one cause go, without making another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Works {
    /// Git's values put back in live.
    pub(super) restore: bool,

    /// What is in the way handed to the tool.
    pub(super) hand_back: bool,

    /// Live's values committed to Git.
    pub(super) commit: bool,

    /// Server-side apply in place of client-side apply.
    pub(super) server_side: bool,

    /// Whether some could not be tried any more; those do not count as working.
    pub(super) some_untried: bool,
}

impl Trial {
    /// Whether the cause is made by what was tried, where that stands beside the field that the server names.
    const fn helps(self) -> bool {
        matches!(self, Self::Cures | Self::CuresOne)
    }
}

/// The reason for each cause of a refusal, in the order of the causes; none of a sync that is not refused.
pub fn reasons<'a>(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    drifts: &'a [Drift],
    foretold: &Foretold<'_>,
) -> Vec<Reason<'a>> {
    let prediction = &foretold.prediction;
    if prediction.verdict != Verdict::Refused {
        return Vec::new();
    }
    let of_git = refusals_as_it_is(facts.desired, snapshot.syncer.validation);
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

struct Trials<'t, 'f, 'o> {
    snapshot: &'t Snapshot,
    facts: &'t Facts<'f>,
    foretold: &'t Foretold<'o>,

    /// How many predictions may still be made for this cause.
    left: Cell<usize>,

    /// Whether one was not made for want of them.
    ran_out: Cell<bool>,
}

/// What came of a way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    /// The cause goes, and no other comes.
    Cures,

    /// One goes of several that say the same of other items of a list, and no other comes.
    CuresOne,

    /// It stays, or another comes.
    CuresNot,

    /// There was no prediction left for it.
    NotTried,
}

impl Trials<'_, '_, '_> {
    fn reason<'a>(&self, cause: &Cause, drifts: &'a [Drift], of_git: &[(Cause, String)]) -> Reason<'a> {
        let near = near(cause, drifts, self.foretold.refused.as_ref());
        let of_itself = || {
            let kind = if self.ran_out.get() {
                Kind::NotTried
            } else {
                Kind::Unknown
            };
            Reason {
                kind,
                involved: Vec::new(),
                clause: None,
                works: Works::default(),
            }
        };
        // Before there is an object, each way of syncing has its own words for what it cannot read.
        let no_object = self.foretold.refused.is_none();
        if of_git.iter().any(|(other, _)| is_same(other, cause))
            || (no_object && (!of_git.is_empty() || self.is_of_git(cause)))
        {
            let clause = format!("it refuses Git's document as it is: {}", named(cause));
            return Reason {
                kind: Kind::GitItself,
                involved: self.of_git(cause, &near),
                clause: Some(clause),
                ..of_itself()
            };
        }
        if cause.message.ends_with("field is immutable") {
            let at = format!(".{}", cause.field);
            let involved: Vec<&Drift> = drifts
                .iter()
                .filter(|drift| drift.change.path.to_string().starts_with(&at))
                .collect();
            let clause = immutable(cause, self.facts);
            return Reason {
                kind: Kind::Immutable,
                involved,
                clause: Some(clause),
                ..of_itself()
            };
        }
        if cause.field == "metadata.annotations" && cause.message.starts_with("Too long") && self.has_no_room(cause) {
            let clause =
                "the manifest is too big for client-side apply, which keeps a copy of it in an annotation".to_owned();
            let works = Works {
                server_side: self.goes_server_side(),
                ..Works::default()
            };
            return Reason {
                kind: Kind::NoRoom,
                clause: Some(clause),
                works,
                ..of_itself()
            };
        }
        if self.is_annotation_unreadable(cause) {
            let clause = format!("the tool cannot read the annotation {LAST_APPLIED} of the object in the cluster");
            return Reason {
                kind: Kind::Unreadable,
                clause: Some(clause),
                ..of_itself()
            };
        }
        let weighs = |drift: &&&Drift| drift.severity != Severity::Ignored;
        let mut involved: Vec<&Drift> = near
            .iter()
            .filter(weighs)
            .copied()
            .filter(|drift| self.tried(cause, drift).helps())
            .collect();
        if involved.is_empty() {
            let rest = drifts
                .iter()
                .filter(|drift| !near.iter().any(|other| std::ptr::eq(*other, *drift)));
            let (ignored, weighing): (Vec<&Drift>, Vec<&Drift>) = rest
                .chain(near.iter().copied())
                .partition(|drift| drift.severity == Severity::Ignored);
            involved = [weighing, ignored]
                .into_iter()
                .map(|some| {
                    some.into_iter()
                        .filter(|drift| self.tried(cause, drift) == Trial::Cures)
                        .collect::<Vec<_>>()
                })
                .find(|found| !found.is_empty())
                .unwrap_or_default();
        }
        if involved.is_empty() {
            involved = self.together(cause, near.iter().filter(weighs).copied().collect());
        }
        involved.sort_by_cached_key(|drift| drift.change.path.to_string());
        if involved.is_empty() && self.is_of_git(cause) {
            let clause = format!("it refuses Git's document over any live object: {}", named(cause));
            return Reason {
                kind: Kind::GitItself,
                clause: Some(clause),
                ..of_itself()
            };
        }
        if involved.is_empty() {
            return of_itself();
        }
        let works = self.works(cause, &involved, drifts);
        let clause = ports(&involved)
            .or_else(|| contrast(&involved))
            .map(|clause| clause + &by(&involved));
        Reason {
            kind: Kind::Collision,
            involved,
            clause,
            works,
        }
    }

    /// What becomes of the cause where this change alone is put back in live, or given up in Git.
    fn tried(&self, cause: &Cause, drift: &Drift) -> Trial {
        let change = [&drift.change];
        match trial::put_back(self.facts, &change).map(|tried| self.cures(cause, &tried)) {
            Some(back) if back.helps() => back,
            _ => self.commit_cures(cause, &change),
        }
    }

    /// Whether the tool's way of syncing brings the cause over a live object, too, that is what Git says and has no
    /// history.
    fn is_of_git(&self, cause: &Cause) -> bool {
        let mut live = self.facts.desired.clone();
        apply_defaults(&mut live);
        self.may_try()
            && refusal_of(&Facts::of(self.facts.desired, &live), &self.snapshot.syncer)
                .iter()
                .any(|other| is_same(other, cause))
    }

    /// What differs near the cause and, where it comes from Git's document alone, is new in Git.
    fn of_git<'a>(&self, cause: &Cause, near: &[&'a Drift]) -> Vec<&'a Drift> {
        near.iter()
            .filter(|drift| self.commit_cures(cause, &[&drift.change]).helps())
            .copied()
            .collect()
    }

    /// The fewest of these changes that make the cause go together; none where all of them do not.
    fn together<'a>(&self, cause: &Cause, changes: Vec<&'a Drift>) -> Vec<&'a Drift> {
        let cures = |some: &[&Drift]| {
            let some: Vec<&Change> = some.iter().map(|drift| &drift.change).collect();
            trial::put_back(self.facts, &some).is_some_and(|tried| self.cures(cause, &tried).helps())
        };
        if changes.len() < 2 || !cures(&changes) {
            return Vec::new();
        }
        let mut needed = changes;
        let mut at = 0;
        while at < needed.len() && needed.len() > 1 {
            let fewer: Vec<&Drift> = needed
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .map(|(_, drift)| *drift)
                .collect();
            if cures(&fewer) { needed = fewer } else { at += 1 }
        }
        // What was not tried may have nothing to do with it.
        if self.ran_out.get() { Vec::new() } else { needed }
    }

    /// Which ways out make the cause go.
    fn works(&self, cause: &Cause, involved: &[&Drift], drifts: &[Drift]) -> Works {
        let prediction = &self.foretold.prediction;
        let changes: Vec<&Change> = involved.iter().map(|drift| &drift.change).collect();
        // Only drift is put back, and what cannot be parted from it: what else is new in Git comes with the sync.
        let drifted: Vec<&Change> = involved
            .iter()
            .filter(|drift| drift.severity == Severity::Drift)
            .map(|drift| &drift.change)
            .collect();
        let of = |severity: Severity| {
            drifts
                .iter()
                .filter(move |drift| drift.severity == severity)
                .map(|drift| &drift.change)
        };
        let others: Vec<&Drift> = drifts
            .iter()
            .filter(|drift| matches!(drift.severity, Severity::Pending | Severity::Info))
            .collect();
        // As a plan does, where Git took over what somebody wrote and went on from there.
        let taken_over = drifts
            .iter()
            .filter(|drift| plan::is_taken_over(drift, self.snapshot))
            .map(|drift| &drift.change);
        let all: Vec<&Change> = of(Severity::Drift).chain(taken_over).collect();
        let cures = |tried: Option<Tried>| tried.is_some_and(|tried| self.cures(cause, &tried).helps());
        let works = Works {
            restore: !drifted.is_empty() && cures(trial::restored(self.facts, &drifted, &others, prediction)),
            hand_back: self.snapshot.syncer.strategy != Strategy::Replace
                && cures(trial::handed_back(self.facts, &self.snapshot.syncer, &all, prediction)),
            commit: self.commit_cures(cause, &changes).helps(),
            ..Works::default()
        };
        Works {
            some_untried: self.ran_out.get(),
            ..works
        }
    }

    fn commit_cures(&self, cause: &Cause, changes: &[&Change]) -> Trial {
        let Some(document) = trial::committed(self.facts, changes) else {
            return Trial::CuresNot;
        };
        self.goes(cause, &Facts::of(&document, self.facts.live), &self.snapshot.syncer)
    }

    fn cures(&self, cause: &Cause, tried: &Tried) -> Trial {
        self.goes(cause, &tried.facts(self.facts), &self.snapshot.syncer)
    }

    /// Whether a cause goes, and no other is there that was not.
    fn goes(&self, cause: &Cause, facts: &Facts<'_>, syncer: &Syncer) -> Trial {
        if !self.may_try() {
            return Trial::NotTried;
        }
        let left = refusal_of(facts, syncer);
        let (before, after) = (tally(&self.foretold.prediction.causes), tally(&left));
        let of = |tally: &HashMap<(String, &str), usize>| tally.get(&unnumbered(cause)).copied().unwrap_or_default();
        let another_comes = after
            .iter()
            .any(|(other, count)| before.get(other).is_none_or(|before| before < count));
        match (of(&before), of(&after)) {
            _ if another_comes => Trial::CuresNot,
            (_, 0) => Trial::Cures,
            (before, after) if after < before => Trial::CuresOne,
            _ => Trial::CuresNot,
        }
    }

    /// Takes one prediction of those that are left, or notes that there was none.
    fn may_try(&self) -> bool {
        let left = self.left.get().checked_sub(1);
        left.map_or_else(|| self.ran_out.set(true), |left| self.left.set(left));
        left.is_some()
    }

    /// Whether the cause goes with what live's annotation says was applied last, which no JSON object is.
    fn is_annotation_unreadable(&self, cause: &Cause) -> bool {
        if self.snapshot.syncer.strategy != Strategy::ClientSideApply || !self.facts.last_applied.is_unreadable() {
            return false;
        }
        let mut live = self.facts.live.clone();
        if let Some(annotations) = live.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
        self.goes(cause, &self.facts.with_live(&live), &self.snapshot.syncer) == Trial::Cures
    }

    /// Whether live's annotations have room for all but the copy of the manifest.
    fn has_no_room(&self, cause: &Cause) -> bool {
        self.snapshot.syncer.strategy == Strategy::ClientSideApply
            && self.goes(cause, self.facts, &self.server_side()) == Trial::Cures
    }

    fn goes_server_side(&self) -> bool {
        self.may_try() && refusal_of(self.facts, &self.server_side()).is_empty()
    }

    fn server_side(&self) -> Syncer {
        Syncer {
            strategy: Strategy::ServerSideApply,
            ..self.snapshot.syncer.clone()
        }
    }
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
