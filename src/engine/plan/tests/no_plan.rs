//! What there is no plan for, and what is said instead.

use std::sync::Arc;

use jiff::SignedDuration;
use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::Tool;
use crate::engine::flux::Flux;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::phase::Phase;
use crate::engine::syncer::{Strategy, Syncer};

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
