//! Trials of the next sync: which change makes the server refuse, and what cures it.

use std::cell::Cell;
use std::collections::HashMap;

use serde_json::Value;

use super::{Because, Reason, immutable, is_same, named, near, tally, unnumbered};
use crate::engine::diff::{Change, Drift, Severity};
use crate::engine::facts::Facts;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::predict::{Cause, Foretold, refusal_of};
use crate::engine::remedy::ill::is_taken_over;
use crate::engine::remedy::trial;
use crate::engine::remedy::trial::Tried;
use crate::engine::schema::apply_defaults;
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::words::{by, contrast, ports};

/// The most predictions that are made to find reasons: each takes as long as the one that they are about, and a
/// manifest may have a thousand faults.
pub(super) const MOST_TRIALS: usize = 64;

/// The fewest that a cause gets while there are any left: a union of two members and its ways out take so many, and
/// with fewer nothing comes of any cause.
pub(super) const FEWEST_TRIALS: usize = 8;

/// The ways out that were tried and make one cause go, without making another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Works {
    /// Git's values put back in live.
    pub restore: bool,

    /// What is in the way handed to the tool.
    pub hand_back: bool,

    /// Live's values committed to Git.
    pub commit: bool,

    /// Server-side apply in place of client-side apply.
    pub server_side: bool,

    /// Whether some could not be tried any more; those do not count as working.
    pub some_untried: bool,
}

impl Trial {
    /// Whether the cause is made by what was tried, where that stands beside the field that the server names.
    const fn helps(self) -> bool {
        matches!(self, Self::Cures | Self::CuresOne)
    }
}

pub(super) struct Trials<'t, 'f, 'o> {
    pub(super) snapshot: &'t Snapshot,
    pub(super) facts: &'t Facts<'f>,
    pub(super) foretold: &'t Foretold<'o>,

    /// How many predictions may still be made for this cause.
    pub(super) left: Cell<usize>,

    /// Whether one was not made for want of them.
    pub(super) ran_out: Cell<bool>,
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
    pub(super) fn reason(&self, cause: &Cause, drifts: &[Drift], of_git: &[(Cause, String)]) -> Reason {
        let owned = |involved: Vec<&Drift>| involved.into_iter().cloned().collect();
        let near = near(cause, drifts, self.foretold.refused.as_ref());
        let of_itself = || {
            let kind = if self.ran_out.get() {
                Because::NotTried
            } else {
                Because::Unknown
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
                kind: Because::GitItself,
                involved: owned(self.of_git(cause, &near)),
                clause: Some(clause),
                ..of_itself()
            };
        }
        if cause.message.ends_with("field is immutable") {
            let at = format!(".{}", cause.field);
            let involved = drifts
                .iter()
                .filter(|drift| drift.change.path.to_string().starts_with(&at))
                .cloned()
                .collect();
            let clause = immutable(cause, self.facts);
            return Reason {
                kind: Because::Immutable,
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
                kind: Because::NoRoom,
                clause: Some(clause),
                works,
                ..of_itself()
            };
        }
        if self.is_annotation_unreadable(cause) {
            let clause = format!("the tool cannot read the annotation {LAST_APPLIED} of the object in the cluster");
            return Reason {
                kind: Because::Unreadable,
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
                kind: Because::GitItself,
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
            kind: Because::Collision,
            involved: owned(involved),
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
        apply_defaults(self.facts.kind.root, &mut live);
        self.may_try()
            && refusal_of(
                &Facts::of(self.facts.kind, self.facts.desired, &live),
                &self.snapshot.syncer,
            )
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
            .filter(|drift| is_taken_over(drift, self.snapshot))
            .map(|drift| &drift.change);
        let all: Vec<&Change> = of(Severity::Drift).chain(taken_over).collect();
        let cures = |tried: Option<Tried>| tried.is_some_and(|tried| self.cures(cause, &tried).helps());
        let works = Works {
            restore: !drifted.is_empty()
                && cures(trial::restored(
                    self.facts.kind,
                    self.facts,
                    &drifted,
                    &others,
                    prediction,
                )),
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
        self.goes(
            cause,
            &Facts::of(self.facts.kind, &document, self.facts.live),
            &self.snapshot.syncer,
        )
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
