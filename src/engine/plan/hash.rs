//! Content hashes of a drift and of a whole plan.

use serde_json::{Value, json};

use super::memory::Memory;
use super::step::Step;
use crate::engine::diff::Drift;
use crate::engine::digest::{digest, live_digest};
use crate::engine::object::FieldPath;
use crate::engine::ownership::ManagedFields;
use crate::engine::predict::{Cause, Prediction};
use crate::engine::snapshot::Snapshot;

/// The digest of what has drifted: the fields and both values of each, whoever owns them and since when.
pub fn drift_digest(drifts: &[&Drift]) -> String {
    let content: Vec<Value> = drifts
        .iter()
        .map(|drift| {
            json!([
                drift.change.path.to_string(),
                drift.change.kind.name(),
                drift.change.desired,
                drift.change.live
            ])
        })
        .collect();
    digest(&Value::from(content))
}

/// The digest of a coming refusal that is nobody's drift.
pub(super) fn refusal_digest(prediction: &Prediction) -> String {
    let causes: Vec<Value> = prediction.causes.iter().map(Cause::to_value).collect();
    digest(&json!({"refused": causes}))
}

/// The hash of a plan: everything that a person's yes depends on.
///
/// The Git revision is left out on purpose, since a commit elsewhere in a monorepo moves it; the document's own digest
/// is in. So is what judges approvals: a yes from a time when nothing did is one to another plan. Left out, too, are
/// the resourceVersion (taken fresh when a step is sent) and dry-run answers (shown only).
///
/// The hash is asked for by serial: its other parts are made once.
pub(super) fn plan_hash<'a>(
    snapshot: &'a Snapshot,
    memory: &'a Memory,
    steps: &[Step],
) -> impl Fn(u64) -> String + use<'a> {
    let content = content(snapshot, memory, steps);
    move |serial| digest(&content(serial))
}

/// The steps as they were while the sync that they were made beside was only asked for; `None` where nobody's sync
/// began.
///
/// That it begins changes nothing of what a person approved: the plan waited for that very sync.
pub(super) fn before_it_began(steps: &[Step]) -> Option<Vec<Step>> {
    let mut earlier = steps.to_vec();
    let mut has_begun = false;
    for step in &mut earlier {
        let asked = if let Step::OnApplication(step) = step {
            step.asked.as_mut()
        } else {
            None
        };
        has_begun |= asked.is_some_and(|asked| asked.began.take().is_some());
    }
    has_begun.then_some(earlier)
}

/// Live without its replicas, and without the generation that they move, where an autoscaler sets them and Git does
/// not: no plan is about them, and an approval outlives each of its steps. `None` elsewhere.
fn unscaled(snapshot: &Snapshot) -> Option<Value> {
    let replicas = FieldPath::of(&["spec", "replicas"]);
    let (document, live) = (snapshot.desired.as_ref()?, snapshot.live.as_ref()?);
    let managed = ManagedFields::of(live);
    let is_scaled = managed
        .entries()
        .any(|entry| entry.owner.subresource.as_deref() == Some("scale") && entry.fields.contains(&replicas));
    if !is_scaled || replicas.get(&document.value).is_some() {
        return None;
    }
    let mut live = live.clone();
    live.get_mut("spec")?.as_object_mut()?.remove("replicas");
    live.get_mut("metadata")?.as_object_mut()?.remove("generation");
    Some(live)
}

/// What the hash of a plan covers, by name.
fn content<'a>(snapshot: &'a Snapshot, memory: &'a Memory, steps: &[Step]) -> impl Fn(u64) -> Value + use<'a> {
    let unscaled = unscaled(snapshot);
    let live = snapshot.live.as_ref();
    let generation = live
        .filter(|_| unscaled.is_none())
        .and_then(|live| live.pointer("/metadata/generation"));
    let desired = snapshot.desired.as_ref().map(|document| digest(&document.value));
    let digest_of_live = unscaled.as_ref().or(live).map(live_digest);
    let steps: Vec<Value> = steps.iter().map(Step::intent).collect();
    move |serial| {
        json!({
            "version": 4,
            "cluster": snapshot.cluster,
            "judge": snapshot.judge,
            "report": memory.report,
            "watch": memory.watch,
            "target": snapshot.target.to_value(),
            "uid": live.and_then(|live| live.pointer("/metadata/uid")),
            "generation": generation,
            "desired": desired,
            "live": digest_of_live,
            "strategy": snapshot.syncer.strategy.name(),
            "manager": snapshot.syncer.manager,
            "serial": serial,
            "steps": steps,
        })
    }
}

#[cfg(test)]
mod tests;
