//! The step on Flux's Kustomization: what follows the cure of the Deployment, so that Flux applies it now and not at
//! its next interval.
//!
//! There is nothing to clear: Flux keeps no state that stops it. The request is an annotation with a token that comes
//! back in the status when a reconciliation took it up.

use json_patch::Patch;

use super::NoPlan;
use super::step::{RenderError, Step};
use crate::engine::flux::Flux;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::flux::reconciliation::{Reconciliation, handled, poke, poked};
use crate::engine::flux::reference::KustomizationRef;

/// The step on the Kustomization after a cure, or why nothing may be written now: people suspend a Kustomization in
/// order to change the cluster by hand, and where the reconciliation is `all` that is to be done, a request brings
/// nothing as long as it waits.
pub(super) fn after(flux: &Flux, all: bool) -> Result<Vec<Step>, NoPlan> {
    let standing = flux.reconciliation();
    let waits = (all && matches!(standing, Reconciliation::Waiting { .. })).then(|| standing.why());
    match flux.held_back().or(waits) {
        Some(why) => Err(NoPlan::HeldBack(why)),
        None => Ok(vec![Step::Reconcile {
            kustomization: KustomizationRef::of(&flux.kustomization),
        }]),
    }
}

/// The token of a plan's request: a plan is carried out once, so that it tells this heal from every other request.
fn token(plan: &str) -> String {
    format!("driftmend-{plan}")
}

/// The guarded patch; `None` where what it asks for is asked for already.
pub(super) fn render(kustomization: Option<&Kustomization>, plan: &str) -> Result<Option<Patch>, RenderError> {
    let kustomization = kustomization.ok_or(RenderError::NoKustomization)?;
    let annotations = kustomization.annotations.as_ref();
    if poked(annotations, &token(plan)) {
        return Ok(None);
    }
    let patch = poke(kustomization.uid.as_deref(), annotations, &token(plan));
    patch.map(Some).map_err(|_no_uid| RenderError::NoKustomization)
}

/// Whether a reconciliation took the request up; how it ended is for the verification.
pub(super) fn done(kustomization: Option<&Kustomization>, plan: &str) -> bool {
    kustomization.is_some_and(|kustomization| handled(kustomization, &token(plan)))
}

#[cfg(test)]
mod tests;
