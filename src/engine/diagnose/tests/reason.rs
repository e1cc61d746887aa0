//! That a reason names what makes the cause and nothing else, and that each way out that is named works.

use pretty_assertions::assert_eq;
use serde_json::{Map, Value, json};

use super::super::reason::{Kind, reasons};
use super::*;
use crate::engine::diagnose::with_plan;
use crate::engine::diff::{Change, LAST_APPLIED, Severity};
use crate::engine::object::FieldPath;
use crate::engine::plan::{Memory, NoPlan, trial};
use crate::engine::predict::{Cause, Facts, Verdict, predict_knowing, refusal_of, refusals_as_it_is};
use crate::engine::{assess, assess_and_propose};

mod trials;

const PERSON: &str = "kubectl-patch";
const REVISION: &str = "deployment.kubernetes.io/revision";

fn syncers() -> [Syncer; 2] {
    [
        Syncer::new(Strategy::ClientSideApply, "kubectl-client-side-apply"),
        Syncer::new(Strategy::ServerSideApply, "shipper"),
    ]
}

fn propose() -> Policy {
    Policy {
        mode: Mode::Propose,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: SignedDuration::ZERO,
    }
}

/// Live after a sync of `applied`, with these changes of a person on top: other replicas and a revision are always
/// among them, and have nothing to do with anything.
fn changed(applied: &Value, object: &Value, syncer: &Syncer) -> Value {
    let mut live = object.clone();
    crate::engine::schema::apply_defaults(&mut live);
    live["metadata"]["uid"] = json!("u");
    live["metadata"]["annotations"][REVISION] = json!("7");
    live["spec"]["replicas"] = json!(7);
    let of_tool = crate::engine::predict::server_side::fields_of(applied);
    let of_person = crate::engine::predict::server_side::fields_of(&live).difference(&of_tool);
    let operation = if syncer.strategy == Strategy::ServerSideApply {
        "Apply"
    } else {
        "Update"
    };
    let entry = |manager: &str, operation: &str, fields: Value| {
        json!({"manager": manager, "operation": operation,
        "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    live["metadata"]["managedFields"] = json!([
        entry(&syncer.manager, operation, of_tool.to_value()),
        entry(PERSON, "Update", of_person.to_value())
    ]);
    if syncer.strategy == Strategy::ClientSideApply {
        live["metadata"]["annotations"][LAST_APPLIED] = json!(applied.to_string());
    }
    live
}

fn same(one: &Cause, other: &Cause) -> bool {
    let digits = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    one.message == other.message && digits(&one.field) == digits(&other.field)
}

/// Holds what is told of a sync of `desired` over `live` to the rules of every reason.
fn hold_to_rules(desired: &Value, live: &Value, syncer: &Syncer) {
    let scene = Snapshot {
        syncer: syncer.clone(),
        ..snapshot(desired.clone(), live.clone())
    };
    let found = assess(&scene, &propose());
    let prediction = found.prediction.clone().unwrap();
    if prediction.verdict != Verdict::Refused {
        return;
    }
    let facts = Facts::of(desired, live);
    let foretold = predict_knowing(&facts, syncer, || facts.changed_paths());
    let told = reasons(&scene, &facts, &found.drifts, &foretold);
    let findings: Vec<&Finding> = found
        .findings
        .iter()
        .filter(|finding| finding.rule == "next-sync-refused")
        .collect();
    assert_eq!(
        (told.len(), findings.len()),
        (prediction.causes.len(), prediction.causes.len())
    );
    let of_git = refusals_as_it_is(desired, syncer.validation);
    for ((cause, reason), finding) in prediction.causes.iter().zip(&told).zip(findings) {
        let context = format!("{syncer:?}\n{cause:?}\n{finding:#?}\n{desired}\n{live}");
        let is_drift = |path: &FieldPath| found.drifts.iter().any(|drift| drift.change.path == *path);
        assert!(
            finding
                .path
                .as_ref()
                .is_none_or(|path| is_drift(path) || reason.kind == Kind::Immutable),
            "{context}"
        );
        for drift in &reason.involved {
            let path = drift.change.path.to_string();
            let is_noise = path.ends_with(".replicas") && !cause.field.contains("replicas") || path.contains(REVISION);
            assert!(drift.severity != Severity::Ignored && !is_noise, "{path}: {context}");
        }
        let remedy = finding.remedy.as_deref().unwrap();
        if of_git.iter().any(|(other, _)| same(other, cause)) {
            assert_eq!(
                (reason.kind, remedy),
                (
                    Kind::GitItself,
                    "change Git: no write to the cluster makes the server take this document"
                ),
                "{context}"
            );
        }
        let drifted: Vec<&Change> = reason
            .involved
            .iter()
            .filter(|drift| drift.severity == Severity::Drift)
            .map(|drift| &drift.change)
            .collect();
        let all: Vec<&Change> = found.of(Severity::Drift).map(|drift| &drift.change).collect();
        let others: Vec<&Drift> = found
            .drifts
            .iter()
            .filter(|drift| matches!(drift.severity, Severity::Pending | Severity::Info))
            .collect();
        let goes = |facts: &Facts<'_>| !refusal_of(facts, syncer).iter().any(|other| same(other, cause));
        if remedy.contains("Restore makes") {
            assert!(
                goes(
                    &trial::restored(&facts, &drifted, &others, &prediction)
                        .unwrap()
                        .facts(&facts)
                ),
                "Restore: {context}"
            );
        }
        if remedy.contains("HandBack ") {
            assert!(
                goes(
                    &trial::handed_back(&facts, syncer, &all, &prediction)
                        .unwrap()
                        .facts(&facts)
                ),
                "HandBack: {context}"
            );
        }
        if remedy.contains("commit it to Git") {
            let changes: Vec<&Change> = reason.involved.iter().map(|drift| &drift.change).collect();
            let document = trial::committed(&facts, &changes).unwrap();
            assert!(goes(&Facts::of(&document, live)), "commit: {context}");
        }
    }
    let (assessment, plan) = assess_and_propose(&scene, &propose(), &Memory::default());
    if let Ok(plan) = &plan {
        let told = with_plan(&assessment.findings, &scene, &propose(), plan);
        let taken = told
            .iter()
            .filter_map(|finding| finding.remedy.as_ref()?.rsplit_once(". A plan takes "));
        for (ways, taken) in taken {
            let word = taken.split(',').next().unwrap_or_default();
            assert!(ways.contains(&format!("{word} ")), "{ways}: {taken}");
            assert!(
                plan.steps.iter().any(|step| format!("{:?}", step.kind()) == word),
                "{taken}: {plan:?}"
            );
        }
    }
}

/// Holds everything that a rule of the server refuses, be it Git's alone or Git's and live's together, to the rules of
/// a reason. `plain` is taken, `object` is it with more.
pub(in crate::engine) fn hold(plain: &Value, object: &Value) {
    for syncer in syncers() {
        hold_to_rules(object, &changed(plain, plain, &syncer), &syncer);
        let mut pointers = Vec::new();
        added(plain, object, String::new(), &mut pointers);
        for pointer in pointers {
            // A person has one part of it, and Git the rest.
            let (mut git, mut live) = (object.clone(), plain.clone());
            take_out(&mut git, &pointer);
            copy(object, &mut live, &pointer);
            if [&git, &live]
                .iter()
                .all(|one| refusals_as_it_is(one, syncer.validation).is_empty())
            {
                hold_to_rules(&git, &changed(plain, &live, &syncer), &syncer);
                hold_to_rules(&git, &changed(&git, &live, &syncer), &syncer);
            }
        }
    }
}

/// The pointers of the nodes that `object` has and `plain` has not, or has otherwise.
fn added(plain: &Value, object: &Value, at: String, out: &mut Vec<String>) {
    let below = |key: &str| format!("{at}/{}", crate::engine::object::escape_token(key));
    match object {
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(name, member)| plain.get(name) != Some(member)) {
                if plain.get(name).is_none() {
                    out.push(below(name));
                }
                added(plain.get(name).unwrap_or(&Value::Null), member, below(name), out);
            }
        }
        Value::Array(items) => {
            for (number, item) in items
                .iter()
                .enumerate()
                .filter(|(number, item)| plain.get(*number) != Some(item))
            {
                if plain.get(number).is_none() {
                    out.push(below(&number.to_string()));
                }
                added(
                    plain.get(number).unwrap_or(&Value::Null),
                    item,
                    below(&number.to_string()),
                    out,
                );
            }
        }
        _ => {}
    }
}

