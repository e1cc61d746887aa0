//! What a heal of ours owns while it runs, and what one left that did not end.

use pretty_assertions::assert_eq;
use serde_json::Value;

use super::{ARGO_CD, argo_cd, fixed_by_hand, http_get, scene, tcp_socket, told, transferred};
use crate::engine::plan::tests::policy;
use crate::engine::plan::{NoPlan, Step, StepKind};
use crate::engine::remedy::whole::tests::{by_hand, document, places, synced};
use crate::engine::schema::UNIONS;
use crate::engine::syncer::{Applier, Strategy, Syncer};
use crate::engine::{OwnHeal, Snapshot, assess_during};

#[test]
fn while_our_own_heal_runs_what_it_owns_is_no_trap_and_what_somebody_else_owns_is() {
    let place = &places()[0];
    let union = UNIONS.iter().find(|union| union.of == place.0).unwrap();
    let choices: Vec<Value> = union.choices().take(2).collect();
    let (desired, meanwhile) = (document(place, &choices[0]), document(place, &choices[1]));
    let found = |manager: &str| {
        let scene = scene(&desired, fixed_by_hand(&desired, &meanwhile, manager), argo_cd());
        assert!(!told(&scene).0.is_quiet(), "after the heal it is one, whoever owns it");
        assess_during(&scene, &policy(), &OwnHeal::default())
    };
    assert!(found("driftmend-heal").is_quiet());
    assert_eq!(found("kubectl-edit").traps.len(), 1);
}

#[test]
fn what_a_heal_left_that_did_not_come_to_its_end_is_told_and_handed_over() {
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply] {
        let synced = synced(&http_get(), strategy);
        let left = by_hand(
            &by_hand(&synced, &tcp_socket(), "kubectl-patch"),
            &http_get(),
            "driftmend-heal",
        );
        let scene = scene(&http_get(), left, Syncer::by(Applier::ArgoCd, strategy, ARGO_CD));
        let (found, plan) = told(&scene);
        assert!(
            found.summary.contains("driftmend-heal owns"),
            "{strategy:?}: {}",
            found.summary
        );
        let after = transferred(&scene, &plan.unwrap());
        let (found, plan) = told(&Snapshot {
            live: Some(after),
            ..scene
        });
        assert_eq!(
            (found.is_quiet(), plan),
            (true, Err(NoPlan::NothingToHeal)),
            "{strategy:?}"
        );
    }
}

#[test]
fn an_operation_in_the_way_is_not_ended_before_what_a_heal_left_is_handed_over() {
    let left = by_hand(
        &by_hand(
            &synced(&http_get(), Strategy::ClientSideApply),
            &tcp_socket(),
            "kubectl-patch",
        ),
        &http_get(),
        "driftmend-heal",
    );
    let failed = crate::engine::argo_cd::shapes::with_state("Failed", crate::engine::argo_cd::shapes::HERE);
    let scene = crate::engine::rules::tests::unnamed::scene(&http_get(), left, &failed);
    let kinds: Vec<StepKind> = told(&scene).1.unwrap().steps.iter().map(Step::kind).collect();
    assert_eq!(kinds, [StepKind::Transfer, StepKind::Refresh, StepKind::StartOperation]);
}
