//! What Flux and Argo CD say after a heal, and when it is believed.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::object::{Document, ObjectId, Origin};
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::{Mode, Policy, Remedy, SourceFacts, Tool, assess};

mod argo_cd;

fn git() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                 "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}})
}

/// As Flux applied it, rolled out.
fn live() -> Value {
    let mut live = git();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut live);
    live["metadata"]["generation"] = json!(3);
    live["metadata"]["managedFields"] = json!([{
        "manager": "kustomize-controller", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }]);
    live["status"] = json!({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
                            "readyReplicas": 2,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]});
    live
}

/// The Kustomization after a reconciliation that ended at this second, and the Deployment as it was read a moment
/// before.
fn scene(ready: (&str, &str, &str), second: u8, live: Value) -> Snapshot {
    let (status, reason, message) = ready;
    let ready = json!({"type": "Ready", "status": status, "reason": reason, "message": message,
        "lastTransitionTime": format!("2026-01-05T11:59:{second:02}Z")});
    let object = json!({
        "metadata": {"name": "shop", "namespace": "shop", "generation": 1},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "shop"}}, "status": {"conditions": [ready]},
    });
    let id = ObjectId::of(&git()).unwrap();
    Snapshot {
        kind: &DEPLOYMENT,
        cluster: String::new(),
        judge: String::new(),
        target: id.clone(),
        desired: Some(Document {
            id,
            value: git(),
            origin: Origin {
                file: "web.yaml".into(),
                line: 1,
            },
        }),
        live: Some(live),
        seen: true,
        syncer: Syncer::new(Strategy::ServerSideApply, "kustomize-controller"),
        tool: Tool::Flux(Arc::new(Flux {
            kustomization: Arc::new(Kustomization::read(&object).unwrap()),
            repository: None,
        })),
        source: SourceFacts::default(),
        now: "2026-01-05T12:00:00Z".parse().unwrap(),
    }
}

fn verified(snapshot: &Snapshot, steps: &[StepKind]) -> Verified {
    let policy = Policy {
        mode: Mode::Propose,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: SignedDuration::ZERO,
    };
    let began = "2026-01-05T11:58:00Z".parse().unwrap();
    let restored = [FieldPath::of(&["spec", "replicas"])];
    verify(
        snapshot,
        &assess(snapshot, &policy),
        steps,
        &restored,
        Times {
            began,
            last_step: began,
        },
    )
}

const HAND_BACK: &[StepKind] = &[StepKind::HandBack, StepKind::Reconcile];
const RESTORE: &[StepKind] = &[StepKind::Restore, StepKind::Transfer, StepKind::Reconcile];
const READY: (&str, &str, &str) = ("True", "ReconciliationSucceeded", "");

fn done() -> Verified {
    Verified::Yes("Git's values are back, the next sync will be accepted, and the roll-out is complete".to_owned())
}

fn not_yet(what: &str) -> Verified {
    Verified::NotYet(what.to_owned())
}

#[test]
fn a_heal_is_done_when_flux_has_applied_it() {
    assert_eq!(verified(&scene(READY, 59, live()), HAND_BACK), done());
    assert_eq!(
        verified(&scene(("Unknown", "Progressing", ""), 59, live()), HAND_BACK),
        not_yet("the reconciliation of Flux")
    );
    let mut scaled = live();
    scaled["spec"]["replicas"] = json!(5);
    scaled["metadata"]["managedFields"][0]["manager"] = json!("kubectl-edit");
    scaled["metadata"]["managedFields"][0]["operation"] = json!("Update");
    // Read before Flux ended: it may be as Git says by now.
    let just_now = verified(&scene(READY, 57, scaled.clone()), RESTORE);
    assert_eq!(just_now, not_yet("the Deployment as Flux applied it"));
    let again = Verified::No(".spec.replicas differs again: somebody changed it during the heal".to_owned());
    assert_eq!(verified(&scene(READY, 30, scaled), RESTORE), again);
}

#[test]
fn a_commit_that_flux_has_not_fetched_is_no_reason_to_wait() {
    let mut older = live();
    older["spec"]["replicas"] = json!(1);
    assert_eq!(
        verified(&scene(READY, 58, older.clone()), HAND_BACK),
        not_yet("the Deployment as Flux applied it")
    );
    assert_eq!(verified(&scene(READY, 30, older), HAND_BACK), done());
}

#[test]
fn a_failure_counts_where_it_is_this_deployments() {
    let refused = |name: &str| {
        format!("Deployment/shop/{name} dry-run failed (Invalid): Deployment.apps \"{name}\" is invalid: no")
    };
    let failed = |name: &str, second| {
        let message = refused(name);
        verified(
            &scene(("False", "ReconciliationFailed", &message), second, live()),
            RESTORE,
        )
    };
    // The reconciliation before the heal may have ended with the token of the one that follows.
    assert_eq!(failed("web", 57), not_yet("the Deployment as Flux applied it"));
    assert_eq!(
        failed("web", 30),
        Verified::No(format!("Flux's reconciliation failed again: {}", refused("web")))
    );
    assert_eq!(
        failed("api", 30),
        done(),
        "the other Deployment has a report of its own"
    );
    let slow = (
        "False",
        "HealthCheckFailed",
        "timeout waiting for: [Deployment/shop/web status: 'InProgress']",
    );
    assert_eq!(
        verified(&scene(slow, 30, live()), RESTORE),
        done(),
        "the roll-out is looked at here"
    );
}
