//! Live objects as syncs and hands leave them, and the witnesses of it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::engine::SourceFacts;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::ownership::FieldSet;
use crate::engine::schema::apply_defaults;
use crate::engine::source_facts::Met;
use crate::engine::syncer::Strategy;

/// What a write of these contents makes of the books, as the server keeps them for an update.
pub(super) fn update(before: &Value, mut after: Value, manager: &str) -> Value {
    let mut bare = after.clone();
    bare.as_object_mut().unwrap().remove("status");
    bare["metadata"] = json!({"annotations": {}});
    let set = FieldSet::of_applied(DEPLOYMENT.root, &bare);
    let leaves: Vec<FieldPath> = set.leaves().collect();
    let is_new = |path: &FieldPath| match (path.get(before), path.get(&after)) {
        (None, _) => true,
        (before, after) => before != after && leaves.contains(path),
    };
    let written: FieldSet = set.members().into_iter().filter(is_new).collect();
    let left = |value: &Value| -> FieldSet {
        let kept = FieldSet::parse(value).unwrap().difference(&written);
        kept.members()
            .into_iter()
            .filter(|path| path.get(&after).is_some())
            .collect()
    };
    let mut entries = Vec::new();
    for entry in before["metadata"]["managedFields"].as_array().unwrap() {
        let fields = left(&entry["fieldsV1"]);
        if !fields.is_empty() {
            entries.push(of(
                entry["manager"].as_str().unwrap(),
                entry["operation"].as_str().unwrap(),
                &fields,
            ));
        }
    }
    if !written.is_empty() {
        entries.push(of(manager, "Update", &written));
    }
    after["metadata"]["managedFields"] = entries.into();
    after
}

fn of(manager: &str, operation: &str, fields: &FieldSet) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
           "time": "2026-01-05T10:00:00Z",
           "fieldsV1": fields.to_value()})
}

/// The cluster right after the tool's sync of a document.
pub(in crate::engine) fn synced(document: &Value, strategy: Strategy) -> Value {
    let mut live = document.clone();
    apply_defaults(DEPLOYMENT.root, &mut live);
    live["metadata"]["uid"] = json!("6a1f6bd0-0000-4000-8000-000000000001");
    live["metadata"]["resourceVersion"] = json!("41");
    live["metadata"]["generation"] = json!(1);
    let mut fields = FieldSet::of_applied(DEPLOYMENT.root, document);
    if strategy == Strategy::ClientSideApply {
        live["metadata"]["annotations"] = json!({LAST_APPLIED: document.to_string()});
        fields = fields.union(&std::iter::once(FieldPath::of(&["metadata", "annotations", LAST_APPLIED])).collect());
    }
    let operation = if strategy == Strategy::ServerSideApply {
        "Apply"
    } else {
        "Update"
    };
    live["metadata"]["managedFields"] = json!([of(TOOL, operation, &fields)]);
    live
}

/// The cluster after a person made of it what this document says.
pub(in crate::engine) fn by_hand(live: &Value, document: &Value, manager: &str) -> Value {
    let mut after = document.clone();
    apply_defaults(DEPLOYMENT.root, &mut after);
    after["metadata"] = live["metadata"].clone();
    after["metadata"]["generation"] = json!(2);
    update(live, after, manager)
}

/// What is known of how it came to this.
pub(super) fn witnesses(before: &Value, live: &Value) -> Vec<(&'static str, SourceFacts)> {
    let facts = |facts: SourceFacts| SourceFacts {
        revision: "a".repeat(40),
        ..facts
    };
    let known = |document: &Value| {
        facts(SourceFacts {
            synced: Some(Arc::new(document.clone())),
            ..SourceFacts::default()
        })
    };
    let met = |document: &Value| {
        facts(SourceFacts {
            met: Met::Document(Arc::new(document.clone())),
            ..SourceFacts::default()
        })
    };
    vec![
        ("nothing is known", facts(SourceFacts::default())),
        (SYNCED, known(before)),
        ("both met before", met(before)),
        ("Git took the change over, and the tool says so", known(live)),
        ("Git took the change over, and both met", met(live)),
    ]
}
