//! Plans for the incident and its siblings: what is put back, what is guarded, and when a person's yes still holds.

use jiff::SignedDuration;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::object::{Document, ObjectId, Origin};
use crate::engine::ownership::HEAL_MANAGER;
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::{Remedy, SourceFacts, Tool, assess};

mod approvals;
mod no_plan;

/// Git: one container with a probe of each handler kind that matters here.
pub(in crate::engine) fn git() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{
                    "name": "app", "image": "registry.example/web:1",
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}],
                    "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5},
                }]},
            },
        },
    })
}

/// The cluster right after a client-side apply of it.
pub(in crate::engine) fn synced() -> Value {
    let mut live = git();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut live);
    live["metadata"]["uid"] = json!("6a1f6bd0-0000-4000-8000-000000000001");
    live["metadata"]["resourceVersion"] = json!("41");
    live["metadata"]["generation"] = json!(1);
    live["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": git().to_string()});
    live["metadata"]["managedFields"] = json!([{
        "manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "time": "2026-01-05T09:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }]);
    live
}

pub(in crate::engine) fn container(live: &mut Value) -> &mut Value {
    &mut live["spec"]["template"]["spec"]["containers"][0]
}

/// A person switched the probe, and a sidecar now stands first.
pub(in crate::engine) fn switched() -> Value {
    let mut live = synced();
    let probe = &mut container(&mut live)["livenessProbe"];
    probe.as_object_mut().unwrap().remove("httpGet");
    probe["tcpSocket"] = json!({"port": 8080});
    live["metadata"]["generation"] = json!(2);
    live["metadata"]["managedFields"].as_array_mut().unwrap().push(json!({
        "manager": "kubectl-patch", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "time": "2026-01-05T10:00:00Z",
        "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {
            "f:livenessProbe": {"f:tcpSocket": {".": {}, "f:port": {}}}}}}}}},
    }));
    live
}

pub(in crate::engine) fn snapshot(desired: Value, live: Value) -> Snapshot {
    Snapshot {
        kind: &DEPLOYMENT,
        cluster: "cluster-1".to_owned(),
        judge: "policy-1".to_owned(),
        target: ObjectId::of(&desired).unwrap(),
        desired: Some(Document {
            id: ObjectId::of(&desired).unwrap(),
            value: desired,
            origin: Origin {
                file: "web.yaml".into(),
                line: 1,
            },
        }),
        live: Some(live),
        seen: true,
        syncer: Syncer::new(Strategy::ClientSideApply, "kubectl-client-side-apply"),
        tool: Tool::default(),
        source: SourceFacts {
            repo_url: "https://git.example/shop".to_owned(),
            revision: "a".repeat(40),
            ..SourceFacts::default()
        },
        now: "2026-01-05T12:00:00Z".parse().unwrap(),
    }
}

pub(in crate::engine) fn policy() -> Policy {
    Policy {
        mode: Mode::Propose,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: SignedDuration::from_hours(1),
    }
}

pub(in crate::engine) fn proposed(snapshot: &Snapshot, memory: &Memory) -> Result<Plan, NoPlan> {
    propose(snapshot, &assess(snapshot, &policy()), &policy(), memory)
}

fn operations(plan: &Plan) -> Value {
    match &plan.steps[0] {
        Step::Restore { operations, .. } => serde_json::to_value(operations).unwrap(),
        other => panic!("the first step is {other:?}"),
    }
}

#[test]
fn the_switched_probe_is_put_back_as_one_guarded_value_that_keeps_what_others_set() {
    let mut live = switched();
    container(&mut live)["livenessProbe"]["failureThreshold"] = json!(7);
    let of_template = &mut live["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:template"];
    of_template["f:spec"]["f:containers"]["k:{\"name\":\"app\"}"]["f:livenessProbe"]["f:failureThreshold"] = json!({});
    let mut snapshot = snapshot(git(), live);
    // Somebody else's threshold is drift too; a rule leaves it alone, so the plan must not touch it.
    let policy = Policy {
        ignore: vec![crate::engine::diff::IgnoreRule {
            paths: vec![
                crate::engine::diff::PathPattern::parse(
                    ".spec.template.spec.containers[*].livenessProbe.failureThreshold",
                )
                .unwrap(),
            ],
            pointers: Vec::new(),
            parts: Vec::new(),
            managers: Vec::new(),
            reason: "tuned by hand".to_owned(),
            expires: None,
        }],
        ..policy()
    };
    snapshot.now = "2026-01-05T12:00:00Z".parse().unwrap();
    let plan = propose(&snapshot, &assess(&snapshot, &policy), &policy, &Memory::default()).unwrap();
    let at = "/spec/template/spec/containers/0";
    assert_eq!(
        operations(&plan),
        json!([
            {"op": "test", "path": format!("{at}/name"), "value": "app"},
            {"op": "test", "path": format!("{at}/livenessProbe"),
             "value": {"failureThreshold": 7, "periodSeconds": 5, "successThreshold": 1, "tcpSocket": {"port": 8080},
                       "timeoutSeconds": 1}},
            {"op": "replace", "path": format!("{at}/livenessProbe"),
             "value": {"failureThreshold": 7, "periodSeconds": 5, "successThreshold": 1,
                       "httpGet": {"path": "/healthz", "port": 8080},
                       "timeoutSeconds": 1}},
        ])
    );
}

