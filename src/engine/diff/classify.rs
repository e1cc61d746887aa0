//! How much each change weighs: drift, pending, info, or ignored. Which side moved is asked in [`moved`](super::moved).

mod weigher;

use std::cell::OnceCell;

use jiff::Timestamp;
use serde_json::Value;

use super::compare::{Wanted, expected, is_policy_of_live_image};
use super::ignore::IgnoreRule;
use super::witness::{MetAt, Witness};
use super::{Change, Drift};
use crate::engine::kind::Kind;
use crate::engine::last_applied::LastApplied;
use crate::engine::object::FieldPath;
use crate::engine::ownership::Recorded;
use crate::engine::schema::Tree;
use crate::engine::syncer::Syncer;
use weigher::{Told, Weigher};

/// Everything that weighing the changes of one Deployment needs.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Of which kind it is.
    pub kind: &'static Kind,

    /// The object as Git has it.
    pub desired: &'a Value,

    /// The object as the cluster has it.
    pub live: &'a Value,

    /// Who owns which field of live.
    pub managed: &'a Recorded<'a>,

    /// The tool that brings Git into the cluster.
    pub syncer: &'a Syncer,

    /// What is known of how Git and live came to where they are.
    pub witness: Witness<'a>,

    /// The user's ignore rules.
    pub rules: &'a [IgnoreRule],

    /// The time at which rules are in force or not.
    pub now: Timestamp,
}

/// The manager of `kubectl create`: it owns every default that the object was created with, and has changed nothing
/// since.
const CREATED: &str = "kubectl-create";

/// Why a drift makes no plan by itself.
pub const NOT_KNOWN: &str = "which side moved is not known";

/// Why a value of the tool's own that is not Git's is nobody's drift.
const MADE_BY_ADMISSION: &str = "the server or its admission made this of the tool's own write";

/// Compares desired and live and weighs each change, in path order.
///
/// # Caveats
/// Under server-side apply a field that Git has and live lacks leaves no trace of whether it was removed or is new in
/// Git. Without a witness it is drift of which that is said ([`NOT_KNOWN`]).
pub fn classify(evidence: &Evidence<'_>) -> Vec<Drift> {
    let (wanted, stored) = (
        Wanted::of(evidence.kind, evidence.desired),
        expected(evidence.kind, evidence.live),
    );
    let changes = wanted.compare_all(evidence.live, &stored);
    weigh(
        evidence,
        &stored,
        &LastApplied::of(evidence.desired, evidence.live),
        changes,
    )
}

/// [`classify`] of a document and live that were read before, with the paths that [`compare`](super::compare()) gives:
/// both come from one comparison. `stored` is what the server makes of live.
pub fn classify_and_compare(
    evidence: &Evidence<'_>,
    wanted: &Wanted<'_>,
    stored: &Tree<'_>,
    last_applied: &LastApplied<'_>,
) -> (Vec<Drift>, Vec<FieldPath>) {
    let changes = wanted.compare_all(evidence.live, stored);
    let compared = changes
        .iter()
        .filter(|change| !is_policy_of_live_image(evidence.kind, change, evidence.live));
    let paths = compared.map(|change| change.path.clone()).collect();
    (weigh(evidence, stored, last_applied, changes), paths)
}

/// `stored` is what the server makes of live.
fn weigh(
    evidence: &Evidence<'_>,
    stored: &Tree<'_>,
    last_applied: &LastApplied<'_>,
    changes: Vec<Change>,
) -> Vec<Drift> {
    if changes.is_empty() {
        return Vec::new();
    }
    let Witness { synced, met, .. } = evidence.witness;
    let told = |document| Told {
        document,
        since: Wanted::of(evidence.kind, document).compare_all(evidence.live, stored),
    };
    let met = if let MetAt::Document(document) = met {
        Some(told(document))
    } else {
        None
    };
    let weigher = Weigher {
        evidence,
        stored,
        last_applied,
        applied: OnceCell::new(),
        synced: synced.map(told),
        met,
    };
    changes.into_iter().filter_map(|change| weigher.weigh(change)).collect()
}

#[cfg(test)]
mod tests;
