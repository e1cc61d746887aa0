//! What the built-in rules and a user's own ignore.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::diff::{PathPattern, Severity};
use crate::engine::syncer::Strategy;

#[test]
fn known_controllers_are_ignored_and_people_who_do_the_same_are_not() {
    let scaled = |manager: &str, subresource: &str| {
        let mut live = image("web:1");
        live["spec"]["replicas"] = json!(5);
        severities(
            &image("web:1"),
            &live,
            json!([wrote(manager, "Update", subresource, REPLICAS)]),
            Strategy::ServerSideApply,
            None,
        )
    };
    assert_eq!(scaled("kube-controller-manager", "scale"), [Severity::Ignored]);
    assert_eq!(scaled("kubectl", "scale"), [Severity::Drift]);
    assert_eq!(scaled("kube-controller-manager", ""), [Severity::Drift]);
    assert_eq!(scaled("rollouts-controller", ""), [Severity::Ignored]);
}

#[test]
fn a_restart_is_ignored_with_its_reason() {
    let mut live = image("web:1");
    live["spec"]["template"]["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
    assert_eq!(
        weigh(&image("web:1"), &live, json!([]), Strategy::ServerSideApply, None),
        [(
            ".spec.template.metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"]".to_owned(),
            Severity::Ignored,
            Some("kubectl rollout restart leaves the time of the restart here".to_owned())
        )]
    );
}

#[test]
fn a_row_covers_a_list_only_when_it_covers_every_item_of_it() {
    let env = |names: &[&str]| {
        let mut live = image("web:1");
        live["spec"]["template"]["spec"]["containers"][0]["env"] =
            names.iter().map(|name| json!({"name": name})).collect();
        severities(&image("web:1"), &live, json!([]), Strategy::ServerSideApply, None)
    };
    assert_eq!(env(&["STAKATER_WEB_CONFIGMAP"]), [Severity::Ignored]);
    assert_eq!(env(&["STAKATER_WEB_CONFIGMAP", "OTHER"]), [Severity::Drift]);
}

#[test]
fn a_users_rule_holds_for_its_paths_and_managers_until_it_expires() {
    let (desired, live) = (image("web:2"), image("web:3"));
    let owned = owned(json!([wrote("canary-bot", "Update", "", IMAGE)]));
    let managed = Recorded::of(&owned);
    let syncer = applies(Strategy::ServerSideApply);
    let weigh = |path: &str, manager: &str, now: &str| {
        let rule = IgnoreRule {
            paths: vec![PathPattern::parse(path).unwrap()],
            pointers: Vec::new(),
            parts: Vec::new(),
            managers: vec![manager.to_owned()],
            reason: "canaries are ours".to_owned(),
            expires: Some("2026-02-01T00:00:00Z".parse().unwrap()),
        };
        let now = now.parse().unwrap();
        let evidence = Evidence {
            kind: &DEPLOYMENT,
            desired: &desired,
            live: &live,
            managed: &managed,
            syncer: &syncer,
            witness: Witness::default(),
            rules: &[rule],
            now,
        };
        classify(&evidence)
            .into_iter()
            .map(|drift| (drift.severity, drift.reason))
            .collect::<Vec<_>>()
    };
    let (ignored, drift) = (
        [(Severity::Ignored, Some("canaries are ours".to_owned()))],
        [(Severity::Drift, None)],
    );
    assert_eq!(
        weigh(
            ".spec.template.spec.containers[*].image",
            "canary-*",
            "2026-01-31T23:59:59Z"
        ),
        ignored
    );
    assert_eq!(
        weigh(
            ".spec.template.spec.containers[*].image",
            "canary-*",
            "2026-02-01T00:00:00Z"
        ),
        drift
    );
    assert_eq!(
        weigh(
            ".spec.template.spec.containers[*].image",
            "other",
            "2026-01-01T00:00:00Z"
        ),
        drift
    );
    assert_eq!(weigh(".spec.replicas", "canary-*", "2026-01-01T00:00:00Z"), drift);
}
