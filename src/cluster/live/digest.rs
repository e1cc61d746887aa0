//! What of an object makes an assessment say something else.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

/// 64 bits over everything that an assessment reads.
///
/// It compares one process's copies of one object: it is not stable between builds, and no proof against an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(u64);

impl Digest {
    /// Hashes all but status, resourceVersion, and what managedFields say about status or when a manager last wrote.
    ///
    /// The entries of the status subresource stay, without their status: the deployment controller sets its revision
    /// annotation through it (kubernetes, `pkg/registry/apps/deployment/strategy.go`,
    /// `deploymentStatusStrategy.PrepareForUpdate` resets only spec and labels).
    pub fn of(mut object: Value) -> Self {
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
            // Only watch events carry the type, list items do not.
            fields.remove("apiVersion");
            fields.remove("kind");
            if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
                without_bookkeeping(metadata);
            }
        }
        let mut hasher = DefaultHasher::new();
        object.hash(&mut hasher);
        Self(hasher.finish())
    }
}

fn without_bookkeeping(metadata: &mut Map<String, Value>) {
    metadata.remove("resourceVersion");
    let entries = metadata.get_mut("managedFields").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten().filter_map(Value::as_object_mut) {
        entry.remove("time");
        if let Some(owned) = entry.get_mut("fieldsV1").and_then(Value::as_object_mut) {
            owned.remove("f:status");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn web() -> Value {
        json!({
            "metadata": {
                "name": "web", "uid": "u1", "resourceVersion": "7", "generation": 2,
                "managedFields": [
                    {"manager": "kubectl-patch", "operation": "Update", "time": "2026-11-21T10:00:00Z",
                     "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                    {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
                     "time": "2026-11-21T10:00:00Z",
                     "fieldsV1": {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}},
                                  "f:status": {"f:replicas": {}}}},
                ],
            },
            "spec": {"replicas": 3},
            "status": {"replicas": 3},
        })
    }

    fn changed(pointer: &str, value: Value) -> Digest {
        let mut object = web();
        *object.pointer_mut(pointer).unwrap() = value;
        Digest::of(object)
    }

    #[test]
    fn bookkeeping_does_not_change_it() {
        let table = [
            ("/status", json!({"replicas": 1, "unavailableReplicas": 2})),
            ("/metadata/resourceVersion", json!("8")),
            ("/metadata/managedFields/0/time", json!("2026-11-21T11:00:00Z")),
            (
                "/metadata/managedFields/1/fieldsV1/f:status",
                json!({"f:replicas": {}, "f:unavailableReplicas": {}}),
            ),
        ];
        for (pointer, value) in table {
            assert_eq!(changed(pointer, value), Digest::of(web()), "{pointer}");
        }
    }

    #[test]
    fn everything_that_is_assessed_changes_it() {
        let table = [
            ("/spec/replicas", json!(4)),
            ("/metadata/uid", json!("u2")),
            ("/metadata/generation", json!(3)),
            ("/metadata/managedFields/0/manager", json!("kubectl-edit")),
            ("/metadata/managedFields/0/fieldsV1", json!({"f:spec": {}})),
            ("/metadata/managedFields/1/fieldsV1/f:metadata", json!({})),
        ];
        for (pointer, value) in table {
            assert_ne!(changed(pointer, value), Digest::of(web()), "{pointer}");
        }
    }

    #[test]
    fn the_type_that_only_watch_events_carry_does_not_change_it() {
        let mut typed = web();
        typed["apiVersion"] = "apps/v1".into();
        typed["kind"] = "Deployment".into();
        assert_eq!(Digest::of(typed), Digest::of(web()));
    }
}
