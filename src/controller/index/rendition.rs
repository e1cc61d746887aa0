//! What a commit says of the objects that a watch governs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::Target;
use crate::api::v1alpha1::Notice;
use crate::engine::object::Document;

/// One object as a commit has it.
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

    /// The objects that it governs.
    pub desired: BTreeMap<Target, Arc<Desired>>,

    /// The objects that the source holds and the watch does not govern.
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
