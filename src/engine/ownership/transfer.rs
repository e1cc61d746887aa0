//! Fields that change hands without changing: a new `managedFields` for a metadata-only patch.
//!
//! After a heal that is not an apply, the healed field is ours: the syncing tool never takes it back, and the next
//! change of handler in Git is refused because our entry still holds the old one. Dropping our entry alone is worse,
//! for then nobody owns the field. So the field goes to the entry of the tool's apply, and our entry goes.

use serde_json::{Value, json};

use super::fields::FieldSet;
use super::managed::{Entry, ManagedFields, Record};
use super::people::{self, Writer};
use super::{Operation, Owner};
use crate::engine::kind::Kind;
use crate::engine::object::FieldPath;

/// Why fields cannot be given to a manager.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferRefusal {
    /// An entry is not one that an API server writes. The server would pass over the whole change in silence.
    #[error("failed to read an entry of metadata.managedFields")]
    Unreadable,

    /// The receiver has never applied the object, so it would not remove the fields either.
    #[error("failed to find an Apply entry of {to:?}")]
    NoApplyEntry {
        /// Who was to receive the fields.
        to: String,
    },

    /// Others than people apply one of the fields, too, and would take it again at their next apply.
    #[error("failed to choose between managers that apply the field: {to:?} and {}", others.join(", "))]
    OtherApplyManagers {
        /// Who was to receive the fields.
        to: String,

        /// The others, sorted.
        others: Vec<String>,
    },

    /// The giver does not hold this field, so that someone else changed the object since the plan was made.
    #[error("failed to find {path} among the fields of {from}")]
    NotHeld {
        /// The field that was to change hands.
        path: FieldPath,

        /// Who was to give it, by commas.
        from: String,
    },
}

impl TransferRefusal {
    /// What a person may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoApplyEntry { to } => Some(format!(
                "let {to} apply the object server-side once, or name its field manager in spec.manager"
            )),
            Self::OtherApplyManagers { .. } => {
                Some("agree on one manager that applies this field, then sync again".to_owned())
            }
            Self::NotHeld { .. } => Some("ask for a new plan: the object has changed".to_owned()),
            Self::Unreadable => None,
        }
    }
}

/// A manager that gives fields away: all its entries of that operation, through whatever subresource and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Giver<'a> {
    /// The manager's name.
    pub manager: &'a str,

    /// How it wrote.
    pub operation: Operation,
}

/// The `managedFields` after a heal's fields went to the tool that applies `desired`.
///
/// # Guarantees
/// The receiver's `Apply` entry gains what an apply of `desired` would own at and below `paths`, and whatever else of
/// the giver's fields it would own, so that no field of Git is left without an owner. The giver's entries go as a
/// whole. Every other entry stays as it is, as does every word of the receiver's besides its fields. Without one
/// nothing changes.
///
/// # Errors
/// [`TransferRefusal`] where the receiver never applied the object, or a program applies one of the fields as well.
pub fn moved(
    kind: &'static Kind,
    managed: &Value,
    desired: &Value,
    paths: &[FieldPath],
    from: Giver<'_>,
    to: &str,
) -> Result<Value, TransferRefusal> {
    let parsed = ManagedFields::parse(managed);
    let given: Vec<&Entry> = parsed.entries().filter(|entry| from.is(&entry.owner)).collect();
    if given.is_empty() {
        return Ok(managed.clone());
    }
    check_receiver(&parsed, paths, to)?;
    let applied = FieldSet::of_applied(kind.root, desired);
    let restored = paths.iter().map(|path| applied.at_or_below(path));
    let held = given.iter().map(|entry| entry.fields.intersection(&applied));
    let gained = restored
        .chain(held)
        .fold(FieldSet::default(), |all, some| all.union(&some));
    Ok(rewritten(managed, &parsed, &gained, to, |entry| {
        from.is(&entry.owner).then(FieldSet::default)
    }))
}

