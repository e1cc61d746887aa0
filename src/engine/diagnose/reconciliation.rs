//! Flux does not apply the Kustomization, or not what Git has: it does not reach the cluster, whatever Git says.

use serde_json::Value;

use super::{Finding, Weight};
use crate::engine::object::FieldPath;
use crate::engine::operation::{Awaited, NotFetching, Reconciliation, comes_after_apply, names};
use crate::engine::snapshot::Snapshot;

/// One finding where Flux does not bring Git into the cluster, told of the Deployments that Flux names or that wait for
/// it.
pub fn not_reconciled(snapshot: &Snapshot, differs: bool) -> Vec<Finding> {
    let Some(flux) = snapshot.tool.flux() else {
        return Vec::new();
    };
    let standing = flux.reconciliation();
    let evidence = flux
        .kustomization
        .condition("Ready")
        .map(|ready| ready.message.trim_end().to_owned());
    let named = evidence
        .as_deref()
        .is_some_and(|message| names(message, &snapshot.target));
    let (weight, why, remedy) = match &standing {
        Reconciliation::Ready | Reconciliation::Progressing | Reconciliation::Deleting => return Vec::new(),
        Reconciliation::Suspended => (
            Weight::Info,
            "it is suspended: Flux applies nothing, and no plan is made".to_owned(),
            "resume it when the change by hand is over",
        ),
        Reconciliation::Stalled { reason, .. } => (
            Weight::Error,
            format!("it is stalled ({reason}) until its spec changes"),
            "correct the Kustomization: no write of ours is safe here",
        ),
        Reconciliation::FailedDryRun { .. } if named => (
            Weight::Error,
            "the API server refuses this Deployment in Flux's dry run, so that nothing of this revision is applied"
                .to_owned(),
            "heal the Deployment; Flux is asked to reconcile afterwards",
        ),
        Reconciliation::FailedDryRun { .. } => (
            Weight::Error,
            "the API server refuses another object in Flux's dry run, so that nothing of this revision is applied"
                .to_owned(),
            "heal what Flux names first: until then nothing of this Kustomization is applied",
        ),
        Reconciliation::Waiting {
            awaited: Awaited::Dependency,
            ..
        } => (
            Weight::Warning,
            format!("the next reconciliation waits until {}", Awaited::Dependency.what()),
            "look at what Flux names: until then nothing of this Kustomization is applied",
        ),
        Reconciliation::Waiting { awaited, .. } => (
            Weight::Error,
            format!("the next reconciliation waits until {}", awaited.what()),
            "look at its source: until then nothing of this Kustomization is applied",
        ),
        Reconciliation::Failed { reason, .. } if comes_after_apply(reason) => (
            Weight::Warning,
            format!("the last reconciliation applied everything and failed afterwards ({reason})"),
            "look at what Flux names; it tries again by itself",
        ),
        Reconciliation::Failed { reason, .. } => (
            Weight::Error,
            format!("the last reconciliation failed ({reason})"),
            "look at what Flux says; it tries again by itself",
        ),
    };
    if !named && !differs {
        return Vec::new();
    }
    let flux = &flux.kustomization;
    vec![Finding {
        rule: "not-reconciled",
        weight,
        path: None,
        message: format!("Kustomization {}/{}: {why}", flux.namespace, flux.name),
        evidence: evidence.filter(|message| !message.is_empty() && standing != Reconciliation::Suspended),
        remedy: Some(remedy.to_owned()),
    }]
}

/// The labels by which Flux marks what it applies.
///
/// Source: `SetOwnerLabels` in `ssa/manager.go` of fluxcd/pkg, called with the Kustomization's name and namespace.
const OWNER_LABELS: [&str; 2] = [
    "kustomize.toolkit.fluxcd.io/namespace",
    "kustomize.toolkit.fluxcd.io/name",
];

/// One finding where another Kustomization applied the Deployment last: the two take it from each other at each
/// interval.
pub fn two_kustomizations(snapshot: &Snapshot) -> Option<Finding> {
    let ours = &snapshot.tool.flux()?.kustomization;
    let labels = snapshot.live.as_ref()?.pointer("/metadata/labels")?;
    let [namespace, name] = OWNER_LABELS.map(|label| labels.get(label).and_then(Value::as_str));
    let (namespace, name) = namespace
        .zip(name)
        .filter(|other| *other != (ours.namespace.as_str(), ours.name.as_str()))?;
    Some(Finding {
        rule: "two-kustomizations",
        weight: Weight::Error,
        path: Some(FieldPath::of(&["metadata", "labels", OWNER_LABELS[1]])),
        message: format!(
            "Kustomization {namespace}/{name} applied this object last, and Kustomization {}/{} applies it, too: at \
             each interval one undoes the other",
            ours.namespace, ours.name
        ),
        evidence: None,
        remedy: Some(
            "let one of the two apply it: take it out of the other's folder, with prune off there, so that it is not \
             deleted"
                .to_owned(),
        ),
    })
}

/// One finding where Flux has another commit than Git and fetches none, told of the Deployments that differ.
pub fn no_new_commits(snapshot: &Snapshot, differs: bool) -> Option<Finding> {
    let flux = snapshot.tool.flux().filter(|_| differs)?;
    let message = flux.stays_behind(&snapshot.source.revision)?;
    let (evidence, remedy) = match flux.repository.as_ref()?.not_fetching()? {
        NotFetching::Suspended => (None, "resume it when Git is to be followed again"),
        NotFetching::Failing { message, .. } => (
            Some(message),
            "look at what Flux says; it tries again by itself, unless it is stalled",
        ),
    };
    Some(Finding {
        rule: "no-new-commits",
        weight: Weight::Warning,
        path: None,
        message,
        evidence,
        remedy: Some(remedy.to_owned()),
    })
}
