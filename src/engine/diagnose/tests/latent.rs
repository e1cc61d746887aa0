//! What looks in sync and is in the way of Git's next change: told where a switch is refused for it, and only there.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::engine::diff::{IgnoreRule, PathPattern};
use crate::engine::operation::Windows;
use crate::engine::operation::shapes::{quiet, read, set};
use crate::engine::ownership::FieldSet;
use crate::engine::phase::Phase;
use crate::engine::plan::tests::{policy, snapshot};
use crate::engine::plan::union_scenes::{by_hand, carried_out, document, places, synced};
use crate::engine::plan::{Ground, Memory, NoPlan, Plan, Step, StepKind};
use crate::engine::predict::{Applier, Strategy, Syncer, predict};
use crate::engine::schema::UNIONS;
use crate::engine::{ArgoCd, Assessment, OwnHeal, Policy, Remedy, Snapshot, Tool, assess_and_propose, assess_during};

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
                    .filter(|next| !predict(next, live, &scene.syncer).causes.is_empty())
                    .collect()
            };
            let (clean, now) = (
                synced(&desired, Strategy::ServerSideApply),
                scene.live.as_ref().unwrap(),
            );
            let without: Vec<Value> = refused(&clean);
            let more = refused(now).into_iter().filter(|next| !without.contains(next)).count();
            assert_eq!(found.traps.is_empty(), more == 0, "{context}: {:?}", found.findings);
            assert_eq!(
                found
                    .findings
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
    let finding = found
        .findings
        .iter()
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
    applied["metadata"]["managedFields"][0]["fieldsV1"] = FieldSet::of_applied(&tcp_socket()).to_value();
    let (found, _) = told(&scene(&tcp_socket(), applied, argo_cd()));
    assert!(
        found.summary.contains("kubectl-patch owns it, too"),
        "{}",
        found.summary
    );
}

#[test]
fn flux_takes_over_by_itself_what_kubectl_wrote_and_nothing_of_anybody_else() {
    let flux = || Syncer::by(Applier::Flux, Strategy::ServerSideApply, ARGO_CD);
    for (fixer, traps) in [
        ("kubectl-edit", 0),
        ("kubectl", 0),
        ("before-first-apply", 0),
        ("Lens", 1),
        ("k9s", 1),
    ] {
        let (found, plan) = told(&scene(
            &http_get(),
            fixed_by_hand(&http_get(), &tcp_socket(), fixer),
            flux(),
        ));
        assert_eq!(
            (found.traps.len(), found.is_quiet(), plan.is_ok()),
            (traps, traps == 0, traps == 1),
            "{fixer}: {}",
            found.summary
        );
    }
}

#[test]
fn under_client_side_apply_and_beside_what_argo_cd_migrates_there_is_none() {
    for strategy in [Strategy::ClientSideApply, Strategy::Replace] {
        let fixed = by_hand(
            &by_hand(&synced(&http_get(), strategy), &tcp_socket(), "kubectl-patch"),
            &http_get(),
            "kubectl-edit",
        );
        let (found, plan) = told(&scene(
            &http_get(),
            fixed,
            Syncer::by(Applier::ArgoCd, strategy, ARGO_CD),
        ));
        assert_eq!((found.traps.len(), plan), (0, Err(NoPlan::NothingToHeal)));
    }
    let fixed = fixed_by_hand(&http_get(), &tcp_socket(), "kubectl-client-side-apply");
    assert_eq!(told(&scene(&http_get(), fixed, argo_cd())).0.traps, vec![]);
    // Who owns what stands beside the handler is in nobody's way.
    let mut slower = http_get();
    slower["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["periodSeconds"] = json!(7);
    let beside = by_hand(
        &by_hand(&synced(&http_get(), Strategy::ServerSideApply), &slower, "k9s"),
        &http_get(),
        "k9s",
    );
    assert_eq!(told(&scene(&http_get(), beside, argo_cd())).0.traps, vec![]);
}

#[test]
fn what_somebody_applies_is_taken_from_a_person_and_from_no_other_tool() {
    let applied = |manager: &str| {
        let mut live = fixed_by_hand(&http_get(), &tcp_socket(), manager);
        let entries = live["metadata"]["managedFields"].as_array_mut().unwrap();
        entries.iter_mut().find(|entry| entry["manager"] == manager).unwrap()["operation"] = json!("Apply");
        scene(&http_get(), live, argo_cd())
    };
    let person = applied("kubectl");
    let (found, plan) = told(&person);
    assert_eq!(found.traps.len(), 1);
    let after = transferred(&person, &plan.unwrap());
    assert_eq!(
        told(&Snapshot {
            live: Some(after),
            ..person
        })
        .0
        .traps,
        vec![]
    );
    let (found, plan) = told(&applied("pipeline"));
    assert_eq!(
        (found.traps.len(), plan),
        (1, Err(NoPlan::TwoAppliers("pipeline".to_owned())))
    );
    let remedy = found
        .findings
        .iter()
        .find(|finding| finding.rule == "latent-trap")
        .and_then(|finding| finding.remedy.clone())
        .unwrap();
    assert!(remedy.contains("pipeline does, too"), "{remedy}");
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
    let refused = |live: &Value| !predict(&on_port(9091), live, &scene.syncer).causes.is_empty();
    assert!(refused(scene.live.as_ref().unwrap()));
    let (found, plan) = told(&scene);
    assert_eq!(
        (found.phase, found.traps.len()),
        (Phase::InSync, 1),
        "{:?}",
        found.findings
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
        assert_eq!(predict(&http_get(), &after, &person.syncer).causes, vec![]);
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
fn what_the_tool_takes_from_live_is_in_the_way_of_no_change() {
    let reason = "Application argocd/shop ignores it";
    let path = ".spec.template.spec.containers[*].livenessProbe";
    let rule = IgnoreRule {
        paths: vec![PathPattern::parse(path).unwrap()],
        pointers: Vec::new(),
        parts: Vec::new(),
        managers: Vec::new(),
        reason: reason.to_owned(),
        expires: None,
    };
    let ignoring = Policy {
        ignore: vec![rule],
        ..policy()
    };
    let found = |options: Value| {
        let application = Arc::new(read(&set(quiet(), "/spec/syncPolicy/syncOptions", options)));
        let tool = Tool::ArgoCd(Arc::new(ArgoCd {
            application,
            windows: Windows::none(),
            application_set: None,
            seen_alive: None,
        }));
        let live = fixed_by_hand(&http_get(), &tcp_socket(), "kubectl-edit");
        let scene = Snapshot {
            tool,
            ..scene(&http_get(), live, argo_cd())
        };
        assess_and_propose(&scene, &ignoring, &Memory::default()).0.traps.len()
    };
    assert_eq!(
        found(json!(["ServerSideApply=true"])),
        1,
        "it is compared without it and applied all the same"
    );
    assert_eq!(
        found(json!(["ServerSideApply=true", "RespectIgnoreDifferences=true"])),
        0
    );
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
    let failed = crate::engine::operation::shapes::with_state("Failed", crate::engine::operation::shapes::HERE);
    let scene = super::unnamed::scene(&http_get(), left, &failed);
    let kinds: Vec<StepKind> = told(&scene).1.unwrap().steps.iter().map(Step::kind).collect();
    assert_eq!(kinds, [StepKind::Transfer, StepKind::Refresh, StepKind::StartOperation]);
}
