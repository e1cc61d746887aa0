//! What a tool does to `managedFields` by itself around its apply: fields of other managers become its own, and those
//! that Git does not set go with the next apply.

use serde_json::{Value, json};

use super::KUBECTL;
use crate::engine::facts::Facts;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::FieldPath;
use crate::engine::ownership::{FieldSet, Recorded, migrate};
use crate::engine::syncer::{Syncer, TakesOver};

/// The manager under which kubectl keeps the annotation, so that `kubectl apply` without `--server-side` can go on from
/// there.
///
/// Source: `fieldManagerLastAppliedAnnotation` of kubectl's `pkg/cmd/apply/apply.go`.
const KEEPER: &str = "kubectl-last-applied";

/// The managedFields as the tool itself makes them before it applies anything; `None` where it does nothing to them.
pub(in super::super) fn before_apply(managed: &Recorded<'_>, syncer: &Syncer) -> Option<Value> {
    match &syncer.takes_over {
        TakesOver::ClientSideOf(manager) => migrate::migrated(managed.as_written()?, manager, &syncer.manager),
        TakesOver::Nobodys | TakesOver::OfLastApplied | TakesOver::KubectlsAfterDryRun => None,
    }
}

/// The managedFields as the tool itself makes them between an apply that was accepted, or a dry run of it, and the one
/// that counts; `None` where it does nothing to them. `before` is what [`before_apply`] gave.
pub(in super::super) fn after_apply(facts: &Facts<'_>, before: Option<&Value>, syncer: &Syncer) -> Option<Value> {
    let managed = before.or_else(|| facts.managed.as_written())?;
    match &syncer.takes_over {
        TakesOver::Nobodys => None,
        TakesOver::KubectlsAfterDryRun => migrate::adopted(managed, &syncer.manager),
        TakesOver::OfLastApplied | TakesOver::ClientSideOf(_) => of_last_applied(managed, facts, &syncer.manager),
    }
}

/// Whether both applies are for real: those of kubectl, and so of Argo CD. It tells of a failure of the second and ends
/// well.
pub(in super::super) const fn applies_twice(syncer: &Syncer) -> bool {
    matches!(syncer.takes_over, TakesOver::OfLastApplied | TakesOver::ClientSideOf(_))
}

/// kubectl looks for the annotation's owners in what the first apply gave: where Git sets another one, that apply took
/// it from them.
fn of_last_applied(managed: &Value, facts: &Facts<'_>, manager: &str) -> Option<Value> {
    let annotation = |object: &Value| {
        object
            .pointer("/metadata/annotations")?
            .get(LAST_APPLIED)?
            .as_str()
            .map(str::to_owned)
    };
    let (live, desired) = (annotation(facts.live), annotation(facts.sent));
    if desired.is_some() && desired != live {
        return None;
    }
    let anew = migrate::of_owners_of(managed, &place(), manager)?;
    let kept = desired.is_some() || live.is_none() || manager != KUBECTL || migrate::is_applied(managed, &place());
    Some(if kept { anew } else { with_keeper(anew, facts.live) })
}

fn place() -> FieldPath {
    FieldPath::of(&["metadata", "annotations", LAST_APPLIED])
}

fn with_keeper(managed: Value, live: &Value) -> Value {
    let fields: FieldSet = std::iter::once(place()).collect();
    let entry = json!({
        "manager": KEEPER, "operation": "Apply", "apiVersion": live.get("apiVersion"), "fieldsType": "FieldsV1",
        "fieldsV1": fields.to_value(),
    });
    match managed {
        Value::Array(mut entries) => {
            entries.push(entry);
            entries.into()
        }
        other => other,
    }
}
