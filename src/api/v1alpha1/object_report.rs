//! What is told of one object: fields, the prediction, findings. The same on the command line and in a DriftReport.
//!
//! Names, casing and meaning are a promise to scripts: additions are welcome, changes are not.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bounds::{
    CAUSE_LIMIT, MANAGER_LIMIT, NAME_CHARACTERS, OVERWRITE_LIMIT, PATH_CHARACTERS, RESIDUAL_LIMIT, TEXT_CHARACTERS,
};
use crate::api::v1alpha1::{Cause, ChangeKind, Moved, ObjectId, Operation, Phase, Severity, Strategy, Verdict, Weight};

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldReport {
    /// Where, in the grammar of server-side apply's messages.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub path: String,

    /// How the field differs.
    pub change: ChangeKind,

    /// How much it weighs.
    pub severity: Severity,

    /// Which side moved since both said the same: `git`, and live is still what the tool wrote; `live`, which somebody
    /// or something changed; `server`, where the server or its admission made this of the tool's own write; `unknown`,
    /// where no witness tells. Absent where nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moved")]
    pub moved: Option<Moved>,

    /// Git's value, masked; absent where Git lacks the field.
    #[serde(default)]
    #[schemars(schema_with = "any_json")]
    pub desired: Option<Value>,

    /// The cluster's value, masked; absent where the cluster lacks the field.
    #[serde(default)]
    #[schemars(schema_with = "any_json")]
    pub live: Option<Value>,

    /// The manager that owns the live field; absent when no owner is recorded.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub manager: Option<String>,

    /// All owners, where there are several.
    #[serde(default)]
    #[schemars(length(max = MANAGER_LIMIT), inner(length(max = PATH_CHARACTERS)))]
    pub managers: Vec<String>,

    /// How the manager wrote.
    pub operation: Option<Operation>,

    /// Through which subresource it wrote, such as `scale`.
    #[schemars(length(max = NAME_CHARACTERS))]
    pub subresource: Option<String>,

    /// When the manager's entry last changed: the field changed not later than this.
    pub time: Option<Timestamp>,

    /// Why it weighs that much, where a rule decided.
    #[schemars(length(max = TEXT_CHARACTERS))]
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
    #[schemars(length(max = CAUSE_LIMIT))]
    pub causes: Vec<Cause>,

    /// Every path that differs from Git after a sync that succeeds.
    #[schemars(length(max = RESIDUAL_LIMIT), inner(length(max = PATH_CHARACTERS)))]
    pub residual: Vec<String>,

    /// Those of `residual` that the sync itself harms: today they are as Git says, or the cluster has them, if in
    /// another form, and the sync takes out what Git sets.
    #[serde(default)]
    #[schemars(length(max = RESIDUAL_LIMIT), inner(length(max = PATH_CHARACTERS)))]
    pub breaks: Vec<String>,

    /// What a rule ignores, or what does not count as drift, and the sync changes all the same.
    #[serde(default)]
    #[schemars(length(max = OVERWRITE_LIMIT))]
    pub overwrites: Vec<OverwriteReport>,

    /// When that sync comes, as far as the source tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub when: Option<String>,

    /// Who says so: our own computation, or the server in a dry run. `Local` leaves admission webhooks and policies
    /// out.
    #[serde(default)]
    pub confirmed_by: ConfirmedBy,

    /// What the server said to a dry run of that sync, where it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<DryRunReport>,
}

/// A field that is ignored, or does not count as drift, and that the next sync changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverwriteReport {
    /// Where, in the grammar of server-side apply's messages.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub path: String,

    /// The cluster's value today, masked; absent where the cluster lacks the field.
    #[serde(default)]
    #[schemars(schema_with = "any_json")]
    pub from: Option<Value>,

    /// The value after the sync, masked; absent where the sync takes the field away.
    #[serde(default)]
    #[schemars(schema_with = "any_json")]
    pub to: Option<Value>,

    /// The manager that owns the live field; absent when no owner is recorded.
    #[serde(default)]
    #[schemars(length(max = PATH_CHARACTERS))]
    pub manager: Option<String>,

    /// Through which subresource it wrote, such as `scale`.
    #[serde(default)]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub subresource: Option<String>,
}

/// What the server said to a dry run of the next sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRunReport {
    /// The digest of what was asked: Git's document, live, and how the tool writes. The same is not asked twice.
    #[schemars(length(max = 64))]
    pub question: String,

    /// Whether the server says what we say.
    pub answer: DryRunAnswer,

    /// What the server says instead, or why it does not say; masked, and absent where it says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub message: Option<String>,
}

/// Whether the server says what we say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DryRunAnswer {
    /// The same verdict for the same causes.
    Same,

    /// Something else: the prediction is wrong, or something changes the sync on its way in.
    Other,

    /// Nothing about the sync.
    Undecided,
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

impl PredictionReport {
    /// Whether the sync changes what nobody wants changed: what Git says today, or what a rule ignores.
    pub const fn harms(&self) -> bool {
        !self.breaks.is_empty() || !self.overwrites.is_empty()
    }
}

/// What is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingReport {
    /// The rule that found it.
    #[schemars(length(max = NAME_CHARACTERS))]
    pub rule: String,

    /// How bad it is.
    pub severity: Weight,

    /// The field it is about, where there is one.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub path: Option<String>,

    /// What happened, in one sentence.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub message: String,

    /// What the finding rests on.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub evidence: Option<String>,

    /// The ways out and what each costs.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub remedy: Option<String>,
}

/// Something in the input that is worth a look but counts for nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// The field, where it is about one.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub path: Option<String>,

    /// The file.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub file: Option<String>,

    /// The line, from 1.
    pub line: Option<usize>,

    /// What is odd, and what to do.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub message: String,
}

/// What is odd in the manifest of one object, and by which rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Warning {
    /// The id of the rule.
    pub rule: &'static str,

    /// What is odd, and where.
    #[serde(flatten)]
    pub notice: Notice,
}

/// Where in the source a field of a cause stands: of its parent, where the manifest lacks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The field as the cause names it; empty for the cause that names none.
    pub field: String,

    /// The file.
    pub file: String,

    /// The line, from 1.
    pub line: usize,
}

/// Everything told of one object on the command line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObjectReport {
    /// Which object.
    pub object: ObjectId,

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

    /// Where the fields of `refusals` and of the prediction's causes stand; only `check` tells it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,

    /// What is odd in the manifest.
    pub warnings: Vec<Warning>,
}

/// The words of [`Moved`] in place: of an enumeration elsewhere the field's own description would be lost, and with it
/// what each word means.
fn moved(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut schema = Moved::json_schema(generator);
    schema.insert("nullable".to_owned(), true.into());
    schema
}

/// Any JSON value: the type differs by field, and the API server must not prune what is inside.
fn any_json(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "nullable": true, "x-kubernetes-preserve-unknown-fields": true })
}