/// The `managedFields` after foreign fields went to the tool that applies the object, whose next sync then removes
/// them.
///
/// # Guarantees
/// The receiver's `Apply` entry gains what the givers hold at and below `paths`; they lose it, and an entry that is
/// left empty goes. With no giver the paths themselves are gained: a default has no owner. Everything else stays as it
/// is. A receiver that has only written the object by updates gets an `Apply` entry with these fields: it was switched
/// to server-side apply, and its first apply removes what of them it does not set.
///
/// # Errors
/// [`TransferRefusal`] where the receiver never wrote the object, a program applies one of the fields as well, or a
/// path is held by no giver.
pub fn handed_back(
    managed: &Value,
    paths: &[FieldPath],
    from: &[Giver<'_>],
    to: &str,
) -> Result<Value, TransferRefusal> {
    let with_receiver = with_receiver(managed, to);
    let managed = with_receiver.as_ref().unwrap_or(managed);
    let parsed = ManagedFields::parse(managed);
    check_receiver(&parsed, paths, to)?;
    let is_given = |entry: &Entry| from.iter().any(|giver| giver.is(&entry.owner));
    let union = |all: FieldSet, some: FieldSet| all.union(&some);
    let part = |fields: &FieldSet| {
        paths
            .iter()
            .map(|path| fields.at_or_below(path))
            .fold(FieldSet::default(), union)
    };
    let held = parsed
        .entries()
        .filter(|entry| is_given(entry))
        .map(|entry| part(&entry.fields))
        .fold(FieldSet::default(), union);
    let absent = paths.iter().find(|path| !held.contains_or_below(path));
    let gained = match (from, absent) {
        ([], _) => paths.iter().cloned().collect(),
        (_, None) => held,
        (_, Some(path)) => {
            let names: Vec<&str> = from.iter().map(|giver| giver.manager).collect();
            return Err(TransferRefusal::NotHeld {
                path: path.clone(),
                from: names.join(", "),
            });
        }
    };
    Ok(rewritten(managed, &parsed, &gained, to, |entry| {
        is_given(entry).then(|| entry.fields.difference(&part(&entry.fields)))
    }))
}

/// The `managedFields` with an `Apply` entry of this manager, which is empty where it has not applied the object so
/// far.
///
/// For one that applies the object from now on: its next apply makes the entry its own, and removes what of it Git does
/// not set.
pub fn with_apply_entry(managed: &Value, to: &str) -> Value {
    let entries = managed.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_own = |entry: &Value| {
        text(entry, "manager") == to && text(entry, "operation") == "Apply" && text(entry, "subresource").is_empty()
    };
    let Some(first) = entries.first().filter(|_| !entries.iter().any(is_own)) else {
        return managed.clone();
    };
    let version = entries
        .iter()
        .find(|entry| text(entry, "subresource").is_empty())
        .unwrap_or(first)
        .get("apiVersion");
    let entry = json!({
        "manager": to, "operation": "Apply", "apiVersion": version, "fieldsType": "FieldsV1",
        "fieldsV1": FieldSet::default().to_value(),
    });
    entries.iter().cloned().chain([entry]).collect()
}

/// The `managedFields` with an empty `Apply` entry of who has only written the object by updates; `None` where it has
/// one, or never wrote the object.
fn with_receiver(managed: &Value, to: &str) -> Option<Value> {
    let has_written = ManagedFields::parse(managed)
        .entries()
        .any(|entry| entry.owner.manager == to && entry.owner.subresource.is_none());
    has_written.then(|| with_apply_entry(managed, to))
}

/// The `managedFields` after all of the giver's fields went to what this manager wrote by updates.
///
/// # Guarantees
/// The receiver's `Update` entry of the same version gains the giver's fields, and the giver's entry goes; without such
/// an entry the giver's becomes it. Every other entry stays as it is. Without a giver nothing changes.
///
/// # Errors
/// [`TransferRefusal::Unreadable`] where an entry is not one that an API server writes.
pub fn returned(managed: &Value, from: Giver<'_>, to: &str) -> Result<Value, TransferRefusal> {
    let parsed = ManagedFields::parse(managed);
    if parsed
        .records()
        .iter()
        .any(|record| matches!(record, Record::Opaque(_)))
    {
        return Err(TransferRefusal::Unreadable);
    }
    let mut values: Vec<Option<Value>> = managed.as_array().into_iter().flatten().cloned().map(Some).collect();
    let entries: Vec<Option<&Entry>> = parsed
        .records()
        .iter()
        .map(|record| {
            if let Record::Entry(entry) = record {
                Some(entry)
            } else {
                None
            }
        })
        .collect();
    let is_update_of =
        |entry: &Entry, manager: &str| entry.owner.is(manager, Operation::Update) && entry.owner.subresource.is_none();
    let version = |at: usize| managed.get(at).and_then(|value| value.get("apiVersion")).cloned();
    for (at, entry) in entries.iter().enumerate() {
        let Some(entry) = entry.filter(|entry| from.is(&entry.owner)) else {
            continue;
        };
        let receiver = entries.iter().enumerate().position(|(other, entry)| {
            entry.is_some_and(|entry| is_update_of(entry, to)) && version(other) == version(at)
        });
        let receiver = receiver.and_then(|receiver| Some((receiver, entries[receiver]?.fields.union(&entry.fields))));
        match receiver {
            Some((receiver, fields)) => {
                set(&mut values[receiver], "fieldsV1", fields.to_value());
                values[at] = None;
            }
            None => set(&mut values[at], "manager", to.into()),
        }
    }
    Ok(values.into_iter().flatten().collect())
}

fn set(value: &mut Option<Value>, key: &str, to: Value) {
    if let Some(members) = value.as_mut().and_then(Value::as_object_mut) {
        members.insert(key.to_owned(), to);
    }
}

/// The `managedFields` after the tool became the only owner of fields that it applies with `desired` and that others
/// own as well.
///
/// # Guarantees
/// The receiver's `Apply` entry gains what an apply of `desired` would own at and below `paths`; the givers lose all
/// that they hold there, and an entry that is left empty goes. Everything else stays as it is, entries of others that
/// apply the object included: nothing of theirs is taken unless they are givers.
///
/// # Errors
/// [`TransferRefusal`] where the receiver never applied the object.
pub fn taken(
    kind: &'static Kind,
    managed: &Value,
    desired: &Value,
    paths: &[FieldPath],
    from: &[Giver<'_>],
    to: &str,
) -> Result<Value, TransferRefusal> {
    let parsed = ManagedFields::parse(managed);
    match check_receiver(&parsed, paths, to) {
        Err(TransferRefusal::OtherApplyManagers { .. }) | Ok(()) => {}
        Err(refusal) => return Err(refusal),
    }
    let applied = FieldSet::of_applied(kind.root, desired);
    let part = |fields: &FieldSet| {
        paths
            .iter()
            .map(|path| fields.at_or_below(path))
            .fold(FieldSet::default(), |all, some| all.union(&some))
    };
    let is_given = |entry: &Entry| entry.owner.subresource.is_none() && from.iter().any(|giver| giver.is(&entry.owner));
    Ok(rewritten(managed, &parsed, &part(&applied), to, |entry| {
        is_given(entry).then(|| entry.fields.difference(&part(&entry.fields)))
    }))
}

impl Giver<'_> {
    fn is(&self, owner: &Owner) -> bool {
        owner.is(self.manager, self.operation)
    }
}

fn is_apply(entry: &Entry) -> bool {
    entry.owner.operation == Operation::Apply && entry.owner.subresource.is_none()
}

/// The managers besides this one that apply one of these paths, a part of it or the whole of which it is one, and are
/// no person, sorted: each would take it again at its next apply. A person applies once.
pub fn appliers_of(managed: &ManagedFields, paths: &[FieldPath], to: &str) -> Vec<String> {
    let applies = |entry: &&Entry| {
        is_apply(entry) && entry.owner.manager != to && people::kind_of(&entry.owner.manager) != Writer::Person
    };
    let holds = |entry: &&Entry| {
        entry.fields.leaves().any(|leaf| {
            paths
                .iter()
                .any(|path| leaf.starts_with(path) || path.starts_with(&leaf))
        })
    };
    let mut appliers: Vec<String> = managed
        .entries()
        .filter(applies)
        .filter(holds)
        .map(|entry| entry.owner.manager.clone())
        .collect();
    appliers.sort();
    appliers
}

fn check_receiver(managed: &ManagedFields, paths: &[FieldPath], to: &str) -> Result<(), TransferRefusal> {
    if managed
        .records()
        .iter()
        .any(|record| matches!(record, Record::Opaque(_)))
    {
        return Err(TransferRefusal::Unreadable);
    }
    if !managed
        .entries()
        .any(|entry| is_apply(entry) && entry.owner.manager == to)
    {
        return Err(TransferRefusal::NoApplyEntry { to: to.to_owned() });
    }
    let others = appliers_of(managed, paths, to);
    if others.is_empty() {
        Ok(())
    } else {
        Err(TransferRefusal::OtherApplyManagers {
            to: to.to_owned(),
            others,
        })
    }
}

/// The array with the receiver's fields grown and those of each giver replaced by what `left` says; an empty rest
/// removes the entry.
fn rewritten(
    managed: &Value,
    parsed: &ManagedFields,
    gained: &FieldSet,
    to: &str,
    left: impl Fn(&Entry) -> Option<FieldSet>,
) -> Value {
    let values = managed.as_array().map(Vec::as_slice).unwrap_or_default();
    let records = values.iter().zip(parsed.records());
    let rewrite = |(value, record): (&Value, &Record)| {
        let Record::Entry(entry) = record else {
            return Some(value.clone());
        };
        let is_receiver = is_apply(entry) && entry.owner.manager == to;
        let fields = match left(entry) {
            _ if is_receiver => entry.fields.union(gained),
            Some(rest) if rest.is_empty() => return None,
            Some(rest) => rest,
            None => return Some(value.clone()),
        };
        let mut value = value.clone();
        if let Some(members) = value.as_object_mut() {
            members.insert("fieldsV1".to_owned(), fields.to_value());
        }
        Some(value)
    };
    Value::Array(records.filter_map(rewrite).collect())
}

#[cfg(test)]
mod tests;
