//! An assessment as people and scripts meet it: human text, JSON, and the status of a DriftReport.

mod bounds;
mod build;
mod compose;
pub mod conditions;
pub mod human;
mod status;

pub use bounds::{STATUS_LIMIT, fit};
pub use build::{counts, field, findings, object_report, plan, prediction_report, source, text};
pub use compose::{Answer, Findings, compose, memory, superseded, urgent};
pub use status::{
    Condition, ConditionStatus, ConfirmedBy, Counts, FieldReport, FindingReport, Heal, HealResult, Healing, HealingStep, HistoryEntry,
    Notice, ObjectReport, PlanReport, PredictionReport, ReportStatus, SourceReport, StepReport, StepState, SupersededPlan,
};
