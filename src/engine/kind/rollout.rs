//! How far a roll-out is, and the counts of a status that tell it.

use serde_json::Value;

use super::Kind;

/// How far a roll-out is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Every pod is of the newest template and available.
    Complete,

    /// Not yet; what is still missing.
    Progressing(String),

    /// The kind's controller gave up; its message.
    Failed(String),
}

impl Rollout {
    /// That of an object whose controller has not seen its newest generation.
    pub(super) fn unseen(kind: &Kind) -> Self {
        Self::Progressing(format!("the {} has not seen the change yet", kind.controller))
    }
}

/// The numbers of an object.
#[derive(Clone, Copy)]
pub(super) struct Counts<'v>(&'v Value);

impl<'v> Counts<'v> {
    /// Those of a live object.
    pub(super) const fn of(live: &'v Value) -> Self {
        Self(live)
    }

    /// The one at a JSON pointer.
    pub(super) fn at(self, pointer: &str) -> Option<i64> {
        self.0.pointer(pointer)?.as_i64()
    }

    /// One of the status; what is left out is 0.
    pub(super) fn status(self, name: &str) -> i64 {
        self.at(&format!("/status/{name}")).unwrap_or(0)
    }

    /// Whether the status is about the newest generation.
    pub(super) fn is_observed(self) -> bool {
        self.status("observedGeneration") >= self.at("/metadata/generation").unwrap_or(0)
    }
}
