//! What is governed: which watch leads which object, what Git says of it, and what is remembered of it.
//!
//! An index in memory, fed by the watches and read by every reconcile. It holds no lock across an await.

mod beside;
mod counts;
mod keys;
mod memory;
mod precedence;
mod remembered;
mod rendition;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::ignored::Rules;
use super::tool::{Surroundings, ToolKey};
use crate::api::v1alpha1::{DriftWatch, SourceFailure};
use crate::engine::dressing::Dressing;
use crate::engine::phase::Phase;
use crate::engine::syncer::Syncer;
use crate::engine::{Assessment, Policy, mass};
pub use keys::{Target, WatchKey};
pub use memory::{Announced, Answered, Assessed, NotOffered, TargetMemory, Told};
pub use precedence::Covered;
pub use remembered::{Meeting, Remembered, Sight};
pub use rendition::{Desired, Rendition};

/// A watch with what it read last.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The watch as its user wrote it.
    pub watch: Arc<DriftWatch>,

    /// How the watch says that the tool syncs; the tool's own object is asked first.
    pub syncer: Syncer,

    /// What the tool makes of each document.
    pub dressing: Dressing,

    /// The tool's own object, where the watch names one.
    pub tool: Option<ToolKey>,

    /// What decides about the tool's syncs and stands in other objects.
    pub surroundings: Surroundings,

    /// What the tool was told to ignore.
    pub ignored: Arc<Rules>,

    /// What the engine needs of it.
    pub policy: Arc<Policy>,

    /// The commit in force: the last one that could be read.
    pub rendition: Arc<Rendition>,

    /// When that commit came into force.
    pub since: Timestamp,

    /// When the source last answered.
    pub answered_at: Timestamp,

    /// Why the source cannot be read, as long as it cannot.
    pub failure: Option<SourceFailure>,

    /// Whether the watch changed since its source was read: what it says is in force, what another look would give is
    /// not known.
    pub restated: bool,
}

/// What one object is to be, and who says so.
#[derive(Clone, Debug)]
pub struct Lead {
    /// The watch that leads.
    pub key: WatchKey,

    /// The watch with its source.
    pub watched: Arc<Watched>,

    /// What Git says of the object.
    pub desired: Arc<Desired>,
}

impl Watched {
    /// Whether a watch is this one and says the same: one of the same name that was made since is another.
    pub fn says_the_same(&self, watch: &DriftWatch) -> bool {
        self.watch.spec == watch.spec && self.watch.metadata.uid == watch.metadata.uid
    }

    /// Whether the source's last answer was older than the watch allows when the next one came: no plan was made
    /// meanwhile.
    fn was_too_old(&self, next_answer: Timestamp) -> bool {
        let max_age = self.watch.spec.source.times().map(|(_, max_age)| max_age.signed());
        max_age.is_some_and(|max_age| next_answer.duration_since(self.answered_at) > max_age)
    }
}

/// What became of one object at its last assessment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// What was found.
    pub phase: Phase,

    /// How many differences a rule hides.
    pub ignored: usize,

    /// Whether a person said no to the cure.
    pub denied: bool,

    /// Since when it drifts.
    pub drifting_since: Option<Timestamp>,

    /// When its last heal ended, whoever carried it out.
    pub healed_at: Option<Timestamp>,

    /// Which of the watch's own ignore rules name a field of it, a bit each.
    pub covering: u64,
}

/// The index.
#[derive(Default)]
pub struct Index {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    watches: HashMap<WatchKey, Arc<Watched>>,
    of_watches: HashMap<WatchKey, WatchMemory>,
    targets: HashMap<Target, Entry>,

    /// Those whose next sync is predicted to be refused: few, and asked for at each assessment.
    refused: BTreeSet<Target>,
}

/// An object that a watch names, or of which something is remembered.
#[derive(Default)]
struct Entry {
    /// The watches that name it, the one that leads first.
    named_by: BTreeSet<Rank>,
    memory: TargetMemory,
}

/// Of the watches that name an object the oldest leads, then the first by name.
type Rank = (Option<Timestamp>, WatchKey);

/// What is remembered of a watch.
#[derive(Default)]
struct WatchMemory {
    cohort: mass::Cohort<Target>,

    /// When its status was written last.
    written: Option<Instant>,
}

