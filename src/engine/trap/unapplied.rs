//! The trap of what was never applied server-side: until Argo CD applies the object that way for the first time, what
//! it wrote client-side is its by updates only, and what a backup brought back is not its at all. Its first apply takes
//! nothing from either. Git's change of a union in that very apply is refused.
//!
//! A new sync option is no difference that Argo CD would sync, and neither is what equals Git. The first apply of an
//! unchanged document goes through, and makes all of it its own.

use serde_json::Value;

use super::unnamed::{Differs, is_left_alone};
use super::{Kept, MOST_TRIED, Member, Trap, Trial, others};
use crate::engine::facts::Facts;
use crate::engine::object::FieldPath;
use crate::engine::ownership::{FieldSet, ManagedFields, Operation, transfer};
use crate::engine::predict::{refusal_of, taken_over};
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::Strategy;
use crate::engine::tool_object::when::When;

/// The first member that the tool does not own by an apply, where no sync comes by itself that applies it.
pub fn unapplied(snapshot: &Snapshot, facts: &Facts<'_>, differs: Differs<'_>, next_sync: Option<&When>) -> Vec<Trap> {
    let syncer = &snapshot.syncer;
    if syncer.strategy != Strategy::ServerSideApply || !is_left_alone(snapshot, differs, next_sync) {
        return Vec::new();
    }
    let has_applied = |managed: &ManagedFields| managed.entry(&syncer.manager, Operation::Apply, None).is_some();
    if has_applied(facts.managed.get()) {
        return Vec::new();
    }
    let after = taken_over(facts, syncer).filter(|after| has_applied(&ManagedFields::parse(after)));
    let Some(after) = after.or_else(|| with_apply(facts, &syncer.manager)) else {
        return Vec::new();
    };
    let mut members = Vec::new();
    Member::add(
        facts.kind,
        &mut members,
        FieldSet::of_applied(facts.kind.root, facts.desired).members(),
    );
    members.retain(|member| member.path.get(facts.sent).is_some_and(|value| !value.is_null()));
    let mut applied = facts.live.clone();
    let Some(fields) = applied.pointer_mut("/metadata/managedFields") else {
        return Vec::new();
    };
    *fields = after;
    let of_today = || refusal_of(facts, syncer);
    let (trial, afterwards) = (
        Trial {
            facts,
            live: facts.live,
            syncer,
            of_today: of_today(),
        },
        Trial {
            facts,
            live: &applied,
            syncer,
            of_today: of_today(),
        },
    );
    let managed = ManagedFields::of(&applied);
    // All of them are kept for one reason, and go with one apply: the first one stands for all. What others own besides
    // is in the way after it, too.
    let first = members.into_iter().take(MOST_TRIED).find_map(|member| {
        let others = others(&managed, syncer, &member.path);
        let cause = trial.cause(&member, &afterwards.without(&member, &others)?)?;
        Some(Trap {
            path: member.path,
            kept: Kept::Unapplied,
            owners: Vec::new(),
            cause: Some(cause),
        })
    });
    first.into_iter().collect()
}

/// The managedFields as the tool's first apply leaves them where it takes nothing over.
fn with_apply(facts: &Facts<'_>, manager: &str) -> Option<Value> {
    let managed = transfer::with_apply_entry(facts.live.pointer("/metadata/managedFields")?, manager);
    transfer::taken(facts.kind, &managed, facts.desired, &[FieldPath::root()], &[], manager).ok()
}
