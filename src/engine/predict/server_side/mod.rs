//! Server-side apply: live overlaid with Git, less what the applier gave up, unless somebody else owns what would
//! change.
//!
//! Source: structured-merge-diff `merge/update.go` Updater.Apply, and apimachinery's `pkg/util/managedfields/internal`.

mod compare;
mod element;
mod last_applied;
mod merge;
mod prune;
mod take_over;
#[cfg(test)]
mod tests;
mod typed;

use serde_json::Value;

use super::admission::{asked_version, bookless, number_of_version};
use super::{Cause, Merged, counted, decode};
use crate::engine::facts::Facts;
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::ownership::{Entry, FieldSet, ManagedFields, Operation, Owner};
use crate::engine::schema::{Members, Tree};
use crate::engine::syncer::{Dump, Force, Syncer};
use compare::{Comparison, field_set, sets_all};
pub(super) use take_over::{after_apply, applies_twice, before_apply};

/// What an apply gives before defaults and validation.
#[derive(Clone, Debug, PartialEq)]
enum Applied<'a> {
    /// The merged object.
    Merged(Tree<'a>),

    /// Other managers own fields that would change (409).
    Conflict(Vec<Cause>),

    /// The applied object does not fit the schema (500).
    Malformed(Vec<Cause>),
}

/// Metadata that never belongs to a manager.
///
/// Source: `stripmeta.go`.
const STRIPPED: &[&[&str]] = &[
    &["apiVersion"],
    &["kind"],
    &["metadata"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "creationTimestamp"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
    &["metadata", "clusterName"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
];

/// The one manager whose conflicts the server forgives where last-applied explains them, and for whom it keeps
/// last-applied up to date.
///
/// Source: `lastappliedmanager.go` and `lastappliedupdater.go`.
const KUBECTL: &str = "kubectl";

/// Metadata of a manifest that was dumped from a cluster.
const OF_ANOTHER_OBJECT: &[&str] = &[
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// What the syncer's apply gives; `managed` is who owns what of live, and `first` what an apply before it made of that.
pub(super) fn merge_into<'a>(
    kind: &'static Kind,
    desired: &'a Value,
    live: &'a Value,
    managed: &ManagedFields,
    first: Option<&Tree<'a>>,
    syncer: &Syncer,
) -> Merged<'a> {
    let sent = sent_over(kind, desired, live, managed, syncer);
    if let Some(cause) = managed_fields_sent(kind, &sent) {
        return Merged::Refused(vec![cause]);
    }
    let mut object = match apply(kind, live, managed, first, &sent, &syncer.manager, syncer.force) {
        Applied::Merged(object) => object,
        Applied::Conflict(causes) => return Merged::Conflict(causes),
        Applied::Malformed(causes) => return Merged::Refused(causes),
    };
    if let Some(cause) = unconvertible(kind, &object) {
        return Merged::Refused(vec![cause]);
    }
    decode::wrap_integers(kind, &mut object);
    if syncer.manager == KUBECTL {
        last_applied::update(&mut object, &sent);
    }
    match asked_version(&sent, live) {
        Ok(()) => Merged::Object(object),
        Err(failed) => failed.into(),
    }
}

/// What an apply makes where there is no object yet, in this namespace.
///
/// Nobody owns anything of it, so that no conflict is met. A `uid` is one of an object that is not there (409).
///
/// Source: `createNewObject` of `applyPatcher` and `applyPatch` of apiserver's `pkg/endpoints/handlers/patch.go`.
pub(super) fn merge_new<'a>(kind: &'static Kind, desired: &'a Value, namespace: Option<&'a Value>) -> Merged<'a> {
    let sent = sent(desired, namespace);
    if let Some(cause) = managed_fields_sent(kind, &sent) {
        return Merged::Refused(vec![cause]);
    }
    let faults = typed::faults(&sent, kind.root);
    if !faults.is_empty() {
        return Merged::Refused(faults);
    }
    let mut object = merge::merge(None, Some(&sent), Some(kind.root)).unwrap_or_default();
    if let Some(cause) = unconvertible(kind, &object) {
        return Merged::Refused(vec![cause]);
    }
    decode::wrap_integers(kind, &mut object);
    let text = |name: &str| {
        desired
            .get("metadata")
            .and_then(|metadata| metadata.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if !text("uid").is_empty() {
        let message = format!(
            "uid mismatch: the provided object specified uid {}, and no existing object was found",
            text("uid")
        );
        return Merged::Conflict(vec![Cause {
            reason: "Conflict".to_owned(),
            field: "metadata.uid".to_owned(),
            message,
        }]);
    }
    match text("resourceVersion") {
        "" => Merged::Object(object),
        // Which one does not matter: the object gets one of its own.
        version => number_of_version(version).map_or_else(Merged::from, |_| Merged::Object(object)),
    }
}

/// Git's document as the tool sends it: in the namespace of the request.
pub(super) fn manifest_sent(facts: &Facts<'_>, syncer: &Syncer) -> Value {
    sent_over(facts.kind, facts.sent, facts.live, facts.managed.get(), syncer).to_value()
}

fn sent_over<'a>(
    kind: &'static Kind,
    desired: &'a Value,
    live: &'a Value,
    managed: &ManagedFields,
    syncer: &Syncer,
) -> Tree<'a> {
    let mut sent = sent(desired, live.pointer("/metadata/namespace"));
    if syncer.dump == Dump::LeftOut
        && managed_fields_sent(kind, &sent).is_some()
        && managed.entry(&syncer.manager, Operation::Apply, None).is_some()
        && let Some(metadata) = sent.map_at_mut(&["metadata"])
    {
        metadata.keep(|name, _| !OF_ANOTHER_OBJECT.contains(&name));
    }
    sent
}

