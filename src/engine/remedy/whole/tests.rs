//! Every union of the catalogue, and lists of small items: Git said one thing, somebody wrote another one, and Git says
//! a third one by now.

pub(in crate::engine) use places::{document, places};
pub(in crate::engine) use scene::{by_hand, synced};

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::diff::compare;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::ownership::{HEAL_MANAGER, ManagedFields, Operation};
use crate::engine::plan::tests::{git, policy, proposed, snapshot};
use crate::engine::plan::{Caution, Ground, Memory, NoPlan, Plan, Step, propose};
use crate::engine::predict::{Verdict, predict};
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::{Policy, Remedy, Snapshot, assess};
use places::{choices, put};
use scene::{update, witnesses};

mod along;
mod places;
mod scene;

const TOOL: &str = "argocd-controller";
const PERSON: &str = "kubectl-edit";
const SYNCED: &str = "the tool says what it synced";

fn syncer(strategy: Strategy) -> Syncer {
    Syncer::new(strategy, TOOL)
}

fn asked(remedy: Remedy) -> Policy {
    Policy { remedy, ..policy() }
}

/// Carries out what a plan writes on the Deployment, and checks each step on its way.
pub(in crate::engine) fn carried_out(scene: &Snapshot, plan: &Plan, told: &str) -> Value {
    let desired = &scene.desired.as_ref().unwrap().value;
    let mut live = scene.live.clone().unwrap();
    for step in &plan.steps {
        let before = live.clone();
        let ground = Ground {
            kind: &DEPLOYMENT,
            desired,
            live: &before,
            tool: &scene.tool,
            plan: &plan.hash,
            begun: None,
        };
        // What was applied once under the same key is named in the annotation already.
        assert!(
            !step.done(&ground) || matches!(step, Step::HandBack { .. }),
            "{told}: it has nothing to do: {step:?}"
        );
        let mut after = before.clone();
        json_patch::patch(&mut after, &step.render(&ground).unwrap().unwrap().patch).unwrap();
        assert_eq!(
            refusals_of_write(&DEPLOYMENT, &after, &before),
            vec![],
            "{told}: {step:?}"
        );
        live = match step {
            Step::Restore { .. } => update(&before, after, HEAL_MANAGER),
            _ => after,
        };
        assert!(
            step.done(&Ground { live: &live, ..ground }),
            "{told}: it would be sent again: {step:?}\n{:#?}",
            compare(&DEPLOYMENT, desired, &live)
        );
    }
    live
}

