//! A condition of a report or a watch.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{NAME_CHARACTERS, TEXT_CHARACTERS};

/// A condition in the shape that Kubernetes tools read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The type, such as `Drifted`.
    #[serde(rename = "type")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub type_: String,

    /// `True`, `False` or `Unknown`.
    pub status: ConditionStatus,

    /// One word in PascalCase.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub reason: String,

    /// One sentence.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub message: String,

    /// When the status last changed.
    pub last_transition_time: Timestamp,

    /// The generation of the object that it was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// The three words of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,

    /// It does not hold.
    False,

    /// Not known.
    Unknown,
}