fn sent<'a>(desired: &'a Value, namespace: Option<&'a Value>) -> Tree<'a> {
    let mut sent = Tree::of(desired);
    if let (Some(metadata), Some(namespace)) = (sent.map_at_mut(&["metadata"]), namespace) {
        metadata.insert("namespace", Tree::of(namespace));
    }
    sent
}

/// A manifest that was dumped from a cluster (400): who owns what is the server's alone to say. An empty list is one,
/// too; a list of what are no entries is none, and is told by its types.
///
/// Source: `Apply` of `structuredMergeManager` in apimachinery's `pkg/util/managedfields/internal/structuredmerge.go`,
/// and `GetManagedFields` of its `pkg/apis/meta/v1/unstructured/unstructured.go`.
fn managed_fields_sent(kind: &'static Kind, sent: &Tree<'_>) -> Option<Cause> {
    let is_entry = |item: &Tree<'_>| item.as_map().is_some() && decode::unconvertible_entry(kind, item).is_none();
    sent.at(&["metadata", "managedFields"])?
        .as_list()
        .filter(|items| items.iter().all(is_entry))
        .map(|_| Cause {
            reason: "BadRequest".to_owned(),
            field: String::new(),
            message: "metadata.managedFields must be nil".to_owned(),
        })
}

/// Why the merged object is none that the server can go on with (500): the schema takes any number for an integer, and
/// Go does not.
///
/// Source: apimachinery's `pkg/util/managedfields/internal/structuredmerge.go`, with the converter of `pkg/runtime`.
fn unconvertible(kind: &'static Kind, merged: &Tree<'_>) -> Option<Cause> {
    let of_structs = decode::unconvertible(kind, merged).map(|fault| Cause {
        reason: String::new(),
        field: String::new(),
        message: format!(
            "unable to convert unstructured object to {}, Kind={kind}: {fault}",
            kind.api_version()
        ),
    });
    of_structs.or_else(|| counted::unconvertible(kind, merged))
}

/// Applies `desired` to `live`, or to what a first apply made of it, in the name of `manager`. What comes of it has
/// neither status nor managedFields, unless `desired` has them.
fn apply<'a>(
    kind: &'static Kind,
    live: &'a Value,
    managed: &ManagedFields,
    first: Option<&Tree<'a>>,
    desired: &Tree<'a>,
    manager: &str,
    force: Force,
) -> Applied<'a> {
    let faults = typed::faults(desired, kind.root);
    if !faults.is_empty() {
        return Applied::Malformed(faults);
    }
    let base = first.cloned().unwrap_or_else(|| bookless(live, desired));
    let merged = merge::merge(Some(base), Some(desired), Some(kind.root)).unwrap_or_default();
    let last = managed
        .entry(manager, Operation::Apply, None)
        .map(|entry| &entry.fields)
        .filter(|last| !last.is_empty());
    // Where Git still sets all that the tool applied last, nothing is to be taken away, which is most of the time.
    let taken_out = last.filter(|last| {
        last.at(&Segment::Field("status".to_owned())).is_some() || !sets_all(desired, &merged, Some(kind.root), last)
    });
    if taken_out.is_none() && force == Force::Yes {
        return Applied::Merged(merged);
    }
    let others = other_entries(kind, live, managed, manager);
    let merged = match taken_out {
        None => merged,
        Some(last) => {
            let mine = without_status(&field_set(desired, kind.root));
            let owned = others.iter().fold(mine, |all, entry| all.union(&entry.fields));
            prune::prune(&merged, last, &owned, kind.root)
        }
    };
    let conflicts = match force {
        Force::Yes => Vec::new(),
        Force::No => {
            let before = first.cloned().unwrap_or_else(|| Tree::of(live));
            conflicts(kind, live, (&before, &merged), &others, manager)
        }
    };
    if conflicts.is_empty() {
        Applied::Merged(merged)
    } else {
        Applied::Conflict(conflicts)
    }
}