fn take_out(object: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return;
    };
    match object.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&crate::engine::object::unescape_token(name))),
        Some(Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
        _ => {}
    }
}

/// Gives `to` the node at a pointer, and what names the list items on the way.
fn copy(from: &Value, to: &mut Value, pointer: &str) {
    let (mut source, mut node) = (from, to);
    for token in pointer.split('/').skip(1).map(crate::engine::object::unescape_token) {
        source = match source {
            Value::Array(items) => &items[token.parse::<usize>().unwrap()],
            other => &other[token.as_str()],
        };
        node = match number_in(node, &token) {
            Some(at) => {
                let items = node.as_array_mut().unwrap();
                while items.len() <= at {
                    items.push(named(source));
                }
                &mut items[at]
            }
            None => {
                if !node.is_object() {
                    *node = json!({});
                }
                let is_list = source.is_array();
                node.as_object_mut()
                    .unwrap()
                    .entry(token)
                    .or_insert_with(|| if is_list { json!([]) } else { json!({}) })
            }
        };
    }
    *node = source.clone();
}

/// The number of an item, where the node is a list.
fn number_in(node: &Value, token: &str) -> Option<usize> {
    node.is_array().then(|| token.parse().unwrap())
}

/// The words of an item by which lists tell items apart.
fn named(item: &Value) -> Value {
    let keys = [
        "name",
        "containerPort",
        "protocol",
        "mountPath",
        "devicePath",
        "ip",
        "topologyKey",
        "whenUnsatisfiable",
    ];
    let kept = item
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| keys.contains(&key.as_str()) && !value.is_object());
    Value::Object(
        kept.map(|(key, value)| (key.clone(), value.clone()))
            .collect::<Map<_, _>>(),
    )
}

