//! Plans under Flux: which cure, what follows it, and when nothing may be written.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::engine::diff::Severity;
use crate::engine::flux::Flux;
use crate::engine::flux::git_repository::GitRepository;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::ownership::FieldSet;
use crate::engine::plan::tests::{container, git, policy, snapshot, switched};
use crate::engine::plan::{
    Approval, Approved, Begun, Decision, Ground, Memory, NoPlan, Plan, Refusal, Remembered, Step, StepKind, Written,
    propose, resume,
};
use crate::engine::syncer::{Strategy, Syncer, TakesOver};
use crate::engine::{Policy, Remedy, Snapshot, SourceFacts, Tool, assess};

const FLUX: &str = "kustomize-controller";

fn kustomization(change: &Value) -> Tool {
    let mut object = json!({
        "metadata": {"name": "shop", "namespace": "flux-system", "uid": "c0de", "generation": 1},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "shop"}, "interval": "10m"},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "ReconciliationSucceeded",
                                   "message": ""}]},
    });
    json_patch::merge(&mut object, change);
    Tool::Flux(Arc::new(Flux {
        kustomization: Arc::new(Kustomization::read(&object).unwrap()),
        repository: None,
    }))
}

fn entry(manager: &str, operation: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
           "time": "2026-01-05T10:00:00Z",
           "fieldsV1": fields})
}

/// The incident under Flux: the person's patch took the probe's httpGet from Flux, too.
fn incident(tool: Tool) -> Snapshot {
    let mut live = switched();
    live["metadata"].as_object_mut().unwrap().remove("annotations");
    let mut applied = git();
    container(&mut applied)["livenessProbe"]
        .as_object_mut()
        .unwrap()
        .remove("httpGet");
    let tcp_socket = json!({"f:livenessProbe": {"f:tcpSocket": {".": {}, "f:port": {}}}});
    let of_person =
        json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": tcp_socket}}}}});
    live["metadata"]["managedFields"] = json!([
        entry(
            FLUX,
            "Apply",
            FieldSet::of_applied(DEPLOYMENT.root, &applied).to_value()
        ),
        entry("kubectl-patch", "Update", of_person)
    ]);
    let syncer = Syncer {
        takes_over: TakesOver::KubectlsAfterDryRun,
        ..Syncer::new(Strategy::ServerSideApply, FLUX)
    };
    Snapshot {
        syncer,
        tool,
        ..snapshot(git(), live)
    }
}

fn planned(snapshot: &Snapshot, policy: &Policy) -> Result<Plan, NoPlan> {
    propose(snapshot, &assess(snapshot, policy), policy, &Memory::default())
}

fn kinds(plan: &Plan) -> Vec<StepKind> {
    plan.steps.iter().map(Step::kind).collect()
}

#[test]
fn flux_is_handed_the_field_and_asked_to_reconcile() {
    let scene = incident(kustomization(&json!({})));
    let plan = planned(&scene, &policy()).unwrap();
    assert_eq!(kinds(&plan), [StepKind::HandBack, StepKind::Reconcile]);
    assert!(
        !plan.cautions.iter().any(|caution| caution.id == "NeedsSync"),
        "{:?}",
        plan.cautions
    );
    let plan = planned(
        &scene,
        &Policy {
            remedy: Remedy::Restore,
            ..policy()
        },
    )
    .unwrap();
    assert_eq!(
        kinds(&plan),
        [StepKind::Restore, StepKind::Transfer, StepKind::Reconcile]
    );
    let Written::Kustomization(named) = plan.steps[2].written() else {
        panic!("{:?}", plan.steps[2])
    };
    assert_eq!(named.to_string(), "Kustomization flux-system/shop");
    let forced = planned(&incident(kustomization(&json!({"spec": {"force": true}}))), &policy()).unwrap();
    assert!(
        forced
            .cautions
            .iter()
            .any(|caution| caution.id == "Force" && caution.text.starts_with("spec.force is set")),
        "{:?}",
        forced.cautions
    );
}

#[test]
fn what_flux_would_not_apply_is_restored_by_us() {
    // The dry run of another object keeps all of it from being applied: a field handed to Flux would wait for that.
    let message = "Deployment/shop/api dry-run failed (Invalid): Deployment.apps \"api\" is invalid: spec.replicas: \
                   Invalid value: -1: no";
    let failed = json!([{"type": "Ready", "status": "False", "reason": "ReconciliationFailed", "message": message}]);
    let scene = incident(kustomization(&json!({"status": {"conditions": failed}})));
    assert_eq!(
        kinds(&planned(&scene, &policy()).unwrap()),
        [StepKind::Restore, StepKind::Transfer, StepKind::Reconcile]
    );
}