/// Everything that must hold of the plans for one scene; gives how many there are. Beside what the tool says, the other
/// witnesses take turns.
fn checked(
    told: &str,
    strategy: Strategy,
    turn: usize,
    [before, by_person, now]: [&Value; 3],
    switches: &[Value],
) -> usize {
    let live = by_hand(&synced(before, strategy), by_person, PERSON);
    // To write out what the server fills in anyway is no change.
    if compare(&DEPLOYMENT, before, &live).is_empty() {
        return 0;
    }
    let mut plans = 0;
    let witnesses = witnesses(before, by_person);
    // A PUT knows nothing of who moved what, and takes it all.
    let has_its_turn = |at: usize, known: &str| at == turn % 5 || (known == SYNCED && strategy != Strategy::Replace);
    for (_, (known, source)) in witnesses
        .into_iter()
        .enumerate()
        .filter(|(at, (known, _))| has_its_turn(*at, known))
    {
        let told = format!("{told}, {strategy:?}, {known}");
        let scene = Snapshot {
            syncer: syncer(strategy),
            source,
            ..snapshot(now.clone(), live.clone())
        };
        let handed_back = strategy != Strategy::Replace && known == SYNCED;
        for remedy in [Remedy::Restore, Remedy::HandBack]
            .into_iter()
            .take(1 + usize::from(handed_back))
        {
            let assessment = assess(&scene, &asked(remedy));
            let plan = match propose(&scene, &assessment, &asked(remedy), &Memory::default()) {
                Ok(plan) => plan,
                Err(NoPlan::NothingToHeal | NoPlan::SideNotKnown) => continue,
                Err(NoPlan::NotHandedBack(_)) if remedy == Remedy::HandBack => continue,
                Err(why) => {
                    let differs = assessment
                        .drifts
                        .iter()
                        .map(|drift| format!("{} {:?}", drift.change.path, drift.severity));
                    panic!("{told}, {remedy:?}: {why}\n{:#?}", differs.collect::<Vec<_>>())
                }
            };
            plans += 1;
            let after = carried_out(&scene, &plan, &told);
            let sync = predict(&DEPLOYMENT, now, &after, &scene.syncer);
            assert_eq!(
                (&sync.causes, &sync.residual),
                (&vec![], &vec![]),
                "{told}, {remedy:?}: {:#?}",
                plan.steps
            );
            if remedy == Remedy::Restore {
                let (one, other) = (
                    assessment.drifts.iter().map(|drift| &drift.change.path),
                    compare(&DEPLOYMENT, now, &after),
                );
                let touched = plan.steps[0].paths();
                let left: Vec<&FieldPath> = one
                    .filter(|path| {
                        touched
                            .iter()
                            .any(|ours| in_one_union(&DEPLOYMENT, ours, path) || under_one_key(&DEPLOYMENT, ours, path))
                    })
                    .filter(|path| other.iter().any(|change| change.path.starts_with(path)))
                    .collect();
                assert_eq!(left, Vec::<&FieldPath>::new(), "{told}: it is in parts");
                assert!(matches!(sync.verdict, Verdict::Clean | Verdict::Reverts));
                // What Git sets and stays ours would stay in live when Git drops it under server-side apply, be it that
                // the tool begins with that later.
                let ours = ManagedFields::of(&after)
                    .entry(HEAL_MANAGER, Operation::Update, None)
                    .map(|entry| entry.fields.members());
                let of_git: Vec<FieldPath> = ours
                    .into_iter()
                    .flatten()
                    .filter(|path| path.get(now).is_some_and(|value| !value.is_object()))
                    .collect();
                assert_eq!(of_git, vec![], "{told}");
                // Nothing of ours stands in the way of any further switch.
                if strategy == Strategy::ServerSideApply && known == "the tool says what it synced" {
                    // Without any incident a default that nobody owns is in the way of some, such as Recreate.
                    let clean = synced(now, strategy);
                    for next in switches
                        .iter()
                        .filter(|next| predict(&DEPLOYMENT, next, &clean, &scene.syncer).causes.is_empty())
                    {
                        let causes = predict(&DEPLOYMENT, next, &after, &scene.syncer).causes;
                        assert_eq!(
                            causes,
                            vec![],
                            "{told}: then {next:#}\n{:#}",
                            after["metadata"]["managedFields"]
                        );
                    }
                }
            }
        }
    }
    plans
}

#[test]
fn no_union_is_put_back_in_parts_whoever_moved_which_member() {
    let places = places();
    for (at, place) in places.iter().enumerate() {
        let is_first = !places[..at].iter().any(|(of, ..)| *of == place.0);
        let choices = choices(place);
        assert!(choices.len() > 1, "{place:?}");
        let (mut plans, mut turn) = (0, 0);
        for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply, Strategy::Replace] {
            for before in &choices {
                // Of places with the same union one is walked whole.
                for by_person in choices
                    .iter()
                    .filter(|other| *other != before && (is_first || *before == choices[0]))
                {
                    for now in choices.iter().filter(|other| *other != by_person) {
                        let told = format!("{}: Git {before}, by hand {by_person}, Git {now}", place.1);
                        let documents = [before, by_person, now].map(|choice| document(place, choice));
                        let switches: Vec<Value> = choices.iter().map(|choice| document(place, choice)).collect();
                        turn += 1;
                        plans += checked(
                            &told,
                            strategy,
                            turn,
                            [&documents[0], &documents[1], &documents[2]],
                            &switches,
                        );
                    }
                }
            }
        }
        assert!(plans > 4, "{place:?}: {plans}");
    }
}

fn with(list: &str, items: &Value) -> Value {
    let mut document = git();
    put(&mut document, &format!("/spec/template/spec/{list}"), items.clone());
    if list.ends_with("volumeMounts") {
        put(
            &mut document,
            "/spec/template/spec/volumes",
            json!([{"name": "data", "emptyDir": {}}, {"name": "more", "emptyDir": {}}]),
        );
    }
    document
}

