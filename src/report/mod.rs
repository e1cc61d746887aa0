//! An assessment as people and scripts meet it: human text, JSON, and the status of a DriftReport.

mod status;

pub use status::{
    Condition, ConditionStatus, ConfirmedBy, Counts, FieldReport, FindingReport, Heal, HealResult, Healing, HealingStep, HistoryEntry,
    Notice, ObjectReport, PlanReport, PredictionReport, ReportStatus, SourceReport, StepReport, StepState, SupersededPlan,
};
