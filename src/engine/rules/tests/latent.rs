//! What looks in sync and is in the way of Git's next change: told where a switch is refused for it, and only there.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::engine::kind::DEPLOYMENT;
use crate::engine::ownership::FieldSet;
use crate::engine::phase::Phase;
use crate::engine::plan::tests::{policy, snapshot};
use crate::engine::plan::{Ground, Memory, NoPlan, Plan, Step, StepKind, assess_and_propose};
use crate::engine::predict::predict;
use crate::engine::remedy::whole::tests::{by_hand, carried_out, document, places, synced};
use crate::engine::rules::tests::findings;
use crate::engine::schema::UNIONS;
use crate::engine::syncer::{Applier, Strategy, Syncer};
use crate::engine::{Assessment, Policy, Remedy, Snapshot};

mod heals;
mod takeovers;

pub(super) const ARGO_CD: &str = "argocd-controller";

fn argo_cd() -> Syncer {
    Syncer::by(Applier::ArgoCd, Strategy::ServerSideApply, ARGO_CD)
}

pub(super) fn told(scene: &Snapshot) -> (Assessment, Result<Plan, NoPlan>) {
    assess_and_propose(scene, &policy(), &Memory::default())
}

fn scene(git: &Value, live: Value, syncer: Syncer) -> Snapshot {
    Snapshot {
        syncer,
        ..snapshot(git.clone(), live)
    }
}

/// Live after a person took a hand change back, as `kubectl edit` writes it.
fn fixed_by_hand(git: &Value, meanwhile: &Value, fixer: &str) -> Value {
    let broken = by_hand(&synced(git, Strategy::ServerSideApply), meanwhile, "kubectl-patch");
    by_hand(&broken, git, fixer)
}

/// The Deployment after the plan's one Transfer.
fn transferred(scene: &Snapshot, plan: &Plan) -> Value {
    let [step @ Step::Transfer { .. }] = plan.steps.as_slice() else {
        panic!("not one Transfer: {plan:?}")
    };
    let (desired, mut live) = (&scene.desired.as_ref().unwrap().value, scene.live.clone().unwrap());
    let before = live.clone();
    let ground = Ground {
        kind: &DEPLOYMENT,
        desired,
        live: &before,
        tool: &scene.tool,
        plan: &plan.hash,
        begun: None,
    };
    assert!(!step.done(&ground), "it has nothing to do");
    json_patch::patch(&mut live, &step.render(&ground).unwrap().unwrap().patch).unwrap();
    assert!(step.done(&Ground { live: &live, ..ground }), "it would be sent again");
    assert_eq!(
        (&live["spec"], &live["metadata"]["annotations"]),
        (&before["spec"], &before["metadata"]["annotations"])
    );
    live
}

#[test]
fn a_fix_by_hand_of_any_union_is_told_until_the_tool_owns_it_alone() {
    let mut trapped = 0;
    for place in places() {
        let union = UNIONS.iter().find(|union| union.of == place.0).unwrap();
        let choices: Vec<Value> = union.choices().collect();
        for (git, meanwhile) in choices
            .iter()
            .flat_map(|one| choices.iter().map(move |other| (one, other)))
            .filter(|(one, other)| one != other)
        {
            let context = format!("{}: Git {git}, meanwhile {meanwhile}", place.1);
            let (desired, meanwhile) = (document(&place, git), document(&place, meanwhile));
            let scene = scene(&desired, fixed_by_hand(&desired, &meanwhile, "kubectl-edit"), argo_cd());
            let (found, plan) = told(&scene);
            assert_eq!(
                (found.phase, found.is_quiet()),
                (Phase::InSync, found.traps.is_empty()),
                "{context}: {:?}",
                found.summary
            );
            // The rule is held against the predictor over every switch there is.
            let switches = choices.iter().map(|choice| document(&place, choice));
            let refused = |live: &Value| -> Vec<Value> {
                switches
                    .clone()
                    .filter(|next| !predict(&DEPLOYMENT, next, live, &scene.syncer).causes.is_empty())
                    .collect()
            };
            let (clean, now) = (
                synced(&desired, Strategy::ServerSideApply),
                scene.live.as_ref().unwrap(),
            );
            let without: Vec<Value> = refused(&clean);
            let more = refused(now).into_iter().filter(|next| !without.contains(next)).count();
            assert_eq!(
                found.traps.is_empty(),
                more == 0,
                "{context}: {:?}",
                findings(&scene, &found)
            );
            assert_eq!(
                findings(&scene, &found)
                    .iter()
                    .filter(|finding| finding.rule == "latent-trap")
                    .count(),
                found.traps.len(),
                "{context}"
            );
            if more == 0 {
                assert_eq!(plan, Err(NoPlan::NothingToHeal), "{context}");
                continue;
            }
            trapped += 1;
            let after = transferred(&scene, &plan.unwrap());
            assert_eq!(
                refused(&after),
                without,
                "{context}: {:#}",
                after["metadata"]["managedFields"]
            );
            let (found, plan) = told(&Snapshot {
                live: Some(after),
                ..scene.clone()
            });
            assert_eq!(
                (found.is_quiet(), plan),
                (true, Err(NoPlan::NothingToHeal)),
                "{context}"
            );
        }
    }
    assert!(trapped > 50, "{trapped}");
}

