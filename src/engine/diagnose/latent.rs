//! A trap under what looks in sync: somebody else owns a member of a union, so that server-side apply keeps it when Git
//! goes on to another member, or last-applied does not name it, so that client-side apply does
//! (`unnamed`); and the server refuses the two together. A port whose name Git gives to another
//! number is such a member, too: the two are items of one list, and their name is the one that both have.
//!
//! It is left by a fix by hand, and by a change by hand that Git took over. Whether it is one is tried: Git's document
//! with another member must be refused as things are, and taken once the tool alone owns the field.

mod member;

pub(super) use member::Member;

use jiff::Timestamp;
use serde_json::Value;

use super::words::place;
use super::{Finding, Weight};
use crate::engine::diff::{Change, ChangeKind, IgnoreRule, LAST_APPLIED};
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::ownership::people::{self, Writer};
use crate::engine::ownership::transfer::{self, Giver};
use crate::engine::ownership::{ManagedFields, Operation, Owner};
use crate::engine::plan::HEAL_MANAGER;
use crate::engine::predict::{Cause, Facts, FieldValidation, Strategy, Syncer, refusal_of, refusals_as_it_is, settled};
use crate::engine::snapshot::Snapshot;
use crate::engine::tool::Tool;
use member::members_of_others;

/// The rule of these findings.
pub const LATENT_TRAP: &str = "latent-trap";

/// The most members that are tried in one assessment: each takes two predictions for each choice, and who owns more
/// than these of an object owns it.
pub(super) const MOST_TRIED: usize = 16;

/// A member of a union, or a port, that will be in the way of Git's next change of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trap {
    /// The member, or the port.
    pub path: FieldPath,

    /// What keeps it in live.
    pub(super) kept: Kept,

    /// Who owns it besides the tool, sorted; nobody where it is not kept by an owner.
    pub owners: Vec<Owner>,

    /// What the server says to the switch that was tried; `None` where it is no matter of this tool's next sync.
    pub(super) cause: Option<Cause>,
}

/// What keeps a member in live when Git goes on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Others own it; `shared` tells that the tool does, too.
    ByOthers { shared: bool },

    /// Last-applied does not name it.
    Unnamed,

    /// A heal of ours that did not come to its end.
    ByUs,

    /// The tool has not applied the object server-side since it was told to, and owns it by its updates.
    Unapplied,
}

impl Trap {
    /// Whether others than the tool own the member.
    pub const fn is_of_others(&self) -> bool {
        matches!(self.kept, Kept::ByOthers { .. })
    }

    /// Whether a heal of ours left it.
    pub fn is_of_ours(&self) -> bool {
        self.kept == Kept::ByUs
    }

    /// Whether it is one because last-applied does not name the member.
    pub fn is_unnamed(&self) -> bool {
        self.kept == Kept::Unnamed
    }

    /// Whether it is one until the tool applies the object server-side.
    pub fn is_unapplied(&self) -> bool {
        self.kept == Kept::Unapplied
    }

    /// Whether the tool takes the member from live before it syncs, so that a change of it in Git is none.
    pub fn is_spared(&self, kind: &'static Kind, tool: &Tool, rules: &[IgnoreRule], now: Timestamp) -> bool {
        let change = Change {
            path: self.path.clone(),
            kind: ChangeKind::Changed,
            desired: None,
            live: None,
        };
        rules
            .iter()
            .any(|rule| tool.spares(&rule.reason) && rule.covers(kind, &change, &self.owners, now))
    }

    /// Those that apply the object server-side and are no person: whoever takes the field from them gets it back at
    /// their next apply.
    pub fn appliers(&self) -> impl Iterator<Item = &str> {
        let applies =
            |owner: &&Owner| owner.operation == Operation::Apply && people::kind_of(&owner.manager) != Writer::Person;
        self.owners.iter().filter(applies).map(|owner| owner.manager.as_str())
    }
}

