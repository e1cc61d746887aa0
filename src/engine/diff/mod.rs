//! What differs between desired and live, and how much of it is drift.
//!
//! [`compare()`] finds the changes after normalisation; [`classify()`] adds the owners and weighs each change.

mod classify;
mod compare;
mod cover;
mod dropped;
mod ignore;
mod mask;
mod moved;
mod no_effect;
mod pattern;
mod pointer;
mod same;

mod witness;

#[cfg(test)]
mod properties;

pub use classify::{Evidence, NOT_KNOWN, classify, classify_and_compare};
pub use compare::{Wanted, compare, compare_any};
pub(in crate::engine) use compare::{expected, expected_of, is_pull_policy};
pub(in crate::engine) use ignore::comes_back;
pub use ignore::{IgnoreRule, is_built_in, placed};
pub use mask::{MASKED, Masker, SHOWN_BYTES, Shown};
pub use moved::Moved;
pub use no_effect::{NoEffect, Reason, no_effect};
pub use pattern::PathPattern;
pub(in crate::engine) use pointer::item_segment;
pub use pointer::{Located, Part, Side, locate};
pub(in crate::engine) use same::{is_live, is_same};
pub use witness::{Apart, MetAt, Witness};

use serde_json::Value;

use super::object::FieldPath;
use super::ownership::Owner;

/// How one field differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// Both sides have the field, with other values.
    Changed,

    /// Only live has it.
    Added,

    /// Only desired has it.
    Removed,

    /// A keyed list whose items are the same in another order.
    Reordered,
}

impl ChangeKind {
    /// Its word in the bytes of a hash.
    pub(in crate::engine) const fn name(self) -> &'static str {
        match self {
            Self::Changed => "Changed",
            Self::Added => "Added",
            Self::Removed => "Removed",
            Self::Reordered => "Reordered",
        }
    }
}

/// One field's difference: what desired and live hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where; what one side lacks is told at the highest absent node, never higher.
    pub path: FieldPath,

    /// How.
    pub kind: ChangeKind,

    /// The value in desired, as Git writes it.
    pub desired: Option<Value>,

    /// The value in live.
    pub live: Option<Value>,
}

/// How much a change weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody or something changed live.
    Drift,

    /// Live is still what the syncing tool wrote; only Git moved on.
    Pending,

    /// Worth telling, no alert: labels and annotations that others add, a quantity in other words.
    Info,

    /// A rule says so, with its reason.
    Ignored,
}

/// A change with who did it and how much it weighs.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// What differs.
    pub change: Change,

    /// Every manager that owns the live path; empty when no owner is recorded.
    pub owners: Vec<Owner>,

    /// How much it weighs.
    pub severity: Severity,

    /// Which side moved; `None` where nobody asks.
    pub moved: Option<Moved>,

    /// Why it weighs that much, where a rule decided.
    pub reason: Option<String>,
}

impl Drift {
    /// Whether the server or its admission made something else of what Git says.
    pub fn is_of_admission(&self) -> bool {
        self.moved == Some(Moved::Server) && self.change.kind != ChangeKind::Added
    }
}
