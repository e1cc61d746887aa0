//! Which way out a plan takes: Git's values put back by us, or the foreign fields handed to the tool that syncs.

use crate::engine::predict::Strategy;
use crate::engine::snapshot::{Policy, Remedy, Snapshot};

/// A way out that is a write to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cure {
    /// Git's values are put back by one patch of ours; where the tool applies server-side, the fields are handed to it
    /// afterwards.
    Restore,

    /// The foreign fields are handed to the tool, whose own sync does the rest.
    HandBack,
}

/// The way out that a plan takes first, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The way out.
    pub cure: Cure,

    /// Whether the other one is taken where this one does not work.
    pub or_else: bool,

    /// Why, as the end of a sentence that begins with "because".
    pub why: String,
}

/// Chooses by what the watch asks for, how the tool writes, and whether it is known to sync.
///
/// A restored field is ours until the tool applies it again, and Argo CD does not apply what is in sync: under
/// server-side apply that takes a second write, where a HandBack takes one and leaves the spec to the tool. Under
/// client-side apply nothing of ours stands in the tool's way.
pub fn choose(snapshot: &Snapshot, policy: &Policy) -> Choice {
    let manager = &snapshot.syncer.manager;
    let choice = |cure, or_else, why| Choice { cure, or_else, why };
    // One dry run that is refused keeps Flux from applying anything; under Argo CD a plan syncs the Deployment alone.
    let is_kept = snapshot.tool.flux().is_some() && !snapshot.source.beside.refused.is_empty();
    match (
        policy.remedy,
        snapshot.syncer.strategy,
        snapshot.tool.will_sync(&snapshot.target),
    ) {
        (Remedy::Restore, ..) => choice(Cure::Restore, false, "spec.remedy of the watch says so".to_owned()),
        (Remedy::HandBack, ..) => choice(Cure::HandBack, false, "spec.remedy of the watch says so".to_owned()),
        (Remedy::Choose, Strategy::ServerSideApply, true) if is_kept => choice(
            Cure::Restore,
            false,
            format!("{manager} applies nothing as long as another object is refused"),
        ),
        (Remedy::Choose, Strategy::ServerSideApply, true) => choice(
            Cure::HandBack,
            true,
            format!("{manager} applies server-side and syncs afterwards"),
        ),
        (Remedy::Choose, Strategy::ServerSideApply, false) => choice(
            Cure::Restore,
            false,
            format!("it is not known whether {manager} would sync afterwards"),
        ),
        (Remedy::Choose, Strategy::ClientSideApply | Strategy::Replace, _) => choice(
            Cure::Restore,
            false,
            format!("{manager} does not apply server-side, so that nothing of ours stays in its way"),
        ),
    }
}
