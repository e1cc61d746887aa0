//! What one change is weighed by: who owns the field, which side moved, and what was applied.

use std::cell::OnceCell;

use jiff::Timestamp;
use serde_json::Value;

use super::{CREATED, Evidence, MADE_BY_ADMISSION, NOT_KNOWN};
use crate::engine::diff::compare::{Wanted, is_policy_of_live_image, is_pull_policy};
use crate::engine::diff::ignore::known_reason;
use crate::engine::diff::moved::{Met, Moved, Says, Testimony, Whose, Wrote, moved};
use crate::engine::diff::witness::{MetAt, is_mirrored, is_pinned};
use crate::engine::diff::{Change, ChangeKind, Drift, Severity};
use crate::engine::kind::Kind;
use crate::engine::last_applied::{LAST_APPLIED, LastApplied};
use crate::engine::object::{FieldPath, Segment};
use crate::engine::ownership::people::{self, Writer};
use crate::engine::ownership::{Entry, Operation, Owner};
use crate::engine::schema::{self, Shape, Tree, quantity};
use crate::engine::syncer::Strategy;

pub(super) struct Weigher<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    pub(super) stored: &'a Tree<'a>,
    pub(super) last_applied: &'a LastApplied<'a>,

    /// What was applied last by client-side apply.
    pub(super) applied: OnceCell<Applied<'a>>,

    /// What the tool says that it synced last.
    pub(super) synced: Option<Told<'a>>,

    /// Where live and Git last met, where that is another document.
    pub(super) met: Option<Told<'a>>,
}

/// A document that was Git's once, and what differs between it and live.
pub(super) struct Told<'a> {
    pub(super) document: &'a Value,
    pub(super) since: Vec<Change>,
}

impl Told<'_> {
    /// What it says of a field that differs between Git and live.
    ///
    /// Where the document lacks a whole list, or live does, the change stands above the field: of the field both may
    /// still say nothing.
    fn says(&self, change: &Change, desired: &Value) -> Says {
        let lacks_both = change.live.is_none() && change.path.get(self.document).is_none();
        let differs = |other: &Change| {
            other.path.starts_with(&change.path) || change.path.starts_with(&other.path) && !lacks_both
        };
        if !self.since.iter().any(differs) {
            Says::AsLive
        } else if self.agrees_on(change, desired) {
            Says::AsGit
        } else {
            Says::Neither
        }
    }

    fn agrees_on(&self, change: &Change, desired: &Value) -> bool {
        change.path.get(self.document) == change.path.get(desired)
    }
}

/// What was applied last by client-side apply.
pub(super) enum Applied<'a> {
    /// No annotation tells.
    Unknown,

    /// Git's document, to the letter.
    Git,

    /// This.
    Told(Told<'a>),
}