#[test]
fn no_list_of_small_items_is_put_back_in_parts_whoever_moved_which_key() {
    let port = |number: u32, name: &str| json!({"containerPort": number, "name": name});
    let protocol =
        |number: u32, name: &str, protocol: &str| json!({"containerPort": number, "name": name, "protocol": protocol});
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    let mount = |path: &str, volume: &str| json!({"mountPath": path, "name": volume});
    let scenes = [
        (
            "containers/0/ports",
            [
                json!([port(8080, "http")]),
                json!([port(9090, "http")]),
                json!([port(8081, "http")]),
            ],
        ),
        (
            "containers/0/ports",
            [
                json!([port(8080, "http"), port(9000, "metrics")]),
                json!([port(9000, "metrics"), port(9090, "http")]),
                json!([port(8081, "http"), port(9000, "metrics")]),
            ],
        ),
        (
            "containers/0/ports",
            [
                json!([port(8080, "http")]),
                json!([port(8080, "web")]),
                json!([port(8081, "http")]),
            ],
        ),
        (
            "containers/0/ports",
            [
                json!([port(8080, "http")]),
                json!([port(9090, "http")]),
                json!([port(8081, "http"), port(9090, "m")]),
            ],
        ),
        (
            "containers/0/ports",
            [
                json!([protocol(53, "dns", "TCP"), protocol(53, "dns-udp", "UDP")]),
                json!([protocol(53, "dns", "TCP")]),
                json!([protocol(53, "dns-tcp", "TCP"), protocol(53, "dns-udp", "UDP")]),
            ],
        ),
        (
            "containers/0/env",
            [
                json!([variable("A", "1")]),
                json!([variable("X", "1")]),
                json!([variable("B", "1")]),
            ],
        ),
        (
            "containers/0/env",
            [
                json!([variable("A", "1"), variable("B", "2"), variable("C", "3")]),
                json!([variable("C", "3"), variable("A", "1"), variable("X", "2")]),
                json!([
                    variable("A", "1"),
                    variable("B", "2"),
                    variable("C", "3"),
                    variable("D", "4")
                ]),
            ],
        ),
        (
            "containers/0/volumeMounts",
            [
                json!([mount("/a", "data")]),
                json!([mount("/x", "data")]),
                json!([mount("/b", "more")]),
            ],
        ),
        (
            "containers/0/volumeMounts",
            [
                json!([mount("/a", "data")]),
                json!([mount("/a", "more")]),
                json!([mount("/b", "data")]),
            ],
        ),
        (
            "hostAliases",
            [
                json!([{"ip": "10.0.0.1", "hostnames": ["a"]}]),
                json!([{"ip": "10.0.0.9", "hostnames": ["a"]}]),
                json!([{"ip": "10.0.0.2", "hostnames": ["a"]}]),
            ],
        ),
        (
            "volumes",
            [
                json!([{"name": "a", "emptyDir": {}}]),
                json!([{"name": "x", "emptyDir": {}}]),
                json!([{"name": "b", "configMap": {"name": "c"}}]),
            ],
        ),
        (
            "containers",
            [
                json!([{"name": "app", "image": "a:1"}]),
                json!([{"name": "other", "image": "a:1"}]),
                json!([{"name": "web", "image": "a:1"}]),
            ],
        ),
    ];
    for (list, documents) in scenes {
        let [before, by_person, now] = documents.each_ref().map(|items| with(list, items));
        let plans: usize = [Strategy::ClientSideApply, Strategy::ServerSideApply, Strategy::Replace]
            .into_iter()
            .flat_map(|strategy| [0, 2, 3, 4].map(|turn| (strategy, turn)))
            .map(|(strategy, turn)| {
                checked(
                    &format!("{list}: {documents:?}"),
                    strategy,
                    turn,
                    [&before, &by_person, &now],
                    &[],
                )
            })
            .sum();
        assert!(plans > 4, "{list} {documents:?}: {plans}");
    }
}