impl Watched {
    fn rank(&self, key: &WatchKey) -> Rank {
        let created = self.watch.metadata.creation_timestamp.as_ref();
        (created.map(|time| time.0), key.clone())
    }
}

impl Inner {
    fn leader(&self, target: &Target) -> Option<(&WatchKey, &Arc<Watched>)> {
        let (_, key) = self.targets.get(target)?.named_by.first()?;
        Some((key, self.watches.get(key)?))
    }

    /// The objects that a watch leads.
    fn led(&self, key: &WatchKey) -> impl Iterator<Item = &Target> {
        let named = self
            .watches
            .get(key)
            .into_iter()
            .flat_map(|watched| watched.rendition.desired.keys());
        named.filter(|target| self.leads(key, target))
    }

    fn leads(&self, key: &WatchKey, target: &Target) -> bool {
        self.leader(target).is_some_and(|(leader, _)| leader == key)
    }

    fn told(&self, target: &Target) -> Option<&Told> {
        Some(&self.targets.get(target)?.memory.told)
    }

    /// Puts a watch in the place of what it was before, and tells what that was.
    fn replace(&mut self, key: &WatchKey, watched: Option<Arc<Watched>>) -> Option<Arc<Watched>> {
        let before = self.watches.remove(key);
        if let Some(before) = &before {
            let rank = before.rank(key);
            for target in before.rendition.desired.keys() {
                if let Some(entry) = self.targets.get_mut(target) {
                    entry.named_by.remove(&rank);
                }
            }
        }
        if let Some(watched) = watched {
            let rank = watched.rank(key);
            for target in watched.rendition.desired.keys() {
                self.entry(target).named_by.insert(rank.clone());
            }
            self.watches.insert(key.clone(), watched);
        }
        before
    }

    /// Counts what drifts together.
    fn mass(&mut self, key: &WatchKey, now: Timestamp) -> Option<mass::Mass> {
        let mut cohort = self
            .of_watches
            .get_mut(key)
            .map(|memory| std::mem::take(&mut memory.cohort))
            .unwrap_or_default();
        let (mut drifting, mut governed) = (HashMap::new(), 0);
        for target in self.led(key) {
            governed += 1;
            if let Some(since) = self.told(target).and_then(|told| told.drifting_since) {
                drifting.insert(target, since);
            }
        }
        let mass = cohort.observe(&drifting, governed, now);
        self.of_watches.entry(key.clone()).or_default().cohort = cohort;
        mass
    }
}

impl Index {
    /// A panic in another task must not stop the rest: the index holds whole values only.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The watch as it was read last.
    pub fn watch(&self, key: &WatchKey) -> Option<Arc<Watched>> {
        self.lock().watches.get(key).cloned()
    }

    /// Puts a watch in force and gives the objects whose assessment may change by it: all of them where the watch
    /// changed, or where its source answers again, since a source that was away, or only slow, for too long let no plan
    /// be made.
    pub fn put(&self, key: &WatchKey, watched: Watched) -> Vec<Target> {
        let mut inner = self.lock();
        let watched = Arc::new(watched);
        let before = inner.replace(key, Some(watched.clone()));
        let now = &watched.rendition.desired;
        let affected = match &before {
            Some(before)
                if before.says_the_same(&watched.watch)
                    && before.failure.is_none()
                    && !before.was_too_old(watched.answered_at)
                    && (&before.dressing, &before.ignored) == (&watched.dressing, &watched.ignored)
                    && before.surroundings.news() == watched.surroundings.news() =>
            {
                let old = &before.rendition.desired;
                let changed = now
                    .iter()
                    .filter(|(target, desired)| old.get(*target) != Some(*desired))
                    .map(|(target, _)| target.clone());
                changed
                    .chain(old.keys().filter(|target| !now.contains_key(*target)).cloned())
                    .collect()
            }
            Some(before) => {
                let gone = before
                    .rendition
                    .desired
                    .keys()
                    .filter(|target| !now.contains_key(*target));
                now.keys().chain(gone).cloned().collect()
            }
            None => now.keys().cloned().collect(),
        };
        inner.note_commit(key, before.as_deref(), &watched);
        affected
    }

    /// Records that the source of a watch cannot be read; the commit that was read last stays in force.
    pub fn source_failed(&self, key: &WatchKey, failure: SourceFailure) {
        if let Some(watched) = self.lock().watches.get_mut(key) {
            Arc::make_mut(watched).failure = Some(failure);
        }
    }

