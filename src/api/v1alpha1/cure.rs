//! The cure as a report tells it: the plan, the heal in progress, and the heals that ended.

mod healing;

pub(super) use healing::is_zero;
pub use healing::{Healing, HealingStep, StepState};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{CAUTION_LIMIT, EVIDENCE_LIMIT, NAME_CHARACTERS, PATH_CHARACTERS, STEP_LIMIT, TEXT_CHARACTERS};
use super::evidence::{Evidence, SentRequest};
use crate::api::v1alpha1::{Ended, StepKind};
use crate::engine::object::ObjectId;

/// How far the cure is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Heal {
    /// Nothing to heal, or nothing that a plan can do.
    #[default]
    None,

    /// A plan waits for a person.
    AwaitingApproval,

    /// A person approved the plan, and something must happen before it is carried out: the condition `Approved` says
    /// what.
    Approved,

    /// A person said no to this content of drift.
    Denied,

    /// An approved plan is being carried out or verified.
    Healing,

    /// Carried out and verified.
    Healed,

    /// Ended without success; `history` says why.
    Failed,
}

/// An object that a step writes. The chart's admission policy asks the API server about the rights on exactly this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WrittenObject {
    /// Group and version.
    #[schemars(length(max = 253))]
    pub api_version: String,

    /// The kind.
    #[schemars(length(max = 63))]
    pub kind: String,

    /// The namespace.
    #[schemars(length(max = 63))]
    pub namespace: String,

    /// The name.
    #[schemars(length(max = 253))]
    pub name: String,
}

impl From<ObjectId> for WrittenObject {
    fn from(id: ObjectId) -> Self {
        Self {
            api_version: id.api_version,
            kind: id.kind,
            namespace: id.namespace.unwrap_or_default(),
            name: id.name,
        }
    }
}

/// One step of a plan as a person reads it: masked, and never read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepReport {
    /// What it does.
    pub kind: StepKind,

    /// The object it writes, for people.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub target: String,

    /// The object it writes, for the rights that an approval asks for. A plan of an earlier version lacks it, and
    /// cannot be approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<WrittenObject>,

    /// In one sentence.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub summary: String,

    /// The patch, masked, as compact JSON.
    #[schemars(length(max = 4 * TEXT_CHARACTERS))]
    pub patch: String,
}

/// What a person should know before approving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CautionReport {
    /// What it is about, in one word: what an approval names that acknowledges it.
    #[schemars(length(max = 64))]
    pub id: String,

    /// In one sentence, masked.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub text: String,

    /// Whether an approval counts only where approval.acknowledged names it.
    #[serde(default)]
    pub must_acknowledge: bool,
}

impl std::fmt::Display for CautionReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.id, self.text)
    }
}

/// Reads cautions, which in reports of an earlier version were texts that began with their id.
fn cautions<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<CautionReport>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Caution(CautionReport),
        Text(String),
    }
    let read = |written| match written {
        Written::Caution(caution) => caution,
        Written::Text(text) => {
            let (id, text) = text.split_once(": ").unwrap_or(("Caution", &text));
            CautionReport {
                id: id.to_owned(),
                text: text.to_owned(),
                must_acknowledge: false,
            }
        }
    };
    Ok(Vec::<Written>::deserialize(from)?.into_iter().map(read).collect())
}

/// A plan as a person reads it: masked, and never read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReport {
    /// What an approval must name.
    #[schemars(length(max = 64))]
    pub hash: String,

    /// Rises where a plan of the same content was carried out, taken back or over by its time.
    pub serial: u64,

    /// After this time an approval is refused and a new plan is made.
    pub expires: Timestamp,

    /// What a person should know before approving.
    #[serde(default, deserialize_with = "cautions")]
    #[schemars(length(max = CAUTION_LIMIT))]
    pub cautions: Vec<CautionReport>,

    /// For what it waits, an operation of Argo CD that runs: approved meanwhile, it is carried out when that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub waits: Option<String>,

    /// The steps, in order.
    #[schemars(length(max = STEP_LIMIT))]
    pub steps: Vec<StepReport>,

    /// Whether the server accepted the first write in a dry run; absent where the mode allows none.
    #[serde(rename = "dryRun", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub dry_run: Option<String>,
}

/// A plan that is no longer the current one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SupersededPlan {
    /// Its hash.
    #[schemars(length(max = 64))]
    pub hash: String,

    /// Why it ended.
    pub reason: Ended,

    /// When it could no longer be approved: until then it is the same plan where the same is needed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,

    /// Whether a person had decided about it while it was shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decided: bool,
}

/// How a heal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HealResult {
    /// Carried out and verified.
    Healed,

    /// Ended without success.
    Failed,

    /// Ended before its first write: something else was needed by then.
    NotCarriedOut,
}

impl From<HealResult> for Heal {
    fn from(result: HealResult) -> Self {
        match result {
            HealResult::Healed => Self::Healed,
            HealResult::Failed => Self::Failed,
            // What is needed now is another question.
            HealResult::NotCarriedOut => Self::AwaitingApproval,
        }
    }
}

/// How the message of a heal begins that ended because the API server found a write of it invalid.
pub const FOUND_INVALID: &str = "the API server finds what the plan writes invalid";

/// One heal that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The plan that was carried out; an approval of it is spent.
    #[schemars(length(max = 64))]
    pub plan_hash: String,

    /// Who approved it.
    #[schemars(length(max = NAME_CHARACTERS))]
    pub by: String,

    /// The user name of whoever carried it out.
    #[serde(default)]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub healer: String,

    /// When it began.
    pub started_at: Timestamp,

    /// When it ended.
    pub finished_at: Timestamp,

    /// How.
    pub result: HealResult,

    /// What was seen.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub message: String,

    /// The operation state that was removed from the Application, as compact JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub removed: Option<String>,

    /// Who had written each field before the heal; the audit line of the log has all of it.
    #[schemars(length(max = EVIDENCE_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,

    /// How much of the evidence did not fit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub evidence_omitted: usize,

    /// What was sent, and what the API server answered.
    #[schemars(length(max = STEP_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<SentRequest>,
}

impl HistoryEntry {
    /// Whether the API server found a write of the plan invalid: the same content is so again.
    pub fn was_refused(&self) -> bool {
        self.result == HealResult::Failed && self.message.starts_with(FOUND_INVALID)
    }

    /// Whether the heal ended at this time or later. It is written in whole seconds: a heal may end in the second in
    /// which it was approved.
    pub fn ended_after(&self, time: Timestamp) -> bool {
        time.as_second() <= self.finished_at.as_second()
    }

    /// The revision at which this heal cleared the state of an operation and failed all the same.
    pub fn failed_clear(&self) -> Option<String> {
        let cleared = self.result == HealResult::Failed
            && self
                .requests
                .iter()
                .any(|request| request.kind == StepKind::ClearOperation);
        let removed = self.removed.as_deref().filter(|_| cleared)?;
        let removed: serde_json::Value = serde_json::from_str(removed).ok()?;
        removed.get("revision")?.as_str().map(str::to_owned)
    }
}
