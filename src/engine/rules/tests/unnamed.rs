//! What looks in sync under client-side apply, and is not named by last-applied: told where a switch is refused for it,
//! and only there.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::latent::{ARGO_CD, http_get, tcp_socket, told};
use crate::engine::argo_cd::ArgoCd;
use crate::engine::argo_cd::shapes::{HERE, now, out_of_sync, quiet, read, set, under_way};
use crate::engine::argo_cd::window::Windows;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::ownership::{ManagedFields, Operation};
use crate::engine::phase::Phase;
use crate::engine::plan::tests::snapshot;
use crate::engine::plan::{NoPlan, Plan, Step, StepKind};
use crate::engine::predict::predict;
use crate::engine::remedy::whole::tests::{by_hand, carried_out, document, places, synced};
use crate::engine::rules::tests::findings;
use crate::engine::schema::UNIONS;
use crate::engine::syncer::{Applier, Strategy, Syncer};
use crate::engine::{Snapshot, Tool};

const CLIENT_SIDE: Strategy = Strategy::ClientSideApply;

/// A scene beside Argo CD, with its Application.
pub(super) fn scene(git: &Value, live: Value, application: &Value) -> Snapshot {
    let application = Arc::new(read(application));
    let tool = Tool::ArgoCd(Arc::new(ArgoCd {
        application,
        windows: Windows::none(),
        application_set: None,
        seen_alive: Some(now()),
    }));
    let syncer = Syncer::by(Applier::ArgoCd, CLIENT_SIDE, ARGO_CD);
    let mut scene = Snapshot {
        syncer,
        tool,
        now: now(),
        ..snapshot(git.clone(), live)
    };
    scene.source.revision = HERE.to_owned();
    scene
}

/// Git had the one, somebody made the other of it, and Git took that over.
fn adopted(before: &Value, now: &Value) -> Value {
    by_hand(&synced(before, CLIENT_SIDE), now, "kubectl-edit")
}

pub(super) fn kinds(plan: &Plan) -> Vec<StepKind> {
    plan.steps.iter().map(Step::kind).collect()
}

fn only_differences() -> Value {
    set(
        quiet(),
        "/spec/syncPolicy/syncOptions",
        json!(["ApplyOutOfSyncOnly=true"]),
    )
}

