//! Content hashes: of an object as far as an approval depends on it, of a drift, and of a whole plan.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::step::Step;
use crate::engine::diff::Drift;
use crate::engine::predict::Prediction;
use crate::engine::snapshot::Snapshot;

/// The SHA-256 of a value's canonical JSON (sorted keys, no white space), as 64 hexadecimal digits.
pub fn digest(value: &Value) -> String {
    let bytes = Sha256::digest(value.to_string().as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of a live object without what moves by itself.
///
/// Left out are the status, the resourceVersion, the times in managedFields, the entries of the status subresource, and
/// the revision annotation, which the deployment controller writes through that subresource: a crash-looping pod moves
/// all of these and changes nothing that a person approved.
pub fn live_digest(live: &Value) -> String {
    let mut object = live.clone();
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("deployment.kubernetes.io/revision");
        }
        if let Some(entries) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            entries.retain(|entry| entry.get("subresource").and_then(Value::as_str) != Some("status"));
            for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
                entry.remove("time");
            }
        }
    }
    digest(&object)
}

/// The digest of what has drifted: the fields and both values of each, whoever owns them and since when.
pub fn drift_digest(drifts: &[&Drift]) -> String {
    let content: Vec<Value> = drifts
        .iter()
        .map(|drift| json!([drift.change.path.to_string(), drift.change.kind, drift.change.desired, drift.change.live]))
        .collect();
    digest(&Value::from(content))
}

/// The digest of a coming refusal that is nobody's drift.
pub(super) fn refusal_digest(prediction: &Prediction) -> String {
    digest(&json!({"refused": prediction.causes}))
}

/// The hash of a plan: everything that a person's yes depends on.
///
/// The Git revision is left out on purpose, since a commit elsewhere in a monorepo moves it; the document's own digest
/// is in. So are the resourceVersion (taken fresh when a step is sent) and dry-run answers (shown only).
pub(super) fn plan_hash(snapshot: &Snapshot, serial: u64, steps: &[Step]) -> String {
    let live = snapshot.live.as_ref();
    digest(&json!({
        "version": 1,
        "cluster": snapshot.cluster,
        "target": snapshot.target,
        "uid": live.and_then(|live| live.pointer("/metadata/uid")),
        "generation": live.and_then(|live| live.pointer("/metadata/generation")),
        "desired": snapshot.desired.as_ref().map(|document| digest(&document.value)),
        "live": live.map(live_digest),
        "strategy": snapshot.syncer.strategy,
        "manager": snapshot.syncer.manager,
        "serial": serial,
        "steps": steps.iter().map(Step::intent).collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_change_does_not_move_the_digest_and_a_spec_change_does() {
        let calm = json!({
            "metadata": {"name": "web", "resourceVersion": "7", "generation": 2, "annotations": {"deployment.kubernetes.io/revision": "1"},
                "managedFields": [
                    {"manager": "kubectl-patch", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {}}},
                    {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}]},
            "spec": {"replicas": 1},
            "status": {"replicas": 1},
        });
        let mut crashing = calm.clone();
        crashing["metadata"]["resourceVersion"] = json!("9");
        crashing["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("2");
        crashing["metadata"]["managedFields"][0]["time"] = json!("2026-01-02T00:00:00Z");
        crashing["metadata"]["managedFields"][1]["fieldsV1"] = json!({"f:status": {"f:unavailableReplicas": {}}});
        crashing["status"] = json!({"unavailableReplicas": 1});
        assert_eq!(live_digest(&calm), live_digest(&crashing));
        let mut edited = calm.clone();
        edited["spec"]["replicas"] = json!(2);
        assert_ne!(live_digest(&calm), live_digest(&edited));
    }
}