/// The traps under what is in sync. What differs from Git is told otherwise; where that is, `differing` says.
pub fn traps(snapshot: &Snapshot, facts: &Facts<'_>, differing: &[&FieldPath]) -> Vec<Trap> {
    let syncer = &snapshot.syncer;
    if syncer.strategy != Strategy::ServerSideApply {
        return Vec::new();
    }
    // What the tool takes over by itself, and before it meets the next change, is nobody else's by then.
    let anew = settled(facts, syncer);
    let parsed = anew.as_ref().map(ManagedFields::parse);
    let managed = parsed.as_ref().unwrap_or_else(|| facts.managed.get());
    let Some(own) = managed.entry(&syncer.manager, Operation::Apply, None) else {
        return Vec::new();
    };
    let members = members_of_others(managed, syncer, facts, differing);
    if members.is_empty() {
        return Vec::new();
    }
    let mut live = facts.live.clone();
    if let (Some(anew), Some(fields)) = (anew, live.pointer_mut("/metadata/managedFields")) {
        *fields = anew;
    }
    let trial = Trial {
        facts,
        live: &live,
        syncer,
        of_today: refusal_of(&facts.with_live(&live), syncer),
    };
    let tried = members.into_iter().take(MOST_TRIED).filter_map(|member| {
        let owners = others(managed, syncer, &member.path);
        let cause = trial.cause(&member, &trial.without(&member, &owners)?)?;
        let shared = own.fields.contains_or_below(&member.path);
        Some(Trap {
            kept: Kept::ByOthers { shared },
            path: member.path,
            owners,
            cause: Some(cause),
        })
    });
    tried.collect()
}

/// What a heal of ours left as its own, of a Deployment for which nothing else is wrong with owners.
pub fn left_by_us(facts: &Facts<'_>) -> Option<Trap> {
    // Nearly no Deployment has such an entry, and nothing else of one that is in sync asks who owns what.
    let managers = facts
        .live
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    if !managers
        .into_iter()
        .any(|entry| entry.get("manager").and_then(Value::as_str) == Some(HEAL_MANAGER))
    {
        return None;
    }
    let entry = facts.managed.get().entry(HEAL_MANAGER, Operation::Update, None)?;
    let is_set = |path: &FieldPath| path.get(facts.desired).is_some();
    let path = entry
        .fields
        .leaves()
        .find(is_set)
        .or_else(|| entry.fields.leaves().next())?;
    Some(Trap {
        path,
        kept: Kept::ByUs,
        owners: vec![entry.owner.clone()],
        cause: None,
    })
}

fn is_anothers(owner: &Owner, syncer: &Syncer) -> bool {
    owner.subresource.is_none() && !owner.is(&syncer.manager, Operation::Apply)
}

pub(super) fn others(managed: &ManagedFields, syncer: &Syncer, path: &FieldPath) -> Vec<Owner> {
    let holding = managed
        .entries()
        .filter(|entry| is_anothers(&entry.owner, syncer) && entry.fields.contains_or_below(path));
    let mut owners: Vec<Owner> = holding.map(|entry| entry.owner.clone()).collect();
    owners.sort();
    owners.dedup();
    owners
}

pub(super) struct Trial<'t, 'f> {
    pub facts: &'t Facts<'f>,
    pub live: &'t Value,
    pub syncer: &'t Syncer,

    /// What the next sync is refused for as it is: no switch is to answer for that.
    pub of_today: Vec<Cause>,
}

impl Trial<'_, '_> {
    /// Why a switch to something else is refused that would be taken of live `without` what is in the way; `None` where
    /// there is none.
    pub fn cause(&self, member: &Member, without: &Value) -> Option<Cause> {
        member.switched(self.facts.desired).into_iter().find_map(|document| {
            if !refusals_as_it_is(self.facts.kind, &document, FieldValidation::Ignore).is_empty() {
                return None;
            }
            let new = |live: &Value| {
                let causes = refusal_of(&Facts::of(self.facts.kind, &document, live), self.syncer);
                causes.into_iter().find(|cause| !self.of_today.contains(cause))
            };
            new(self.live).filter(|_| new(without).is_none())
        })
    }