#[test]
fn every_rendered_write_locks_the_resource_version_by_replace() {
    let live = switched();
    let plan = proposed(&snapshot(git(), live.clone()), &Memory::default()).unwrap();
    let (git, tool) = (git(), Tool::Unknown);
    let ground = Ground {
        kind: &DEPLOYMENT,
        desired: &git,
        live: &live,
        tool: &tool,
        plan: &plan.hash,
        begun: None,
    };
    let request = plan.steps[0].render(&ground).unwrap().unwrap();
    assert_eq!(
        serde_json::to_value(&request.patch.0[0]).unwrap(),
        json!({"op": "replace", "path": "/metadata/resourceVersion", "value": "41"})
    );
    assert_eq!(request.manager, HEAL_MANAGER);
}

#[test]
fn list_items_come_back_in_gits_place_and_foreign_ones_go() {
    let mut live = synced();
    container(&mut live)["env"] =
        json!([{"name": "X", "value": "foreign"}, {"name": "A", "value": "1"}, {"name": "C", "value": "3"}]);
    live["metadata"]["managedFields"].as_array_mut().unwrap().push(json!({
        "manager": "kubectl-edit", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "time": "2026-01-05T10:00:00Z",
        "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {"f:env": {
            "k:{\"name\":\"X\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}},
    }));
    let plan = proposed(&snapshot(git(), live.clone()), &Memory::default()).unwrap();
    let Step::Restore { operations, .. } = &plan.steps[0] else {
        panic!("not a Restore")
    };
    json_patch::patch(&mut live, operations).unwrap();
    assert_eq!(
        container(&mut live)["env"],
        git()["spec"]["template"]["spec"]["containers"][0]["env"]
    );
}

#[test]
fn a_plan_keeps_its_hash_while_nothing_that_was_approved_changes() {
    let first = proposed(&snapshot(git(), switched()), &Memory::default()).unwrap();
    let memory = Memory {
        serial: first.serial,
        offered: Some((first.hash.clone(), first.expires)),
        ..Memory::default()
    };
    let mut crashing = switched();
    crashing["metadata"]["resourceVersion"] = json!("977");
    crashing["status"] = json!({"unavailableReplicas": 2});
    let mut later = snapshot(git(), crashing);
    later.source.revision = "b".repeat(40);
    let again = proposed(&later, &memory).unwrap();
    assert_eq!(
        (again.hash, again.serial, again.expires),
        (first.hash.clone(), first.serial, first.expires)
    );

    let mut edited = switched();
    edited["metadata"]["generation"] = json!(3);
    edited["spec"]["replicas"] = json!(5);
    let other = proposed(&snapshot(git(), edited), &memory).unwrap();
    assert_ne!(other.hash, first.hash);
    assert_eq!(other.serial, 1, "another content has another hash, whatever its serial");
}

#[test]
fn what_the_server_found_invalid_once_is_not_offered_again_as_it_is() {
    let first = proposed(&snapshot(git(), switched()), &Memory::default()).unwrap();
    let spent = Memory {
        serial: first.serial,
        spent: vec![first.hash.clone()],
        ..Memory::default()
    };
    // A heal that failed for another reason is offered once more.
    let second = proposed(&snapshot(git(), switched()), &spent).unwrap();
    assert_ne!(second.hash, first.hash);
    let memory = Memory {
        serial: second.serial + 3,
        refused: vec![first.hash],
        ..spent
    };
    assert_eq!(
        proposed(&snapshot(git(), switched()), &memory),
        Err(NoPlan::RefusedBefore)
    );
    let mut other = switched();
    container(&mut other)["livenessProbe"]["tcpSocket"]["port"] = json!(9090);
    assert!(
        proposed(&snapshot(git(), other), &memory).is_ok(),
        "another content is another plan"
    );
}

#[test]
fn an_expired_plan_comes_again_under_another_hash() {
    let first = proposed(&snapshot(git(), switched()), &Memory::default()).unwrap();
    let memory = Memory {
        serial: 1,
        offered: Some((first.hash.clone(), first.expires)),
        ..Memory::default()
    };
    let mut later = snapshot(git(), switched());
    later.now = first.expires;
    let again = proposed(&later, &memory).unwrap();
    assert_ne!(again.hash, first.hash);
    assert_eq!(again.drift, first.drift);
}

pub(in crate::engine) fn approval(hash: &str) -> Approval {
    Approval {
        decision: Decision::Approved,
        plan_hash: hash.to_owned(),
        by: "alice".to_owned(),
        at: "2026-01-05T12:00:00Z".parse().unwrap(),
        reason: None,
        break_glass: None,
        acknowledged: Vec::new(),
        until: None,
    }
}

#[test]
fn a_service_account_is_put_back_under_both_of_its_names() {
    let mut live = switched();
    live["spec"]["template"]["spec"]["serviceAccountName"] = json!("robot");
    live["spec"]["template"]["spec"]["serviceAccount"] = json!("robot");
    live["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:serviceAccountName"] =
        json!({});
    let plan = proposed(&snapshot(git(), live.clone()), &Memory::default()).unwrap();
    let Step::Restore { operations, .. } = &plan.steps[0] else {
        panic!("no Restore: {plan:?}")
    };
    json_patch::patch(&mut live, operations).unwrap();
    let pod = &live["spec"]["template"]["spec"];
    assert_eq!((pod.get("serviceAccountName"), pod.get("serviceAccount")), (None, None));
}
