//! A tool that is told to delete and create the object where it cannot be changed: an outage, by design.

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::ownership::migrate::adopted;
use crate::engine::predict::{Cause, Verdict, predict_new};
use crate::engine::recreation::{Asked, FORCE, asks_argo_cd, asks_flux, kustomization, next_sync_recreates};
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Strategy, TakesOver};

/// The rule.
pub static RULE: Rule = Rule {
    id: "force-recreates",
    title: "The syncing tool is told to delete the object and create it anew",
    severity: Weight::Error,
    milder: &[Weight::Warning],
    meaning: "Force in Argo CD or Flux deletes the object with all its pods and creates it anew, where the API server \
              refuses a change or at each sync. It is an error where the next sync does it.",
    remedy: "Take the force away and heal the field instead; set it only for the one change that needs it. Under Flux, \
             suspend the Kustomization where you need time.",
    in_check: false,
    wants: nothing,
    check: Check::Both(check),
};

/// Tells what a forced sync is: the tool deletes the object with all its pods and creates it anew.
///
/// Source: `shouldForceApply` in `ssa/manager_apply.go` and `IsImmutableError` in `ssa/errors/immutable.go` of
/// fluxcd/pkg v0.76.2: every answer 422 or 409 to the dry run counts as the change of an immutable field.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let snapshot = case.snapshot;
    let Some(prediction) = case.prediction() else {
        return Vec::new();
    };
    let kind = snapshot.kind;
    let refused = matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict);
    let is_next = next_sync_recreates(snapshot, prediction).is_some();
    let by_argo_cd = asks_argo_cd(snapshot)
        .filter(|_| asks_flux(snapshot).is_none())
        .map(|path| {
            let always = snapshot.syncer.strategy == Strategy::Replace;
            let words = if always { "Replace=true with Force=true" } else { FORCE };
            let (weight, message) = match (is_next, always) {
                (true, _) => (
                    Weight::Error,
                    format!(
                        "the next sync is an outage: {words} makes Argo CD delete the {kind} with all its pods and \
                     create it anew{}",
                        not_created(snapshot)
                    ),
                ),
                (false, true) => (
                    Weight::Warning,
                    format!(
                        "{words} makes each sync of it an outage: Argo CD deletes the {kind} with all its pods and \
                         creates it anew"
                    ),
                ),
                (false, false) => (
                    Weight::Warning,
                    format!(
                        "{words} makes Argo CD delete the {kind} and create it anew where the server refuses a change: \
                     all its pods go at once"
                    ),
                ),
            };
            let remedy =
                "take the annotation away and heal the field instead; set it only for the one sync that needs it"
                    .to_owned();
            Finding {
                rule: RULE.id,
                weight,
                path: Some(path),
                message,
                evidence: None,
                remedy: Some(remedy),
            }
        });
    let by_flux = asks_flux(snapshot).map(|Asked { path, words }| {
        let (weight, message) = match (refused, absent_after(snapshot)) {
            (false, _) => (
                Weight::Warning,
                format!(
                    "{words} makes Flux delete the {kind} and create it anew where the server refuses a \
                         change: all its pods go at once"
                ),
            ),
            (true, None) => (
                Weight::Error,
                format!(
                    "the next reconciliation is an outage: {words} makes Flux delete the {kind} with all its pods \
                     and create it anew{}",
                    not_created(snapshot)
                ),
            ),
            (true, Some(absent)) => (
                Weight::Error,
                format!(
                    "the next reconciliation is an outage: {words} makes Flux delete the {kind} with all its \
                         pods, {absent}"
                ),
            ),
        };
        let remedy = "suspend the Kustomization now if you need time, heal the field before the next reconciliation, \
                      and take the force away; set it only for the one change that needs it";
        Finding {
            rule: RULE.id,
            weight,
            path,
            message,
            evidence: None,
            remedy: Some(remedy.to_owned()),
        }
    });
    by_argo_cd.into_iter().chain(by_flux).collect()
}

/// What comes of it where the server refuses to create Git's document, too; kubectl's apply then brings back what it
/// deleted.
fn not_created(snapshot: &Snapshot) -> String {
    let Some(desired) = &snapshot.desired else {
        return String::new();
    };
    let refused = predict_new(
        snapshot.kind,
        &desired.value,
        snapshot.target.namespace.as_deref(),
        &snapshot.syncer,
    )
    .causes;
    match (refused.as_slice(), snapshot.syncer.strategy) {
        ([], _) => String::new(),
        (causes, Strategy::ClientSideApply) => {
            format!(
                "; that is refused, too, and what was there is created anew: {}",
                Cause::told_of(causes)
            )
        }
        (causes, _) => format!(
            "; that is refused, too, and the {} stays away: {}",
            snapshot.kind,
            Cause::told_of(causes)
        ),
    }
}

/// Why the object stays away after Flux deleted it, where it does.
///
/// Flux then still means to take kubectl's traces off the object that it has just deleted, and fails on that before it
/// creates the new one (`ApplyAll` in `ssa/manager_apply.go` of fluxcd/pkg, `cleanupMetadata` of the object read
/// before; seen on kustomize-controller v1.9.5).
fn absent_after(snapshot: &Snapshot) -> Option<String> {
    let live = snapshot.live.as_ref()?;
    if snapshot.syncer.takes_over != TakesOver::KubectlsAfterDryRun {
        return None;
    }
    let metadata = live.get("metadata")?;
    let applied = metadata
        .get("annotations")
        .is_some_and(|annotations| annotations.get(LAST_APPLIED).is_some());
    let adopts = metadata
        .get("managedFields")
        .is_some_and(|managed| adopted(managed, &snapshot.syncer.manager).is_some());
    let until =
        kustomization(snapshot).and_then(|kustomization| kustomization.retry_interval.or(kustomization.interval));
    let until = until.map(|wait| format!(" ({wait:#} later)")).unwrap_or_default();
    (applied || adopts).then(|| {
        format!(
            "and, since a kubectl manager owns fields of it, Flux was seen to fail before it creates it anew: the {} \
             stays absent until the retryInterval is over{until}",
            snapshot.kind
        )
    })
}