    /// Live in which the tool alone owns the member.
    pub fn without(&self, member: &Member, owners: &[Owner]) -> Option<Value> {
        let mut live = self.live.clone();
        let givers: Vec<Giver<'_>> = owners
            .iter()
            .map(|owner| Giver {
                manager: &owner.manager,
                operation: owner.operation,
            })
            .collect();
        let fields = live.pointer_mut("/metadata/managedFields")?;
        *fields = transfer::taken(
            self.facts.kind,
            fields,
            self.facts.desired,
            std::slice::from_ref(&member.path),
            &givers,
            &self.syncer.manager,
        )
        .ok()?;
        Some(live)
    }
}

/// One finding for each trap.
pub fn latent_trap(snapshot: &Snapshot, traps: &[Trap]) -> Vec<Finding> {
    let manager = &snapshot.syncer.manager;
    let one = |trap: &Trap| {
        let appliers: Vec<&str> = trap.appliers().collect();
        let remedy = match appliers.as_slice() {
            _ if trap.is_unnamed() => {
                format!(
                    "a sync of this Deployment by {manager} writes the annotation; it starts none by itself where it \
                     finds no difference"
                )
            }
            _ if trap.is_unapplied() => {
                format!(
                    "a sync of this Deployment by {manager}, before Git changes it; it starts none by itself where it \
                     finds no difference"
                )
            }
            [] => format!("Transfer makes {manager} its only owner (managedFields only, no roll-out)"),
            some => format!(
                "decide which one applies this object: {} does, too, and would take the field again",
                some.join(" and ")
            ),
        };
        Finding {
            rule: LATENT_TRAP,
            weight: Weight::Warning,
            path: Some(trap.path.clone()),
            message: clause(manager, trap),
            evidence: trap
                .cause
                .as_ref()
                .map(|cause| format!("a switch in Git was tried: {}", cause.told())),
            remedy: Some(remedy),
        }
    };
    traps.iter().map(one).collect()
}

/// `the next change of livenessProbe.httpGet of container web to another one in Git will be refused: kubectl-edit owns
/// it, too (since …)`.
pub fn clause(manager: &str, trap: &Trap) -> String {
    let other = if matches!(trap.path.0.last(), Some(Segment::Field(_))) {
        "one"
    } else {
        "number"
    };
    let refused = format!(
        "the next change of {} to another {other} in Git will be refused",
        place(&trap.path)
    );
    if trap.is_unnamed() {
        return format!(
            "{refused}: the annotation {LAST_APPLIED} does not name it, so that {manager} would leave it beside the \
             other one"
        );
    }
    if trap.is_of_ours() {
        return format!(
            "{HEAL_MANAGER} owns {} since a heal that did not come to its end: under server-side apply it stays in \
             live when Git drops it or goes on from it",
            place(&trap.path)
        );
    }
    if trap.is_unapplied() {
        let why =
            format!("{manager} has not applied this object server-side yet, and what is there stays beside what comes");
        return format!("{refused}, as that of any other such field: {why}");
    }
    // What the tool wrote by an update is not what it applied.
    let name = |owner: &Owner| {
        if owner.manager == manager {
            format!("{manager} (Update)")
        } else {
            owner.manager.clone()
        }
    };
    let mut names: Vec<String> = trap.owners.iter().map(name).collect();
    names.dedup();
    let verb = if names.len() == 1 { "owns" } else { "own" };
    let since = trap
        .owners
        .iter()
        .filter_map(|owner| owner.time)
        .max()
        .map(|time| format!(" (since {time})"))
        .unwrap_or_default();
    let too = if trap.kept == (Kept::ByOthers { shared: true }) {
        ", too".to_owned()
    } else {
        format!(", and {manager} does not")
    };
    format!("{refused}: {} {verb} it{too}{since}", names.join(" and "))
}