fn probe(handler: &Value) -> Value {
    document(
        &(
            "Probe",
            "/spec/template/spec/containers/0/livenessProbe",
            json!({"periodSeconds": 5}),
        ),
        handler,
    )
}

pub(in crate::engine) fn http_get() -> Value {
    probe(&json!({"httpGet": {"path": "/healthz", "port": 8080}}))
}

pub(in crate::engine) fn tcp_socket() -> Value {
    probe(&json!({"tcpSocket": {"port": 8080}}))
}

#[test]
fn it_is_told_whose_field_it_is_and_what_is_done_about_it() {
    let scene = scene(
        &http_get(),
        fixed_by_hand(&http_get(), &tcp_socket(), "kubectl-edit"),
        argo_cd(),
    );
    let (found, plan) = told(&scene);
    let clause = "the next change of livenessProbe.httpGet of container app to another one in Git will be refused: \
                  kubectl-edit owns it, and argocd-controller does not (since 2026-01-05T10:00:00Z)";
    assert_eq!(found.summary, format!("live is what Git says; {clause}"));
    let finding = findings(&scene, &found)
        .into_iter()
        .find(|finding| finding.rule == "latent-trap")
        .unwrap();
    assert_eq!(finding.message, clause);
    assert!(
        finding
            .evidence
            .as_ref()
            .unwrap()
            .contains("may not specify more than 1 handler type"),
        "{finding:?}"
    );
    assert!(
        finding
            .remedy
            .as_ref()
            .unwrap()
            .contains("Transfer makes argocd-controller its only owner"),
        "{finding:?}"
    );
    let plan = plan.unwrap();
    assert_eq!(
        plan.steps[0].summary(),
        "rewrites metadata.managedFields only: argocd-controller (Apply) alone owns \
         .spec.template.spec.containers[name=\"app\"].livenessProbe.httpGet, kubectl-edit owns it no longer"
    );
    assert_eq!(plan.cautions, [], "nothing rolls out");
}

