//! A heal under way, step by step.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::v1alpha1::StepKind;
use crate::api::v1alpha1::bounds::{
    EVIDENCE_LIMIT, NAME_CHARACTERS, PATH_CHARACTERS, STEP_LIMIT, STEP_PATHS_LIMIT, TEXT_CHARACTERS,
};
use crate::api::v1alpha1::evidence::{Evidence, SentRequest};

/// How far one step of a heal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum StepState {
    /// Not begun.
    Pending,

    /// The request is about to be sent, or was sent and its answer is not known.
    Begun,

    /// Done, by us or by the state of the object.
    Done,
}

/// One step of a heal in progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealingStep {
    /// What it does.
    pub kind: StepKind,

    /// How far it is.
    pub state: StepState,

    /// The fields it is about: a restarted controller derives the rest of an approved heal for exactly these.
    #[serde(default)]
    #[schemars(length(max = STEP_PATHS_LIMIT), inner(length(max = PATH_CHARACTERS)))]
    pub paths: Vec<String>,

    /// When the step was first to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,

    /// When the operation state began that the step removes or replaces, as the Application has it: a later one is
    /// somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub stale: Option<String>,

    /// The revision that the step is to start a sync of: that one, or another at which Git says the same of the
    /// Deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = PATH_CHARACTERS))]
    pub revision: Option<String>,

    /// Marks of what the sync that the step brings changes in the Deployment, as the approval knows it; absent of other
    /// steps, and where they are too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(max = 16)))]
    pub brings: Option<Vec<String>>,
}

/// A heal in progress: written before its first write, removed at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Healing {
    /// The approved plan.
    #[schemars(length(max = 64))]
    pub plan_hash: String,

    /// The uid of the object that it was approved for.
    #[schemars(length(max = NAME_CHARACTERS))]
    pub uid: String,

    /// What judged the approval, as `status.judge` has it: where that is another one by now, no step is sent any more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub judge: String,

    /// Who approved it.
    #[schemars(length(max = NAME_CHARACTERS))]
    pub by: String,

    /// The user name of whoever carries it out: nobody else takes it up.
    #[schemars(length(max = NAME_CHARACTERS))]
    pub healer: String,

    /// When the heal began.
    pub started_at: Timestamp,

    /// The steps, in order.
    #[schemars(length(max = STEP_LIMIT))]
    pub steps: Vec<HealingStep>,

    /// The operation state that a step removes, as compact JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub removed: Option<String>,

    /// Who had written each field before the first write of the heal, which may rewrite that; the audit line of the log
    /// has all of it.
    #[schemars(length(max = EVIDENCE_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,

    /// How much of the evidence did not fit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub evidence_omitted: usize,

    /// What was sent so far, and what the API server answered.
    #[schemars(length(max = STEP_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<SentRequest>,
}

impl Healing {
    /// The first digits of the plan's hash, as people say it.
    pub fn short_hash(&self) -> &str {
        self.plan_hash.get(..12).unwrap_or(&self.plan_hash)
    }
}

pub(in crate::api::v1alpha1) fn is_zero(count: &usize) -> bool {
    *count == 0
}
