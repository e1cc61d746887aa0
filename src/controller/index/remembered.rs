//! What is remembered of one object beyond what its watch says of it now: which side moved, whether it was ever
//! there, and that Git dropped it.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Desired, Index, Inner, Target, WatchKey, Watched};
use crate::engine::diff::Apart;

/// What is remembered of how one object came to where it is.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// Where live and Git last met.
    pub met: Option<Meeting>,

    /// The watch whose source the next two are about.
    pub of: Option<WatchKey>,

    /// Since when the document of now is known to have been in Git.
    pub in_git_since: Option<Timestamp>,

    /// When it was first seen there instead of another one, or of none; `None` where it was there at the first look.
    pub first_seen: Option<Timestamp>,

    /// Whether the object was ever seen in the cluster.
    pub live: bool,
}

/// Where live and Git last met.
#[derive(Clone, Debug, PartialEq)]
pub struct Meeting {
    /// Git's document.
    pub desired: Arc<Desired>,

    /// Where they differed all the same.
    pub apart: Arc<[Apart]>,

    /// When that was seen last.
    pub at: Timestamp,
}

/// What an assessment showed of an object.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Whether it is in the cluster, or its tool says that it brought it there.
    pub live: bool,

    /// Where both met, where they did.
    pub met: Option<Meeting>,

    /// The watch that governed it, where Git has it no longer and the cluster still does.
    pub dropped: Option<WatchKey>,
}

impl Remembered {
    /// The same seen from the watch that leads: what another one saw of its own source says nothing of this one's.
    #[must_use]
    pub fn seen_from(self, leader: &WatchKey) -> Self {
        if self.of.as_ref() == Some(leader) {
            self
        } else {
            Self {
                in_git_since: None,
                first_seen: None,
                ..self
            }
        }
    }
}

impl Index {
    /// What is remembered of how an object came to where it is.
    pub fn remembered(&self, target: &Target) -> Remembered {
        let inner = self.lock();
        inner
            .targets
            .get(target)
            .map(|entry| entry.memory.past.clone())
            .unwrap_or_default()
    }

    /// The watch whose source dropped an object, and when that was seen.
    pub fn dropped(&self, target: &Target) -> Option<(WatchKey, Timestamp)> {
        self.lock().targets.get(target)?.memory.dropped.clone()
    }

    /// Whether its watch said something else and asks for it no longer, so that its report has nothing to tell.
    pub fn is_let_go(&self, target: &Target) -> bool {
        self.lock().targets.get(target).is_some_and(|entry| entry.memory.let_go)
    }

    /// Remembers what an assessment showed.
    pub fn saw(&self, target: &Target, sight: Sight) {
        let mut inner = self.lock();
        let memory = inner.memory(target);
        // Where an earlier process saw Git drop it, the tool has had its time.
        if let Some(key) = sight.dropped {
            memory.dropped.get_or_insert((key, Timestamp::UNIX_EPOCH));
        }
        memory.past.live |= sight.live;
        if sight.met.is_some() {
            memory.past.met = sight.met;
        }
    }
}

impl Inner {
    /// Forgets what the source of a watch that is gone dropped, and names it.
    pub(super) fn let_go_of(&mut self, key: &WatchKey) -> Vec<Target> {
        let of_it = self.targets.iter_mut().filter(|(_, entry)| {
            let dropped = entry.memory.dropped.as_ref();
            dropped.is_some_and(|(by, _)| by == key)
        });
        of_it
            .map(|(target, entry)| {
                entry.memory.dropped = None;
                target.clone()
            })
            .collect()
    }

    /// Remembers what a new commit changes: which documents are new, and what it drops. What a watch itself no longer
    /// asks for was not dropped.
    pub(super) fn note_commit(&mut self, key: &WatchKey, before: Option<&Watched>, now: &Watched) {
        let before = before.filter(|before| !before.rendition.revision.is_empty());
        if before.is_some_and(|before| Arc::ptr_eq(&before.rendition, &now.rendition)) {
            return;
        }
        for (target, desired) in &now.rendition.desired {
            let leads = self.leads(key, target);
            let memory = self.memory(target);
            (memory.dropped, memory.let_go) = (None, false);
            let old = before.and_then(|before| before.rendition.desired.get(target));
            let same = old.is_some_and(|old| Arc::ptr_eq(old, desired) || old.document.value == desired.document.value);
            let known = memory.past.of.as_ref() == Some(key);
            if same && known || !leads {
                continue;
            }
            memory.past.of = Some(key.clone());
            memory.past.in_git_since = Some(now.since);
            memory.past.first_seen = before.filter(|_| !same).map(|_| now.since);
        }
        let Some(before) = before else { return };
        let restated = !before.says_the_same(&now.watch);
        let gone = before
            .rendition
            .desired
            .keys()
            .filter(|target| !now.rendition.desired.contains_key(*target));
        for target in gone.filter(|target| !now.rendition.passed_over.contains(*target)) {
            let memory = self.memory(target);
            // Another watch may have let it go before: this one had it until now.
            memory.let_go = restated;
            if !restated {
                memory.dropped = Some((key.clone(), now.since));
            }
        }
    }
}
