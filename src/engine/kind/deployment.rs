//! The Deployment.

use serde_json::Value;

use super::Kind;
use super::rollout::{Counts, Rollout};
use crate::engine::{schema, validation};

/// The Deployment.
pub static DEPLOYMENT: Kind = Kind {
    kind: "Deployment",
    plural: "deployments",
    short: "deploy",
    group: "apps",
    version: "v1",
    // Until Kubernetes 1.16.
    former_groups: &["extensions"],
    root: schema::DEPLOYMENT,
    validation: validation::DEPLOYMENT,
    template: &["spec", "template"],
    counted: &[],
    pause: Some("paused"),
    controller: "deployment controller",
    rollout,
};

/// Source: `DeploymentStatusViewer.Status` in `staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`.
/// One fact more is asked for: the old replicas must be gone, since `UP-TO-DATE 1` of 3 is not success.
fn rollout(live: &Value) -> Rollout {
    let counts = Counts::of(live);
    if !counts.is_observed() {
        return Rollout::unseen(&DEPLOYMENT);
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
    let wanted = counts.at("/spec/replicas").unwrap_or(1);
    let (all, updated) = (counts.status("replicas"), counts.status("updatedReplicas"));
    let available = counts.status("availableReplicas");
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
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn with(status: Value) -> Value {
        json!({"metadata": {"generation": 3}, "spec": {"replicas": 3}, "status": status})
    }

    #[test]
    fn is_complete_only_with_every_replica_new_and_available() {
        let done = json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3});
        assert_eq!(rollout(&with(done)), Rollout::Complete);
        let progressing = |status: Value, words: &str| {
            assert_eq!(rollout(&with(status)), Rollout::Progressing(words.to_owned()));
        };
        progressing(
            json!({"observedGeneration": 3, "replicas": 4, "updatedReplicas": 3, "availableReplicas": 3}),
            "1 old replica is still there",
        );
        progressing(
            json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 3}),
            "1 of 3 replicas are updated",
        );
        progressing(
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}),
            "the deployment controller has not seen the change yet",
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
