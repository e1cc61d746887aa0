//! What cannot be put back in parts: a union and the items under one key go to Git's value as a whole, what only Git
//! changed included.
//!
//! Where somebody switched a probe's handler and Git moved on to a third one since, the hand change is drift and Git's
//! new handler waits for the sync. To undo the one alone would leave a probe without a handler, and of a port that Git
//! has under another number by now no port at all. So what is drift takes along what waits beside it, and the object
//! that comes of it is validated before anybody sees the plan.

use serde_json::Value;

use super::restore::{BROAD, RestoreError, Restored, restore};
use crate::engine::diff::{Change, ChangeKind, Drift, Severity};
use crate::engine::facts::Facts;
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::predict::{Cause, refusals_of_write};
use crate::engine::schema::{merge_strategy, unions_of};

#[cfg(test)]
pub(in crate::engine) mod tests;

/// The most tries to make an object valid by one more of Git's changes: each is a validation of the whole, and more
/// changes than these that wait beside one drift are a release, which no Restore is to bring.
const MOST_TRIES: usize = 64;

/// A Restore that leaves nothing in parts.
#[derive(Debug)]
pub struct Whole {
    /// All that it puts back.
    pub changes: Vec<Change>,

    /// The patch and what comes of it.
    pub restored: Restored,

    /// Why the server would not store that.
    pub refused: Option<Cause>,
}

/// Undoes these changes, with those of `others` that they cannot be parted from: what waits for the sync, and what the
/// server took out of the tool's own write. What admission added to a list is its own, and stays.
///
/// # Errors
/// [`RestoreError`] where no patch does it.
pub fn whole(
    kind: &'static Kind,
    known: &Facts<'_>,
    changes: Vec<Change>,
    others: &[&Drift],
) -> Result<Whole, RestoreError> {
    let mut whole = tried(kind, known, with_bound(kind, changes, others))?;
    let mut tries = 0;
    while let Some(cause) = whole.refused.clone() {
        let may_come = |drift: &&&Drift| drift.severity == Severity::Pending || is_taken_out(drift);
        let left: Vec<&Change> = others
            .iter()
            .filter(may_come)
            .map(|drift| &drift.change)
            .filter(|change| !holds(&whole.changes, change))
            .collect();
        let more = |one: &Change| with_bound(kind, whole.changes.iter().chain([one]).cloned().collect(), others);
        let cured = |next: &Whole| next.refused.as_ref() != Some(&cause);
        let mut next = None;
        for change in left {
            if tries == MOST_TRIES {
                return Ok(whole);
            }
            tries += 1;
            next = tried(kind, known, more(change)).ok().filter(cured);
            if next.is_some() {
                break;
            }
        }
        match next {
            Some(next) => whole = next,
            None => return Ok(whole),
        }
    }
    Ok(whole)
}

fn tried(kind: &'static Kind, known: &Facts<'_>, changes: Vec<Change>) -> Result<Whole, RestoreError> {
    let restored = restore(known.desired, known.live, &changes.iter().collect::<Vec<_>>())?;
    let (changes, restored) = in_order(known, changes, restored)?;
    let refused = refusals_of_write(kind, &restored.healed, known.live).into_iter().next();
    Ok(Whole {
        changes,
        restored,
        refused,
    })
}

/// The same with the lists put in order that are in another one once their items are Git's: what differs afterwards
/// would make the step look undone.
fn in_order(
    known: &Facts<'_>,
    mut changes: Vec<Change>,
    restored: Restored,
) -> Result<(Vec<Change>, Restored), RestoreError> {
    if !changes
        .iter()
        .any(|change| matches!(change.path.0.last(), Some(Segment::Key(_))))
    {
        return Ok((changes, restored));
    }
    let left = known.with_live_of_same_books(&restored.healed).changes();
    let is_list_of_ours = |change: &Change| {
        change.kind == ChangeKind::Reordered && changes.iter().any(|ours| ours.path.starts_with(&change.path))
    };
    let reordered: Vec<Change> = left
        .into_iter()
        .filter(|change| is_list_of_ours(change) && !holds(&changes, change))
        .collect();
    if reordered.is_empty() {
        return Ok((changes, restored));
    }
    changes.extend(reordered);
    let restored = restore(known.desired, known.live, &changes.iter().collect::<Vec<_>>())?;
    Ok((changes, restored))
}