fn refusals(scene: &Snapshot) -> Vec<(Option<String>, String, String)> {
    let found = assess(scene, &propose())
        .findings
        .into_iter()
        .filter(|finding| finding.rule == "next-sync-refused");
    found
        .map(|one| {
            (
                one.path.map(|path| path.to_string()),
                one.message,
                one.remedy.unwrap_or_default(),
            )
        })
        .collect()
}

/// Git, with a change to it.
fn git_with(change: impl FnOnce(&mut Value)) -> Value {
    let mut object = git();
    change(&mut object);
    object
}

/// What is told where Git was synced and then changed, and a person changed the replicas and nothing else.
fn of_changed_git(desired: Value, syncer: &Syncer) -> Vec<(Option<String>, String, String)> {
    let live = changed(&git(), &git(), syncer);
    refusals(&Snapshot {
        syncer: syncer.clone(),
        ..snapshot(desired, live)
    })
}

const NO_WRITE: &str = "change Git: no write to the cluster makes the server take this document";

#[test]
fn an_immutable_selector_is_told_as_that_and_no_write_of_ours_is_a_way_out() {
    let desired = git_with(|git| {
        git["spec"]["selector"]["matchLabels"]["v"] = json!("2");
        git["spec"]["template"]["metadata"]["labels"]["v"] = json!("2");
    });
    let way = "take the change back in Git, or give the Deployment a new name there; or a person deletes it, so that \
               the next sync creates it anew (all its pods go at once)";
    let told =
        "the API server will refuse the next sync, because spec.selector cannot be changed: Git's selector has v=2";
    for syncer in syncers() {
        let found = of_changed_git(desired.clone(), &syncer);
        let first = found
            .iter()
            .find(|(_, message, _)| message.contains("spec.selector"))
            .unwrap();
        assert_eq!((first.1.as_str(), first.2.as_str()), (told, way), "{syncer:?}");
        assert!(first.0.as_deref().unwrap().starts_with(".spec.selector"), "{found:?}");
        let live = changed(&git(), &git(), &syncer);
        let scene = Snapshot {
            syncer,
            ..snapshot(desired.clone(), live)
        };
        let (assessment, plan) = assess_and_propose(&scene, &propose(), &Memory::default());
        assert!(
            matches!(plan, Err(NoPlan::OnlyGit | NoPlan::StillRefused(_))),
            "{plan:?}"
        );
        assert!(
            assessment
                .summary
                .contains("spec.selector cannot be changed: Git's selector has v=2"),
            "{}",
            assessment.summary
        );
        assert!(
            !assessment.findings.iter().any(|finding| finding
                .remedy
                .as_deref()
                .unwrap_or_default()
                .contains("A plan takes"))
        );
        // Where nobody changed anything, there is nothing to put back either.
        let mut unchanged = scene;
        unchanged.live.as_mut().unwrap()["spec"]["replicas"] = json!(2);
        let plan = assess_and_propose(&unchanged, &propose(), &Memory::default()).1;
        assert!(
            matches!(plan, Err(NoPlan::OnlyGit | NoPlan::StillRefused(_))),
            "{plan:?}"
        );
    }
}

