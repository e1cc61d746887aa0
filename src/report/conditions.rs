//! The types of conditions in one place, and the rule that a transition time moves only with the status.

use jiff::Timestamp;

use crate::api::v1alpha1::{Condition, ConditionStatus};

/// The report or watch is up to date.
pub const READY: &str = "Ready";

/// Live differs from Git by more than what waits for the next sync.
pub const DRIFTED: &str = "Drifted";

/// The next sync will be refused.
pub const CONFLICTED: &str = "Conflicted";

/// A plan waits for a person.
pub const PLAN_READY: &str = "PlanReady";

/// A person's approval is being followed; `False` with the reason when it is not.
pub const APPROVED: &str = "Approved";

/// The last heal was verified.
pub const HEALED: &str = "Healed";

/// The source of a watch can be read.
pub const SOURCE_READY: &str = "SourceReady";

/// Too many Deployments of a watch drifted at once: rather a wrong branch than an edit.
pub const MASS_DRIFT: &str = "MassDrift";

/// What a condition says now, before it is held against what it said.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The type.
    pub type_: &'static str,

    /// Whether it holds.
    pub status: ConditionStatus,

    /// One word in PascalCase.
    pub reason: String,

    /// One sentence.
    pub message: String,
}

impl Said {
    /// A condition that holds or not.
    pub fn when(type_: &'static str, holds: bool, reason: &str, message: impl Into<String>) -> Self {
        let status = if holds {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        };
        Self {
            type_,
            status,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

/// The new list: what is said now, with the old transition time where the status did not change. Sorted by type, so
/// that an unchanged object writes the same bytes.
pub fn merge(old: &[Condition], said: Vec<Said>, generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    let mut merged: Vec<Condition> = said
        .into_iter()
        .map(|said| {
            let before = old
                .iter()
                .find(|condition| condition.type_ == said.type_ && condition.status == said.status);
            Condition {
                type_: said.type_.to_owned(),
                status: said.status,
                reason: said.reason,
                message: said.message,
                last_transition_time: before.map_or(now, |condition| condition.last_transition_time),
                observed_generation: generation,
            }
        })
        .collect();
    merged.sort_by(|one, other| one.type_.cmp(&other.type_));
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_the_transition_time_only_with_the_status() {
        let (then, now) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let old = merge(
            &[],
            vec![Said::when(DRIFTED, true, "FieldsDiffer", "1 field")],
            None,
            then,
        );
        let same = merge(
            &old,
            vec![Said::when(DRIFTED, true, "FieldsDiffer", "2 fields")],
            None,
            now,
        );
        let moved = merge(&old, vec![Said::when(DRIFTED, false, "InSync", "")], None, now);
        assert_eq!(same[0].last_transition_time, then);
        assert_eq!(moved[0].last_transition_time, now);
    }
}
