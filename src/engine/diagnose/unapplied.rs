//! The trap of a switch to server-side apply: until Argo CD applies the object that way for the first time, what it wrote client-side is its by updates
//! only, which its first apply takes nothing from. Git's change of a union in that very apply is refused.
//!
//! A new sync option is no difference that Argo CD would sync. The first apply of an unchanged document goes through, and makes all of it its own.

use super::latent::{Kept, MOST_TRIED, Member, Trap, Trial, others};
use super::unnamed::is_left_alone;
use crate::engine::diff::Drift;
use crate::engine::operation::When;
use crate::engine::ownership::{FieldSet, ManagedFields, Operation};
use crate::engine::predict::{Facts, Strategy, refusal_of, taken_over};
use crate::engine::snapshot::Snapshot;

/// The first member that the tool owns by its updates alone, where no sync comes by itself that applies it.
pub fn unapplied(snapshot: &Snapshot, facts: &Facts<'_>, drifts: &[Drift], next_sync: Option<&When>) -> Vec<Trap> {
    let syncer = &snapshot.syncer;
    if syncer.strategy != Strategy::ServerSideApply || !is_left_alone(snapshot, drifts, next_sync) {
        return Vec::new();
    }
    let has_applied = |managed: &ManagedFields| managed.entry(&syncer.manager, Operation::Apply, None).is_some();
    if has_applied(facts.managed.get()) {
        return Vec::new();
    }
    let Some(after) = taken_over(facts, syncer).filter(|after| has_applied(&ManagedFields::parse(after))) else { return Vec::new() };
    let mut members = Vec::new();
    Member::add(&mut members, FieldSet::of_applied(facts.desired).members());
    members.retain(|member| member.path.get(facts.sent).is_some_and(|value| !value.is_null()));
    let mut applied = facts.live.clone();
    let Some(fields) = applied.pointer_mut("/metadata/managedFields") else { return Vec::new() };
    *fields = after;
    let of_today = || refusal_of(facts, syncer);
    let (trial, afterwards) =
        (Trial { facts, live: facts.live, syncer, of_today: of_today() }, Trial { facts, live: &applied, syncer, of_today: of_today() });
    let managed = ManagedFields::of(&applied);
    // All of them are kept for one reason, and go with one apply: the first one stands for all. What others own besides is in the way after it, too.
    let first = members.into_iter().take(MOST_TRIED).find_map(|member| {
        let others = others(&managed, syncer, &member.path);
        let cause = trial.cause(&member, &afterwards.without(&member, &others)?)?;
        Some(Trap { path: member.path, kept: Kept::Unapplied, owners: Vec::new(), cause })
    });
    first.into_iter().collect()
}