#[test]
fn what_git_itself_has_wrong_is_cured_in_git_alone() {
    let limits = git_with(|git| {
        git["spec"]["template"]["spec"]["containers"][0]["resources"] =
            json!({"limits": {"memory": "64Mi"}, "requests": {"memory": "128Mi"}});
    });
    let handlers = git_with(|git| {
        git["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] =
            json!({"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}});
    });
    let negative = git_with(|git| git["spec"]["minReadySeconds"] = json!(-1));
    for (desired, field) in [
        (limits, "spec.template.spec.containers[0].resources.requests"),
        (handlers, "spec.template.spec.containers[0].livenessProbe.tcpSocket"),
        (negative, "spec.minReadySeconds"),
    ] {
        for syncer in syncers() {
            let found = of_changed_git(desired.clone(), &syncer);
            let told = format!(
                "the API server will refuse the next sync, because it refuses Git's document as it is: {field}"
            );
            assert_eq!(
                found
                    .iter()
                    .map(|(_, message, remedy)| (message.as_str(), remedy.as_str()))
                    .collect::<Vec<_>>(),
                [(told.as_str(), NO_WRITE)]
            );
        }
    }
}

#[test]
fn a_manifest_without_room_for_its_copy_is_applied_server_side_or_made_smaller() {
    let big = git_with(|git| {
        let env: Vec<Value> = (0..30)
            .map(|number| json!({"name": format!("V{number}"), "value": "x".repeat(9_000)}))
            .collect();
        git["spec"]["template"]["spec"]["containers"][0]["env"] = json!(env);
    });
    let [by_client, by_server] = syncers();
    let told = "the API server will refuse the next sync, because the manifest is too big for client-side apply, which \
                keeps a copy of it in an annotation";
    let way = "apply server-side, which keeps no copy; or make the manifest smaller";
    assert_eq!(
        of_changed_git(big.clone(), &by_client),
        [(None, told.to_owned(), way.to_owned())]
    );
    assert_eq!(of_changed_git(big, &by_server), []);
    // Somebody else's annotation takes the room.
    let live = |syncer: &Syncer| {
        let crowded =
            git_with(|git| git["metadata"]["annotations"] = json!({"example.com/notes": "x".repeat(262_000)}));
        changed(&git(), &crowded, syncer)
    };
    let desired = git_with(|git| git["metadata"]["annotations"] = json!({"example.com/more": "y".repeat(2_000)}));
    for syncer in syncers() {
        hold_to_rules(&desired, &live(&syncer), &syncer);
    }
}

#[test]
fn a_uid_of_another_object_is_told_as_that() {
    let desired = git_with(|git| git["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000"));
    let told =
        "the API server will refuse the next sync, because metadata.uid cannot be changed, and Git's is not live's";
    let [by_client, _] = syncers();
    let found = of_changed_git(desired, &by_client);
    assert_eq!(
        found
            .iter()
            .map(|(_, message, remedy)| (message.as_str(), remedy.as_str()))
            .collect::<Vec<_>>(),
        [(told, "take metadata.uid out of Git: only the server writes it")]
    );
}

#[test]
fn a_port_that_a_person_moved_is_told_by_its_name_and_both_numbers() {
    let with_port = |number: i32| {
        git_with(|git| {
            git["spec"]["template"]["spec"]["containers"][0]["ports"] =
                json!([{"name": "http", "containerPort": number}])
        })
    };
    for syncer in syncers() {
        let live = changed(&with_port(80), &with_port(81), &syncer);
        let found = refusals(&Snapshot {
            syncer: syncer.clone(),
            ..snapshot(with_port(80), live)
        });
        let told = "the API server will refuse the next sync, because port name http is on 80 in Git and on 81 in the \
                    cluster (kubectl-patch)";
        assert_eq!(
            found.iter().map(|(_, message, _)| message.as_str()).collect::<Vec<_>>(),
            [told],
            "{syncer:?}"
        );
        assert!(
            found[0].0.as_deref().unwrap().contains(".ports[containerPort=8"),
            "{found:?}"
        );
        assert!(
            found[0].2.contains("HandBack ") && found[0].2.contains("Restore makes"),
            "{found:?}"
        );
    }
}

#[test]
fn a_plan_is_named_where_there_is_one_and_only_the_way_that_it_takes() {
    let probe =
        |handler: Value| git_with(|git| git["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = handler);
    let (http, tcp) = (
        probe(json!({"httpGet": {"port": 80}})),
        probe(json!({"tcpSocket": {"port": 80}})),
    );
    let [by_client, _] = syncers();
    let scene = Snapshot {
        syncer: by_client.clone(),
        ..snapshot(http.clone(), changed(&http, &tcp, &by_client))
    };
    let said = |remedy: Remedy| {
        let (found, plan) = assess_and_propose(&scene, &Policy { remedy, ..propose() }, &Memory::default());
        let found = with_plan(&found.findings, &scene, &Policy { remedy, ..propose() }, &plan.unwrap());
        let told = found
            .iter()
            .find(|finding| finding.rule == "next-sync-refused")
            .unwrap()
            .remedy
            .clone()
            .unwrap();
        told.rsplit_once(". ").map(|(_, taken)| taken.to_owned())
    };
    let why = "kubectl-client-side-apply does not apply server-side, so that nothing of ours stays in its way";
    assert_eq!(
        said(Remedy::Choose),
        Some(format!("A plan takes Restore, because {why}"))
    );
    assert_eq!(
        said(Remedy::HandBack).unwrap(),
        "A plan takes HandBack, because spec.remedy of the watch says so"
    );
    let told = assess(&scene, &propose())
        .findings
        .into_iter()
        .filter_map(|finding| finding.remedy);
    assert!(
        !told.into_iter().any(|remedy| remedy.contains("A plan takes")),
        "no plan was made"
    );
}

#[test]
fn what_a_way_of_syncing_cannot_read_in_git_is_cured_in_git_alone_and_what_live_says_of_itself_is_not_git() {
    let of_container = |fields: Value| {
        git_with(|git| json_patch::merge(&mut git["spec"]["template"]["spec"]["containers"][0], &fields))
    };
    let [by_client, by_server] = syncers();
    let twice = of_container(json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}));
    let nameless = of_container(json!({"env": [{"value": "1"}]}));
    let quantity = of_container(json!({"resources": {"limits": {"memory": "1 GB"}}}));
    for (desired, syncer) in [
        (&twice, &by_server),
        (&nameless, &by_server),
        (&nameless, &by_client),
        (&quantity, &by_server),
        (&quantity, &by_client),
    ] {
        let found = of_changed_git(desired.clone(), syncer);
        assert!(
            !found.is_empty() && found.iter().all(|(_, _, remedy)| remedy == NO_WRITE),
            "{syncer:?} {desired} {found:#?}"
        );
    }
    assert_eq!(of_changed_git(twice, &by_client), [], "a patch takes the last of two");
}

#[test]
fn beside_an_immutable_selector_another_cause_keeps_its_own_reason_and_no_plan_is_named() {
    let with = |handler: Value, version: &str| {
        git_with(|git| {
            git["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = handler;
            git["spec"]["selector"]["matchLabels"]["v"] = json!(version);
            git["spec"]["template"]["metadata"]["labels"]["v"] = json!(version);
        })
    };
    let (http, tcp) = (json!({"httpGet": {"port": 80}}), json!({"tcpSocket": {"port": 80}}));
    for syncer in syncers() {
        let live = changed(&with(http.clone(), "1"), &with(tcp.clone(), "1"), &syncer);
        let scene = Snapshot {
            syncer: syncer.clone(),
            ..snapshot(with(http.clone(), "2"), live)
        };
        let found = refusals(&scene);
        let of = |part: &str| {
            found
                .iter()
                .find(|(_, message, _)| message.contains(part))
                .unwrap_or_else(|| panic!("{part}: {found:#?}"))
        };
        assert!(
            !of("spec.selector cannot be changed").2.contains("HandBack"),
            "{found:#?}"
        );
        let probe = of("livenessProbe of container web has httpGet in Git, tcpSocket in the cluster (kubectl-patch)");
        assert!(probe.2.contains("Restore makes"), "{found:#?}");
        let (assessment, plan) = assess_and_propose(&scene, &propose(), &Memory::default());
        assert!(plan.is_err(), "{plan:?}");
        assert!(
            !assessment.findings.iter().any(|finding| finding
                .remedy
                .as_deref()
                .unwrap_or_default()
                .contains("A plan takes"))
        );
    }
}
