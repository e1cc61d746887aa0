//! The ways out of a drift, what each costs, and which one a plan takes.

use crate::engine::diff::{ChangeKind, Drift};
use crate::engine::plan::{Choice, Cure, choose};
use crate::engine::predict::{Strategy, Syncer};
use crate::engine::snapshot::{Mode, Policy, Snapshot};

/// Restore, HandBack and a change of Git, each with its roll-outs and what of the ownership it rewrites. `drifts` is what they are for; where it is
/// empty, only Git's own change is refused, and there is nothing to restore.
pub(super) fn ways_out(snapshot: &Snapshot, policy: &Policy, drifts: &[&Drift]) -> String {
    let Syncer { manager, strategy, .. } = &snapshot.syncer;
    let cost = if drifts.is_empty() || drifts.iter().any(|drift| rolls_out(drift)) { "one roll-out" } else { "no roll-out" };
    let mut ways: Vec<String> = Vec::new();
    if !drifts.is_empty() {
        let restore = format!("Restore makes it what Git says by a write of ours ({cost})");
        ways.push(match strategy {
            Strategy::ServerSideApply => format!("{restore}, and Transfer hands the field to {manager} (managedFields only)"),
            Strategy::ClientSideApply | Strategy::Replace => restore,
        });
    }
    match strategy {
        Strategy::ServerSideApply => ways.push(format!(
            "HandBack makes {manager} the owner of what is in the way (managedFields only), so that its own next sync removes it ({cost}, at that \
             sync)"
        )),
        Strategy::ClientSideApply => ways.push(format!(
            "HandBack names what is in the way in the last-applied annotation (nothing else), so that the next sync of {manager} removes it ({cost}, \
             at that sync)"
        )),
        Strategy::Replace => {}
    }
    let right = drifts.iter().any(|drift| matches!(drift.change.kind, ChangeKind::Added | ChangeKind::Changed));
    ways.push(if right { "if the change in the cluster is right, commit it to Git (no roll-out)" } else { "or change Git" }.to_owned());
    let ways = ways.join("; ");
    if policy.mode == Mode::Alert {
        return ways;
    }
    let Choice { cure, why, .. } = choose(snapshot, policy);
    match cure {
        Cure::Restore if drifts.is_empty() => ways,
        cure => format!("{ways}. A plan takes {cure:?}, because {why}"),
    }
}

/// Whether to undo it changes the pod template.
fn rolls_out(drift: &Drift) -> bool {
    drift.change.path.schema().starts_with("spec.template")
}
