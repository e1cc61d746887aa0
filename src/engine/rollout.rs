//! How far a Deployment's roll-out is, read from its status.

use serde_json::Value;

use super::object::FieldPath;

/// How far a roll-out is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Every replica is of the newest template and available.
    Complete,

    /// Not yet; what is still missing.
    Progressing(String),

    /// The deployment controller gave up; its message.
    Failed(String),
}

/// Whether a change of this field changes the pod template, so that the Deployment rolls out.
pub fn rolls_out(path: &FieldPath) -> bool {
    path.schema().starts_with("spec.template")
}

/// Reads how far the roll-out of a Deployment is.
///
/// Source: `DeploymentStatusViewer.Status` in `staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`.
/// One fact more is asked for: the old replicas must be gone, since `UP-TO-DATE 1` of 3 is not success.
pub fn rollout(live: &Value) -> Rollout {
    let count = |pointer: &str| live.pointer(pointer).and_then(Value::as_i64);
    let status = |name: &str| count(&format!("/status/{name}")).unwrap_or(0);
    let generation = count("/metadata/generation").unwrap_or(0);
    if status("observedGeneration") < generation {
        return Rollout::Progressing("the deployment controller has not seen the change yet".to_owned());
    }
    let progressing = live
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some("Progressing"));
    if let Some(condition) = progressing
        && condition.get("reason").and_then(Value::as_str) == Some("ProgressDeadlineExceeded")
    {
        let message = condition
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or("it exceeded its progress deadline");
        return Rollout::Failed(message.to_owned());
    }
    let wanted = count("/spec/replicas").unwrap_or(1);
    let (all, updated, available) = (
        status("replicas"),
        status("updatedReplicas"),
        status("availableReplicas"),
    );
    if updated < wanted {
        Rollout::Progressing(format!("{updated} of {wanted} replicas are updated"))
    } else if all > updated {
        Rollout::Progressing(match all - updated {
            1 => "1 old replica is still there".to_owned(),
            old => format!("{old} old replicas are still there"),
        })
    } else if available < updated {
        Rollout::Progressing(format!("{available} of {updated} updated replicas are available"))
    } else {
        Rollout::Complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(status: Value) -> Value {
        json!({"metadata": {"generation": 3}, "spec": {"replicas": 3}, "status": status})
    }

    #[test]
    fn is_complete_only_with_every_replica_new_and_available() {
        let done = json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3});
        assert_eq!(rollout(&with(done)), Rollout::Complete);
        let old_left = json!({"observedGeneration": 3, "replicas": 4, "updatedReplicas": 3, "availableReplicas": 3});
        assert_eq!(
            rollout(&with(old_left)),
            Rollout::Progressing("1 old replica is still there".to_owned())
        );
        let one_of_three =
            json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 3});
        assert_eq!(
            rollout(&with(one_of_three)),
            Rollout::Progressing("1 of 3 replicas are updated".to_owned())
        );
        let unseen = json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3});
        assert_eq!(
            rollout(&with(unseen)),
            Rollout::Progressing("the deployment controller has not seen the change yet".to_owned())
        );
    }

    #[test]
    fn fails_when_the_deadline_is_exceeded() {
        let stuck = json!({"observedGeneration": 3, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
             "message": "has timed out progressing."}]});
        assert_eq!(
            rollout(&with(stuck)),
            Rollout::Failed("has timed out progressing.".to_owned())
        );
    }
}