/// The fields that an apply of this document owns.
pub fn fields_of(kind: &'static Kind, document: &Value) -> FieldSet {
    let stripped: FieldSet = STRIPPED.iter().map(|path| FieldPath::of(path)).collect();
    without_status(&field_set(&Tree::of(document), kind.root)).difference(&stripped)
}

/// The entries of everybody else. An object that nobody tracks belongs to `before-first-apply`.
///
/// Source: `skipnonapplied.go`.
fn other_entries(kind: &'static Kind, live: &Value, managed: &ManagedFields, manager: &str) -> Vec<Entry> {
    if managed.entries().next().is_none() {
        let owner = Owner {
            manager: "before-first-apply".to_owned(),
            operation: Operation::Update,
            subresource: None,
            time: None,
        };
        let api_version = live
            .get("apiVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        return vec![Entry {
            owner,
            api_version,
            fields: fields_of(kind, live),
        }];
    }
    let is_mine = |owner: &Owner| owner.is(manager, Operation::Apply) && owner.subresource.is_none();
    managed
        .entries()
        .filter(|entry| !is_mine(&entry.owner))
        .cloned()
        .collect()
}

/// Whatever the apply would change, of the object before it and after it, and somebody else owns.
fn conflicts(
    kind: &'static Kind,
    live: &Value,
    (before, merged): (&Tree<'_>, &Tree<'_>),
    others: &[Entry],
    manager: &str,
) -> Vec<Cause> {
    let comparison = Comparison::of(before, merged, kind.root);
    let mut changed = without_status(&comparison.modified.union(&comparison.added));
    if manager == KUBECTL {
        changed = changed.difference(&last_applied::allowed_conflicts(kind, live));
    }
    let conflicts = others.iter().flat_map(|entry| {
        let fields = entry.fields.intersection(&changed).members();
        fields.into_iter().map(|path| Cause {
            reason: "FieldManagerConflict".to_owned(),
            field: server_path(&path),
            message: format!("conflict with {}", printed(entry)),
        })
    });
    conflicts.collect()
}

/// The deployment strategy resets `status`, so an apply never owns or changes it.
///
/// Source: `pkg/registry/apps/deployment/strategy.go` GetResetFields.
fn without_status(set: &FieldSet) -> FieldSet {
    set.difference(&set.at_or_below(&FieldPath::of(&["status"])))
}

/// `printManager`.
fn printed(entry: &Entry) -> String {
    let mut text = Value::from(entry.owner.manager.as_str()).to_string();
    if let Some(subresource) = &entry.owner.subresource {
        text.push_str(&format!(" with subresource {}", Value::from(subresource.as_str())));
    }
    match entry.owner.operation {
        Operation::Update => format!("{text} using {}", entry.api_version),
        Operation::Apply => text,
    }
}

/// A key that is no scalar, as `ToString` of structured-merge-diff's `value/value.go` prints it.
fn key_text(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(key_text).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name}={}", key_text(value)))
            .collect(),
        scalar => scalar.to_string(),
    }
}

/// A path as the server prints it in these messages: every map key after a dot, whatever it holds.
///
/// Source: structured-merge-diff `fieldpath/element.go` PathElement.String.
fn server_path(path: &FieldPath) -> String {
    let mut out = String::new();
    for segment in &path.0 {
        match segment {
            Segment::Field(name) => out.push_str(&format!(".{name}")),
            Segment::Key(keys) if keys.iter().any(|(_, value)| value.is_array() || value.is_object()) => {
                let named: Vec<String> = keys
                    .iter()
                    .map(|(name, value)| format!("{name}={}", key_text(value)))
                    .collect();
                out.push_str(&format!("[{}]", named.join(",")));
            }
            other => out.push_str(&FieldPath(vec![other.clone()]).to_string()),
        }
    }
    out
}
