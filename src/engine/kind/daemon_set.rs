//! The DaemonSet.

use serde_json::Value;

use super::Kind;
use super::rollout::{Counts, Rollout};
use crate::engine::{schema, validation};

/// The DaemonSet.
pub static DAEMON_SET: Kind = Kind {
    kind: "DaemonSet",
    plural: "daemonsets",
    short: "ds",
    group: "apps",
    version: "v1",
    // Until Kubernetes 1.16.
    former_groups: &["extensions"],
    root: schema::DAEMON_SET,
    validation: validation::DAEMON_SET,
    template: &["spec", "template"],
    counted: &["deprecated.daemonset.template.generation"],
    pause: None,
    controller: "daemon set controller",
    rollout,
};

/// With `OnDelete` nobody replaces a pod, so that the change is rolled out by whoever deletes them: what was stored is
/// all that a write can come to.
///
/// Source: `DaemonSetStatusViewer.Status` in `staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`.
fn rollout(live: &Value) -> Rollout {
    let counts = Counts::of(live);
    if !counts.is_observed() {
        return Rollout::unseen(&DAEMON_SET);
    }
    if live.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") {
        return Rollout::Complete;
    }
    let wanted = counts.status("desiredNumberScheduled");
    let (updated, available) = (
        counts.status("updatedNumberScheduled"),
        counts.status("numberAvailable"),
    );
    if updated < wanted {
        Rollout::Progressing(format!("the pods of {updated} of {wanted} nodes are updated"))
    } else if available < wanted {
        Rollout::Progressing(format!(
            "the updated pods of {available} of {wanted} nodes are available"
        ))
    } else {
        Rollout::Complete
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn with(strategy: &str, observed: i64, wanted: i64, updated: i64, available: i64) -> Rollout {
        rollout(
            &json!({"metadata": {"generation": 3}, "spec": {"updateStrategy": {"type": strategy}}, "status": {
            "observedGeneration": observed, "desiredNumberScheduled": wanted, "updatedNumberScheduled": updated,
            "numberAvailable": available}}),
        )
    }

    #[test]
    fn is_complete_only_with_the_pod_of_every_node_new_and_available() {
        assert_eq!(with("RollingUpdate", 3, 5, 5, 5), Rollout::Complete);
        assert_eq!(
            with("RollingUpdate", 3, 0, 0, 0),
            Rollout::Complete,
            "no node wants one"
        );
        let progressing = |found: Rollout, words: &str| assert_eq!(found, Rollout::Progressing(words.to_owned()));
        let unseen = "the daemon set controller has not seen the change yet";
        progressing(with("RollingUpdate", 2, 5, 5, 5), unseen);
        progressing(with("OnDelete", 2, 5, 5, 5), unseen);
        progressing(
            with("RollingUpdate", 3, 5, 2, 5),
            "the pods of 2 of 5 nodes are updated",
        );
        progressing(
            with("RollingUpdate", 3, 5, 5, 4),
            "the updated pods of 4 of 5 nodes are available",
        );
        assert_eq!(with("OnDelete", 3, 5, 0, 5), Rollout::Complete, "nobody replaces a pod");
    }
}
