//! The Transfer of what looks in sync and will be in the way of Git's next change.

use serde_json::Value;

use super::cure::receiver;
use super::{NoPlan, Step};
use crate::engine::diff::{Change, placed};
use crate::engine::facts::Facts;
use crate::engine::object::FieldPath;
use crate::engine::ownership::transfer::{self, Giver};
use crate::engine::ownership::{HEAL_MANAGER, Operation};
use crate::engine::snapshot::{Policy, Snapshot};
use crate::engine::trap::{Trap, traps};

/// The fields that client-side apply leaves when Git goes on from them, for its annotation does not name them; `None`
/// where there are none.
pub(super) fn unnamed(traps: &[Trap]) -> Option<Vec<FieldPath>> {
    let paths: Vec<FieldPath> = traps
        .iter()
        .filter(|trap| trap.is_unnamed())
        .map(|trap| trap.path.clone())
        .collect();
    (!paths.is_empty()).then_some(paths)
}

/// The Transfer that makes the tool the only owner of what will be in the way of Git's next change; `None` where nobody
/// else owns any of it.
pub(super) fn taken(snapshot: &Snapshot, traps: &[Trap]) -> Result<Option<Step>, NoPlan> {
    let traps: Vec<&Trap> = traps.iter().filter(|trap| trap.is_of_others()).collect();
    if traps.is_empty() {
        return Ok(None);
    }
    let mut appliers: Vec<&str> = traps.iter().flat_map(|trap| trap.appliers()).collect();
    appliers.sort_unstable();
    appliers.dedup();
    if !appliers.is_empty() {
        return Err(NoPlan::TwoAppliers(appliers.join(", ")));
    }
    let mut from: Vec<String> = traps
        .iter()
        .flat_map(|trap| &trap.owners)
        .map(|owner| owner.manager.clone())
        .collect();
    from.sort();
    from.dedup();
    let paths = traps.iter().map(|trap| trap.path.clone()).collect();
    Ok(Some(Step::Transfer {
        paths,
        from,
        to: snapshot.syncer.manager.clone(),
        into: Operation::Apply,
    }))
}

/// The Transfer of what an earlier heal of ours left; `None` where it left nothing, or a step of this plan hands it
/// over.
pub(super) fn given_back(snapshot: &Snapshot, facts: &Facts<'_>, steps: &[Step]) -> Option<Step> {
    let entry = facts
        .managed
        .get()
        .entry(HEAL_MANAGER, Operation::Update, None)
        .filter(|_| steps.is_empty())?;
    let (to, into) = receiver(facts.managed.get(), &snapshot.syncer);
    let paths = entry
        .fields
        .leaves()
        .filter(|path| path.get(facts.desired).is_some())
        .collect();
    Some(Step::Transfer {
        paths,
        from: Vec::new(),
        to,
        into,
    })
}

/// Those that are on no field which the tool takes from live.
pub(super) fn not_spared(snapshot: &Snapshot, policy: &Policy, mut traps: Vec<Trap>) -> Vec<Trap> {
    if let (Some(document), Some(live)) = (&snapshot.desired, &snapshot.live) {
        let rules = placed(snapshot.kind, &policy.ignore, &document.value, live);
        traps.retain(|trap| !trap.is_spared(snapshot.kind, &snapshot.tool, &rules, snapshot.now));
    }
    traps
}

/// What will be in the way of Git's next change after a Restore of these fields and the Transfer of them: somebody may
/// own another part of what was put back. `None` where it cannot be told.
pub(super) fn after_restore(
    snapshot: &Snapshot,
    known: &Facts<'_>,
    healed: &Value,
    paths: &[FieldPath],
    left: &[Change],
) -> Option<Vec<Trap>> {
    let (to, managed) = (&snapshot.syncer.manager, known.live.pointer("/metadata/managedFields")?);
    let owners: Vec<(String, Operation)> = known
        .managed
        .get()
        .entries()
        .map(|entry| (entry.owner.manager.clone(), entry.owner.operation))
        .collect();
    let others = owners
        .iter()
        .filter(|(manager, operation)| manager != to || *operation != Operation::Apply);
    let givers: Vec<Giver<'_>> = others
        .map(|(manager, operation)| Giver {
            manager,
            operation: *operation,
        })
        .collect();
    let fields = transfer::taken(snapshot.kind, managed, known.desired, paths, &givers, to).ok()?;
    let mut after = healed.clone();
    after
        .get_mut("metadata")?
        .as_object_mut()?
        .insert("managedFields".to_owned(), fields);
    Some(traps(
        snapshot,
        &known.with_live(&after),
        &left.iter().map(|change| &change.path).collect::<Vec<_>>(),
    ))
}
