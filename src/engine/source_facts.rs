//! Where the desired state comes from, how fresh it is, and what is remembered of when it and live met.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::diff::{Apart, MetAt, Witness};
use super::digest::digest;
use super::object::FieldPath;

/// Where desired comes from, and how fresh it is.
#[derive(Clone, Debug, Default)]
pub struct SourceFacts {
    /// The repository, without credentials. Empty for files.
    pub repo_url: String,

    /// The commit. Empty for files.
    pub revision: String,

    /// When the file was last changed in Git; `None` where the source cannot tell.
    pub changed_at: Option<Timestamp>,

    /// The commit that the tool synced last, as the tool says.
    pub synced_revision: Option<String>,

    /// The commit that the tool said it compared last when the source was read; `None` where nobody tells.
    pub compared: Option<String>,

    /// The object as Git had it at that commit, as the tool applied it; `None` where nobody tells.
    pub synced: Option<Arc<Value>>,

    /// The document as the tool sends it, where it takes what it is told to ignore from live first; `None` where it
    /// sends what Git has.
    pub sent: Option<Arc<Value>>,

    /// The document at which live was last seen equal to Git.
    pub met: Met,

    /// Where they differed all the same when they met.
    pub apart: Arc<[Apart]>,

    /// When they were last seen to meet.
    pub met_at: Option<Timestamp>,

    /// The fields that were told before as moved by live, where no more is known of what was seen then.
    pub told: Arc<[FieldPath]>,

    /// Since when this document is known to have been in Git.
    pub in_git_since: Option<Timestamp>,

    /// When it was first seen there instead of another one, or of none; `None` where it was there at the first look.
    pub first_seen: Option<Timestamp>,

    /// Another commit at which Git has the same document: the one that the tool compared last, where that holds.
    pub same_at: Option<String>,

    /// Whether the same source holds hooks of Argo CD, which only a sync of the whole runs.
    pub has_hooks: bool,

    /// What is known of the other Deployments that the same object of a tool syncs.
    pub beside: Beside,

    /// When it was seen that Git has the object no longer; `None` where it still has it, or was never seen to have it.
    pub dropped_at: Option<Timestamp>,

    /// When the source last answered; `None` for files.
    pub answered_at: Option<Timestamp>,

    /// How old an answer may be for a plan to be made from it.
    pub max_age: Option<SignedDuration>,
}

/// What is known of the other Deployments that the same object of a tool syncs.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Those whose next sync is predicted to be refused, each with the reason; in words.
    pub refused: Arc<[String]>,

    /// The revisions at which clears of the operation's state failed in heals of theirs.
    pub failed_clears: Arc<[String]>,
}

impl Beside {
    /// How often a clear at this revision failed.
    pub fn failed_clears_of(&self, revision: &str) -> usize {
        self.failed_clears.iter().filter(|of| *of == revision).count()
    }
}

/// At which document live was last seen equal to Git.
#[derive(Clone, Debug, Default)]
pub enum Met {
    /// It is not known that it ever was.
    #[default]
    Never,

    /// At Git's document of now.
    Here,

    /// At this one.
    Document(Arc<Value>),

    /// At another one, of which only this digest is known.
    Elsewhere(String),
}

impl SourceFacts {
    /// What is sent of this document.
    pub fn sent_of<'a>(&'a self, document: &'a Value) -> &'a Value {
        self.sent.as_deref().unwrap_or(document)
    }

    /// The digest of the document at which live was last seen equal to Git; `desired` is that of now.
    pub fn met_digest(&self, desired: Option<&Value>) -> Option<String> {
        match &self.met {
            Met::Never => None,
            Met::Here => desired.map(digest),
            Met::Document(document) => Some(digest(document)),
            Met::Elsewhere(digest) => Some(digest.clone()),
        }
    }

    /// What tells which side moved.
    pub fn witness(&self) -> Witness<'_> {
        let met = match &self.met {
            Met::Never => MetAt::Never,
            Met::Here => MetAt::Here,
            Met::Document(document) => MetAt::Document(document),
            Met::Elsewhere(_) => MetAt::Elsewhere,
        };
        Witness {
            synced: self.synced.as_deref(),
            met,
            apart: &self.apart,
            met_at: self.met_at,
            told: &self.told,
            in_git_since: self.in_git_since,
            first_seen: self.first_seen,
            committed_at: self.changed_at,
        }
    }

    /// How old the source's last answer is, where that is too old for a plan.
    pub fn too_old(&self, now: Timestamp) -> Option<SignedDuration> {
        let age = now.duration_since(self.answered_at?);
        (age > self.max_age?).then_some(age)
    }
}
