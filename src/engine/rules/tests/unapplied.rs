//! What a switch to server-side apply leaves until the first apply: told where the next switch of a union is refused
//! for it, and only there.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::latent::{ARGO_CD, http_get, tcp_socket, told};
use super::unnamed::{kinds, scene};
use crate::engine::Snapshot;
use crate::engine::argo_cd::shapes::{HERE, out_of_sync, quiet, set, with_state};
use crate::engine::kind::DEPLOYMENT;
use crate::engine::phase::Phase;
use crate::engine::plan::{NoPlan, Plan, StepKind};
use crate::engine::predict::{predict, taken_over};
use crate::engine::remedy::whole::tests::{by_hand, carried_out, document, places, synced};
use crate::engine::rules::tests::findings;
use crate::engine::schema::UNIONS;
use crate::engine::syncer::{Applier, Strategy, Syncer};

/// The Application has the option since then, and nothing was synced.
fn switched(git: &Value, live: Value, application: &Value) -> Snapshot {
    let application = set(
        application.clone(),
        "/spec/syncPolicy/syncOptions",
        json!(["ServerSideApply=true"]),
    );
    let syncer = Syncer::by(Applier::ArgoCd, Strategy::ServerSideApply, ARGO_CD);
    Snapshot {
        syncer,
        ..scene(git, live, &application)
    }
}

/// Live after Argo CD's apply of an unchanged document.
fn applied(scene: &Snapshot) -> Value {
    let (desired, mut live) = (&scene.desired.as_ref().unwrap().value, scene.live.clone().unwrap());
    live["metadata"]["managedFields"] = taken_over(
        &crate::engine::facts::Facts::of(&DEPLOYMENT, desired, &live),
        &scene.syncer,
    )
    .unwrap();
    live
}

