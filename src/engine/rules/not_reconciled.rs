//! Flux does not apply the Kustomization: what Git has does not reach the cluster.

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::flux::reconciliation::{Awaited, Reconciliation, comes_after_apply, names};

/// The rule.
pub static RULE: Rule = Rule {
    id: "not-reconciled",
    title: "Flux does not apply the Kustomization",
    severity: Weight::Error,
    milder: &[Weight::Warning, Weight::Info],
    meaning: "The Kustomization is suspended, stalled, waits for something or failed, so that what Git has does not \
              reach the cluster. Only the objects that Flux names, or that differ from Git, tell of it.",
    remedy: "Look at what Flux says, which the finding quotes. Where the dry run of this object is refused, heal it; \
             Flux is asked to reconcile afterwards.",
    in_check: false,
    wants: nothing,
    check: Check::Git(check),
};

/// One finding where Flux does not bring Git into the cluster, told of the Deployments that Flux names or that wait for
/// it.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let snapshot = case.snapshot;
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
            format!(
                "the API server refuses this {} in Flux's dry run, so that nothing of this revision is applied",
                snapshot.kind
            ),
            "heal the object; Flux is asked to reconcile afterwards",
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
    if !named && !case.differs() {
        return Vec::new();
    }
    let flux = &flux.kustomization;
    vec![Finding {
        rule: RULE.id,
        weight,
        path: None,
        message: format!("Kustomization {}/{}: {why}", flux.namespace, flux.name),
        evidence: evidence.filter(|message| !message.is_empty() && standing != Reconciliation::Suspended),
        remedy: Some(remedy.to_owned()),
    }]
}
