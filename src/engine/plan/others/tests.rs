//! Others that will be refused, or were, are said before approval, with what the plan makes of it.

use std::sync::Arc;

use jiff::Timestamp;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::shapes::{BEFORE, HERE, now, out_of_sync, quiet, read, set, with_state};
use crate::engine::argo_cd::window::Windows;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::ownership::FieldSet;
use crate::engine::plan::tests::{container, git, policy, snapshot, switched};
use crate::engine::plan::{Memory, Plan, propose};
use crate::engine::source_facts::Beside;
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::{Policy, Remedy, SourceFacts, assess};

const API: &str = "Deployment shop/api: spec.replicas: Invalid value: -1: must be greater than or equal to 0";

/// The incident under server-side apply by this tool, where these others are predicted to be refused.
fn scene(tool: Tool, refused_beside: &[&str]) -> Snapshot {
    let mut live = switched();
    live["metadata"].as_object_mut().unwrap().remove("annotations");
    let person = live["metadata"]["managedFields"][1].clone();
    let mut applied = git();
    container(&mut applied)["livenessProbe"]
        .as_object_mut()
        .unwrap()
        .remove("httpGet");
    let fields = FieldSet::of_applied(DEPLOYMENT.root, &applied).to_value();
    let of_tool = json!({"manager": "tool", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                         "fieldsV1": fields});
    live["metadata"]["managedFields"] = json!([of_tool, person]);
    let source = SourceFacts {
        revision: HERE.to_owned(),
        beside: Beside {
            refused: refused_beside.iter().map(|told| (*told).to_owned()).collect(),
            ..Beside::default()
        },
        ..SourceFacts::default()
    };
    let now: Timestamp = now();
    Snapshot {
        syncer: Syncer::new(Strategy::ServerSideApply, "tool"),
        tool,
        source,
        now,
        ..snapshot(git(), live)
    }
}

fn argo_cd(object: &Value) -> Tool {
    let application = Arc::new(read(object));
    Tool::ArgoCd(Arc::new(ArgoCd {
        application,
        windows: Windows::none(),
        application_set: None,
        seen_alive: Some(now()),
    }))
}

fn flux(message: Option<&str>) -> Tool {
    let ready = match message {
        Some(message) => {
            json!({"type": "Ready", "status": "False", "reason": "ReconciliationFailed", "message": message})
        }
        None => json!({"type": "Ready", "status": "True", "reason": "ReconciliationSucceeded", "message": ""}),
    };
    let object = json!({
        "metadata": {"name": "shop", "namespace": "flux-system", "uid": "c0de", "generation": 1},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "shop"}, "interval": "10m"},
        "status": {"conditions": [ready]},
    });
    Tool::Flux(Arc::new(Flux {
        kustomization: Arc::new(Kustomization::read(&object).unwrap()),
        repository: None,
    }))
}

fn planned(snapshot: &Snapshot, policy: &Policy) -> Plan {
    propose(snapshot, &assess(snapshot, policy), policy, &Memory::default()).unwrap()
}

fn kinds(plan: &Plan) -> Vec<StepKind> {
    plan.steps.iter().map(Step::kind).collect()
}

/// What a plan says of others.
fn told(plan: &Plan) -> Vec<&str> {
    let of_others = plan.cautions.iter().filter(|caution| caution.id.starts_with("Others"));
    of_others.map(|caution| caution.text.as_str()).collect()
}

/// The whole was synced and failed for this other object as well.
fn failed_for(resource: Value, message: &str) -> Value {
    let mut result = json!({"namespace": "shop", "status": "SyncFailed", "hookPhase": "Failed", "message": message});
    json_patch::merge(&mut result, &resource);
    let object = set(
        out_of_sync(with_state("Failed", HERE)),
        "/status/resources/1/status",
        json!("OutOfSync"),
    );
    set(object, "/status/operationState/syncResult/resources", json!([result]))
}

