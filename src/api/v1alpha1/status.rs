//! The status of a DriftReport.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{
    CONDITION_LIMIT, FIELD_LIMIT, FINDING_LIMIT, HISTORY_LIMIT, NAME_CHARACTERS, PATH_CHARACTERS, SUPERSEDED_LIMIT,
    TEXT_CHARACTERS,
};
use super::condition::Condition;
use super::cure::{Heal, Healing, HistoryEntry, PlanReport, SupersededPlan};
use super::object_report::{FieldReport, FindingReport, PredictionReport};
use crate::api::v1alpha1::{Approval, Phase};

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
    #[schemars(length(max = PATH_CHARACTERS))]
    pub repo_url: String,

    /// The commit that desired was read from.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub revision: String,

    /// The file, from the root of the repository.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub path: String,

    /// The revision that the syncing tool says it applied, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = PATH_CHARACTERS))]
    pub synced_revision: Option<String>,

    /// The digest of Git's document when live was last seen equal to it. After a restart it tells which side moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub in_sync_digest: Option<String>,

    /// When the document at this commit was first seen in Git; absent where it was there at the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
}

/// The operation of the tool that syncs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationReport {
    /// The Application of Argo CD, as `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = PATH_CHARACTERS))]
    pub application: Option<String>,

    /// The Kustomization of Flux, as `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = PATH_CHARACTERS))]
    pub kustomization: Option<String>,

    /// In what standing it is, such as `FailedAtRevision` of an Application or `FailedDryRun` of a Kustomization.
    #[schemars(length(max = NAME_CHARACTERS))]
    pub class: String,

    /// The tool's own word for how far it is: the phase of Argo CD's operation, or the reason of Flux's condition
    /// Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub phase: Option<String>,

    /// The tool's message, without what is other in each try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub message: Option<String>,

    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,

    /// Until when it is left alone, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,

    /// How often its state was cleared in vain at the revision that was compared last, in heals of this Deployment or
    /// of another of the same Application; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_clears: Option<usize>,
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
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub summary: String,

    /// How many fields there are of each kind.
    pub counts: Counts,

    /// Where desired comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceReport>,

    /// The fields that differ, worst first, at most 50.
    #[schemars(length(max = FIELD_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    pub fields: Vec<FieldReport>,

    /// How many fields did not fit.
    #[serde(skip_serializing_if = "is_zero")]
    pub fields_omitted: usize,

    /// What the next sync gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<PredictionReport>,

    /// The operation of the tool that syncs, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationReport>,

    /// What is wrong and what to do, at most 20.
    #[schemars(length(max = FINDING_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    pub findings: Vec<FindingReport>,

    /// What a person is asked to approve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanReport>,

    /// How many plans this report has had.
    #[serde(skip_serializing_if = "is_none_yet")]
    pub plan_serial: u64,

    /// The last plans that ended without being carried out, newest last, at most 20.
    #[schemars(length(max = SUPERSEDED_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub superseded_plans: Vec<SupersededPlan>,

    /// The content of drift that a person said no to: while it lasts, no plan is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub denied_drift: Option<String>,

    /// Written by a person, never by the controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,

    /// A heal in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healing: Option<Healing>,

    /// The last heals, newest last, at most 10.
    #[schemars(length(max = HISTORY_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    pub history: Vec<HistoryEntry>,

    /// `Ready`, `Drifted`, `Conflicted`, `PlanReady`, `Approved`, `Healed`.
    #[schemars(
        length(max = CONDITION_LIMIT),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,

    /// What tells this cluster from any other: the uid of its namespace `kube-system`, which a plan's hash covers. Who
    /// heals by hand may not be allowed to read that namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub cluster: Option<String>,

    /// What judges approvals, by uid and generation: the chart's policy and its binding, which a plan's hash covers.
    /// Who heals by hand may not be allowed to read them. Absent where they do not stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
    pub judge: Option<String>,

    /// The uid of the Deployment that was seen last: what tells "missing" from "never there".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_CHARACTERS))]
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
