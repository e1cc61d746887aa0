//! The custom resources `DriftWatch` and `DriftReport` as users write and read them, group `driftmend.dev`, `v1alpha1`,
//! and what the command line tells as JSON, which is made of the same parts.
//!
//! Names, casing and meaning are a promise: nothing here does more than hold what is written and read. The two
//! resources themselves and their definitions need Kubernetes' own types, which only the feature `edge` has.
//!
//! The YAML in `crds/` is written from these types by `driftmend crds`.

mod approval;
pub mod bounds;
mod cause;
mod condition;
mod cure;
#[cfg(feature = "edge")]
mod definitions;
mod evidence;
pub mod kinds;
mod name;
mod object_id;
mod object_report;
mod period;
#[cfg(feature = "edge")]
mod report;
#[cfg(feature = "edge")]
mod selector;
mod status;
mod syncing;
mod target;
#[cfg(feature = "edge")]
mod watch;
mod watch_status;
mod words;

pub use approval::Approval;
pub use cause::Cause;
pub use condition::{Condition, ConditionStatus};
pub use cure::{
    CautionReport, FOUND_INVALID, Heal, HealResult, Healing, HealingStep, HistoryEntry, PlanReport, StepReport,
    StepState, SupersededPlan, WrittenObject,
};
#[cfg(feature = "edge")]
pub use definitions::definitions;
pub use evidence::{Evidence, SentRequest};
pub use name::report_name;
pub use object_id::ObjectId;
pub use object_report::{
    ConfirmedBy, DryRunAnswer, DryRunReport, FieldReport, FindingReport, Notice, ObjectReport, OverwriteReport, Place,
    PredictionReport, Warning,
};
pub use period::{Period, PeriodError};
#[cfg(feature = "edge")]
pub use report::{DriftReport, DriftReportSpec};
pub use status::{Counts, OperationReport, ReportStatus, SourceReport};
pub use syncing::{StrategySpec, ToolSpec, ValidateSpec};
pub use target::{TargetRef, WatchRef};
#[cfg(feature = "edge")]
pub use watch::{DriftWatch, DriftWatchSpec, GitSource, IgnoreSpec, SecretRef, Source, ToolSource};
pub use watch_status::{
    ControllerRef, DriftWatchStatus, NOT_GOVERNED_LIMIT, SourceFailure, WARNING_LIMIT, WatchCounts,
};
pub use words::{
    ChangeKind, Decision, Ended, Mode, Moved, Operation, Phase, Remedy, Severity, StepKind, Strategy, Verdict, Weight,
    Writer,
};

/// The API group of both resources.
pub const GROUP: &str = "driftmend.dev";

/// An annotation on a namespace, watch or report that stops every write of a heal at once. Any value but `false`
/// counts.
pub const FREEZE_ANNOTATION: &str = "driftmend.dev/freeze";
