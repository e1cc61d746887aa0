//! A heal of ours in progress: what it writes stands in the Deployment under our name or the tool's, and is nobody's
//! change.

use super::diff::Drift;
use super::object::FieldPath;
use super::ownership::{HEAL_MANAGER, Owner};
use super::trap::Trap;

/// Who had written a field before the heal began to write; nobody where no owner was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrote {
    /// The field.
    pub path: FieldPath,

    /// Who.
    pub owner: Option<Owner>,
}

/// A heal that has begun and not ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnHeal {
    /// Who had written what before its first write.
    pub wrote: Vec<Wrote>,
}

impl OwnHeal {
    /// Gives the fields that the heal rewrote back to those who had changed them, as far as a write of ours, or a
    /// HandBack to this tool, says otherwise. Whoever wrote one during the heal stays its owner.
    pub(super) fn retell(&self, drifts: &mut [Drift], tool: &str) {
        for drift in drifts {
            let path = &drift.change.path;
            let before: Vec<&Wrote> = self
                .wrote
                .iter()
                .filter(|wrote| wrote.path.starts_with(path) || path.starts_with(&wrote.path))
                .collect();
            let by_us = drift
                .owners
                .iter()
                .all(|owner| [HEAL_MANAGER, tool].contains(&owner.manager.as_str()));
            if before.is_empty() || !by_us {
                continue;
            }
            drift.owners.clear();
            for owner in before.into_iter().filter_map(|wrote| wrote.owner.clone()) {
                if !drift.owners.contains(&owner) {
                    drift.owners.push(owner);
                }
            }
        }
    }

    /// Leaves out what only we own, which a later step of the heal hands over, and what last-applied does not name yet:
    /// its end is held to that.
    pub(super) fn spare(traps: Vec<Trap>) -> Vec<Trap> {
        let spared = |mut trap: Trap| {
            trap.owners.retain(|owner| owner.manager != HEAL_MANAGER);
            (!trap.owners.is_empty()).then_some(trap)
        };
        traps.into_iter().filter_map(spared).collect()
    }
}