#[test]
fn a_kustomization_that_is_held_back_gets_no_plan() {
    let stalled =
        json!([{"type": "Stalled", "status": "True", "reason": "InvalidCELExpression", "message": "no such variable"}]);
    for (change, why) in [
        (
            json!({"spec": {"suspend": true}}),
            "the Kustomization is suspended, perhaps for a change by hand",
        ),
        (
            json!({"metadata": {"deletionTimestamp": "2026-01-05T11:00:00Z"}}),
            "the Kustomization is being deleted",
        ),
        (
            json!({"status": {"conditions": stalled}}),
            "the Kustomization is stalled (InvalidCELExpression) until its spec changes: no such variable",
        ),
    ] {
        let scene = incident(kustomization(&change));
        assert_eq!(planned(&scene, &policy()), Err(NoPlan::HeldBack(why.to_owned())));
        let missing = Snapshot { live: None, ..scene };
        assert_eq!(planned(&missing, &policy()), Err(NoPlan::HeldBack(why.to_owned())));
    }
}

#[test]
fn while_flux_waits_a_cure_of_ours_is_possible_and_a_mere_request_is_not() {
    let message = "dependency 'flux-system/db' is not ready";
    let waiting = json!([{"type": "Ready", "status": "False", "reason": "DependencyNotReady", "message": message}]);
    let scene = incident(kustomization(&json!({"status": {"conditions": waiting}})));
    assert_eq!(
        kinds(&planned(&scene, &policy()).unwrap()),
        [StepKind::Restore, StepKind::Transfer, StepKind::Reconcile]
    );
    let missing = Snapshot { live: None, ..scene };
    let why = format!("the next reconciliation waits until what it depends on is ready: {message}");
    assert_eq!(planned(&missing, &policy()), Err(NoPlan::HeldBack(why)));
}

#[test]
fn a_plan_says_which_commit_flux_goes_on_with() {
    let object = json!({
        "metadata": {"namespace": "flux-system", "name": "shop"}, "spec": {"suspend": true},
        "status": {"artifact": {"revision": "main@sha1:1111111111111111111111111111111111111111"}},
    });
    let scene = incident(kustomization(&json!({})));
    let (kustomization, repository) = (
        scene.tool.flux().unwrap().kustomization.clone(),
        GitRepository::read(&object).unwrap(),
    );
    let scene = Snapshot {
        tool: Tool::Flux(Arc::new(Flux {
            kustomization,
            repository: Some(Arc::new(repository)),
        })),
        ..scene
    };
    let plan = planned(&scene, &policy()).unwrap();
    assert_eq!(kinds(&plan), [StepKind::HandBack, StepKind::Reconcile]);
    let why = "GitRepository flux-system/shop is suspended: Flux applies 1111111 again, and what Git has since then \
               does not come";
    assert!(
        plan.cautions
            .iter()
            .any(|caution| (caution.id, caution.text.as_str()) == ("NoNewCommits", why)),
        "{:?}",
        plan.cautions
    );
}

#[test]
fn a_deployment_that_is_gone_comes_back_by_a_reconciliation() {
    let missing = Snapshot {
        live: None,
        ..incident(kustomization(&json!({})))
    };
    assert_eq!(kinds(&planned(&missing, &policy()).unwrap()), [StepKind::Reconcile]);
}

#[test]
fn the_request_is_made_once_and_done_when_flux_took_it_up() {
    let scene = incident(kustomization(&json!({})));
    let plan = planned(&scene, &policy()).unwrap();
    let step = &plan.steps[1];
    let token = format!("driftmend-{}", plan.hash);
    let (desired, live) = (git(), scene.live.clone().unwrap());
    let with = |tool: &Tool| {
        let ground = Ground {
            kind: &DEPLOYMENT,
            desired: &desired,
            live: &live,
            tool,
            plan: &plan.hash,
            begun: None,
        };
        let patch = step
            .render(&ground)
            .map(|request| request.map(|request| serde_json::to_value(request.patch).unwrap()));
        (patch.map_err(|error| error.to_string()), step.done(&ground))
    };
    let asked = json!([
        {"op": "test", "path": "/metadata/uid", "value": "c0de"},
        {"op": "test", "path": "/metadata/annotations", "value": null},
        {"op": "add", "path": "/metadata/annotations", "value": {"reconcile.fluxcd.io/requestedAt": token}},
    ]);
    assert_eq!(with(&scene.tool), (Ok(Some(asked)), false));
    let annotated = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}});
    assert_eq!(
        with(&kustomization(&annotated)),
        (Ok(None), false),
        "it would be asked for again"
    );
    let mut handled = annotated;
    handled["status"] = json!({"lastHandledReconcileAt": token});
    assert_eq!(with(&kustomization(&handled)), (Ok(None), true));
    assert_eq!(
        with(&kustomization(
            &json!({"status": {"lastHandledReconcileAt": "somebody's"}})
        ))
        .1,
        false
    );
    assert_eq!(
        with(&Tool::Unknown),
        (Err("the Kustomization is gone, or cannot be read".to_owned()), false)
    );
}

