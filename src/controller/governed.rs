//! What is governed: which watch leads which Deployment, what Git says of it, and what became of it last.
//!
//! An index in memory, fed by the watches and read by every reconcile. It holds no lock across an await.

mod beside;
mod counts;
mod keys;
mod precedence;
mod remembered;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use super::ignored::Rules;
use super::mass;
use super::tool::{Surroundings, ToolKey};
use crate::api::v1alpha1::{DriftWatch, Notice, SourceFailure};
use crate::engine::object::Document;
use crate::engine::phase::Phase;
use crate::engine::syncer::Syncer;
use crate::engine::{Assessment, Policy};
use crate::source::syncing::Dressing;
pub use keys::{Target, WatchKey};
pub use precedence::Covered;
pub use remembered::{Meeting, Remembered, Sight};

/// One Deployment as a commit has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The document, with the namespace filled in.
    pub document: Document,

    /// When its file last changed in Git; `None` where the history does not reach that far.
    pub changed_at: Option<Timestamp>,

    /// The commit from which the tool applied it last, as far as it tells.
    pub synced_revision: Option<String>,

    /// The document at that commit; `None` where nobody tells, or it was not there.
    pub synced: Option<Arc<Value>>,

    /// The commit that the tool compared last, where the document is the same there.
    pub same_at: Option<String>,
}

/// What a watch read from its source: one commit, rendered.
#[derive(Clone, Debug, Default)]
pub struct Rendition {
    /// The repository, without credentials.
    pub repo_url: String,

    /// The commit.
    pub revision: String,

    /// The commits that the tool said it synced.
    pub synced: Vec<String>,

    /// The commit that the tool said it compared last.
    pub compared: Option<String>,

    /// The Deployments that it governs.
    pub desired: BTreeMap<Target, Arc<Desired>>,

    /// The Deployments that the source holds and the watch does not govern.
    pub passed_over: BTreeSet<Target>,

    /// Whether the source holds hooks of Argo CD, of whatever kind.
    pub has_hooks: bool,

    /// What the source holds and the watch does not govern, in words.
    pub not_governed: Vec<String>,

    /// What is odd in the source: as much of it as a status tells.
    pub warnings: Vec<Notice>,

    /// How much else is odd in it.
    pub more_warnings: usize,
}

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

/// What one Deployment is to be, and who says so.
#[derive(Clone, Debug)]
pub struct Lead {
    /// The watch that leads.
    pub key: WatchKey,

    /// The watch with its source.
    pub watched: Watched,

    /// What Git says of the Deployment.
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

/// What became of one Deployment at its last assessment.
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
pub struct Governed {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    watches: HashMap<WatchKey, Watched>,
    outcomes: HashMap<Target, Outcome>,
    cohorts: HashMap<WatchKey, mass::Cohort>,
    first_seen: HashMap<Target, Timestamp>,
    remembered: HashMap<Target, Remembered>,

    /// Why the next sync of a Deployment, by this object of a tool, is predicted to be refused.
    refused: BTreeMap<Target, (ToolKey, String)>,

    /// What a source dropped: by which watch, and when that was seen.
    dropped: HashMap<Target, (WatchKey, Timestamp)>,

    /// What a watch no longer asks for since it says something else: nobody dropped that.
    let_go: HashSet<Target>,
}

impl Inner {
    /// Of the watches that name a Deployment the oldest leads, then the first by name.
    fn leader(&self, target: &Target) -> Option<(&WatchKey, &Watched)> {
        self.watches
            .iter()
            .filter(|(_, watched)| watched.rendition.desired.contains_key(target))
            .min_by_key(|(key, watched)| {
                (
                    watched.watch.metadata.creation_timestamp.as_ref().map(|time| time.0),
                    *key,
                )
            })
    }

    /// The Deployments that a watch leads.
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

    /// Counts what drifts together.
    fn mass(&mut self, key: &WatchKey, now: Timestamp) -> Option<mass::Mass> {
        let mut cohort = self.cohorts.remove(key).unwrap_or_default();
        let drifting: HashMap<&Target, Timestamp> = self
            .first_seen
            .iter()
            .filter(|(target, _)| self.leads(key, target))
            .map(|(target, since)| (target, *since))
            .collect();
        let mass = cohort.observe(&drifting, self.led(key).count(), now);
        self.cohorts.insert(key.clone(), cohort);
        mass
    }
}

impl Governed {
    /// A panic in another task must not stop the rest: the index holds whole values only.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The watch as it was read last.
    pub fn watch(&self, key: &WatchKey) -> Option<Watched> {
        self.lock().watches.get(key).cloned()
    }