#[test]
fn a_switch_to_server_side_apply_is_told_until_it_was_applied() {
    let mut trapped = 0;
    for place in places() {
        let union = UNIONS.iter().find(|union| union.of == place.0).unwrap();
        let choices: Vec<Value> = union.choices().collect();
        for git in &choices {
            let context = format!("{}: {git}", place.1);
            let desired = document(&place, git);
            let scene = switched(&desired, synced(&desired, Strategy::ClientSideApply), &quiet());
            let (found, plan) = told(&scene);
            assert_eq!(
                (found.phase, found.is_quiet()),
                (Phase::InSync, found.traps.is_empty()),
                "{context}: {:?}",
                found.summary
            );
            // The rule is held against the predictor over every switch there is.
            let switches = choices.iter().map(|choice| document(&place, choice));
            let refused = |live: &Value| -> usize {
                switches
                    .clone()
                    .filter(|next| !predict(&DEPLOYMENT, next, live, &scene.syncer).causes.is_empty())
                    .count()
            };
            let after = applied(&scene);
            if refused(scene.live.as_ref().unwrap()) > refused(&after) {
                trapped += 1;
                assert_eq!(found.traps.len(), 1, "{context}: {:?}", findings(&scene, &found));
            }
            if found.traps.is_empty() {
                assert_eq!(plan, Err(NoPlan::NothingToHeal), "{context}");
                continue;
            }
            assert_eq!(
                kinds(&plan.unwrap()),
                [StepKind::Refresh, StepKind::StartOperation],
                "{context}"
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
    assert!(trapped > 20, "{trapped}");
}

#[test]
fn it_is_told_what_helps_and_a_fix_by_hand_comes_after_it() {
    let clean = synced(&http_get(), Strategy::ClientSideApply);
    let scene = switched(
        &http_get(),
        by_hand(
            &by_hand(&clean, &tcp_socket(), "kubectl-patch"),
            &http_get(),
            "kubectl-edit",
        ),
        &quiet(),
    );
    let (found, plan) = told(&scene);
    let finding = findings(&scene, &found)
        .into_iter()
        .find(|finding| finding.rule == "latent-trap")
        .unwrap();
    assert_eq!(
        finding.message,
        "the next change of value of env A of container app to another one in Git will be refused, as that of any \
         other such field: argocd-controller has not applied this object server-side yet, and what is there stays \
         beside what comes"
    );
    assert!(
        finding
            .remedy
            .as_ref()
            .unwrap()
            .starts_with("a sync of this Deployment by argocd-controller, before Git changes it"),
        "{finding:?}"
    );
    assert_eq!(kinds(&plan.unwrap()), [StepKind::Refresh, StepKind::StartOperation]);
    let (_, plan) = told(&Snapshot {
        live: Some(applied(&scene)),
        ..scene
    });
    assert_eq!(kinds(&plan.unwrap()), [StepKind::Transfer, StepKind::Refresh]);
}

#[test]
fn where_no_sync_of_ours_is_started_a_persons_is_asked_for() {
    let only_differences = json!(["ServerSideApply=true", "ApplyOutOfSyncOnly=true"]);
    let scene = switched(&http_get(), synced(&http_get(), Strategy::ClientSideApply), &quiet());
    let application = set(quiet(), "/spec/syncPolicy/syncOptions", only_differences);
    let scene = Snapshot {
        tool: self::scene(&http_get(), Value::Null, &application).tool,
        ..scene
    };
    let plan = told(&scene).1;
    let first = "sync the application before Git changes the field";
    assert!(
        matches!(&plan, Err(NoPlan::HeldBack(why)) if why.contains(first)),
        "{plan:?}"
    );
}

#[test]
fn a_fix_by_hand_on_the_only_union_hides_no_switch() {
    let mut git = http_get();
    git["spec"]["template"]["spec"]["containers"][0]
        .as_object_mut()
        .unwrap()
        .remove("env");
    let broken = by_hand(&synced(&git, Strategy::ClientSideApply), &tcp_socket(), "kubectl-patch");
    let scene = switched(&git, by_hand(&broken, &git, "kubectl-edit"), &quiet());
    let (found, plan) = told(&scene);
    assert!(
        found
            .summary
            .contains("livenessProbe.httpGet of container app to another one in Git will be refused, as that"),
        "{}",
        found.summary
    );
    assert_eq!(kinds(&plan.unwrap()), [StepKind::Refresh, StepKind::StartOperation]);
}

#[test]
fn a_refusal_after_the_switch_is_healed_by_an_apply_entry_with_what_is_in_the_way() {
    let live = synced(&http_get(), Strategy::ClientSideApply);
    let scene = switched(
        &tcp_socket(),
        live.clone(),
        &set(
            out_of_sync(with_state("Failed", HERE)),
            "/spec/syncPolicy/automated",
            json!({}),
        ),
    );
    let (found, plan) = told(&scene);
    assert_eq!(found.phase, Phase::Conflicted, "{}", found.summary);
    let plan = plan.unwrap();
    assert_eq!(
        kinds(&plan),
        [StepKind::HandBack, StepKind::Refresh, StepKind::StartOperation]
    );
    let after = carried_out(
        &scene,
        &Plan {
            steps: plan.steps[..1].to_vec(),
            ..plan
        },
        "a switch",
    );
    assert_eq!(
        (&after["spec"], &after["metadata"]["annotations"]),
        (&live["spec"], &live["metadata"]["annotations"])
    );
    assert!(
        predict(&DEPLOYMENT, &tcp_socket(), &after, &scene.syncer)
            .causes
            .is_empty(),
        "{:#}",
        after["metadata"]["managedFields"]
    );
}

/// Live as a backup brought it back: all of it is the program's.
fn brought_back(git: &Value) -> Value {
    let mut live = synced(git, Strategy::ServerSideApply);
    let entry = &mut live["metadata"]["managedFields"][0];
    (entry["manager"], entry["operation"]) = (json!("velero-server"), json!("Update"));
    live
}

#[test]
fn what_a_backup_brought_back_is_told_until_it_is_applied_and_until_nobody_else_owns_it() {
    let scene = switched(&http_get(), brought_back(&http_get()), &quiet());
    let (found, plan) = told(&scene);
    assert!(
        found
            .summary
            .contains("argocd-controller has not applied this object server-side yet"),
        "{}",
        found.summary
    );
    assert_eq!(kinds(&plan.unwrap()), [StepKind::Refresh, StepKind::StartOperation]);
    // After the sync.
    let mut live = scene.live.clone().unwrap();
    let own = synced(&http_get(), Strategy::ServerSideApply)["metadata"]["managedFields"][0].clone();
    live["metadata"]["managedFields"].as_array_mut().unwrap().push(own);
    let (found, plan) = told(&Snapshot {
        live: Some(live),
        ..scene
    });
    assert!(
        found.summary.contains("will be refused: velero-server owns it, too"),
        "{}",
        found.summary
    );
    assert_eq!(kinds(&plan.unwrap()), [StepKind::Transfer, StepKind::Refresh]);
}
