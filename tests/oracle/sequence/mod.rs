//! Sequences: what a tool, people and programs do to one object one after the other, while Git moves on beside
//! them.
//!
//! After each operation the engine's answer is held against a [`model`] that the test keeps itself: it knows who wrote
//! which field last, which document was synced and when Git said what. It takes the values from the real server and
//! asks nothing of the engine, so that neither can be wrong in the way of the other. At the end the tool really syncs,
//! and the answer is held against what was predicted.

mod admission;
mod generate;
mod leaf;
mod model;
mod play;
mod run;
mod shrink;
mod tally;
mod verdict;

use driftmend::engine::kind::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::Writer;
use crate::server::Way;
use crate::subject;
pub use run::{run, run_known};

/// What is set: a path, and the value or none to remove it.
pub type Edits = Vec<(String, Option<Value>)>;

/// One sequence. Names and namespaces are filled in when it is played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// How the tool syncs.
    pub way: Way,

    /// What the engine is told of the past.
    pub known: Known,

    /// Whether a MutatingAdmissionPolicy rewrites what is written.
    pub rewritten: bool,

    /// What Git says when the tool creates the object.
    pub git: Value,

    /// What happens then.
    pub steps: Vec<Step>,
}

impl Sequence {
    /// The kind of its object.
    pub fn kind(&self) -> &'static Kind {
        subject::kind_of(&self.git)
    }
}

/// What the engine is told of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Known {
    /// All that the controller saw, and which document the tool says it synced.
    Told,

    /// All that the controller saw.
    Watched,

    /// Nothing, as at the first look after a restart without a report.
    Restarted,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// Git says something else from now on.
    Commit(Edits),

    /// The tool syncs what Git says.
    Sync,

    /// A person runs the tool's own command, under its own name, over Git's document with a hot fix.
    Hotfix(Edits),

    /// A person runs `kubectl apply` over Git's document with a hot fix.
    Apply(Edits),

    /// A person runs `kubectl replace` over Git's document with a hot fix.
    Put(Edits),

    /// Someone writes some fields.
    Write(Writer),

    /// Someone writes the subresource `scale`.
    Scale { manager: String, replicas: i64 },
}