impl Weigher<'_> {
    /// `None` where the change is the trace of a default and nobody's doing.
    pub(super) fn weigh(&self, change: Change) -> Option<Drift> {
        let owners = match change.kind {
            // A removal leaves no trace, and the order of a list has no owner.
            ChangeKind::Removed | ChangeKind::Reordered => Vec::new(),
            ChangeKind::Added | ChangeKind::Changed => self
                .evidence
                .managed
                .get()
                .owners(self.evidence.kind.root, &change.path),
        };
        // The default of an earlier image stays, and whoever created the object by an update owns it: `kubectl create`,
        // where no tool did.
        let created = |owner: &Owner| owner.is(CREATED, Operation::Update);
        let left_behind = if self.knows_owners() {
            is_pull_policy(self.evidence.kind, &change)
                && owners.iter().all(|owner| self.is_syncer(owner) || created(owner))
        } else {
            is_policy_of_live_image(self.evidence.kind, &change, self.evidence.live)
        };
        if left_behind {
            return None;
        }
        let (severity, moved, reason) = self.severity(&change, &owners);
        Some(Drift {
            change,
            owners,
            severity,
            moved,
            reason,
        })
    }

    fn severity(&self, change: &Change, owners: &[Owner]) -> (Severity, Option<Moved>, Option<String>) {
        let Evidence {
            kind, live, rules, now, ..
        } = *self.evidence;
        if let Some(rule) = rules.iter().find(|rule| rule.covers(kind, change, owners, now)) {
            return (Severity::Ignored, None, Some(rule.reason.clone()));
        }
        if let Some(reason) = known_reason(kind, change, owners, live, |owner| self.is_syncer(owner)) {
            return (Severity::Ignored, None, Some(reason.to_owned()));
        }
        let info = |moved, reason: &str| (Severity::Info, moved, Some(reason.to_owned()));
        if is_same_quantity(kind, change) {
            return info(None, "the same quantity in other words");
        }
        let whose = self.whose(change, owners);
        match (self.moved(change, whose), change.kind) {
            (Moved::Git, _) => (Severity::Pending, Some(Moved::Git), None),
            (_, ChangeKind::Added) if is_own_metadata(&change.path) => {
                info(Some(Moved::Live), "others may add labels and annotations")
            }
            // `kubectl get` leaves managedFields out, and then nothing tells a default from somebody's word.
            (_, ChangeKind::Added) if !self.knows_owners() && is_pull_policy(kind, change) => info(
                None,
                "may be the default of an earlier image: live comes without the managedFields that would tell",
            ),
            // Admission writes before the owners are recorded. What is the tool's own was sent once, and is left over:
            // the last apply has forgotten it.
            (_, ChangeKind::Added)
                if self.knows_owners() && whose == Whose::Nobody && !is_alias(self.evidence.kind, &change.path) =>
            {
                info(Some(Moved::Server), "nobody owns the field, as where admission adds it")
            }
            (_, ChangeKind::Added) => (Severity::Drift, Some(Moved::Live), None),
            (Moved::Server, _) => info(Some(Moved::Server), MADE_BY_ADMISSION),
            (Moved::Unknown, _) => (Severity::Drift, Some(Moved::Unknown), Some(NOT_KNOWN.to_owned())),
            (Moved::Live, _) => (Severity::Drift, Some(Moved::Live), None),
        }
    }

    fn whose(&self, change: &Change, owners: &[Owner]) -> Whose {
        let by_tool = |owner| self.is_syncer(owner);
        if change.kind == ChangeKind::Removed {
            let holds = self.own_entry().is_some_and(|entry| entry.fields.holds(&change.path));
            return if holds { Whose::Tool } else { Whose::Nobody };
        }
        // Of a subtree a part may be someone else's; a single value may at most be shared.
        let tool = if is_one_value(self.evidence.kind, change) {
            owners.iter().any(by_tool)
        } else {
            !owners.is_empty() && owners.iter().all(by_tool)
        };
        match owners.is_empty() {
            true => Whose::Nobody,
            false if tool => Whose::Tool,
            false => Whose::Others,
        }
    }

    /// Which side moved since both last said the same of this field.
    fn moved(&self, change: &Change, whose: Whose) -> Moved {
        let Evidence {
            desired,
            syncer,
            witness,
            ..
        } = *self.evidence;
        let says = |told: &Told<'_>| told.says(change, desired);
        let is_touched = || witness.apart.iter().any(|apart| apart.touches(change));
        let is_made = || {
            witness
                .apart
                .iter()
                .any(|apart| apart.by_server && apart.is_exact && apart.is(change))
        };
        let met = match (witness.met, &self.met) {
            (MetAt::Here, _) if is_made() => Met::Made,
            (MetAt::Document(_), Some(told)) if is_made() && told.agrees_on(change, desired) => Met::Made,
            _ if witness.apart.iter().any(|apart| apart.is(change)) => Met::Never,
            // What admission made of another document's value says nothing of what it makes of this one's; and of the
            // same value it may make another one where the tool says that it sent that again.
            (MetAt::Document(_), _) if is_touched() => Met::Never,
            (MetAt::Here, _) if self.synced.is_some() && is_touched() => Met::Never,
            (MetAt::Never, _) => Met::Never,
            (MetAt::Here, _) => Met::Here,
            (MetAt::Document(_), Some(told)) => match says(told) {
                Says::AsLive => Met::AsLive,
                // Git has moved elsewhere, and not here.
                Says::AsGit => Met::Here,
                Says::Neither | Says::Nothing => Met::NotAsLive,
            },
            (MetAt::Elsewhere, _) if witness.told.contains(&change.path) => Met::Here,
            (MetAt::Document(_) | MetAt::Elsewhere, _) => Met::Elsewhere,
        };
        let wrote = match self.last_write() {
            Some(write) if witness.in_git_since.is_some_and(|since| since <= write) => Wrote::Since,
            Some(write) if witness.first_seen.is_some_and(|seen| write < seen) => Wrote::Before,
            _ => Wrote::Unknown,
        };
        let applied = match self.applied() {
            Applied::Git => Says::AsGit,
            Applied::Told(told) => says(told),
            Applied::Unknown if self.is_sent(change, whose) => Says::AsGit,
            Applied::Unknown => Says::Nothing,
        };
        let synced = self.synced.as_ref().map_or(Says::Nothing, says);
        let is_told = synced == Says::AsLive || met == Met::AsLive || applied == Says::AsLive;
        if change.kind == ChangeKind::Added
            && whose == Whose::Nobody
            && self.knows_owners()
            && !is_alias(self.evidence.kind, &change.path)
            && !is_told
        {
            // Had the tool ever sent it, the tool would own it: Git has not dropped what it never had.
            return Moved::Server;
        }
        moved(Testimony {
            strategy: syncer.strategy,
            whose,
            synced,
            met,
            wrote,
            applied,
            by_tool: self.wrote_last_applied(),
            young: self.is_young(),
            untouched: matches!((self.last_write(), witness.met_at), (Some(write), Some(met)) if write <= met),
        })
    }

    /// Whether the tool is known to have sent what Git says although no annotation tells: it owns a field that live
    /// does not even have, or live is Git's own image, pinned by its digest. Where nobody ever looked at Git, the image
    /// from behind a mirror counts, too.
    fn is_sent(&self, change: &Change, whose: Whose) -> bool {
        let unwatched = || self.evidence.witness.in_git_since.is_none();
        whose == Whose::Tool
            && (change.kind == ChangeKind::Removed || is_pinned(change) || unwatched() && is_mirrored(change))
    }

    /// Only client-side apply goes by it.
    fn applied(&self) -> &Applied<'_> {
        let Evidence { live, syncer, .. } = *self.evidence;
        self.applied.get_or_init(|| {
            if syncer.strategy != Strategy::ClientSideApply || self.is_last_applied_rewritten() {
                Applied::Unknown
            } else if self.last_applied.is_desired() {
                Applied::Git
            } else {
                self.last_applied.value().map_or(Applied::Unknown, |applied| {
                    Applied::Told(Told {
                        document: applied,
                        since: Wanted::of(self.evidence.kind, applied).compare_all(live, self.stored),
                    })
                })
            }
        })
    }

    /// Whether live says who owns what. `kubectl get` leaves it out, and then "nobody owns this" would be a guess.
    fn knows_owners(&self) -> bool {
        self.evidence.managed.get().entries().next().is_some()
    }

    /// Whether the syncing tool wrote the annotation that says what was applied last, or nobody is known to.
    fn wrote_last_applied(&self) -> bool {
        let owners = self.evidence.managed.get().owners(
            self.evidence.kind.root,
            &FieldPath::of(&["metadata", "annotations", LAST_APPLIED]),
        );
        owners.is_empty() || owners.iter().any(|owner| self.is_syncer(owner))
    }

    /// Whether the server wrote that annotation since the tool did: it does so at every server-side apply under the
    /// name `kubectl`, and owns it for nobody. An apply that changed nothing else leaves no time.
    ///
    /// Source: `lastappliedupdater.go` of apimachinery's `pkg/util/managedfields/internal`.
    fn is_last_applied_rewritten(&self) -> bool {
        let entry = self.evidence.managed.get().entry("kubectl", Operation::Apply, None);
        entry.is_some_and(|entry| entry.owner.time.is_none() || entry.owner.time >= self.last_write())
    }

    /// When the tool last changed something of live.
    fn last_write(&self) -> Option<Timestamp> {
        self.own_entry().and_then(|entry| entry.owner.time)
    }

    fn own_entry(&self) -> Option<&Entry> {
        let Evidence { managed, syncer, .. } = *self.evidence;
        managed.get().entry(&syncer.manager, operation(syncer.strategy), None)
    }

    /// Whether the commit is younger than the tool's last write, and no person wrote since. Its time is its author's
    /// clock: one that is ahead of ours proves nothing.
    fn is_young(&self) -> bool {
        let Evidence {
            managed, witness, now, ..
        } = *self.evidence;
        let (Some(write), Some(committed)) = (self.last_write(), witness.committed_at) else {
            return false;
        };
        let by_hand =
            |entry: &Entry| entry.owner.time > Some(write) && people::kind_of(&entry.owner.manager) == Writer::Person;
        write < committed && committed <= now && !managed.get().entries().any(by_hand)
    }

    fn is_syncer(&self, owner: &Owner) -> bool {
        let syncer = self.evidence.syncer;
        owner.is(&syncer.manager, operation(syncer.strategy)) && owner.subresource.is_none()
    }
}

