//! What the server does to every write of a Deployment after the merge: its own bookkeeping, defaults, validation.
//!
//! Source: `staging/src/k8s.io/apiserver/pkg/registry/rest/update.go` BeforeUpdate and
//! `pkg/registry/apps/deployment/strategy.go`.

use serde_json::{Map, Value};

use super::{Cause, Merged, counted};
use crate::engine::kind::Kind;
use crate::engine::object::Look;
use crate::engine::schema::{Branches, Members, Tree};
use crate::engine::validation::{as_stored, forget_dropped_fields, forget_empty, refusals_of_update};

/// Metadata that a write cannot change: the server puts back its own.
const KEPT: &[&str] = &["creationTimestamp", "generation", "resourceVersion"];

/// Metadata that a write cannot change once it is set: the server puts back its own then, and has nothing to put back
/// before.
const KEPT_ONCE_SET: &[&str] = &["deletionTimestamp"];

/// Metadata that the request fills in where the document leaves it out.
const FILLED_IN: &[&str] = &["deletionGracePeriodSeconds", "name", "namespace", "uid"];

/// The object as the server would store it, but for its status and managedFields, and why it would not.
pub(super) fn admit<'a>(kind: &'static Kind, mut merged: Tree<'a>, live: &'a Value) -> (Tree<'a>, Vec<Cause>) {
    keep_books(&mut merged, live);
    forget_dropped_fields(kind.root, &mut merged, live);
    let mut stored = as_stored(kind.root, merged);
    let causes = refusals_of_update(kind.root, &kind.validation, &stored, live);
    forget_empty(&mut stored);
    if let Some(object) = stored.as_map_mut() {
        // Defaults make an empty one.
        object.remove("status");
    }
    counted::count_on(kind, &mut stored, live);
    (stored, causes)
}

/// A copy of live as a write of the spec starts from it: without status and managedFields, which are half of the object
/// and the server's own. Where what is written has a word on them, they stay.
pub fn without_books(live: &Value, written: &Value) -> Value {
    let Value::Object(members) = live else {
        return live.clone();
    };
    let copied = kept(members, written).map(|(name, member)| match (name.as_str(), member) {
        ("metadata", Value::Object(metadata)) => (
            name.clone(),
            kept_of_metadata(metadata, written)
                .map(|(name, member)| (name.clone(), member.clone()))
                .collect(),
        ),
        _ => (name.clone(), member.clone()),
    });
    copied.collect()
}

/// [`without_books`] that borrows.
pub(super) fn bookless<'a, D: Look>(live: &'a Value, written: &D) -> Tree<'a> {
    let Value::Object(members) = live else {
        return Tree::of(live);
    };
    let borrowed = kept(members, written).map(|(name, member)| match (name.as_str(), member) {
        ("metadata", Value::Object(metadata)) => {
            let kept = kept_of_metadata(metadata, written).map(|(name, member)| (name.as_str(), Tree::of(member)));
            ("metadata", Tree::Map(kept.collect()))
        }
        (name, member) => (name, Tree::of(member)),
    });
    Tree::Map(borrowed.collect())
}

fn kept<'a, D: Look>(
    members: &'a Map<String, Value>,
    written: &D,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a, D> {
    let status = written.member("status").is_some();
    members.iter().filter(move |(name, _)| status || *name != "status")
}

fn kept_of_metadata<'a, D: Look>(
    metadata: &'a Map<String, Value>,
    written: &D,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a, D> {
    let managed = written
        .member("metadata")
        .is_some_and(|metadata| metadata.member("managedFields").is_some());
    metadata
        .iter()
        .filter(move |(name, _)| managed || *name != "managedFields")
}

fn keep_books<'a>(merged: &mut Tree<'a>, live: &'a Value) {
    let Some(object) = merged.as_map_mut() else { return };
    object.remove("status");
    for name in ["apiVersion", "kind"] {
        put_back(object, live, name);
    }
    let own = live.get("metadata").unwrap_or(&Value::Null);
    object.put_if_absent("metadata", || Tree::Map(Branches::default()));
    if let Some(metadata) = object.find("metadata").and_then(Tree::as_map_mut) {
        metadata.remove("managedFields");
        for name in KEPT {
            put_back(metadata, own, name);
        }
        for name in KEPT_ONCE_SET.iter().filter(|name| own.get(**name).is_some()) {
            put_back(metadata, own, name);
        }
        for name in FILLED_IN {
            if metadata
                .get(name)
                .is_none_or(|value| value.is_null() || value.as_str() == Some(""))
            {
                put_back(metadata, own, name);
            }
        }
    }
}

fn put_back<'a>(object: &mut Branches<'a>, live: &'a Value, name: &'static str) {
    match live.get(name) {
        Some(value) => object.insert(name, Tree::of(value)),
        None => drop(object.remove(name)),
    }
}

/// A version of the object that a document names and the server does not go on with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum VersionFault {
    /// It is not live's (409).
    Stale(Cause),

    /// It is no number (500).
    Unreadable(Cause),
}

impl From<VersionFault> for Merged<'_> {
    fn from(fault: VersionFault) -> Self {
        match fault {
            VersionFault::Stale(cause) => Merged::Conflict(vec![cause]),
            VersionFault::Unreadable(cause) => Merged::Refused(vec![cause]),
        }
    }
}

/// Holds the version of the object that a document names against live's. Zero is any.
///
/// Source: `Update` of apiserver's `pkg/registry/generic/registry/store.go`, and `ParseResourceVersion` of
/// `pkg/storage/etcd3/api_object_versioner.go`.
pub(super) fn asked_version<D: Look>(sent: &D, live: &Value) -> Result<(), VersionFault> {
    let asked = sent
        .member("metadata")
        .and_then(|metadata| metadata.member("resourceVersion"))
        .and_then(Look::text)
        .unwrap_or_default();
    if asked.is_empty() {
        return Ok(());
    }
    let number = number_of_version(asked)?;
    let actual = live.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    if number == 0 || actual.is_some_and(|actual| actual.parse() == Ok(number)) {
        return Ok(());
    }
    Err(VersionFault::Stale(Cause {
        reason: "Conflict".to_owned(),
        field: "metadata.resourceVersion".to_owned(),
        message: "the object has been modified; please apply your changes to the latest version and try again"
            .to_owned(),
    }))
}

/// What Go's `strconv.ParseUint` makes of a version.
pub(super) fn number_of_version(version: &str) -> Result<u64, VersionFault> {
    let digits_alone = !version.is_empty() && version.bytes().all(|digit| digit.is_ascii_digit());
    let fault = if digits_alone {
        "value out of range"
    } else {
        "invalid syntax"
    };
    let parsed = if digits_alone { version.parse().ok() } else { None };
    parsed.ok_or_else(|| {
        let message = format!("strconv.ParseUint: parsing {}: {fault}", Value::from(version));
        VersionFault::Unreadable(Cause {
            reason: String::new(),
            field: String::new(),
            message,
        })
    })
}
