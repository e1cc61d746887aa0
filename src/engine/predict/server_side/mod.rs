//! Server-side apply: live overlaid with Git, less what the applier gave up, unless somebody else owns what would change.
//!
//! Source: structured-merge-diff `merge/update.go` Updater.Apply, and apimachinery's `pkg/util/managedfields/internal`.

mod compare;
mod element;
mod merge;
mod prune;
#[cfg(test)]
mod tests;
mod typed;

use serde_json::Value;

use super::admission::bookless;
use super::{Cause, Force, Merged, Syncer, TakesOver, decode};
use crate::engine::diff::LAST_APPLIED;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::ownership::{Entry, FieldSet, ManagedFields, Operation, Owner, Recorded, migrate};
use crate::engine::schema::{DEPLOYMENT, Members, Tree};
use compare::{Comparison, field_set, sets_all};

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

/// The one manager whose conflicts the server forgives where last-applied explains them.
///
/// Source: `lastappliedmanager.go`.
const KUBECTL: &str = "kubectl";

/// Metadata of a manifest that was dumped from a cluster. With it the server would not even have created the object, so a tool that
/// applies such a manifest leaves it out.
const OF_ANOTHER_OBJECT: &[&str] = &["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// What the syncer's apply gives; `managed` is who owns what of live.
pub(super) fn merge_into<'a>(desired: &'a Value, live: &'a Value, managed: &ManagedFields, syncer: &Syncer) -> Merged<'a> {
    let sent = sent(desired, live);
    match apply(live, managed, &sent, &syncer.manager, syncer.force) {
        Applied::Merged(object) => Merged::Object(object),
        Applied::Conflict(causes) => Merged::Conflict(causes),
        Applied::Malformed(causes) => Merged::Refused(causes),
    }
}

/// The managedFields as the tool itself makes them before it applies anything; `None` where it does nothing to them.
pub(super) fn before_apply(managed: &Recorded<'_>, syncer: &Syncer) -> Option<ManagedFields> {
    let TakesOver::ClientSideOf(manager) = &syncer.takes_over else { return None };
    let anew = migrate::migrated(managed.as_written()?, manager, &syncer.manager)?;
    Some(ManagedFields::parse(&anew))
}

/// The managedFields as the tool itself makes them between its dry run and its apply; `None` where it does nothing to them.
pub(super) fn after_dry_run(managed: &Recorded<'_>, syncer: &Syncer) -> Option<ManagedFields> {
    if syncer.takes_over != TakesOver::KubectlsAfterDryRun {
        return None;
    }
    let anew = migrate::adopted(managed.as_written()?, &syncer.manager)?;
    Some(ManagedFields::parse(&anew))
}

/// Git's document as a tool sends it: in the namespace of the request, without what was dumped from a cluster.
pub(super) fn manifest_sent(desired: &Value, live: &Value) -> Value {
    sent(desired, live).to_value()
}

fn sent<'a>(desired: &'a Value, live: &'a Value) -> Tree<'a> {
    let mut sent = Tree::of(desired);
    if let Some(metadata) = sent.map_at_mut(&["metadata"]) {
        metadata.keep(|name, _| !OF_ANOTHER_OBJECT.contains(&name));
        if let Some(namespace) = live.pointer("/metadata/namespace") {
            metadata.insert("namespace", Tree::of(namespace));
        }
    }
    sent
}

/// Why the merged object is none that the server can go on with (500): the schema takes any number for an integer, and Go does not.
///
/// Source: apimachinery's `pkg/util/managedfields/internal/structuredmerge.go`, with the converter of `pkg/runtime`.
pub(super) fn unconvertible(merged: &Tree<'_>) -> Option<Cause> {
    decode::unconvertible(merged).map(|fault| Cause {
        reason: String::new(),
        field: String::new(),
        message: format!("unable to convert unstructured object to apps/v1, Kind=Deployment: {fault}"),
    })
}

/// Applies `desired` to `live` in the name of `manager`. What comes of it has neither status nor managedFields, unless `desired` has them.
fn apply<'a>(live: &'a Value, managed: &ManagedFields, desired: &Tree<'a>, manager: &str, force: Force) -> Applied<'a> {
    let faults = typed::faults(desired, DEPLOYMENT);
    if !faults.is_empty() {
        return Applied::Malformed(faults);
    }
    let merged = merge::merge(Some(bookless(live, desired)), Some(desired), Some(DEPLOYMENT)).unwrap_or_default();
    let last = managed.entry(manager, Operation::Apply, None).map(|entry| &entry.fields).filter(|last| !last.is_empty());
    // Where Git still sets all that the tool applied last, nothing is to be taken away, which is most of the time.
    let taken_out =
        last.filter(|last| last.at(&Segment::Field("status".to_owned())).is_some() || !sets_all(desired, &merged, Some(DEPLOYMENT), last));
    if taken_out.is_none() && force == Force::Yes {
        return Applied::Merged(merged);
    }
    let others = other_entries(live, managed, manager);
    let merged = match taken_out {
        None => merged,
        Some(last) => {
            let mine = without_status(&field_set(desired, DEPLOYMENT));
            let owned = others.iter().fold(mine, |all, entry| all.union(&entry.fields));
            prune::prune(&merged, last, &owned, DEPLOYMENT)
        }
    };
    let conflicts = match force {
        Force::Yes => Vec::new(),
        Force::No => conflicts(live, &merged, &others, manager),
    };
    if conflicts.is_empty() { Applied::Merged(merged) } else { Applied::Conflict(conflicts) }
}

/// The fields that an apply of this document owns.
pub fn fields_of(document: &Value) -> FieldSet {
    let stripped: FieldSet = STRIPPED.iter().map(|path| FieldPath::of(path)).collect();
    without_status(&field_set(&Tree::of(document), DEPLOYMENT)).difference(&stripped)
}

/// The entries of everybody else. An object that nobody tracks belongs to `before-first-apply`.
///
/// Source: `skipnonapplied.go`.
fn other_entries(live: &Value, managed: &ManagedFields, manager: &str) -> Vec<Entry> {
    if managed.entries().next().is_none() {
        let owner = Owner { manager: "before-first-apply".to_owned(), operation: Operation::Update, subresource: None, time: None };
        let api_version = live.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        return vec![Entry { owner, api_version, fields: fields_of(live) }];
    }
    let is_mine = |owner: &Owner| owner.is(manager, Operation::Apply) && owner.subresource.is_none();
    managed.entries().filter(|entry| !is_mine(&entry.owner)).cloned().collect()
}

/// Whatever the apply would change and somebody else owns.
fn conflicts(live: &Value, merged: &Tree<'_>, others: &[Entry], manager: &str) -> Vec<Cause> {
    let comparison = Comparison::of(&Tree::of(live), merged, DEPLOYMENT);
    let mut changed = without_status(&comparison.modified.union(&comparison.added));
    if manager == KUBECTL {
        changed = changed.difference(&allowed_by_last_applied(live));
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

/// `allowedConflictsFromLastApplied`: what last-applied set and live still has.
fn allowed_by_last_applied(live: &Value) -> FieldSet {
    let text = live.pointer("/metadata/annotations").and_then(|annotations| annotations.get(LAST_APPLIED)).and_then(Value::as_str);
    let Some(last) = text.and_then(|text| serde_json::from_str::<Value>(text).ok()) else { return FieldSet::default() };
    let last = Tree::of(&last);
    let comparison = Comparison::of(&last, &Tree::of(live), DEPLOYMENT);
    let differs = comparison.modified.union(&comparison.added).union(&comparison.removed);
    field_set(&last, DEPLOYMENT).difference(&differs)
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

/// A path as the server prints it in these messages: every map key after a dot, whatever it holds.
///
/// Source: structured-merge-diff `fieldpath/element.go` PathElement.String.
fn server_path(path: &FieldPath) -> String {
    let mut out = String::new();
    for segment in &path.0 {
        match segment {
            Segment::Field(name) => out.push_str(&format!(".{name}")),
            other => out.push_str(&FieldPath(vec![other.clone()]).to_string()),
        }
    }
    out
}