/// These changes with those that they are bound to, and those that these are bound to in turn.
fn with_bound(kind: &'static Kind, mut changes: Vec<Change>, others: &[&Drift]) -> Vec<Change> {
    let mut at = 0;
    while let Some(change) = changes.get(at).cloned() {
        let comes = |drift: &&&Drift| match drift.severity {
            Severity::Pending => are_bound(kind, &change, &drift.change),
            _ => is_taken_out(drift) && in_one_union(kind, &change.path, &drift.change.path),
        };
        let bound = others
            .iter()
            .filter(comes)
            .map(|drift| &drift.change)
            .filter(|change| !holds(&changes, change));
        let bound: Vec<Change> = bound.cloned().collect();
        changes.extend(bound);
        at += 1;
    }
    changes
}

fn holds(changes: &[Change], change: &Change) -> bool {
    changes.iter().any(|other| other.path == change.path)
}

/// Whether it is Git's value and weighs nothing in live, since the server made something else of it.
fn is_taken_out(drift: &Drift) -> bool {
    drift.severity == Severity::Info && drift.change.kind != ChangeKind::Added
}

/// Whether two fields that differ can only be put back together.
fn are_bound(kind: &'static Kind, one: &Change, other: &Change) -> bool {
    in_one_union(kind, &one.path, &other.path)
        || under_one_key(kind, &one.path, &other.path)
        || hand_over_a_name(one, other)
}

/// Whether the name of a port goes from one item to another: a Service finds the port by it, and between the two there
/// is none of that name.
fn hand_over_a_name(one: &Change, other: &Change) -> bool {
    let (Some((list, one)), Some((same, other))) = (names_of_port(one), names_of_port(other)) else {
        return false;
    };
    let goes = |from: Option<&str>, to: Option<&str>| from.is_some() && from == to;
    list == same && (goes(one.live, other.desired) || goes(other.live, one.desired))
}

/// What a port is called on both sides of a change of it.
struct Names<'a> {
    desired: Option<&'a str>,
    live: Option<&'a str>,
}

/// The list, and the names, where a change is one of a port or of its name.
fn names_of_port<'a>(change: &'a Change) -> Option<(&'a [Segment], Names<'a>)> {
    let (item, name): (&[Segment], _) = match change.path.0.as_slice() {
        [item @ .., Segment::Field(name)] if name == "name" => (item, None),
        item => (item, Some("name")),
    };
    let [list @ .., Segment::Key(_)] = item else {
        return None;
    };
    if !matches!(list.last(), Some(Segment::Field(name)) if name == "ports") {
        return None;
    }
    let of = |value: &'a Value| name.map_or(Some(value), |name| value.get(name)).and_then(Value::as_str);
    Some((
        list,
        Names {
            desired: change.desired.as_ref().and_then(of),
            live: change.live.as_ref().and_then(of),
        },
    ))
}

/// Whether both are members, or parts of members, of one union.
fn in_one_union(kind: &'static Kind, one: &FieldPath, other: &FieldPath) -> bool {
    unions_of(kind.root, one).into_iter().any(|(at, union)| {
        let is_member =
            |segment: &Segment| matches!(segment, Segment::Field(name) if union.members.contains(&name.as_str()));
        other.0.get(..at) == one.0.get(..at) && other.0.get(at).is_some_and(is_member)
    })
}

/// Whether both stand under one merge key of a list of small items, or are items of it that one side lacks: an item
/// under another key is a new one and an old one, and only Git knows which is which.
fn under_one_key(kind: &'static Kind, one: &FieldPath, other: &FieldPath) -> bool {
    one.0.iter().zip(&other.0).enumerate().any(|(at, items)| {
        let (Segment::Key(keys), Segment::Key(others)) = items else {
            return false;
        };
        let (list, item) = (FieldPath(one.0[..at].to_vec()), FieldPath(one.0[..=at].to_vec()));
        if other.0[..at] != one.0[..at] || BROAD.contains(&item.schema().as_str()) {
            return false;
        }
        let same = match merge_strategy(kind.root, &list.schema()).key {
            Some(key) => {
                let of = |keys: &[(String, Value)]| {
                    keys.iter()
                        .find(|(name, _)| name == key)
                        .map(|(_, value)| value.clone())
                };
                of(keys) == of(others)
            }
            None => keys == others,
        };
        same || (one.0.len() == at + 1 && other.0.len() == at + 1)
    })
}
