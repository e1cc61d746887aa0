//! What is remembered of one Deployment beyond what its watch says of it now: which side moved, whether it was ever
//! there, and that Git dropped it.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Desired, Index, Inner, Target, WatchKey, Watched};
use crate::engine::diff::Apart;

/// What is remembered of one Deployment.
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

    /// Whether the Deployment was ever seen in the cluster.
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

/// What an assessment showed of a Deployment.
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
    /// What is remembered of a Deployment.
    pub fn remembered(&self, target: &Target) -> Remembered {
        self.lock().remembered.get(target).cloned().unwrap_or_default()
    }

    /// The watch whose source dropped a Deployment, and when that was seen.
    pub fn dropped(&self, target: &Target) -> Option<(WatchKey, Timestamp)> {
        self.lock().dropped.get(target).cloned()
    }

    /// Whether its watch said something else and asks for it no longer, so that its report has nothing to tell.
    pub fn is_let_go(&self, target: &Target) -> bool {
        self.lock().let_go.contains(target)
    }

    /// Remembers what an assessment showed.
    pub fn saw(&self, target: &Target, sight: Sight) {
        let mut inner = self.lock();
        // Where an earlier process saw Git drop it, the tool has had its time.
        if let Some(key) = sight.dropped {
            inner
                .dropped
                .entry(target.clone())
                .or_insert((key, Timestamp::UNIX_EPOCH));
        }
        let remembered = inner.remembered.entry(target.clone()).or_default();
        remembered.live |= sight.live;
        if sight.met.is_some() {
            remembered.met = sight.met;
        }
    }

    /// Forgets a Deployment that nobody governs and nobody dropped.
    pub fn forget(&self, target: &Target) {
        let mut inner = self.lock();
        inner.remembered.remove(target);
        inner.dropped.remove(target);
        inner.let_go.remove(target);
    }
}

impl Inner {
    /// Forgets what the source of a watch that is gone dropped, and names it.
    pub(super) fn let_go_of(&mut self, key: &WatchKey) -> Vec<Target> {
        self.dropped
            .extract_if(|_, (by, _)| by == key)
            .map(|(target, _)| target)
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
            self.dropped.remove(target);
            self.let_go.remove(target);
            let old = before.and_then(|before| before.rendition.desired.get(target));
            let same = old.is_some_and(|old| Arc::ptr_eq(old, desired) || old.document.value == desired.document.value);
            let known = self
                .remembered
                .get(target)
                .is_some_and(|remembered| remembered.of.as_ref() == Some(key));
            if same && known || !self.leads(key, target) {
                continue;
            }
            let remembered = self.remembered.entry(target.clone()).or_default();
            remembered.of = Some(key.clone());
            remembered.in_git_since = Some(now.since);
            remembered.first_seen = before.filter(|_| !same).map(|_| now.since);
        }
        let Some(before) = before else { return };
        let restated = !before.says_the_same(&now.watch);
        let gone = before
            .rendition
            .desired
            .keys()
            .filter(|target| !now.rendition.desired.contains_key(*target));
        for target in gone.filter(|target| !now.rendition.passed_over.contains(*target)) {
            if restated {
                self.let_go.insert(target.clone());
            } else {
                // Another watch may have let it go before: this one had it until now.
                self.let_go.remove(target);
                self.dropped.insert(target.clone(), (key.clone(), now.since));
            }
        }
    }
}
