//! A sync that succeeds takes out, or changes, what Git sets.

use serde_json::Value;

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::diff::{Change, Drift};
use crate::engine::facts::Facts;
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::predict::{Prediction, predict_knowing};
use crate::engine::remedy::restore::restore;
use crate::engine::schema::merge_strategy;
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::words::place;

/// The rule.
pub static RULE: Rule = Rule {
    id: "next-sync-breaks",
    title: "The next sync of this object takes out what Git sets",
    severity: Weight::Error,
    milder: &[],
    meaning: "The sync succeeds, and afterwards a field differs from Git that does not today: a patch goes by one key \
              of a list, and several items have the same one.",
    remedy: "Put Git's value back into the live list before the sync, give each item a key of its own, or apply \
             server-side.",
    in_check: true,
    wants: nothing,
    check: Check::Both(check),
};

/// One finding for all the fields that are as Git says today and not after the next sync, or that it takes out.
///
/// A strategic merge goes by one key of a list (`name`, `containerPort`, `ip`, `topologyKey`), where Git and the server
/// may tell more items apart: the patch for one of them then meets another one.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(prediction) = case.prediction() else {
        return Vec::new();
    };
    let (Some(first), Some(facts)) = (prediction.breaks.first(), case.facts()) else {
        return Vec::new();
    };
    let remedy = whole_again(case.snapshot, facts, &case.assessment.drifts, prediction);
    let other = match prediction.breaks.len() - 1 {
        0 => String::new(),
        1 => " (and 1 field more)".to_owned(),
        more => format!(" (and {more} fields more)"),
    };
    let (wanted, stored) = (facts.wanted.expected(), facts.stored());
    let message = match (first.get(&*wanted), first.get(stored)) {
        (None, _) => format!(
            "the next sync adds what Git does not set: {}, which is not there today{other}",
            place(first)
        ),
        (wanted, stored) if wanted == stored => {
            format!(
                "the next sync takes out what Git sets, or changes it: {}, which is as Git says today{other}",
                place(first)
            )
        }
        _ => format!(
            "the next sync takes out what Git sets: {}, which the cluster has today, if not as Git says{other}",
            place(first)
        ),
    };
    let paths: Vec<String> = prediction.breaks.iter().map(ToString::to_string).collect();
    vec![Finding {
        rule: RULE.id,
        weight: RULE.severity,
        path: Some(first.clone()),
        message,
        evidence: Some(format!("differs from Git after the sync: {}", paths.join(", "))),
        remedy: Some(remedy),
    }]
}

/// The ways out that work, each tried on the prediction.
fn whole_again(snapshot: &Snapshot, facts: &Facts<'_>, drifts: &[Drift], prediction: &Prediction) -> String {
    let breaks = |facts: &Facts<'_>, syncer: &Syncer| {
        let after = predict_knowing(facts, syncer, || facts.changed_paths()).prediction;
        !after.breaks.is_empty() || !after.causes.is_empty()
    };
    let mut ways = Vec::new();
    let changes: Vec<&Change> = drifts
        .iter()
        .map(|drift| &drift.change)
        .filter(|change| is_beside(&change.path, &prediction.breaks))
        .collect();
    if let Some(healed) = restore(facts.desired, facts.live, &changes)
        .ok()
        .filter(|_| !changes.is_empty())
        && !breaks(&facts.with_live_of_same_books(&healed.healed), &snapshot.syncer)
    {
        let named: Vec<String> = changes.iter().map(|change| place(&change.path)).collect();
        ways.push(format!(
            "make live what Git says before the sync ({}), by Restore or by hand",
            named.join(", ")
        ));
    }
    let server_side = Syncer {
        strategy: Strategy::ServerSideApply,
        ..snapshot.syncer.clone()
    };
    if snapshot.syncer.strategy == Strategy::ClientSideApply && !breaks(facts, &server_side) {
        ways.push("apply server-side, which tells the items of the list apart".to_owned());
    }
    if snapshot.syncer.strategy == Strategy::ClientSideApply
        && let Some((list, key)) = prediction
            .breaks
            .iter()
            .find_map(|field| repeated_key(facts.kind, field, facts.desired))
    {
        ways.push(format!(
            "give each item of {} another {key} in Git, since a patch goes by that key alone",
            place(&list)
        ));
    }
    if ways.is_empty() {
        ways.push("look at the object after the sync, and put back by Restore or by hand what is gone".to_owned());
    }
    ways.join("; ")
}

/// The list in whose item a field stands, the innermost one.
fn list_of(field: &FieldPath) -> Option<FieldPath> {
    let at = field.0.iter().rposition(|segment| matches!(segment, Segment::Key(_)))?;
    Some(FieldPath(field.0[..at].to_vec()))
}

/// Whether a change stands in the same list as one of these fields.
fn is_beside(path: &FieldPath, fields: &[FieldPath]) -> bool {
    let mut holders = fields
        .iter()
        .map(|field| list_of(field).unwrap_or_else(|| field.clone()));
    holders.any(|holder| path.starts_with(&holder) || holder.starts_with(path))
}

/// The key of the list of a field by which a patch merges and two of Git's items have the same.
fn repeated_key(kind: &'static Kind, field: &FieldPath, desired: &Value) -> Option<(FieldPath, &'static str)> {
    let list = list_of(field)?;
    let key = merge_strategy(kind.root, &list.schema()).key?;
    let mut keys: Vec<String> = list
        .get(desired)?
        .as_array()?
        .iter()
        .filter_map(|item| item.get(key))
        .map(ToString::to_string)
        .collect();
    let all = keys.len();
    keys.sort();
    keys.dedup();
    (keys.len() < all).then_some((list, key))
}
