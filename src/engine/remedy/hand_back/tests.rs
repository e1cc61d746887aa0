//! What is handed back in the incident and its siblings, and what the tool's next sync then gives.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::ownership::FieldSet;
use crate::engine::plan::tests::{container, git, policy, snapshot, switched, synced};
use crate::engine::plan::{Ground, Memory, NoPlan, Plan, Step, propose};
use crate::engine::predict::{Verdict, predict};
use crate::engine::{Policy, Remedy, Snapshot, assess};

const TOOL: &str = "argocd-controller";

fn syncer(strategy: Strategy) -> Syncer {
    Syncer::new(strategy, TOOL)
}

fn entry(manager: &str, operation: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
           "time": "2026-01-05T10:00:00Z",
           "fieldsV1": fields})
}

fn of_container(fields: Value) -> Value {
    json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": fields}}}}})
}

/// Live in which the tool once applied `applied` in its way, and `foreign` is somebody else's, taken from the tool.
fn scene(desired: Value, mut live: Value, strategy: Strategy, applied: &Value, foreign: &[Value]) -> Snapshot {
    let owned = foreign.iter().map(|entry| FieldSet::parse(&entry["fieldsV1"]).unwrap());
    let tool = match strategy {
        Strategy::ServerSideApply => {
            live["metadata"].as_object_mut().unwrap().remove("annotations");
            let fields = owned.fold(FieldSet::of_applied(DEPLOYMENT.root, applied), |all, taken| {
                all.difference(&taken)
            });
            entry(TOOL, "Apply", fields.to_value())
        }
        _ => {
            live["metadata"]["annotations"] = json!({LAST_APPLIED: applied.to_string()});
            entry(
                TOOL,
                "Update",
                FieldSet::of_applied(DEPLOYMENT.root, applied).to_value(),
            )
        }
    };
    live["metadata"]["managedFields"] = std::iter::once(tool).chain(foreign.iter().cloned()).collect();
    Snapshot {
        syncer: syncer(strategy),
        ..snapshot(desired, live)
    }
}

fn asked_for() -> Policy {
    Policy {
        remedy: Remedy::HandBack,
        ..policy()
    }
}

fn planned(snapshot: &Snapshot, policy: &Policy) -> Result<Plan, NoPlan> {
    propose(snapshot, &assess(snapshot, policy), policy, &Memory::default())
}

/// The paths of the HandBack, and what the tool's sync gives after it.
fn handed(snapshot: &Snapshot) -> (Vec<String>, Verdict, Value) {
    let plan = planned(snapshot, &asked_for()).unwrap();
    let [step @ Step::HandBack { paths, .. }] = plan.steps.as_slice() else {
        panic!("not one HandBack: {plan:?}")
    };
    let (desired, mut live) = (snapshot.desired.clone().unwrap().value, snapshot.live.clone().unwrap());
    let before = live.clone();
    let ground = Ground {
        kind: &DEPLOYMENT,
        desired: &desired,
        live: &before,
        tool: &snapshot.tool,
        plan: &plan.hash,
        begun: None,
    };
    assert!(!step.done(&ground), "it has nothing to do");
    json_patch::patch(&mut live, &step.render(&ground).unwrap().unwrap().patch).unwrap();
    assert_eq!(live["spec"], before["spec"], "a HandBack wrote the spec");
    assert!(step.done(&Ground { live: &live, ..ground }), "it would be sent again");
    let after = predict(&DEPLOYMENT, &desired, &live, &snapshot.syncer);
    (
        paths.iter().map(ToString::to_string).collect(),
        after.verdict,
        after.predicted.unwrap_or_default(),
    )
}

fn tcp_socket_of_a_person() -> Value {
    entry(
        "kubectl-patch",
        "Update",
        of_container(json!({"f:livenessProbe": {"f:tcpSocket": {".": {}, "f:port": {}}}})),
    )
}

#[test]
fn the_switched_probe_is_removed_by_the_tools_own_sync() {
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply] {
        let mut scene = scene(git(), switched(), strategy, &git(), &[tcp_socket_of_a_person()]);
        if strategy == Strategy::ServerSideApply {
            // The person's removal of httpGet took it from the tool, too.
            let owned = &mut scene.live.as_mut().unwrap()["metadata"]["managedFields"][0]["fieldsV1"];
            owned["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"app\"}"]["f:livenessProbe"]
                .as_object_mut()
                .unwrap()
                .remove("f:httpGet");
        }
        let (paths, verdict, after) = handed(&scene);
        assert_eq!(
            paths,
            [".spec.template.spec.containers[name=\"app\"].livenessProbe.tcpSocket"]
        );
        assert_eq!(verdict, Verdict::Reverts);
        let probe = &after["spec"]["template"]["spec"]["containers"][0]["livenessProbe"];
        assert_eq!(
            (probe["httpGet"]["port"].as_i64(), probe.get("tcpSocket")),
            (Some(8080), None)
        );
    }
}

