//! The ways out of a drift that were tried and work, what each costs, and which one a plan takes.

use std::borrow::Cow;

use super::{Finding, next_sync_keeps, next_sync_refused};
use crate::engine::diff::Drift;
use crate::engine::plan::{Cure, Plan, StepKind, choose};
use crate::engine::reason::Works;
use crate::engine::snapshot::{Policy, Snapshot};
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::words::cost;

/// Restore, HandBack and a change of Git, each with its roll-outs and what of the ownership it rewrites. `drifts` is
/// what they are for.
pub(super) fn ways_out(snapshot: &Snapshot, works: Works, drifts: &[&Drift]) -> String {
    let Syncer { manager, strategy, .. } = &snapshot.syncer;
    // What is in the way and no drift of anybody may stand in the pod template.
    let cost = if drifts.is_empty() {
        "one roll-out"
    } else {
        cost(snapshot.kind, drifts)
    };
    let mut ways: Vec<String> = Vec::new();
    if works.restore {
        let restore = format!("Restore makes it what Git says by a write of ours ({cost})");
        ways.push(match strategy {
            Strategy::ServerSideApply => {
                format!("{restore}, and Transfer hands the field to {manager} (managedFields only)")
            }
            Strategy::ClientSideApply | Strategy::Replace => restore,
        });
    }
    match strategy {
        Strategy::ServerSideApply if works.hand_back => ways.push(format!(
            "HandBack makes {manager} the owner of what is in the way (managedFields only), so that its own next sync \
             removes it ({cost}, at that sync)"
        )),
        Strategy::ClientSideApply if works.hand_back => ways.push(format!(
            "HandBack names what is in the way in the last-applied annotation (nothing else), so that the next sync of \
             {manager} removes it ({cost}, at that sync)"
        )),
        _ => {}
    }
    let by_somebody = drifts.iter().any(|drift| !drift.owners.is_empty());
    ways.push(match (works.commit && by_somebody, ways.is_empty()) {
        (true, _) => "if the change in the cluster is right, commit it to Git (no roll-out)".to_owned(),
        (false, false) => "or change Git".to_owned(),
        (false, true) => "change Git".to_owned(),
    });
    if works.some_untried {
        ways.push("not every way out could be tried".to_owned());
    }
    ways.join("; ")
}

/// The findings, with which way out the plan takes: said of the plan that is shown, since one that was proposed may
/// still be refused by a rehearsal, or be another one once there is a report.
pub fn with_plan<'a>(findings: &'a [Finding], snapshot: &Snapshot, policy: &Policy, plan: &Plan) -> Cow<'a, [Finding]> {
    let has = |kind: StepKind| plan.steps.iter().any(|step| step.kind() == kind);
    let taken = if has(StepKind::HandBack) {
        Cure::HandBack
    } else {
        Cure::Restore
    };
    let names = |finding: &Finding| {
        let named = finding
            .remedy
            .as_ref()
            .is_some_and(|remedy| remedy.contains(&format!("{taken:?} ")));
        named && [next_sync_refused::RULE.id, next_sync_keeps::RULE.id].contains(&finding.rule)
    };
    if taken == Cure::Restore && !has(StepKind::Restore) || !findings.iter().any(names) {
        return Cow::Borrowed(findings);
    }
    let choice = choose(snapshot, policy);
    let why = if choice.cure == taken {
        format!(", because {}", choice.why)
    } else {
        String::new()
    };
    let told = |finding: &Finding| {
        let mut finding = finding.clone();
        if names(&finding) {
            finding
                .remedy
                .as_mut()
                .into_iter()
                .for_each(|remedy| remedy.push_str(&format!(". A plan takes {taken:?}{why}")));
        }
        finding
    };
    findings.iter().map(told).collect()
}