#[test]
fn another_deployment_that_will_be_refused_is_said_before_approval() {
    use StepKind::{HandBack, Refresh, StartOperation};
    let handed = planned(&scene(argo_cd(&out_of_sync(quiet())), &[API]), &policy());
    assert_eq!(kinds(&handed), [HandBack, Refresh], "self-heal brings it");
    assert!(
        told(&handed)[0]
            .ends_with("which comes to the Deployment all the same unless the other object is of an earlier wave"),
        "{handed:?}"
    );
    let failed = || argo_cd(&out_of_sync(with_state("Failed", HERE)));
    let quiet_beside = planned(&scene(failed(), &[]), &policy());
    let plan = planned(&scene(failed(), &[API]), &policy());
    assert_eq!(
        (kinds(&plan), told(&quiet_beside)),
        (vec![HandBack, Refresh, StartOperation], vec![])
    );
    let end =
        "until that is mended no sync of the whole application succeeds, and this plan syncs the Deployment alone";
    assert_eq!(
        told(&plan),
        [format!(
            "another watched object of this Application is predicted to be refused ({API}); {end}"
        )]
    );
    let many = planned(
        &scene(failed(), &[API, "Deployment shop/job", "Deployment shop/old"]),
        &policy(),
    );
    assert_eq!(
        told(&many),
        [format!(
            "other watched objects of this Application are predicted to be refused ({API} and 2 more); {end}"
        )]
    );
    assert_eq!(
        (&many.hash, &plan.hash),
        (&quiet_beside.hash, &quiet_beside.hash),
        "nobody says yes to others"
    );
    let restored = planned(
        &scene(failed(), &[API]),
        &Policy {
            remedy: Remedy::Restore,
            ..policy()
        },
    );
    assert!(
        told(&restored)[0].ends_with("and this plan syncs the Deployment alone"),
        "{restored:?}"
    );
}

#[test]
fn under_flux_what_it_would_not_apply_is_restored_and_that_is_said() {
    use StepKind::{HandBack, Reconcile, Restore, Transfer};
    assert_eq!(
        kinds(&planned(&scene(flux(None), &[]), &policy())),
        [HandBack, Reconcile]
    );
    let plan = planned(&scene(flux(None), &[API]), &policy());
    assert_eq!(kinds(&plan), [Restore, Transfer, Reconcile]);
    let end =
        "until that is mended Flux applies nothing of the Kustomization, and this plan heals the Deployment by itself";
    assert_eq!(
        told(&plan),
        [format!(
            "another watched object of this Kustomization is predicted to be refused ({API}); {end}"
        )]
    );
    let asked = planned(
        &scene(flux(None), &[API]),
        &Policy {
            remedy: Remedy::HandBack,
            ..policy()
        },
    );
    assert!(told(&asked)[0].ends_with("and this plan counts on it"), "{asked:?}");
    // What Flux says itself is said by its own words, once.
    let message = "Deployment/shop/api dry-run failed (Invalid): Deployment.apps \"api\" is invalid: spec.replicas: \
                   Invalid value: -1: no";
    let failed = planned(&scene(flux(Some(message)), &[API]), &policy());
    assert_eq!(
        told(&failed),
        [format!(
            "the last reconciliation failed for another object ({message}); {end}"
        )]
    );
}

#[test]
fn what_keeps_every_sync_of_the_whole_from_succeeding_is_said_before() {
    use StepKind::{ClearOperation, HandBack, Refresh, Restore, Transfer};
    const INVALID: &str =
        "Service \"web\" is invalid: spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive";
    let nobody_brings = |object: Value| set(object, "/spec/syncPolicy/automated/selfHeal", Value::Null);
    let service = || nobody_brings(failed_for(json!({"kind": "Service", "name": "web"}), INVALID));
    let plan = planned(&scene(argo_cd(&service()), &[]), &policy());
    assert_eq!(
        kinds(&plan),
        [HandBack, Refresh, ClearOperation],
        "nobody else brings what is left"
    );
    assert_eq!(
        told(&plan),
        [format!(
            "the last sync failed for Service shop/web ({INVALID}); until that is mended no sync of the whole \
             application succeeds, and this plan counts on one, which comes to the Deployment all the same unless the \
             other object is of an earlier wave"
        )]
    );
    let restored = planned(
        &scene(argo_cd(&service()), &[]),
        &Policy {
            remedy: Remedy::Restore,
            ..policy()
        },
    );
    assert_eq!(kinds(&restored), [Restore, Transfer, Refresh, ClearOperation]);
    assert!(
        told(&restored)[0].ends_with("and this plan heals the Deployment by itself"),
        "{restored:?}"
    );
    // Of another commit nothing is claimed.
    let before = set(service(), "/status/operationState/syncResult/revision", json!(BEFORE));
    let before = planned(&scene(argo_cd(&before), &[]), &policy());
    assert_eq!(
        told(&before),
        [format!(
            "the last sync, of commit 0badc0d, failed for Service shop/web ({INVALID}), which is still not in sync; \
             whether it is accepted by now, the next sync of it tells"
        )]
    );
}