#[test]
fn an_interrupted_heal_goes_on_with_the_request() {
    let before = incident(kustomization(&json!({})));
    let plan = planned(&before, &policy()).unwrap();
    let approval = Approval {
        decision: Decision::Approved,
        plan_hash: plan.hash.clone(),
        by: "alice".to_owned(),
        at: "2026-01-05T12:00:00Z".parse().unwrap(),
        reason: None,
        break_glass: None,
        acknowledged: Vec::new(),
        until: None,
    };
    let remembered = |step: &Step| Remembered {
        kind: step.kind(),
        paths: step.paths().to_vec(),
        stale: None,
        revision: None,
    };
    let steps = plan.steps.iter().map(remembered).collect();
    let begun = Begun {
        plan_hash: &plan.hash,
        uid: &plan.uid,
        by: "alice",
        steps,
    };
    let went_on = |scene: &Snapshot| {
        let plan = planned(scene, &policy());
        resume(&begun, Some(&approval), plan.as_ref(), scene).map(|approved: Approved| kinds(approved.plan()))
    };
    let ground = Ground {
        kind: &DEPLOYMENT,
        desired: &git(),
        live: before.live.as_ref().unwrap(),
        tool: &before.tool,
        plan: &plan.hash,
        begun: None,
    };
    let mut handed = before.live.clone().unwrap();
    json_patch::patch(&mut handed, &plan.steps[0].render(&ground).unwrap().unwrap().patch).unwrap();
    let handed = Snapshot {
        live: Some(handed),
        ..before.clone()
    };
    assert_eq!(went_on(&handed), Ok(vec![StepKind::HandBack, StepKind::Reconcile]));
    // A heal that ended there leaves Flux a field that it never sent: a new plan must take that one away, too.
    let source = SourceFacts {
        synced: Some(Arc::new(git())),
        ..handed.source.clone()
    };
    let handed = Snapshot { source, ..handed };
    let assessment = assess(&handed, &policy());
    let drifted: Vec<String> = assessment
        .of(Severity::Drift)
        .map(|drift| drift.change.path.to_string())
        .collect();
    let probe = ".spec.template.spec.containers[name=\"app\"].livenessProbe";
    assert_eq!(drifted, [format!("{probe}.httpGet"), format!("{probe}.tcpSocket")]);
    assert_eq!(
        kinds(&planned(&handed, &policy()).unwrap()),
        [StepKind::HandBack, StepKind::Reconcile]
    );
    let restoring = planned(
        &handed,
        &Policy {
            remedy: Remedy::Restore,
            ..policy()
        },
    )
    .unwrap();
    let Step::Restore { operations, .. } = &restoring.steps[0] else {
        panic!("no Restore: {restoring:?}")
    };
    let mut restored = handed.live.clone().unwrap();
    json_patch::patch(&mut restored, operations).unwrap();
    assert_eq!(container(&mut restored)["livenessProbe"].get("tcpSocket"), None);
    // Suspended before the first write: nothing is written until that has passed.
    let suspended = Snapshot {
        tool: kustomization(&json!({"spec": {"suspend": true}})),
        ..before
    };
    assert!(matches!(went_on(&suspended), Err(Refusal::Waits { why, .. }) if why.contains("is suspended")));
}

#[test]
fn nothing_is_planned_for_a_commit_that_flux_has_tried_past() {
    let (read, tried) = ("a".repeat(40), "b".repeat(40));
    let tool = kustomization(&json!({"status": {"lastAttemptedRevision": format!("main@sha1:{tried}")}}));
    let planned_where = |compared: Option<&String>| {
        let mut scene = incident(tool.clone());
        scene.source = SourceFacts {
            revision: read.clone(),
            compared: compared.cloned(),
            ..scene.source
        };
        planned(&scene, &policy()).map(|plan| kinds(&plan))
    };
    let waits = "Flux tried commit bbbbbbb after Git was read last: what Git says by now is read first";
    assert_eq!(planned_where(Some(&read)), Err(NoPlan::HeldBack(waits.to_owned())));
    for compared in [Some(&tried), None] {
        assert!(
            planned_where(compared).is_ok(),
            "{compared:?}: it was read, or nobody tells"
        );
    }
}
