//! What is wrong and what to do about it: one file a rule.
//!
//! A rule is a function from a [`Snapshot`] and what diff and prediction found to findings. It knows no client:
//! evidence that must be fetched enters with the snapshot.

mod admission;
mod compared;
mod creation;
mod harm;
mod latent;
mod operation;
mod outcome;
mod reason;
mod reconciliation;
mod recreate;
mod refused;
#[cfg(test)]
pub(super) mod tests;
mod unapplied;
mod union;
mod unnamed;
mod ways;
mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::diff::{Drift, Severity};
use super::facts::Facts;
use super::object::FieldPath;
use super::predict::Foretold;
use super::snapshot::Snapshot;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Worth knowing.
    Info,

    /// Worth acting on.
    Warning,

    /// Wrong now, or at the next sync.
    Error,
}

/// What is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule that found it, in kebab case.
    pub rule: &'static str,

    /// How bad it is.
    pub weight: Weight,

    /// The field it is about, where there is one.
    pub path: Option<FieldPath>,

    /// What happened, in one sentence.
    pub message: String,

    /// What the finding rests on.
    pub evidence: Option<String>,

    /// The ways out and what each costs.
    pub remedy: Option<String>,
}

/// Runs every rule; findings come worst first.
pub fn diagnose(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    drifts: &[Drift],
    foretold: &Foretold<'_>,
    reasons: &[Reason<'_>],
    traps: &[Trap],
) -> Vec<Finding> {
    let prediction = &foretold.prediction;
    let mut findings = recreate::recreated_by_force(snapshot, prediction);
    findings.extend(operation::operation_stale(snapshot));
    let differs = drifts
        .iter()
        .any(|drift| matches!(drift.severity, Severity::Drift | Severity::Pending));
    findings.extend(reconciliation::not_reconciled(snapshot, differs));
    findings.extend(reconciliation::no_new_commits(snapshot, differs));
    findings.extend(reconciliation::two_kustomizations(snapshot));
    findings.extend(compared::comparison_refused(snapshot, facts, prediction));
    findings.extend(refused::next_sync_refused(snapshot, reasons, foretold));
    findings.extend(harm::next_sync_breaks(snapshot, facts, drifts, prediction));
    findings.extend(harm::next_sync_overwrites(snapshot, facts, prediction));
    findings.extend(outcome::next_sync_keeps(snapshot, facts, drifts, prediction));
    findings.extend(outcome::hot_fix_lost(snapshot, drifts, prediction));
    findings.extend(admission::admission_loop(snapshot, drifts));
    findings.extend(latent::latent_trap(snapshot, traps));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    findings
}

/// The rules that need one side only: Git has the object, and the cluster has not.
pub fn diagnose_absent(snapshot: &Snapshot) -> Vec<Finding> {
    reconciliation::not_reconciled(snapshot, true)
        .into_iter()
        .chain(reconciliation::no_new_commits(snapshot, true))
        .collect()
}

pub use admission::is_a_loop;
pub use compared::COMPARISON_REFUSED;
pub use creation::{CREATION_REFUSED, creation_refused, is_of_creation, told};
pub use latent::{LATENT_TRAP, Trap, clause as clause_of_trap, left_by_us, traps};
pub use operation::is_stuck;
pub use reason::{Reason, reasons};
pub use recreate::{FORCE_RECREATES, Recreates, next_sync_recreates, recreates};
pub use refused::headline;
pub use unapplied::unapplied;
pub use union::union_of;
pub use unnamed::{Differs, unnamed};
pub use ways::with_plan;