    /// Forgets a watch and gives the objects that it named.
    pub fn remove(&self, key: &WatchKey) -> Vec<Target> {
        let mut inner = self.lock();
        if let Some(memory) = inner.of_watches.get_mut(key) {
            memory.cohort = mass::Cohort::default();
        }
        let mut named: Vec<Target> = inner
            .replace(key, None)
            .map(|watched| watched.rendition.desired.keys().cloned().collect())
            .unwrap_or_default();
        // Another source may be read next: what only this one had was not dropped by that.
        for target in &named {
            inner.memory(target).let_go = true;
        }
        named.extend(inner.let_go_of(key));
        named
    }

    /// Records that the status of a watch was written.
    pub fn wrote_watch(&self, key: &WatchKey) {
        self.lock().of_watches.entry(key.clone()).or_default().written = Some(Instant::now());
    }

    /// How long ago that was.
    pub fn watch_written_ago(&self, key: &WatchKey) -> Option<Duration> {
        self.lock().of_watches.get(key)?.written.map(|at| at.elapsed())
    }

    /// Forgets what is remembered of a watch that is gone.
    pub fn forget_watch(&self, key: &WatchKey) {
        self.lock().of_watches.remove(key);
    }

    /// The watch that leads an object, with what it says of it.
    pub fn lead(&self, target: &Target) -> Option<Lead> {
        let inner = self.lock();
        let (key, watched) = inner.leader(target)?;
        let desired = watched.rendition.desired.get(target)?.clone();
        Some(Lead {
            key: key.clone(),
            watched: watched.clone(),
            desired,
        })
    }

    /// Whether any watch names the object, or its source did and dropped it.
    pub fn names(&self, target: &Target) -> bool {
        let inner = self.lock();
        let entry = inner.targets.get(target);
        entry.is_some_and(|entry| !entry.named_by.is_empty() || entry.memory.dropped.is_some())
    }

    /// Records what was found, and tells whether that changed.
    pub fn record(&self, target: &Target, outcome: Outcome) -> bool {
        self.told(target, |told| told.outcome.replace(outcome) != Some(outcome))
    }

    /// Forgets what was found of an object of which nothing is known now, and tells whether something was.
    pub fn unknown(&self, target: &Target) -> bool {
        self.told(target, |told| {
            told.drifting_since = None;
            told.outcome.take().is_some()
        })
    }

    /// When the drift of an assessment was first seen here; seeing it is recorded.
    pub fn first_seen(&self, target: &Target, assessment: &Assessment, now: Timestamp) -> Timestamp {
        let drifting = matches!(assessment.phase, Phase::Drifted | Phase::Conflicted | Phase::Missing);
        self.told(target, |told| {
            if !drifting {
                told.drifting_since = None;
                return now;
            }
            let recorded = assessment.since().map_or(now, |since| since.min(now));
            *told.drifting_since.get_or_insert(recorded)
        })
    }

    /// What was found of an object last.
    pub fn outcome(&self, target: &Target) -> Option<Outcome> {
        self.lock().told(target)?.outcome
    }

    /// Whether an object's drift is one of too many at once, which is told on the watch and nowhere else.
    ///
    /// Two thousand objects that drift together ask this every 30 s, each of them: so all are counted once a second and
    /// not once for each, and not at all for one that has not drifted.
    pub fn drifts_in_mass(&self, key: &WatchKey, target: &Target, now: Timestamp) -> bool {
        let mut inner = self.lock();
        let cohort = |inner: &Inner| {
            inner
                .of_watches
                .get(key)
                .map(|memory| (memory.cohort.has(target), memory.cohort.is_current(now)))
        };
        let (belonged, is_current) = cohort(&inner).unwrap_or_default();
        let drifts = inner.told(target).is_some_and(|told| told.drifting_since.is_some());
        if drifts && belonged && is_current {
            return true;
        }
        if drifts || belonged {
            inner.mass(key, now);
        }
        cohort(&inner).is_some_and(|(belongs, _)| belongs)
    }

    /// The mass drift of a watch, where there is one.
    pub fn mass(&self, key: &WatchKey, now: Timestamp) -> Option<mass::Mass> {
        self.lock().mass(key, now)
    }
}

#[cfg(test)]
mod tests;
