//! What a watch says of its source and of what it governs.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{CONDITION_LIMIT, NAME_CHARACTERS, PATH_CHARACTERS, TEXT_CHARACTERS};
use super::{Condition, Notice};

/// The most warnings in a status.
pub const WARNING_LIMIT: usize = 20;

/// The most lines about what is not governed: fifty kinds, the reasons for which objects are left, and twenty that
/// other watches lead.
pub const NOT_GOVERNED_LIMIT: usize = 100;

/// What a watch sees.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DriftWatchStatus {
    /// How many objects there are in each state.
    pub counts: WatchCounts,

    /// The commit that is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub revision: Option<String>,

    /// Its first digits, for the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub short_revision: Option<String>,

    /// When the commit came into force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_since: Option<Timestamp>,

    /// Why the source cannot be read, as long as it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_failure: Option<SourceFailure>,

    /// What the source holds and this watch does not govern, such as `3 StatefulSets`.
    #[schemars(
        length(max = NOT_GOVERNED_LIMIT),
        inner(length(max = PATH_CHARACTERS)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub not_governed: Vec<String>,

    /// What is odd in the source, at most 20.
    #[schemars(length(max = WARNING_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    pub warnings: Vec<Notice>,

    /// `Ready`, `SourceReady`, `MassDrift`.
    #[schemars(
        length(max = CONDITION_LIMIT),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,

    /// The generation of the watch that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The controller that wrote this status: whether it still runs is told by its Lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<ControllerRef>,
}

/// Which controller writes a status.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ControllerRef {
    /// Its own namespace, which is its Lease's.
    #[schemars(length(max = NAME_CHARACTERS))]
    pub namespace: String,

    /// The name of its Lease; absent where it runs without one, so that nothing tells whether it still does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub lease: Option<String>,
}

/// How many objects a watch has in each state.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WatchCounts {
    /// Named by the source and led by this watch.
    pub governed: usize,

    /// Live is what Git says.
    pub in_sync: usize,

    /// Only Git moved on.
    pub pending: usize,

    /// Drifted or missing.
    pub drifted: usize,

    /// Dropped from the source and still in the cluster: not among the governed any more.
    pub orphaned: usize,

    /// The next sync will be refused.
    pub conflicted: usize,

    /// Differences that a rule hides.
    pub ignored: usize,

    /// Of the drifted and conflicted, those whose cure a person denied.
    pub denied: usize,

    /// Of the conflicted, those.
    pub conflicted_denied: usize,
}

/// Why a source cannot be read.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceFailure {
    /// One word.
    #[schemars(length(max = NAME_CHARACTERS))]
    pub reason: String,

    /// What failed, with file and line where there is one.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub message: String,

    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub hint: Option<String>,

    /// Since when.
    pub since: Timestamp,
}
