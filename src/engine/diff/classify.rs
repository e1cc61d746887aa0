//! How much each change weighs: drift, pending, info, or ignored.

use std::cell::OnceCell;

use jiff::Timestamp;
use serde_json::Value;

use super::compare::{LAST_APPLIED, Wanted, expected, is_policy_of_live_image, is_pull_policy};
use super::ignore::{IgnoreRule, known_reason};
use super::{Change, ChangeKind, Drift, Severity};
use crate::engine::object::{FieldPath, Segment};
use crate::engine::ownership::{Operation, Owner, Recorded};
use crate::engine::predict::{Facts, LastApplied, Strategy, Syncer};
use crate::engine::schema::{self, Shape, Tree, quantity};

/// Everything that weighing the changes of one Deployment needs.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The object as Git has it.
    pub desired: &'a Value,

    /// The object as the cluster has it.
    pub live: &'a Value,

    /// Who owns which field of live.
    pub managed: &'a Recorded<'a>,

    /// The tool that brings Git into the cluster.
    pub syncer: &'a Syncer,

    /// When the desired state was committed; `None` where the source does not tell.
    pub committed_at: Option<Timestamp>,

    /// The object as Git had it at the revision that the tool synced last; `None` where nobody tells.
    pub synced: Option<&'a Value>,

    /// The user's ignore rules.
    pub rules: &'a [IgnoreRule],

    /// The time at which rules are in force or not.
    pub now: Timestamp,
}

/// Compares desired and live and weighs each change, in path order.
///
/// # Caveats
/// Under server-side apply a field that Git has and live lacks leaves no trace of whether it was removed or is new in Git. The time of the
/// tool's entry against `committed_at` decides, and without either it is drift.
pub fn classify(evidence: &Evidence<'_>) -> Vec<Drift> {
    let (wanted, stored) = (Wanted::of(evidence.desired), expected(evidence.live));
    let changes = wanted.compare_all(evidence.live, &stored);
    weigh(evidence, &stored, &LastApplied::of(evidence.desired, evidence.live), changes)
}

/// [`classify`] of the document and live of these facts, with the paths that [`compare`](super::compare) gives: both come from one comparison.
pub fn classify_and_compare(evidence: &Evidence<'_>, facts: &Facts<'_>) -> (Vec<Drift>, Vec<FieldPath>) {
    let changes = facts.wanted.compare_all(evidence.live, facts.stored());
    let compared = changes.iter().filter(|change| !is_policy_of_live_image(change, evidence.live));
    let paths = compared.map(|change| change.path.clone()).collect();
    (weigh(evidence, facts.stored(), &facts.last_applied, changes), paths)
}

/// `stored` is what the server makes of live.
fn weigh(evidence: &Evidence<'_>, stored: &Tree<'_>, last_applied: &LastApplied<'_>, changes: Vec<Change>) -> Vec<Drift> {
    if changes.is_empty() {
        return Vec::new();
    }
    let since_synced = evidence.synced.map(|synced| Wanted::of(synced).compare_all(evidence.live, stored));
    let weigher = Weigher { evidence, stored, last_applied, since_applied: OnceCell::new(), since_synced };
    changes.into_iter().filter_map(|change| weigher.weigh(change)).collect()
}

struct Weigher<'a> {
    evidence: &'a Evidence<'a>,
    stored: &'a Tree<'a>,
    last_applied: &'a LastApplied<'a>,
    since_applied: OnceCell<Since>,

    /// What differs between live and what the tool synced last; `None` where nobody tells.
    since_synced: Option<Vec<Change>>,
}

/// What differs between live and what was applied last by client-side apply.
enum Since {
    /// No annotation tells what was applied last.
    Unknown,

    /// What differs from Git: the annotation is Git's document.
    OfGit,

    /// These.
    Changes(Vec<Change>),
}

