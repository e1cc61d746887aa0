//! The one set of types that feeds a DriftReport's status and the command line's JSON.
//!
//! Names, casing and meaning are a promise to scripts: additions are welcome, changes are not.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::diff::{ChangeKind, Severity};
use crate::engine::ownership::Operation;
use crate::engine::phase::Phase;
use crate::engine::plan::Approval;
use crate::engine::plan::StepKind;
use crate::engine::predict::{Cause, Strategy, Verdict};

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldReport {
    /// Where, in the grammar of server-side apply's messages.
    pub path: String,

    /// How the field differs.
    pub change: ChangeKind,

    /// How much it weighs.
    pub severity: Severity,

    /// Git's value, masked; absent where Git lacks the field.
    #[serde(default)]
    #[schemars(schema_with = "any_json")]
    pub desired: Option<Value>,

    /// The cluster's value, masked; absent where the cluster lacks the field.
    #[serde(default)]
    #[schemars(schema_with = "any_json")]
    pub live: Option<Value>,

    /// The manager that owns the live field; absent when no owner is recorded.
    pub manager: Option<String>,

    /// All owners, where there are several.
    #[serde(default)]
    pub managers: Vec<String>,

    /// How the manager wrote.
    pub operation: Option<Operation>,

    /// Through which subresource it wrote, such as `scale`.
    pub subresource: Option<String>,

    /// When the manager's entry last changed: the field changed not later than this.
    pub time: Option<Timestamp>,

    /// Why it weighs that much, where a rule decided.
    pub reason: Option<String>,
}

/// What the next sync gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PredictionReport {
    /// The strategy that the answer holds for.
    pub strategy: Strategy,

    /// The answer.
    pub verdict: Verdict,

    /// Why it is refused, or with whom it conflicts.
    pub causes: Vec<Cause>,

    /// The paths that still differ after a sync that succeeds.
    pub residual: Vec<String>,

    /// When that sync comes, as far as the source tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,

    /// Who says so: our own computation, or the server in a dry run. `Local` leaves admission webhooks and policies out.
    #[serde(default)]
    pub confirmed_by: ConfirmedBy,
}

/// Who stands behind a prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConfirmedBy {
    /// Computed here; admission not included.
    #[default]
    Local,

    /// The API server answered the same to a dry run.
    DryRun,
}

/// What is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingReport {
    /// The rule that found it.
    pub rule: String,

    /// How bad it is.
    pub severity: crate::engine::diagnose::Weight,

    /// The field it is about, where there is one.
    pub path: Option<String>,

    /// What happened, in one sentence.
    pub message: String,

    /// What the finding rests on.
    pub evidence: Option<String>,

    /// The ways out and what each costs.
    pub remedy: Option<String>,
}

/// Something in the input that is worth a look but counts for nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// The field, where it is about one.
    pub path: Option<String>,

    /// The file.
    pub file: Option<String>,

    /// The line, from 1.
    pub line: Option<usize>,

    /// What is odd, and what to do.
    pub message: String,
}

/// Everything told of one object on the command line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObjectReport {
    /// Which object.
    pub object: crate::engine::object::ObjectId,

    /// What is wrong, in one word.
    pub phase: Phase,

    /// What is wrong, in one sentence.
    pub summary: String,

    /// The fields that differ, in path order.
    pub fields: Vec<FieldReport>,

    /// What the next sync gives; absent where no strategy was asked for.
    pub prediction: Option<PredictionReport>,

    /// The causes for which the server refuses the manifest as it is.
    pub refusals: Vec<Cause>,

    /// What is wrong and what to do.
    pub findings: Vec<FindingReport>,

    /// What is odd in the manifest.
    pub warnings: Vec<Notice>,
}

/// How far the cure is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Heal {
    /// Nothing to heal, or nothing that a plan can do.
    #[default]
    None,

    /// A plan waits for a person.
    AwaitingApproval,

    /// A person said no to this content of drift.
    Denied,

    /// An approved plan is being carried out or verified.
    Healing,

    /// Carried out and verified.
    Healed,

    /// Ended without success; `history` says why.
    Failed,
}

/// How many fields there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Fields of severity `drift`.
    pub drifted: usize,

    /// Causes for which the next sync is refused.
    pub refused: usize,

    /// Fields of severity `pending`.
    pub pending: usize,

    /// Fields of severity `info`.
    pub info: usize,

    /// Fields of severity `ignored`.
    pub ignored: usize,
}

