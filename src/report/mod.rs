//! An assessment as people and scripts meet it: human text, JSON, and the status of a DriftReport.

pub(crate) mod bounds;
mod build;
pub mod check;
mod clamp;
mod compose;
pub mod conditions;
mod confirmed;
mod cut;
mod evidence;
pub mod human;
mod in_progress;
mod news;
pub mod printer;
mod remember;
pub mod rules;
pub mod sarif;
mod urgency;

pub use bounds::{STATUS_LIMIT, fit};
pub use build::{counts, dry_run, field, findings, object_report, plan, prediction_report, source, text};
pub use clamp::clamp;
pub use compose::{Answer, Findings, compose};
pub use confirmed::answered;
pub use cut::cut;
pub use evidence::{evidence, fitting, fitting_entry, own_heal, shown_patch};
pub use in_progress::TURN;
pub use news::is_news;
pub use remember::{failed_clears_beside, memory, superseded};
pub use urgency::urgent;
