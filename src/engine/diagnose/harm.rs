//! What a sync that succeeds changes beside the drift: it takes out what Git sets, or overwrites what a rule ignores.

use serde_json::Value;

use super::words::place;
use super::{Finding, Weight};
use crate::engine::diff::{Change, Drift, Severity};
use crate::engine::facts::Facts;
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::plan::restore;
use crate::engine::predict::{Overwrite, Prediction, predict_knowing};
use crate::engine::schema::merge_strategy;
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Strategy, Syncer, TakesOver};

/// The field that an autoscaler sets.
const REPLICAS: &str = "spec.replicas";

/// One finding for all the fields that are as Git says today and not after the next sync, or that it takes out.
///
/// A strategic merge goes by one key of a list (`name`, `containerPort`, `ip`, `topologyKey`), where Git and the server
/// may tell more items apart: the patch for one of them then meets another one.
pub fn next_sync_breaks(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    drifts: &[Drift],
    prediction: &Prediction,
) -> Vec<Finding> {
    let Some(first) = prediction.breaks.first() else {
        return Vec::new();
    };
    let remedy = whole_again(snapshot, facts, drifts, prediction);
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
        rule: "next-sync-breaks",
        weight: Weight::Error,
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

/// One finding for each field that a rule ignores, or that does not count as drift, and the next sync changes all the
/// same.
pub fn next_sync_overwrites(snapshot: &Snapshot, facts: &Facts<'_>, prediction: &Prediction) -> Vec<Finding> {
    let one = |overwrite: &Overwrite| Finding {
        rule: "next-sync-overwrites",
        weight: Weight::Warning,
        path: Some(overwrite.path.clone()),
        message: format!("the next sync {}{}", what(overwrite), writer(overwrite)),
        evidence: overwrite.reason.as_ref().map(|reason| match overwrite.severity {
            Severity::Ignored => format!("ignored today: {reason}"),
            _ => format!("does not count as drift today: {reason}"),
        }),
        remedy: Some(kept(snapshot, facts, overwrite)),
    };
    prediction.overwrites.iter().map(one).collect()
}

/// `sets spec.replicas from 5 to 1`. Texts may be secrets, and stand masked in the prediction.
fn what(Overwrite { path, from, to, .. }: &Overwrite) -> String {
    let place = place(path);
    let plain = |value: &Option<Value>| {
        value
            .as_ref()
            .filter(|value| value.is_number() || value.is_boolean())
            .map(ToString::to_string)
    };
    match (from, to) {
        (_, None) => format!("takes away {place}"),
        (None, Some(_)) => format!("puts {place} back"),
        (Some(_), Some(_)) => match (plain(from), plain(to)) {
            (Some(from), Some(to)) => format!("sets {place} from {from} to {to}"),
            _ => format!("overwrites {place}"),
        },
    }
}

/// ` (kube-controller-manager wrote it through scale)`. Not since when: an annotation that a controller renews each
/// second would be told anew each time.
fn writer(overwrite: &Overwrite) -> String {
    let Some(owner) = overwrite.owners.first() else {
        return String::new();
    };
    let through = owner
        .subresource
        .as_ref()
        .map(|subresource| format!(" through {subresource}"))
        .unwrap_or_default();
    format!(" ({} wrote it{through})", owner.manager)
}

/// What keeps live's value, by how the tool writes and whether Git has a word on the field.
fn kept(snapshot: &Snapshot, facts: &Facts<'_>, overwrite: &Overwrite) -> String {
    let (path, syncer) = (&overwrite.path, &snapshot.syncer);
    let (is_set, replicas) = (path.get(facts.desired).is_some(), path.schema() == REPLICAS);
    let place = place(path);
    let command = format!(
        "`kubectl apply edit-last-applied deployment/{}{}`",
        snapshot.target.name,
        namespace(snapshot)
    );
    let mut ways = Vec::new();
    match syncer.strategy {
        Strategy::ServerSideApply => {
            let adopts = syncer.takes_over == TakesOver::KubectlsAfterDryRun
                && overwrite
                    .owners
                    .iter()
                    .any(|owner| owner.manager.starts_with("kubectl"));
            if adopts && !is_set {
                ways.push(format!(
                    "{} takes over what kubectl wrote: write {place} under another field manager (--field-manager)",
                    syncer.manager
                ));
            } else {
                let then = if is_set {
                    ", then leave it out of Git"
                } else {
                    " before the sync, since the tool owns it and Git no longer sets it"
                };
                ways.push(format!(
                    "hand it over first: apply {place} alone, as it is, server-side and under another manager{then}"
                ));
            }
        }
        Strategy::ClientSideApply => {
            let becomes = if replicas { "becomes 1" } else { "is taken away" };
            ways.push(match is_set {
                true => format!(
                    "take it out of the last-applied annotation first ({command}), then out of Git: left out of Git \
                     alone, it {becomes}"
                ),
                false => format!(
                    "take it out of the last-applied annotation before the sync ({command}): else it \
                                  {becomes}"
                ),
            });
        }
        Strategy::Replace => {
            let left_out = if is_set { ", and leave it out of Git" } else { "" };
            ways.push(format!(
                "apply instead of replacing{left_out}: a replace keeps nothing that Git does not set"
            ));
        }
    }
    if snapshot.tool.argo_cd().is_some() || syncer.manager.starts_with("argocd") {
        ways.push(format!(
            "in Argo CD: ignoreDifferences for {place} with the sync option RespectIgnoreDifferences=true"
        ));
    }
    if !replicas {
        ways.push("or commit live's value to Git".to_owned());
    }
    ways.join("; ")
}

fn namespace(snapshot: &Snapshot) -> String {
    snapshot
        .target
        .namespace
        .as_ref()
        .map(|namespace| format!(" -n {namespace}"))
        .unwrap_or_default()
}
