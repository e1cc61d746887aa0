//! Plans for the incident and its siblings: what is put back, what is guarded, and when a person's yes still holds.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::object::{Document, ObjectId, Origin};
use crate::engine::operation::Kustomization;
use crate::engine::phase::Phase;
use crate::engine::predict::Strategy;
use crate::engine::predict::Syncer;
use crate::engine::{Flux, Remedy, SourceFacts, Tool, assess};

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
    crate::engine::schema::apply_defaults(&mut live);
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

pub(super) fn container(live: &mut Value) -> &mut Value {
    &mut live["spec"]["template"]["spec"]["containers"][0]
}

/// A person switched the probe, and a sidecar now stands first.
pub(super) fn switched() -> Value {
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

pub(super) fn proposed(snapshot: &Snapshot, memory: &Memory) -> Result<Plan, NoPlan> {
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

#[test]
fn there_is_no_plan_where_a_person_or_the_source_says_so() {
    let plan = proposed(&snapshot(git(), switched()), &Memory::default()).unwrap();
    let denied = Memory {
        denied: Some(plan.drift),
        ..Memory::default()
    };
    assert_eq!(proposed(&snapshot(git(), switched()), &denied), Err(NoPlan::Denied));
    let until = |time: &str| Memory {
        denied_until: time.parse().ok(),
        ..denied.clone()
    };
    assert_eq!(
        proposed(&snapshot(git(), switched()), &until("2026-01-05T12:00:01Z")),
        Err(NoPlan::Denied)
    );
    assert!(
        proposed(&snapshot(git(), switched()), &until("2026-01-05T12:00:00Z")).is_ok(),
        "the no is over"
    );
    let mut paused = switched();
    paused["spec"]["paused"] = json!(true);
    assert_eq!(
        proposed(&snapshot(git(), paused), &Memory::default()),
        Err(NoPlan::Paused)
    );
    let mut going = switched();
    going["metadata"]["deletionTimestamp"] = json!("2026-01-05T11:00:00Z");
    assert_eq!(
        proposed(&snapshot(git(), going), &Memory::default()),
        Err(NoPlan::BeingDeleted)
    );
    let mut stale = snapshot(git(), switched());
    stale.source.answered_at = Some("2026-01-05T11:00:00Z".parse().unwrap());
    stale.source.max_age = Some(SignedDuration::from_mins(10));
    assert_eq!(
        proposed(&stale, &Memory::default()),
        Err(NoPlan::SourceTooOld {
            age: SignedDuration::from_hours(1)
        })
    );
    let mut gone = snapshot(git(), switched());
    gone.live = None;
    assert_eq!(
        proposed(&gone, &Memory::default()),
        Err(NoPlan::OneSided { phase: Phase::Missing })
    );
    assert_eq!(
        proposed(&snapshot(git(), synced()), &Memory::default()),
        Err(NoPlan::NothingToHeal)
    );
}

#[test]
fn what_admission_undoes_is_told_in_the_right_number() {
    let undone = |fields: &[&str]| {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        NoPlan::UndoneByAdmission {
            fields,
            by: "somebody".to_owned(),
        }
        .to_string()
    };
    assert!(undone(&[".spec.a"]).starts_with(".spec.a would not come out as it is written: admission changes it"));
    assert!(
        undone(&[".spec.a", ".spec.b"])
            .starts_with(".spec.a, .spec.b would not come out as they are written: admission changes them")
    );
}

#[test]
fn a_sync_that_would_be_refused_to_create_is_no_plan() {
    let mut desired = git();
    desired["metadata"]["managedFields"] = json!([]);
    let flux = json!({"metadata": {"name": "shop", "namespace": "flux-system"},
                      "spec": {"sourceRef": {"kind": "GitRepository", "name": "shop"}, "interval": "10m"}});
    let kustomization = Arc::new(Kustomization::read(&flux).unwrap());
    let flux = Tool::Flux(Arc::new(Flux {
        kustomization,
        repository: None,
    }));
    for (seen, tool) in [
        (true, flux.clone()),
        (false, flux),
        (true, Tool::default()),
        (false, Tool::default()),
    ] {
        let syncer = Syncer::new(Strategy::ServerSideApply, "shipper");
        let absent = Snapshot {
            live: None,
            seen,
            tool,
            syncer,
            ..snapshot(desired.clone(), synced())
        };
        let refused = "metadata.managedFields must be nil".to_owned();
        assert_eq!(
            proposed(&absent, &Memory::default()),
            Err(NoPlan::CreationRefused(refused)),
            "{seen}"
        );
    }
}

pub(super) fn approval(hash: &str) -> Approval {
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
fn an_approval_holds_for_the_current_plan_only() {
    let plan = proposed(&snapshot(git(), switched()), &Memory::default()).unwrap();
    let now: Timestamp = "2026-01-05T12:30:00Z".parse().unwrap();
    let (none, spent) = (
        Ledger {
            spent: &[],
            superseded: &[],
            offered: Some(&plan.hash),
        },
        [plan.hash.clone()],
    );
    let judged = |approval: &Approval, ledger, now| {
        judge(approval, Ok(&plan), ledger, now).map(|approved| approved.plan().hash.clone())
    };
    let yes = approval(&plan.hash);
    assert_eq!(judged(&yes, none, now), Ok(plan.hash.clone()));
    assert_eq!(
        judged(&yes, none, plan.expires),
        Err(Refusal::Expired(plan.hash.clone()))
    );
    assert_eq!(
        judged(&yes, Ledger { spent: &spent, ..none }, now),
        Err(Refusal::Spent(plan.hash.clone()))
    );
    let old = "1".repeat(64);
    let superseded = [(old.clone(), Ended::Changed)];
    assert_eq!(
        judged(
            &approval(&old),
            Ledger {
                superseded: &superseded,
                ..none
            },
            now
        ),
        Err(Refusal::Stale(old.clone()))
    );
    let expired = [(old.clone(), Ended::Expired)];
    assert_eq!(
        judged(
            &approval(&old),
            Ledger {
                superseded: &expired,
                ..none
            },
            now
        ),
        Err(Refusal::Expired(old.clone()))
    );
    assert_eq!(judged(&approval(&old), none, now), Err(Refusal::Foreign(old)));
}

#[test]
fn an_interrupted_heal_goes_on_only_under_the_same_approval_and_for_the_same_object() {
    let before = snapshot(git(), switched());
    let plan = proposed(&before, &Memory::default()).unwrap();
    let begun = |uid: &'static str| Begun {
        plan_hash: &plan.hash,
        uid,
        by: "alice",
        steps: (plan.steps.iter())
            .map(|step| Remembered {
                kind: step.kind(),
                paths: step.paths().to_vec(),
                stale: None,
                revision: None,
            })
            .collect(),
    };
    let uid = "6a1f6bd0-0000-4000-8000-000000000001";
    let steps = |approved: Result<Approved, Refusal>| approved.map(|approved| approved.plan().steps.len());
    let yes = approval(&plan.hash);
    // Before its first write the plan is simply the plan.
    assert_eq!(steps(resume(&begun(uid), Some(&yes), Ok(&plan), &before)), Ok(2));
    // After it no drift is left to derive a plan from; the step is there to be skipped.
    let after = snapshot(git(), synced());
    assert_eq!(
        steps(resume(&begun(uid), Some(&yes), Err(&NoPlan::NothingToHeal), &after)),
        Ok(2)
    );
    // What passes is waited for before the first write; where nothing passes, the reason is told.
    let held = NoPlan::HeldBack("Argo CD has not compared it yet".to_owned());
    for (why, reason) in [(held, "ApprovalWaits"), (NoPlan::Denied, "ApprovalMoot")] {
        assert_eq!(
            resume(&begun(uid), Some(&yes), Err(&why), &before)
                .unwrap_err()
                .reason(),
            reason
        );
    }
    // Somebody changed the fields in between.
    let mut other = switched();
    container(&mut other)["livenessProbe"]["tcpSocket"]["port"] = json!(9090);
    let other = snapshot(git(), other);
    let other_plan = proposed(&other, &Memory::default()).unwrap();
    assert_eq!(
        steps(resume(&begun(uid), Some(&yes), Ok(&other_plan), &other)),
        Err(Refusal::Stale(plan.hash.clone()))
    );
    assert_eq!(
        steps(resume(&begun(uid), None, Ok(&plan), &before)),
        Err(Refusal::Altered(plan.hash.clone()))
    );
    let no = Approval {
        decision: Decision::Denied,
        ..yes.clone()
    };
    assert_eq!(
        steps(resume(&begun(uid), Some(&no), Ok(&plan), &before)),
        Err(Refusal::Altered(plan.hash.clone()))
    );
    // What another person says yes to meanwhile is nothing that this heal waits for, and gives it no leave.
    let bob = Approval {
        by: "bob".to_owned(),
        break_glass: Some(true),
        reason: Some("in a hurry".to_owned()),
        ..approval("41ca41e9f15f")
    };
    assert_eq!(steps(resume(&begun(uid), Some(&bob), Ok(&plan), &before)), Ok(2));
    assert_eq!(
        steps(resume(&begun(uid), Some(&bob), Err(&NoPlan::NothingToHeal), &after)),
        Ok(2)
    );
    let shut = Plan {
        window: Some("a deny window is open".to_owned()),
        ..plan.clone()
    };
    assert_eq!(
        resume(&begun(uid), Some(&bob), Ok(&shut), &before)
            .unwrap_err()
            .reason(),
        "HeldBackBySyncWindow"
    );
    assert_eq!(
        steps(resume(&begun("another"), Some(&yes), Ok(&plan), &before)),
        Err(Refusal::OtherObject(plan.hash.clone()))
    );
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

#[test]
fn a_plan_under_a_sync_window_needs_an_approval_that_breaks_the_glass_with_a_reason() {
    let mut plan = proposed(&snapshot(git(), switched()), &Memory::default()).unwrap();
    plan.window = Some("a deny window is open".to_owned());
    let ledger = Ledger {
        spent: &[],
        superseded: &[],
        offered: Some(&plan.hash),
    };
    let now: Timestamp = "2026-01-05T12:30:00Z".parse().unwrap();
    let judged = |approval: &Approval| {
        judge(approval, Ok(&plan), ledger, now)
            .map(drop)
            .map_err(|refusal| refusal.reason())
    };
    let (yes, reason) = (approval(&plan.hash), || Some("the shop is down".to_owned()));
    assert_eq!(judged(&yes), Err("HeldBackBySyncWindow"));
    assert_eq!(
        judged(&Approval {
            break_glass: Some(true),
            ..yes.clone()
        }),
        Err("HeldBackBySyncWindow")
    );
    assert_eq!(
        judged(&Approval {
            reason: reason(),
            ..yes.clone()
        }),
        Err("HeldBackBySyncWindow")
    );
    assert_eq!(
        judged(&Approval {
            break_glass: Some(true),
            reason: reason(),
            ..yes
        }),
        Ok(())
    );
}

#[test]
fn where_nobody_knows_which_side_moved_no_plan_is_made_of_it_alone() {
    let mut desired = git();
    desired["spec"]["paused"] = json!(false);
    desired["spec"]["template"]["spec"]["priorityClassName"] = json!("high");
    let mut unknown = snapshot(desired, synced());
    unknown.syncer = Syncer::new(Strategy::ServerSideApply, "gitops");
    assert_eq!(
        proposed(&unknown, &Memory::default()).unwrap_err(),
        NoPlan::SideNotKnown
    );
    // Beside a drift of which it is known, it is put back with it.
    let mut known = unknown.clone();
    container(known.live.as_mut().unwrap())["image"] = json!("registry.example/web:hotfix");
    known.live.as_mut().unwrap()["metadata"]["managedFields"].as_array_mut().unwrap().push(json!({
        "manager": "kubectl-set", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "time": "2026-01-05T10:00:00Z",
        "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {"f:image": {}}}}}}},
    }));
    assert!(proposed(&known, &Memory::default()).is_ok());
}
