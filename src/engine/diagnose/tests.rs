//! What each rule says, in whole sentences.

use jiff::SignedDuration;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::object::{Document, ObjectId, Origin};
use crate::engine::predict::{Strategy, Syncer};
use crate::engine::{Mode, Policy, Remedy, SourceFacts, Tool, assess};

fn git() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}})
}

/// The cluster after a client-side apply of `git`, with one more write.
fn live(manager: &str, fields: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut live = git();
    crate::engine::schema::apply_defaults(&mut live);
    live["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": git().to_string()});
    let entry = |manager: &str, time: &str, fields: &Value| json!({"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields});
    live["metadata"]["managedFields"] = json!([
        entry("kubectl-client-side-apply", "2026-01-05T09:00:00Z", &json!({"f:spec": {"f:selector": {}}})),
        entry(manager, "2026-01-05T10:00:00Z", fields),
    ]);
    change(&mut live);
    live
}

fn told(desired: Value, live: Value) -> Vec<(String, String, Option<String>)> {
    let id = ObjectId::of(&desired).unwrap();
    let snapshot = Snapshot {
        cluster: String::new(),
        target: id.clone(),
        desired: Some(Document { id, value: desired, origin: Origin { file: "web.yaml".to_owned(), line: 1 } }),
        live: Some(live),
        seen: true,
        syncer: Syncer::new(Strategy::ClientSideApply, "kubectl-client-side-apply"),
        tool: Tool::default(),
        source: SourceFacts::default(),
        now: "2026-01-05T12:00:00Z".parse().unwrap(),
    };
    let policy = Policy { mode: Mode::Alert, remedy: Remedy::Choose, ignore: Vec::new(), plan_ttl: SignedDuration::ZERO };
    let found = assess(&snapshot, &policy).findings.into_iter();
    found.map(|finding| (format!("{} {:?}", finding.rule, finding.weight), finding.message, finding.remedy)).collect()
}

#[test]
fn a_change_by_hand_that_the_sync_undoes_is_told_before_it_is_lost() {
    let scaled = live("kubectl-edit", &json!({"f:spec": {"f:replicas": {}}}), |live| live["spec"]["replicas"] = json!(5));
    let message = "the next sync undoes a change by hand: spec.replicas (kubectl-edit, since 2026-01-05T10:00:00Z)".to_owned();
    let remedy =
        "commit it to Git before the sync if it is right (no roll-out); else the sync, or Restore, puts Git's value back (no roll-out)";
    assert_eq!(told(git(), scaled), [("hot-fix-lost Warning".to_owned(), message, Some(remedy.to_owned()))]);
    let by_a_program = live("release-bot", &json!({"f:spec": {"f:replicas": {}}}), |live| live["spec"]["replicas"] = json!(5));
    assert_eq!(told(git(), by_a_program), []);
}

#[test]
fn what_the_sync_leaves_behind_is_told_with_its_owner_and_its_cost() {
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:nodeSelector": {}}}}});
    let pinned = live("kubectl-patch", &fields, |live| live["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "ssd"}));
    let message = "the next sync succeeds and leaves spec.template.spec.nodeSelector as it is (kubectl-patch, since 2026-01-05T10:00:00Z): \
                   Git does not set it and never did";
    let remedy = "Restore takes it out (one roll-out); or commit it to Git, which then owns it (no roll-out)";
    assert_eq!(told(git(), pinned), [("next-sync-keeps Warning".to_owned(), message.to_owned(), Some(remedy.to_owned()))]);
}

#[test]
fn a_forced_sync_is_told_as_the_outage_that_it_is() {
    let unchanged = || live("kubectl-patch", &json!({}), |_| {});
    for (annotation, value, count) in [
        ("argocd.argoproj.io/sync-options", "Prune=false, Force=true", 1),
        ("argocd.argoproj.io/sync-options", "Force=false", 0),
        ("kustomize.toolkit.fluxcd.io/force", "enabled", 1),
    ] {
        let mut desired = git();
        desired["metadata"]["annotations"] = json!({annotation: value});
        let found = told(desired, unchanged());
        assert_eq!(found.iter().filter(|(rule, ..)| rule == "force-recreates Warning").count(), count, "{found:?}");
    }
}
