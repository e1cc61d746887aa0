//! What is wrong and what to do about it: a catalogue of rules, one file and one registration each.
//!
//! A rule knows no client. It says by [`Rule::wants`] what must be asked of the cluster for an assessment, whoever has
//! a client asks for that and nothing else, and [`diagnose`] holds the rule against all that is known by then, a
//! [`Case`]. Whatever names a rule reads it here: findings, SARIF, `driftmend rules`, `docs/rules.md`.
//!
//! A new rule is a file with its `RULE` and a line of [`RULES`]; what it wants and nobody asked for yet is a member of
//! [`Evidence`](super::evidence::Evidence) and of [`Wants`].

pub mod admission_loop;
mod case;
pub mod comparison_refused;
pub mod creation_refused;
pub mod force_recreates;
pub mod hot_fix_lost;
pub mod latent_trap;
pub mod manifest_refused;
pub mod next_sync_breaks;
pub mod next_sync_conflict;
pub mod next_sync_keeps;
pub mod next_sync_overwrites;
pub mod next_sync_refused;
pub mod no_effect;
pub mod no_new_commits;
pub mod not_reconciled;
pub mod operation_stale;
pub mod prediction_mismatch;
pub mod prediction_not_confirmed;
pub mod read_otherwise;
#[cfg(test)]
pub(super) mod tests;
pub mod two_kustomizations;
mod ways;

pub use case::Case;
pub use ways::with_plan;

use super::assessment::Assessment;
use super::evidence::Wants;
use super::object::FieldPath;
use super::snapshot::Snapshot;

/// Every rule. What comes first is told first among findings of one weight: what puts the others in doubt, what stops
/// every sync, what the next sync does, what comes later.
pub static RULES: &[&Rule] = &[
    &prediction_mismatch::RULE,
    &creation_refused::RULE,
    &force_recreates::RULE,
    &operation_stale::RULE,
    &not_reconciled::RULE,
    &no_new_commits::RULE,
    &two_kustomizations::RULE,
    &comparison_refused::RULE,
    &manifest_refused::RULE,
    &next_sync_refused::RULE,
    &next_sync_conflict::RULE,
    &read_otherwise::RULE,
    &no_effect::RULE,
    &next_sync_breaks::RULE,
    &next_sync_overwrites::RULE,
    &next_sync_keeps::RULE,
    &hot_fix_lost::RULE,
    &admission_loop::RULE,
    &latent_trap::RULE,
    &prediction_not_confirmed::RULE,
];

/// A rule, with all that is said of it anywhere.
#[derive(Debug)]
pub struct Rule {
    /// Its name, in kebab case.
    pub id: &'static str,

    /// What it finds, in one line.
    pub title: &'static str,

    /// How bad its findings are; the worst where that depends.
    pub severity: Weight,

    /// How bad they may be besides, worst first.
    pub milder: &'static [Weight],

    /// What a finding means.
    pub meaning: &'static str,

    /// What to do about it.
    pub remedy: &'static str,

    /// Whether `driftmend check` tells it, too.
    pub in_check: bool,

    /// What must be asked of the cluster to hold the rule against an object.
    pub wants: fn(&Snapshot, &Assessment) -> Wants,

    /// What it is held against.
    pub check: Check,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

/// What a rule is held against.
#[derive(Debug)]
pub enum Check {
    /// An object that Git and the cluster both have.
    Both(fn(&Case<'_>) -> Vec<Finding>),

    /// An object that Git has, be it in the cluster or not.
    Git(fn(&Case<'_>) -> Vec<Finding>),

    /// An object that Git has and the cluster has not.
    Absent(fn(&Case<'_>) -> Vec<Finding>),

    /// A manifest: only `driftmend check` reads it.
    Manifest,
}

/// What a rule wants that is content with the snapshot.
fn nothing(_: &Snapshot, _: &Assessment) -> Wants {
    Wants::default()
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weight {
    /// Worth knowing.
    Info,

    /// Worth acting on.
    Warning,

    /// Wrong now, or at the next sync.
    Error,
}

impl Weight {
    /// Its word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The id of the rule that found it.
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

/// The rule of this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

/// What the rules want to know of an object besides what is known.
pub fn wants(snapshot: &Snapshot, assessment: &Assessment) -> Wants {
    let all = RULES.iter().map(|rule| (rule.wants)(snapshot, assessment));
    all.fold(Wants::default(), Wants::or)
}

/// Holds every rule against an object; findings come worst first.
pub fn diagnose(case: &Case<'_>) -> Vec<Finding> {
    let (in_git, in_cluster) = (case.snapshot.desired.is_some(), case.snapshot.live.is_some());
    let mut findings: Vec<Finding> = RULES
        .iter()
        .flat_map(|rule| match rule.check {
            Check::Both(check) if in_git && in_cluster => check(case),
            Check::Git(check) if in_git => check(case),
            Check::Absent(check) if in_git && !in_cluster => check(case),
            _ => Vec::new(),
        })
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    findings
}