#[test]
fn a_default_that_nobody_owns_goes_with_gits_change_of_the_strategy() {
    let mut desired = git();
    desired["spec"]["strategy"] = json!({"type": "Recreate"});
    let mut scene = scene(desired, synced(), Strategy::ServerSideApply, &git(), &[]);
    // Where nobody says when Git changed, somebody may have removed what Git sets: a Restore takes the default with it.
    let restored = planned(&scene, &policy()).unwrap();
    let Step::Restore { operations, .. } = &restored.steps[0] else {
        panic!("no Restore: {restored:?}")
    };
    let mut healed = scene.live.clone().unwrap();
    json_patch::patch(&mut healed, operations).unwrap();
    assert_eq!(healed["spec"]["strategy"], json!({"type": "Recreate"}));

    scene.source.changed_at = Some("2026-01-05T11:00:00Z".parse().unwrap());
    assert_eq!(
        planned(&scene, &policy()),
        Err(NoPlan::GitAlone),
        "nobody says that the tool syncs again"
    );
    let (paths, verdict, after) = handed(&scene);
    assert_eq!(paths, [".spec.strategy.rollingUpdate"]);
    assert_eq!(
        (verdict, &after["spec"]["strategy"]),
        (Verdict::Reverts, &json!({"type": "Recreate"}))
    );
}

#[test]
fn a_value_over_a_reference_goes() {
    let mut desired = git();
    container(&mut desired)["env"][0] = json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    let person = entry(
        "kubectl-edit",
        "Update",
        of_container(json!({"f:env": {"k:{\"name\":\"A\"}": {"f:value": {}}}})),
    );
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply] {
        let scene = scene(
            desired.clone(),
            synced(),
            strategy,
            &desired,
            std::slice::from_ref(&person),
        );
        let (paths, verdict, mut after) = handed(&scene);
        assert_eq!(
            paths,
            [".spec.template.spec.containers[name=\"app\"].env[name=\"A\"].value"]
        );
        assert_eq!(
            (verdict, container(&mut after)["env"][0].get("value")),
            (Verdict::Reverts, None)
        );
    }
}

#[test]
fn a_field_that_somebodys_repair_left_to_nobody_is_rescued() {
    let mut desired = git();
    container(&mut desired)["livenessProbe"] = json!({"exec": {"command": ["/bin/healthy"]}, "periodSeconds": 5});
    let mut applied = git();
    container(&mut applied)["livenessProbe"]
        .as_object_mut()
        .unwrap()
        .remove("httpGet");
    let scene = scene(desired, synced(), Strategy::ServerSideApply, &applied, &[]);
    let (paths, verdict, mut after) = handed(&scene);
    assert_eq!(
        paths,
        [".spec.template.spec.containers[name=\"app\"].livenessProbe.httpGet"]
    );
    assert_eq!(
        (verdict, container(&mut after)["livenessProbe"].get("httpGet")),
        (Verdict::Reverts, None)
    );
}

#[test]
fn a_foreign_container_goes_as_a_whole() {
    let mut live = synced();
    let sidecar = json!({"name": "debug", "image": "registry.example/debug:1"});
    live["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .insert(0, sidecar);
    let fields = json!({".": {}, "f:name": {}, "f:image": {}});
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"debug\"}": fields}}}}});
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply] {
        let scene = scene(
            git(),
            live.clone(),
            strategy,
            &git(),
            &[entry("kubectl-edit", "Update", fields.clone())],
        );
        let (paths, verdict, after) = handed(&scene);
        assert_eq!(paths, [".spec.template.spec.containers[name=\"debug\"]"]);
        assert_eq!(
            (
                verdict,
                after["spec"]["template"]["spec"]["containers"]
                    .as_array()
                    .unwrap()
                    .len()
            ),
            (Verdict::Reverts, 1)
        );
    }
}

#[test]
fn there_is_no_handing_back_where_the_tool_cannot_take_it() {
    let refused = |scene: &Snapshot| match planned(scene, &asked_for()) {
        Err(NoPlan::NotHandedBack(why)) => why,
        other => panic!("{other:?}"),
    };
    let mut other = scene(
        git(),
        switched(),
        Strategy::ServerSideApply,
        &git(),
        &[tcp_socket_of_a_person()],
    );
    other.live.as_mut().unwrap()["metadata"]["managedFields"]
        .as_array_mut()
        .unwrap()
        .push(entry("another", "Apply", json!({"f:spec": {}})));
    assert!(matches!(
        refused(&other),
        HandBackError::Transfer(TransferRefusal::OtherApplyManagers { .. })
    ));

    let mut never = scene(
        git(),
        switched(),
        Strategy::ClientSideApply,
        &git(),
        &[tcp_socket_of_a_person()],
    );
    never.live.as_mut().unwrap()["metadata"]["annotations"] = json!({});
    assert_eq!(refused(&never), HandBackError::NoLastApplied);

    let mut scaled = synced();
    scaled["spec"]["replicas"] = json!(9);
    let scale = entry("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}}));
    let scaled = scene(git(), scaled, Strategy::ServerSideApply, &git(), &[scale]);
    assert_eq!(refused(&scaled), HandBackError::NothingForeign);

    let put = scene(
        git(),
        switched(),
        Strategy::Replace,
        &git(),
        &[tcp_socket_of_a_person()],
    );
    assert_eq!(refused(&put), HandBackError::Replace);
}
