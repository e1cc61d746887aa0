//! Who had written what before a heal rewrote it, and what the heal sent.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{NAME_CHARACTERS, PATH_CHARACTERS, TEXT_CHARACTERS};
use crate::api::v1alpha1::{Operation, StepKind};

/// Who had written one field, as its managedFields said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The field.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub path: String,

    /// The field manager that owned it; absent where no owner was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub manager: Option<String>,

    /// How that manager wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,

    /// Through which subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub subresource: Option<String>,

    /// When its entry last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,

    /// The SHA-256 of the old value as compact JSON with sorted keys; absent where there was none, or where the value
    /// is hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub digest: Option<String>,
}

/// One request of a heal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SentRequest {
    /// The step that sent it.
    pub kind: StepKind,

    /// When the answer came.
    pub at: Timestamp,

    /// The SHA-256 of the patch that was sent.
    #[schemars(length(max = 64))]
    pub digest: String,

    /// What the API server answered, such as `resourceVersion 812, generation 5`.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub answer: String,
}
