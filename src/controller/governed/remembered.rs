//! What is remembered of one Deployment beyond what its watch says of it now: which side moved, whether it was ever there, and that Git dropped it.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Desired, Governed, Inner, Target, WatchKey, Watched};

/// What is remembered of one Deployment.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// Git's document when live was last seen equal to it.
    pub met: Option<Arc<Desired>>,

    /// Since when the document of now is known to have been in Git.
    pub in_git_since: Option<Timestamp>,

    /// When it was first seen there instead of another one, or of none; `None` where it was there at the first look.
    pub first_seen: Option<Timestamp>,

    /// Whether the Deployment was ever seen in the cluster.
    pub live: bool,

    /// The watch whose source dropped it, and when that was seen.
    pub dropped: Option<(WatchKey, Timestamp)>,
}

/// What an assessment showed of a Deployment.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Whether it is in the cluster, or its tool says that it brought it there.
    pub live: bool,

    /// Git's document, where live is equal to it in every field.
    pub met: Option<Arc<Desired>>,

    /// The watch that governed it, where Git has it no longer and the cluster still does.
    pub dropped: Option<WatchKey>,
}

impl Governed {
    /// What is remembered of a Deployment.
    pub fn remembered(&self, target: &Target) -> Remembered {
        self.lock().remembered.get(target).cloned().unwrap_or_default()
    }

    /// Remembers what an assessment showed.
    pub fn saw(&self, target: &Target, sight: Sight) {
        let mut inner = self.lock();
        let remembered = inner.remembered.entry(target.clone()).or_default();
        remembered.live |= sight.live;
        // Where an earlier process saw Git drop it, the tool has had its time.
        if let (None, Some(key)) = (&remembered.dropped, sight.dropped) {
            remembered.dropped = Some((key, Timestamp::UNIX_EPOCH));
        }
        if sight.met.is_some() {
            remembered.met = sight.met;
        }
    }

    /// Forgets a Deployment that nobody governs and nobody dropped.
    pub fn forget(&self, target: &Target) {
        self.lock().remembered.remove(target);
    }
}

impl Inner {
    /// Forgets what the source of a watch that is gone dropped, and names it.
    pub(super) fn let_go(&mut self, key: &WatchKey) -> Vec<Target> {
        let of_watch = |remembered: &Remembered| remembered.dropped.as_ref().is_some_and(|(by, _)| by == key);
        let mut let_go = Vec::new();
        for (target, remembered) in self.remembered.iter_mut().filter(|(_, remembered)| of_watch(remembered)) {
            remembered.dropped = None;
            let_go.push(target.clone());
        }
        let_go
    }

    /// Remembers what a new commit changes: which documents are new, and what it drops. What a watch itself no longer asks for was not dropped.
    pub(super) fn note_commit(&mut self, key: &WatchKey, before: Option<&Watched>, now: &Watched) {
        let before = before.filter(|before| !before.rendition.revision.is_empty());
        for (target, desired) in &now.rendition.desired {
            let old = before.and_then(|before| before.rendition.desired.get(target));
            let same = old.is_some_and(|old| Arc::ptr_eq(old, desired) || old.document.value == desired.document.value);
            let remembered = self.remembered.entry(target.clone()).or_default();
            remembered.dropped = None;
            if !same {
                remembered.in_git_since = Some(now.since);
                remembered.first_seen = before.map(|_| now.since);
            }
        }
        let Some(before) = before else { return };
        if !before.says_the_same(&now.watch) {
            return;
        }
        let gone = before.rendition.desired.keys().filter(|target| !now.rendition.desired.contains_key(*target));
        for target in gone.filter(|target| !now.rendition.passed_over.contains(*target)) {
            self.remembered.entry(target.clone()).or_default().dropped = Some((key.clone(), now.since));
        }
    }
}