impl Weigher<'_> {
    /// `None` where the change is the trace of a default and nobody's doing.
    fn weigh(&self, change: Change) -> Option<Drift> {
        let owners = match change.kind {
            // A removal leaves no trace, and the order of a list has no owner.
            ChangeKind::Removed | ChangeKind::Reordered => Vec::new(),
            ChangeKind::Added | ChangeKind::Changed => self.evidence.managed.get().owners(&change.path),
        };
        // The default of an earlier image stays, and whoever created the object by an update owns it.
        let left_behind = if self.knows_owners() {
            is_pull_policy(&change) && owners.iter().all(|owner| self.is_syncer(owner))
        } else {
            is_policy_of_live_image(&change, self.evidence.live)
        };
        if left_behind {
            return None;
        }
        let (severity, reason) = self.severity(&change, &owners);
        Some(Drift { change, owners, severity, reason })
    }

    fn severity(&self, change: &Change, owners: &[Owner]) -> (Severity, Option<String>) {
        let Evidence { live, rules, now, .. } = *self.evidence;
        if let Some(rule) = rules.iter().find(|rule| rule.covers(change, owners, now)) {
            return (Severity::Ignored, Some(rule.reason.clone()));
        }
        if let Some(reason) = known_reason(change, owners, live, |owner| self.is_syncer(owner)) {
            return (Severity::Ignored, Some(reason.to_owned()));
        }
        let info = |reason: &str| (Severity::Info, Some(reason.to_owned()));
        if is_same_quantity(change) {
            return info("the same quantity in other words");
        }
        if self.is_pending(change, owners) {
            return (Severity::Pending, None);
        }
        let only_tool = owners.iter().all(|owner| self.is_syncer(owner));
        match change.kind {
            ChangeKind::Added if is_own_metadata(&change.path) => info("others may add labels and annotations"),
            // `kubectl get` leaves managedFields out, and then nothing tells a default from somebody's word.
            ChangeKind::Added if !self.knows_owners() && is_pull_policy(change) => {
                info("may be the default of an earlier image: live comes without the managedFields that would tell")
            }
            ChangeKind::Added if !self.knows_owners() => (Severity::Drift, None),
            ChangeKind::Added if owners.is_empty() => info("nobody owns the field, as where admission adds it"),
            // An update owns what the server made of it, so that the tool owns what it never wrote. An apply owns what it sent and no more.
            ChangeKind::Added if only_tool && self.evidence.syncer.strategy != Strategy::ServerSideApply => {
                info("not in what was applied last: the server or admission added it to the tool's write")
            }
            _ => (Severity::Drift, None),
        }
    }

    /// Whether live is still what the syncing tool wrote, so that only Git moved on.
    fn is_pending(&self, change: &Change, owners: &[Owner]) -> bool {
        if let Some(since) = &self.since_synced {
            return !touches(since, &change.path);
        }
        let by_tool = |owner| self.is_syncer(owner);
        // Of a subtree a part may be someone else's; a single value may at most be shared.
        let tool = if is_one_value(change) { owners.iter().any(by_tool) } else { !owners.is_empty() && owners.iter().all(by_tool) };
        match self.since_applied() {
            // The change itself is since then.
            Since::OfGit => false,
            Since::Changes(since) => !touches(since, &change.path) && (tool || self.wrote_last_applied()),
            // A default that Git now sets, or one that came back when somebody removed what Git sets: neither has an owner.
            _ if change.kind == ChangeKind::Changed && owners.is_empty() && self.knows_owners() => self.synced_before_commit(),
            _ if matches!(change.kind, ChangeKind::Added | ChangeKind::Changed) => tool,
            _ => self.synced_before_commit(),
        }
    }

    /// Only client-side apply goes by it.
    fn since_applied(&self) -> &Since {
        let Evidence { live, syncer, .. } = *self.evidence;
        self.since_applied.get_or_init(|| {
            if syncer.strategy != Strategy::ClientSideApply {
                Since::Unknown
            } else if self.last_applied.is_desired() {
                Since::OfGit
            } else {
                self.last_applied
                    .value()
                    .map_or(Since::Unknown, |applied| Since::Changes(Wanted::of(applied).compare_all(live, self.stored)))
            }
        })
    }

    /// Whether live says who owns what. `kubectl get` leaves it out, and then "nobody owns this" would be a guess.
    fn knows_owners(&self) -> bool {
        self.evidence.managed.get().entries().next().is_some()
    }

    /// Whether the syncing tool wrote the annotation that says what was applied last, or nobody is known to.
    fn wrote_last_applied(&self) -> bool {
        let owners = self.evidence.managed.get().owners(&FieldPath::of(&["metadata", "annotations", LAST_APPLIED]));
        owners.is_empty() || owners.iter().any(|owner| self.is_syncer(owner))
    }

    fn synced_before_commit(&self) -> bool {
        let Evidence { managed, syncer, committed_at, .. } = *self.evidence;
        let synced = managed.get().entry(&syncer.manager, operation(syncer.strategy), None).and_then(|entry| entry.owner.time);
        matches!((synced, committed_at), (Some(synced), Some(committed)) if synced < committed)
    }

    fn is_syncer(&self, owner: &Owner) -> bool {
        let syncer = self.evidence.syncer;
        owner.is(&syncer.manager, operation(syncer.strategy)) && owner.subresource.is_none()
    }
}

/// Whether one of the changes is at, above or below the path.
fn touches(changes: &[Change], path: &FieldPath) -> bool {
    changes.iter().any(|other| other.path.starts_with(path) || path.starts_with(&other.path))
}

/// How a write of this strategy stands in `managedFields`.
fn operation(strategy: Strategy) -> Operation {
    match strategy {
        Strategy::ServerSideApply => Operation::Apply,
        Strategy::ClientSideApply | Strategy::Replace => Operation::Update,
    }
}

fn is_same_quantity(change: &Change) -> bool {
    let is_quantity = matches!(schema::shape_at(&change.path.schema()), Some(Shape::Quantity));
    matches!((&change.desired, &change.live), (Some(desired), Some(live)) if is_quantity && quantity::same_value(desired, live))
}

/// Whether the live value has one owner or a shared one, so that nothing in it can be anyone else's.
fn is_one_value(change: &Change) -> bool {
    let compound = change.live.as_ref().is_some_and(|live| live.is_object() || live.is_array());
    !compound || schema::shape_at(&change.path.schema()).is_some_and(Shape::is_atomic)
}

/// The Deployment's own labels, annotations, finalizers and owner references, which do not reach its pods.
fn is_own_metadata(path: &FieldPath) -> bool {
    matches!(path.0.first(), Some(Segment::Field(name)) if name == "metadata")
}

#[cfg(test)]
mod tests;