/// How a write of this strategy stands in `managedFields`.
fn operation(strategy: Strategy) -> Operation {
    match strategy {
        Strategy::ServerSideApply => Operation::Apply,
        Strategy::ClientSideApply | Strategy::Replace => Operation::Update,
    }
}

fn is_same_quantity(kind: &Kind, change: &Change) -> bool {
    let is_quantity = matches!(
        schema::shape_at(kind.root, &change.path.schema()),
        Some(Shape::Quantity)
    );
    match (&change.desired, &change.live) {
        (Some(desired), Some(live)) => is_quantity && quantity::same_value(desired, live),
        _ => false,
    }
}

/// A field that the server fills from its alias, so that it stays when Git drops it: admission writes neither.
///
/// Source: `Convert_v1_PodSpec_To_core_PodSpec` and its reverse in `pkg/apis/core/v1/conversion.go`.
fn is_alias(kind: &Kind, path: &FieldPath) -> bool {
    let path = path.schema();
    let of_pod = path
        .strip_prefix(&kind.template_path())
        .and_then(|rest| rest.strip_prefix(".spec."));
    matches!(of_pod, Some("serviceAccountName" | "serviceAccount"))
}

/// Whether the live value has one owner or a shared one, so that nothing in it can be anyone else's.
fn is_one_value(kind: &Kind, change: &Change) -> bool {
    let compound = change
        .live
        .as_ref()
        .is_some_and(|live| live.is_object() || live.is_array());
    !compound || schema::shape_at(kind.root, &change.path.schema()).is_some_and(Shape::is_atomic)
}

/// The Deployment's own labels, annotations, finalizers and owner references, which do not reach its pods.
fn is_own_metadata(path: &FieldPath) -> bool {
    matches!(path.0.first(), Some(Segment::Field(name)) if name == "metadata")
}