    /// Puts a watch in force and gives the Deployments whose assessment may change by it: all of them where the watch
    /// changed, or where its source answers again, since a source that was away, or only slow, for too long let no plan
    /// be made.
    pub fn put(&self, key: &WatchKey, watched: Watched) -> Vec<Target> {
        let mut inner = self.lock();
        let before = inner.watches.get(key).cloned();
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
        inner.watches.insert(key.clone(), watched.clone());
        inner.note_commit(key, before.as_ref(), &watched);
        affected
    }

    /// Changes what is known of a watch's source without touching what it says.
    pub fn touch(&self, key: &WatchKey, change: impl FnOnce(&mut Watched)) {
        if let Some(watched) = self.lock().watches.get_mut(key) {
            change(watched);
        }
    }

    /// Forgets a watch and gives the Deployments that it named.
    pub fn remove(&self, key: &WatchKey) -> Vec<Target> {
        let mut inner = self.lock();
        inner.cohorts.remove(key);
        let mut named: Vec<Target> = inner
            .watches
            .remove(key)
            .map(|watched| watched.rendition.desired.keys().cloned().collect())
            .unwrap_or_default();
        // Another source may be read next: what only this one had was not dropped by that.
        inner.let_go.extend(named.iter().cloned());
        named.extend(inner.let_go_of(key));
        named
    }

    /// The watch that leads a Deployment, with what it says of it.
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

    /// Whether any watch names the Deployment, or its source did and dropped it.
    pub fn names(&self, target: &Target) -> bool {
        let inner = self.lock();
        inner.dropped.contains_key(target)
            || inner
                .watches
                .values()
                .any(|watched| watched.rendition.desired.contains_key(target))
    }

    /// Records what was found, and tells whether that changed.
    pub fn record(&self, target: &Target, outcome: Option<Outcome>) -> bool {
        let mut inner = self.lock();
        match outcome {
            Some(outcome) => inner.outcomes.insert(target.clone(), outcome) != Some(outcome),
            None => {
                inner.first_seen.remove(target);
                inner.outcomes.remove(target).is_some()
            }
        }
    }

    /// When the drift of an assessment was first seen here; seeing it is recorded.
    pub fn first_seen(&self, target: &Target, assessment: &Assessment, now: Timestamp) -> Timestamp {
        let mut inner = self.lock();
        let drifting = matches!(assessment.phase, Phase::Drifted | Phase::Conflicted | Phase::Missing);
        if !drifting {
            inner.first_seen.remove(target);
            return now;
        }
        let recorded = assessment.since().map_or(now, |since| since.min(now));
        *inner.first_seen.entry(target.clone()).or_insert(recorded)
    }

    /// What was found of a Deployment last.
    pub fn outcome(&self, target: &Target) -> Option<Outcome> {
        self.lock().outcomes.get(target).copied()
    }

    /// Whether a Deployment's drift is one of too many at once, which is told on the watch and nowhere else.
    ///
    /// Two thousand Deployments that drift together ask this every 30 s, each of them: so all are counted once a second
    /// and not once for each, and not at all for one that has not drifted.
    pub fn drifts_in_mass(&self, key: &WatchKey, target: &Target, now: Timestamp) -> bool {
        let mut inner = self.lock();
        let belongs = |inner: &Inner| inner.cohorts.get(key).is_some_and(|cohort| cohort.has(target));
        let belonged = belongs(&inner);
        let drifts = inner.first_seen.contains_key(target);
        let is_current = inner.cohorts.get(key).is_some_and(|cohort| cohort.is_current(now));
        if drifts && belonged && is_current {
            return true;
        }
        if drifts || belonged {
            inner.mass(key, now);
        }
        belongs(&inner)
    }

    /// The mass drift of a watch, where there is one.
    pub fn mass(&self, key: &WatchKey, now: Timestamp) -> Option<mass::Mass> {
        self.lock().mass(key, now)
    }
}

#[cfg(test)]
mod tests;
