//! The text for a terminal, line by line.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::api::v1alpha1::{ObjectId, Phase};

#[test]
fn what_a_rule_ignores_is_not_told_as_left_over_and_a_long_name_keeps_a_space() -> Result<(), serde_json::Error> {
    let path = r#".metadata.annotations["deployment.kubernetes.io/revision"]"#;
    let object_id = ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("a-long-namespace".to_owned()),
        name: "web".to_owned(),
    };
    let report = ObjectReport {
        object: object_id,
        phase: Phase::Pending,
        summary: "1 field waits for the next sync".to_owned(),
        fields: serde_json::from_value(json!([
            {"path": ".spec.paused", "change": "Removed", "severity": "pending", "desired": true},
            {"path": path, "change": "Added", "severity": "ignored", "live": "3",
                "reason": "the deployment controller numbers its revisions here"},
            {"path": ".spec.replicas", "change": "Changed", "severity": "ignored", "live": 3,
             "reason": "the autoscaler's"},
            {"path": ".spec.minReadySeconds", "change": "Changed", "severity": "ignored", "live": 3,
             "reason": "the autoscaler's"},
        ]))?,
        prediction: serde_json::from_value(json!({
            "strategy": "client-side-apply", "verdict": "Residual", "causes": [], "residual": [path],
            "when": "when somebody syncs the application"
        }))?,
        refusals: Vec::new(),
        findings: Vec::new(),
        places: Vec::new(),
        warnings: Vec::new(),
    };
    let expected = "\
Deployment.apps a-long-namespace/web 1 field differs from Git
  1 field waits for the next sync
  .spec.paused
    - only in Git   no owner recorded   pending
    + true
  1 more field is ignored by a built-in rule: the deployment controller numbers its revisions here
  2 more fields are ignored by a rule: the autoscaler's
  next sync (client-side-apply): succeeds and leaves only what a rule ignores (admission not included)
    when: when somebody syncs the application
";
    assert_eq!(
        object(
            &report,
            &View {
                source: "Git",
                now: Timestamp::UNIX_EPOCH,
                people: &People::default()
            }
        ),
        expected
    );
    Ok(())
}

#[test]
fn what_the_next_sync_breaks_and_overwrites_is_told_where_nothing_else_is() -> Result<(), serde_json::Error> {
    let report = ObjectReport {
        object: ObjectId {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: None,
            name: "web".to_owned(),
        },
        phase: Phase::InSync,
        summary: "live is what Git says; and more".to_owned(),
        fields: serde_json::from_value(json!([
            {"path": ".spec.replicas", "change": "Changed", "severity": "ignored", "live": 5, "desired": 3,
             "reason": "the autoscaler's"},
        ]))?,
        prediction: serde_json::from_value(json!({
            "strategy": "client-side-apply", "verdict": "Residual", "causes": [], "residual": [".spec.paused"],
            "breaks": [".spec.paused"],
            "overwrites": [{"path": ".spec.replicas", "from": 5, "to": 3},
                           {"path": ".metadata.labels.a", "from": "b"}],
        }))?,
        refusals: Vec::new(),
        findings: Vec::new(),
        places: Vec::new(),
        warnings: Vec::new(),
    };
    let expected = "\
Deployment.apps web                 no field differs from Git
  live is what Git says; and more
  1 more field is ignored by a rule: the autoscaler's
  next sync (client-side-apply): succeeds and makes fields differ from Git (admission not included)
    breaks: .spec.paused
    overwrites: .spec.replicas: 5 becomes 3
    overwrites: .metadata.labels.a: b becomes nothing
";
    assert_eq!(
        object(
            &report,
            &View {
                source: "Git",
                now: Timestamp::UNIX_EPOCH,
                people: &People::default()
            }
        ),
        expected
    );
    Ok(())
}

#[test]
fn an_operation_is_told_with_its_age_and_its_end() {
    let told = |operation: Value| {
        let operation: OperationReport = serde_json::from_value(operation).unwrap();
        super::operation(&operation, "2026-01-05T10:10:00Z".parse().unwrap())
    };
    let failed = json!({"application": "argocd/shop", "class": "FailedAtRevision", "phase": "Failed",
                        "startedAt": "2026-01-05T10:03:00Z", "message": "Deployment.apps \"web\" is invalid"});
    let wanted = "  operation of argocd/shop: FailedAtRevision, Failed, began 7 min ago\n    Deployment.apps \
                  \"web\" is invalid\n";
    assert_eq!(told(failed), wanted);
    let waits = json!({"application": "argocd/shop", "class": "WaitingForRetry", "until": "2026-01-05T10:11:00Z"});
    assert_eq!(
        told(waits),
        "  operation of argocd/shop: WaitingForRetry, until 2026-01-05T10:11:00Z\n"
    );
}
