//! What was observed of one object, as one value: all that the engine may know.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::diff::IgnoreRule;
use super::kind::Kind;
use super::object::{Document, ObjectId};
use super::syncer::Syncer;
use super::tool::Tool;
use crate::engine::source_facts::SourceFacts;

/// What was observed of one object at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What tells this cluster from any other: the uid of its namespace `kube-system`. Empty for files.
    pub cluster: String,

    /// What judges who wrote an approval, as one text that is another one when it was changed or made anew: the chart's
    /// policy over approvals and its binding. Empty where they do not stand, and for files.
    pub judge: String,

    /// Which object.
    pub target: ObjectId,

    /// Of which kind it is.
    pub kind: &'static Kind,

    /// What Git says; `None` where Git has no such object.
    pub desired: Option<Document>,

    /// What the cluster has, whole; `None` where it has no such object.
    pub live: Option<Value>,

    /// Whether the object was seen in the cluster before: what tells "missing" from "never there".
    pub seen: bool,

    /// The tool that brings Git into the cluster.
    pub syncer: Syncer,

    /// What is known of that tool besides how it writes.
    pub tool: Tool,

    /// Where desired comes from.
    pub source: SourceFacts,

    /// The time of the observation.
    pub now: Timestamp,
}

impl Snapshot {
    /// Until when the tool may delete by itself what Git was seen to have dropped.
    pub fn pruned_by(&self) -> Option<Timestamp> {
        Some(self.source.dropped_at? + self.tool.prunes_within()?)
    }
}

/// What a DriftWatch asks for, as far as the engine is concerned.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether plans are made.
    pub mode: Mode,

    /// Which cure is preferred.
    pub remedy: Remedy,

    /// What is not drift here.
    pub ignore: Vec<IgnoreRule>,

    /// How long a plan can be approved.
    pub plan_ttl: SignedDuration,
}

/// Whether plans are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Only tells.
    Alert,

    /// Tells and proposes a plan.
    #[default]
    Propose,
}

/// Which cure is preferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Remedy {
    /// The one with the least cost for this source and strategy.
    #[default]
    Choose,

    /// Put Git's values back, and hand the fields to the syncing tool where it applies server-side.
    Restore,

    /// Hand the foreign fields to the syncing tool, so that its own next sync removes them. It needs a tool that syncs.
    HandBack,
}