#[test]
fn what_git_took_over_is_told_until_last_applied_names_it() {
    let mut trapped = 0;
    for place in places() {
        let union = UNIONS.iter().find(|union| union.of == place.0).unwrap();
        let choices: Vec<Value> = union.choices().collect();
        for (one, other) in choices
            .iter()
            .flat_map(|one| choices.iter().map(move |other| (one, other)))
            .filter(|(one, other)| one != other)
        {
            let context = format!("{}: Git had {one}, and took {other} over", place.1);
            let desired = document(&place, other);
            let scene = scene(&desired, adopted(&document(&place, one), &desired), &quiet());
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
            let clean = refused(&synced(&desired, CLIENT_SIDE));
            let now = scene.live.as_ref().unwrap();
            let more = refused(now).into_iter().filter(|next| !clean.contains(next)).count();
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
            // Argo CD's own sync writes the annotation.
            assert_eq!(
                kinds(&plan.unwrap()),
                [StepKind::Refresh, StepKind::StartOperation],
                "{context}"
            );
            let mut after = now.clone();
            after["metadata"]["annotations"][LAST_APPLIED] = desired.to_string().into();
            let (found, plan) = told(&Snapshot {
                live: Some(after),
                ..scene.clone()
            });
            assert_eq!(
                (found.is_quiet(), plan),
                (true, Err(NoPlan::NothingToHeal)),
                "{context}"
            );
            // Where it would pass over what it calls Synced, we do, and give it back.
            let scene = Snapshot {
                tool: self::scene(&desired, Value::Null, &only_differences()).tool,
                ..scene.clone()
            };
            let plan = told(&scene).1.unwrap();
            assert_eq!(
                kinds(&plan),
                [StepKind::Restore, StepKind::Transfer, StepKind::Refresh],
                "{context}"
            );
            let before = scene.live.clone().unwrap();
            let on_deployment = Plan {
                steps: plan.steps[..2].to_vec(),
                ..plan
            };
            let after = carried_out(&scene, &on_deployment, &context);
            assert_eq!((&after["spec"], refused(&after)), (&before["spec"], clean), "{context}");
            let managed = ManagedFields::of(&after);
            assert!(
                managed.entry("driftmend-heal", Operation::Update, None).is_none(),
                "{context}: {after:#}"
            );
            let (found, plan) = told(&Snapshot {
                live: Some(after),
                ..scene
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

#[test]
fn what_is_tried_again_of_another_commit_names_nothing_of_this_one() {
    let live = adopted(&http_get(), &tcp_socket());
    let of = |application: Value| told(&scene(&tcp_socket(), live.clone(), &application)).0.traps.len();
    let of_before = |application: Value| {
        set(
            application,
            "/status/operationState/syncResult/revision",
            json!("b".repeat(40)),
        )
    };
    assert_eq!(of(under_way("Running")), 0, "it writes the annotation");
    assert_eq!(of(of_before(under_way("Running"))), 1);
    assert_eq!(
        of(of_before(out_of_sync(under_way("Running")))),
        0,
        "a sync of this commit follows"
    );
}

#[test]
fn it_is_told_what_does_not_name_the_field_and_what_is_done_about_it() {
    let scene = scene(&tcp_socket(), adopted(&http_get(), &tcp_socket()), &quiet());
    let (found, plan) = told(&scene);
    let clause = "the next change of livenessProbe.tcpSocket of container app to another one in Git will be refused: \
                  the annotation kubectl.kubernetes.io/last-applied-configuration does not name it, so that \
                  argocd-controller would leave it beside the other one";
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
        finding.remedy.as_ref().unwrap().contains("a sync of this Deployment"),
        "{finding:?}"
    );
    assert_eq!(plan.unwrap().cautions, [], "nothing rolls out");
    let plan = told(&Snapshot {
        tool: self::scene(&tcp_socket(), Value::Null, &only_differences()).tool,
        ..scene
    })
    .1
    .unwrap();
    assert_eq!(
        plan.steps[0].summary(),
        "rewrites the annotation kubectl.kubernetes.io/last-applied-configuration only, so that it names what Git \
         says: .spec.template.spec.containers[name=\"app\"].livenessProbe.tcpSocket"
    );
    assert_eq!(plan.cautions, [], "nothing rolls out");
}

#[test]
fn a_lost_annotation_names_nothing_and_one_that_nobody_can_read_is_told_otherwise() {
    let mut live = synced(&http_get(), CLIENT_SIDE);
    // The probe, and what three variables have.
    for (text, traps) in [(Some(json!("{}")), 4), (None, 4), (Some(json!("[]")), 0)] {
        live["metadata"]["annotations"] = text.map_or_else(|| json!({}), |text| json!({LAST_APPLIED: text}));
        let scene = scene(&http_get(), live.clone(), &only_differences());
        let (found, plan) = told(&scene);
        assert_eq!(found.traps.len(), traps, "{}", found.summary);
        if traps > 0 {
            let plan = plan.unwrap();
            let after = carried_out(
                &scene,
                &Plan {
                    steps: plan.steps[..2].to_vec(),
                    ..plan
                },
                "lost",
            );
            assert!(
                told(&Snapshot {
                    live: Some(after),
                    ..scene
                })
                .0
                .is_quiet()
            );
        }
    }
}

#[test]
fn a_port_that_last_applied_does_not_name_is_in_the_way_of_its_name_on_another_number() {
    let on = |number: u32| {
        let mut git = http_get();
        git["spec"]["template"]["spec"]["containers"][0]["ports"] =
            json!([{"name": "http", "containerPort": number}, {"containerPort": 7000}]);
        git
    };
    let scene = scene(&on(9090), adopted(&on(8080), &on(9090)), &only_differences());
    let refused = |live: &Value| !predict(&DEPLOYMENT, &on(9091), live, &scene.syncer).causes.is_empty();
    assert!(refused(scene.live.as_ref().unwrap()));
    let (found, plan) = told(&scene);
    assert!(
        found
            .summary
            .contains("port 9090 of container app to another number in Git will be refused: the annotation"),
        "{}",
        found.summary
    );
    let plan = plan.unwrap();
    let after = carried_out(
        &scene,
        &Plan {
            steps: plan.steps[..2].to_vec(),
            ..plan
        },
        "a port",
    );
    assert!(!refused(&after));
    assert!(
        told(&Snapshot {
            live: Some(after),
            ..scene
        })
        .0
        .is_quiet()
    );
}

#[test]
fn nothing_is_told_where_a_sync_comes_that_writes_the_annotation() {
    let live = || adopted(&http_get(), &tcp_socket());
    let traps = |scene: &Snapshot| told(scene).0.traps.len();
    assert_eq!(traps(&scene(&tcp_socket(), live(), &quiet())), 1);
    assert_eq!(
        traps(&scene(&tcp_socket(), live(), &under_way("Running"))),
        0,
        "it runs"
    );
    // What Argo CD finds different it syncs, and all of the Deployment with it.
    let mut more = tcp_socket();
    more["spec"]["minReadySeconds"] = json!(5);
    assert_eq!(
        traps(&scene(&more, live(), &out_of_sync(quiet()))),
        0,
        "something else of it waits"
    );
    // A pipeline applies each commit.
    assert_eq!(
        traps(&Snapshot {
            tool: Tool::Unknown,
            ..scene(&tcp_socket(), live(), &quiet())
        }),
        0
    );
    // A replace needs no annotation.
    let mut replaced = scene(&tcp_socket(), live(), &quiet());
    replaced.syncer = Syncer::by(Applier::ArgoCd, Strategy::Replace, ARGO_CD);
    assert_eq!(traps(&replaced), 0);
}

#[test]
fn what_git_dropped_and_no_sync_takes_out_hides_no_trap() {
    let mut dropped = http_get();
    dropped["spec"]["template"]["spec"]["containers"][0]["workingDir"] = json!("/srv");
    let mut live = synced(&dropped, CLIENT_SIDE);
    live["metadata"]["annotations"] = json!({});
    let mut scene = scene(&http_get(), live, &quiet());
    scene.source.synced = Some(Arc::new(dropped));
    let (found, plan) = told(&scene);
    assert_eq!(found.phase, Phase::Pending, "{}", found.summary);
    assert!(!found.traps.is_empty(), "{:?}", findings(&scene, &found));
    assert_eq!(kinds(&plan.unwrap()), [StepKind::Refresh, StepKind::StartOperation]);
}