#[test]
fn a_restore_takes_with_it_what_an_earlier_fix_left_in_the_same_union() {
    let live = fixed_by_hand(&http_get(), &tcp_socket(), "kubectl-edit");
    let mut other = http_get();
    other["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["httpGet"]["path"] = json!("/other");
    let scene = scene(&http_get(), by_hand(&live, &other, "k9s"), argo_cd());
    let (found, plan) = told(&scene);
    assert_eq!(
        (found.phase, found.traps.len()),
        (Phase::Drifted, 0),
        "the union differs: {}",
        found.summary
    );
    let plan = plan.unwrap();
    assert_eq!(
        plan.steps.iter().map(Step::kind).collect::<Vec<_>>(),
        [StepKind::Restore, StepKind::Transfer, StepKind::Transfer]
    );
    let after = carried_out(&scene, &plan, "the union");
    let (found, plan) = told(&Snapshot {
        live: Some(after),
        ..scene
    });
    assert_eq!(
        (found.is_quiet(), plan),
        (true, Err(NoPlan::NothingToHeal)),
        "{}",
        found.summary
    );
}

#[test]
fn a_hand_change_that_git_took_over_is_told_where_somebody_keeps_it() {
    let patched = || {
        by_hand(
            &synced(&http_get(), Strategy::ServerSideApply),
            &tcp_socket(),
            "kubectl-patch",
        )
    };
    let (found, plan) = told(&scene(&tcp_socket(), patched(), argo_cd()));
    assert_eq!(
        (found.phase, found.traps.len()),
        (Phase::InSync, 1),
        "{:?}",
        found.summary
    );
    assert_eq!(
        plan.unwrap().steps.iter().map(Step::kind).collect::<Vec<_>>(),
        [StepKind::Transfer]
    );
    // The tool applied it since and owns it, too, and that changes nothing.
    let mut applied = patched();
    applied["metadata"]["managedFields"][0]["fieldsV1"] =
        FieldSet::of_applied(DEPLOYMENT.root, &tcp_socket()).to_value();
    let (found, _) = told(&scene(&tcp_socket(), applied, argo_cd()));
    assert!(
        found.summary.contains("kubectl-patch owns it, too"),
        "{}",
        found.summary
    );
}

/// Git with this port of the name http and one that has no name.
fn on_port(number: u32) -> Value {
    let mut git = http_get();
    git["spec"]["template"]["spec"]["containers"][0]["ports"] =
        json!([{"name": "http", "containerPort": number}, {"containerPort": 7000}]);
    git
}

#[test]
fn a_port_that_somebody_else_owns_is_in_the_way_of_its_name_on_another_number() {
    // A person moved it, and Git took that over.
    let live = by_hand(
        &synced(&on_port(8080), Strategy::ServerSideApply),
        &on_port(9090),
        "kubectl-patch",
    );
    let scene = scene(&on_port(9090), live, argo_cd());
    let refused = |live: &Value| {
        !predict(&DEPLOYMENT, &on_port(9091), live, &scene.syncer)
            .causes
            .is_empty()
    };
    assert!(refused(scene.live.as_ref().unwrap()));
    let (found, plan) = told(&scene);
    assert_eq!(
        (found.phase, found.traps.len()),
        (Phase::InSync, 1),
        "{:?}",
        findings(&scene, &found)
    );
    let clause =
        "the next change of port 9090 of container app to another number in Git will be refused: kubectl-patch owns it";
    assert!(found.summary.contains(clause), "{}", found.summary);
    let after = transferred(&scene, &plan.unwrap());
    assert!(!refused(&after));
    assert_eq!(
        told(&Snapshot {
            live: Some(after),
            ..scene
        })
        .0
        .traps,
        vec![]
    );
    // One without a name is in nobody's way.
    let mut other = on_port(8080);
    other["spec"]["template"]["spec"]["containers"][0]["ports"][1]["containerPort"] = json!(7001);
    let live = by_hand(
        &synced(&on_port(8080), Strategy::ServerSideApply),
        &other,
        "kubectl-patch",
    );
    assert_eq!(told(&self::scene(&other, live, argo_cd())).0.traps, vec![]);
}

#[test]
fn what_a_person_applied_is_put_back_or_handed_back_and_what_another_tool_applies_is_not() {
    let applied = |manager: &str| {
        let mut live = by_hand(&synced(&http_get(), Strategy::ServerSideApply), &tcp_socket(), manager);
        let entries = live["metadata"]["managedFields"].as_array_mut().unwrap();
        entries.iter_mut().find(|entry| entry["manager"] == manager).unwrap()["operation"] = json!("Apply");
        scene(&http_get(), live, argo_cd())
    };
    for (remedy, wanted) in [
        (Remedy::Restore, &[StepKind::Restore, StepKind::Transfer][..]),
        (Remedy::HandBack, &[StepKind::HandBack]),
    ] {
        let policy = Policy { remedy, ..policy() };
        let person = applied("kubectl");
        let (found, plan) = assess_and_propose(&person, &policy, &Memory::default());
        assert_eq!(found.phase, Phase::Conflicted);
        let plan = plan.unwrap();
        assert_eq!(plan.steps.iter().map(Step::kind).collect::<Vec<_>>(), wanted);
        let after = carried_out(&person, &plan, "a person");
        assert_eq!(predict(&DEPLOYMENT, &http_get(), &after, &person.syncer).causes, vec![]);
        if remedy == Remedy::Restore {
            let (found, plan) = told(&Snapshot {
                live: Some(after),
                ..person
            });
            assert_eq!((found.is_quiet(), plan), (true, Err(NoPlan::NothingToHeal)));
        }
        let (_, plan) = assess_and_propose(&applied("pipeline"), &policy, &Memory::default());
        assert!(
            matches!(plan, Err(NoPlan::TwoAppliers(_) | NoPlan::NotHandedBack(_))),
            "{plan:?}"
        );
    }
}
