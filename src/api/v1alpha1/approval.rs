//! A person's decision about a plan.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Decision;
use crate::engine::plan;

/// What a person writes for others is one line without anything that moves a cursor or hides: the server refuses the
/// rest, as nothing of ours rewrites an approval.
const VISIBLE: &str = r"^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$";

/// How many cautions an approval may name: as many as a plan may show.
const MOST_ACKNOWLEDGED: usize = 16;

/// The longest id of a caution, in characters.
const LONGEST_ID: usize = 64;

/// A decision as a person writes it into a report's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// What was decided.
    pub decision: Decision,

    /// The hash of the plan that the person saw.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub plan_hash: String,

    /// The person's user name in the cluster; an admission policy holds it against who really asks.
    #[schemars(length(min = 1, max = 253), regex(pattern = VISIBLE))]
    pub by: String,

    /// When.
    pub at: Timestamp,

    /// Why, in the person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = VISIBLE))]
    pub reason: Option<String>,

    /// Heals although a sync window forbids it; counts only with a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<bool>,

    /// The ids of the plan's cautions that the person takes into account; an approval counts only where it names each
    /// one that must be acknowledged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MOST_ACKNOWLEDGED), inner(length(max = LONGEST_ID), regex(pattern = VISIBLE)))]
    pub acknowledged: Vec<String>,

    /// Until when a denial holds; while the drift stays as it is, where it is absent. It means nothing to an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl From<Approval> for plan::Approval {
    fn from(written: Approval) -> Self {
        let Approval {
            decision,
            plan_hash,
            by,
            at,
            reason,
            break_glass,
            acknowledged,
            until,
        } = written;
        Self {
            decision: decision.into(),
            plan_hash,
            by,
            at,
            reason,
            break_glass,
            acknowledged,
            until,
        }
    }
}
