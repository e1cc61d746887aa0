//! What this process remembers of one object, in one place, so that one call drops it.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::remembered::Remembered;
use super::{Entry, Index, Inner, Outcome, Target, WatchKey};
use crate::controller::tool::ToolKey;
use crate::engine::phase::Phase;
use crate::engine::plan::{Approval, NoPlan};
use crate::report::{DryRunReport, Heal};

/// What is remembered of one object.
#[derive(Default)]
pub struct TargetMemory {
    /// What belongs to what is told of it now; it ends with the report.
    pub(super) told: Told,

    /// How Git and live came to where they are.
    pub(super) past: Remembered,

    /// The watch whose source dropped it, and when that was seen.
    pub(super) dropped: Option<(WatchKey, Timestamp)>,

    /// Whether its watch said something else and asks for it no longer: nobody dropped it.
    pub(super) let_go: bool,
}

/// What is remembered of what is told of an object now.
#[derive(Default)]
pub struct Told {
    /// What its last assessment found.
    pub(super) outcome: Option<Outcome>,

    /// When its drift was first seen here.
    pub(super) drifting_since: Option<Timestamp>,

    /// Why its next sync, by this object of a tool, is predicted to be refused.
    pub(super) refused: Option<(ToolKey, String)>,

    /// What Events have told.
    pub announced: Option<Announced>,

    /// What the server said to a dry run of its next sync.
    pub confirmed: Option<Answered>,

    /// The plan that is not offered after its rehearsal.
    pub rehearsed: Option<NotOffered>,

    /// When the status of its report was written last.
    written: Option<Instant>,
}

/// What Events have told of an object.
///
/// The report does not remember it: whoever carries a heal out writes its beginning and its end there. And it is kept
/// apart from what the last assessment found: what was not told because the report could not be written is told with
/// the next write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// How far its heal was.
    pub heal: Heal,

    /// When its last heal ended, whoever carried it out.
    pub healed_at: Option<Timestamp>,

    /// What a person decided last.
    pub decision: Option<Approval>,

    /// What was wrong. While a heal goes on it stays what it was before that: what a heal does to get there is no news,
    /// and what is there afterwards is.
    pub assessed: Assessed,
}

/// What Events have told of how an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessed {
    /// What was wrong, in one word.
    pub phase: Phase,

    /// Whether the next sync would break or overwrite something.
    pub harms: bool,

    /// Whether something was in the way of Git's next change.
    pub trapped: bool,
}

/// The server's answer to a dry run.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer with its question.
    pub report: DryRunReport,

    /// When the same question is asked again; never where only a change can bring another answer.
    pub again: Option<Instant>,
}

/// A plan that did not pass its rehearsal: nobody sees it, so that the same question would come with each event.
#[derive(Clone, Debug)]
pub struct NotOffered {
    /// The plan's hash.
    pub plan: String,

    /// Why it is not offered.
    pub why: NoPlan,

    /// When it is tried again: a webhook may be mended, and nothing tells.
    pub again: Instant,
}

impl Index {
    /// Reads or changes what is remembered of an object.
    pub fn told<T>(&self, target: &Target, work: impl FnOnce(&mut Told) -> T) -> T {
        work(&mut self.lock().memory(target).told)
    }

    /// Records that the status of an object's report was written.
    pub fn wrote(&self, target: &Target) {
        self.told(target, |told| told.written = Some(Instant::now()));
    }

    /// How long ago that was.
    pub fn written_ago(&self, target: &Target) -> Option<Duration> {
        let inner = self.lock();
        inner.targets.get(target)?.memory.told.written.map(|at| at.elapsed())
    }

    /// Forgets what belongs to the report of an object, and gives the others whose plans told of its refusal.
    pub fn forget_told(&self, target: &Target) -> Vec<Target> {
        let mut inner = self.lock();
        inner.refused.remove(target);
        let told = inner
            .targets
            .get_mut(target)
            .map(|entry| std::mem::take(&mut entry.memory.told));
        let refused = told.and_then(|told| told.refused);
        refused.map(|(tool, _)| inner.beside(&tool, target)).unwrap_or_default()
    }

    /// Forgets an object that nobody governs and nobody dropped.
    pub fn forget(&self, target: &Target) {
        let mut inner = self.lock();
        inner.refused.remove(target);
        if let Some(entry) = inner.targets.get_mut(target) {
            entry.memory = TargetMemory::default();
            if entry.named_by.is_empty() {
                inner.targets.remove(target);
            }
        }
    }
}

impl Inner {
    /// The entry of an object, from nothing where it is new.
    pub(super) fn entry(&mut self, target: &Target) -> &mut Entry {
        self.targets.entry(target.clone()).or_default()
    }

    /// What is remembered of an object.
    pub(super) fn memory(&mut self, target: &Target) -> &mut TargetMemory {
        &mut self.entry(target).memory
    }
}
