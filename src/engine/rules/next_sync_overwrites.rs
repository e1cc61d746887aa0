//! A sync that succeeds changes what somebody else is meant to set.

use serde_json::Value;

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::diff::Severity;
use crate::engine::facts::Facts;
use crate::engine::predict::Overwrite;
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Strategy, TakesOver};
use crate::engine::words::place;

/// The rule.
pub static RULE: Rule = Rule {
    id: "next-sync-overwrites",
    title: "The next sync of this object changes what it should leave alone",
    severity: Weight::Warning,
    milder: &[],
    meaning: "Somebody else is meant to set this field, such as an autoscaler the replicas; the sync succeeds and \
              changes it all the same.",
    remedy: "Leave the field out of the manifest, but not before the live object lets it go: with client-side apply \
             take it out of the last-applied annotation first, with server-side apply hand it to another manager \
             first.",
    in_check: true,
    wants: nothing,
    check: Check::Both(check),
};

/// The field that an autoscaler sets.
const REPLICAS: &str = "spec.replicas";

/// One finding for each field that a rule ignores, or that does not count as drift, and the next sync changes all the
/// same.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(prediction) = case.prediction().filter(|prediction| !prediction.overwrites.is_empty()) else {
        return Vec::new();
    };
    let Some(facts) = case.facts() else { return Vec::new() };
    let one = |overwrite: &Overwrite| Finding {
        rule: RULE.id,
        weight: RULE.severity,
        path: Some(overwrite.path.clone()),
        message: format!("the next sync {}{}", what(overwrite), writer(overwrite)),
        evidence: overwrite.reason.as_ref().map(|reason| match overwrite.severity {
            Severity::Ignored => format!("ignored today: {reason}"),
            _ => format!("does not count as drift today: {reason}"),
        }),
        remedy: Some(kept(case.snapshot, facts, overwrite)),
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