/// Where desired comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    /// The repository, without credentials.
    #[serde(rename = "repoURL")]
    pub repo_url: String,

    /// The commit that desired was read from.
    pub revision: String,

    /// The file, from the root of the repository.
    pub path: String,

    /// The revision that the syncing tool says it applied, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_revision: Option<String>,
}

/// One step of a plan as a person reads it: masked, and never read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepReport {
    /// What it does.
    pub kind: StepKind,

    /// The object it writes.
    pub target: String,

    /// In one sentence.
    pub summary: String,

    /// The patch, masked, as compact JSON.
    pub patch: String,
}

/// A plan as a person reads it: masked, and never read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReport {
    /// What an approval must name.
    pub hash: String,

    /// How many plans this report has had.
    pub serial: u64,

    /// After this time an approval is refused and a new plan is made.
    pub expires: Timestamp,

    /// What a person should know before approving.
    #[serde(default)]
    pub cautions: Vec<String>,

    /// The steps, in order.
    pub steps: Vec<StepReport>,

    /// Whether the server accepted the first write in a dry run; absent where the mode allows none.
    #[serde(rename = "dryRun", default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<String>,
}

/// A plan that is no longer the current one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SupersededPlan {
    /// Its hash.
    pub hash: String,

    /// Why it ended.
    pub reason: crate::engine::plan::Ended,
}

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
pub struct HealingStep {
    /// What it does.
    pub kind: StepKind,

    /// How far it is.
    pub state: StepState,

    /// The fields it is about: a restarted controller derives the rest of an approved heal for exactly these.
    #[serde(default)]
    pub paths: Vec<String>,
}

/// A heal in progress: written before its first write, removed at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Healing {
    /// The approved plan.
    pub plan_hash: String,

    /// The uid of the object that it was approved for.
    pub uid: String,

    /// Who approved it.
    pub by: String,

    /// The user name of whoever carries it out: nobody else takes it up.
    pub healer: String,

    /// When the heal began.
    pub started_at: Timestamp,

    /// The steps, in order.
    pub steps: Vec<HealingStep>,
}

/// How a heal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HealResult {
    /// Carried out and verified.
    Healed,

    /// Ended without success.
    Failed,
}

/// One heal that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The plan that was carried out; an approval of it is spent.
    pub plan_hash: String,

    /// Who approved it.
    pub by: String,

    /// When it began.
    pub started_at: Timestamp,

    /// When it ended.
    pub finished_at: Timestamp,

    /// How.
    pub result: HealResult,

    /// What was seen.
    pub message: String,
}

/// A condition in the shape that Kubernetes tools read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The type, such as `Drifted`.
    #[serde(rename = "type")]
    pub type_: String,

    /// `True`, `False` or `Unknown`.
    pub status: ConditionStatus,

    /// One word in PascalCase.
    pub reason: String,

    /// One sentence.
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

/// The status of a DriftReport.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReportStatus {
    /// What is wrong, in one word.
    pub phase: Phase,

    /// How far the cure is.
    pub heal: Heal,

    /// What is wrong, in one sentence.
    pub summary: String,

    /// How many fields there are of each kind.
    pub counts: Counts,

    /// Where desired comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceReport>,

    /// The fields that differ, worst first, at most 50.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub fields: Vec<FieldReport>,

    /// How many fields did not fit.
    #[serde(skip_serializing_if = "is_zero")]
    pub fields_omitted: usize,

    /// What the next sync gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<PredictionReport>,

    /// What is wrong and what to do, at most 20.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub findings: Vec<FindingReport>,

    /// What a person is asked to approve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanReport>,

    /// How many plans this report has had.
    #[serde(skip_serializing_if = "is_none_yet")]
    pub plan_serial: u64,

    /// The last plans that ended without being carried out, newest last, at most 20.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub superseded_plans: Vec<SupersededPlan>,

    /// The content of drift that a person said no to: while it lasts, no plan is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied_drift: Option<String>,

    /// Written by a person, never by the controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,

    /// A heal in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healing: Option<Healing>,

    /// The last heals, newest last, at most 10.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub history: Vec<HistoryEntry>,

    /// `Ready`, `Drifted`, `Conflicted`, `PlanReady`, `Approved`, `Healed`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,

    /// The uid of the Deployment that was seen last: what tells "missing" from "never there".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_uid: Option<String>,

    /// When the target went in sync again; a quiet report is removed `reportTTL` after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_since: Option<Timestamp>,
}

fn is_none_yet(serial: &u64) -> bool {
    *serial == 0
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Any JSON value: the type differs by field, and the API server must not prune what is inside.
fn any_json(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "nullable": true, "x-kubernetes-preserve-unknown-fields": true })
}
