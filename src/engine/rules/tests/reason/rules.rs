//! The rules that every reason keeps, whatever is made invalid.

use pretty_assertions::assert_eq;
use serde_json::{Map, Value, json};

use super::*;
use crate::engine::assess;
use crate::engine::diff::{Change, Severity};
use crate::engine::facts::Facts;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::FieldPath;
use crate::engine::plan::{Memory, assess_and_propose};
use crate::engine::predict::{Cause, Verdict, predict_knowing, refusal_of, refusals_as_it_is};
use crate::engine::reason::{Because, reasons};
use crate::engine::remedy::trial;
use crate::engine::rules::with_plan;

pub(super) fn syncers() -> [Syncer; 2] {
    [
        Syncer::new(Strategy::ClientSideApply, "kubectl-client-side-apply"),
        Syncer::new(Strategy::ServerSideApply, "shipper"),
    ]
}

pub(super) fn propose() -> Policy {
    Policy {
        mode: Mode::Propose,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: SignedDuration::ZERO,
    }
}

/// Live after a sync of `applied`, with these changes of a person on top: other replicas and a revision are always
/// among them, and have nothing to do with anything.
pub(super) fn changed(applied: &Value, object: &Value, syncer: &Syncer) -> Value {
    let mut live = object.clone();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut live);
    live["metadata"]["uid"] = json!("u");
    live["metadata"]["annotations"][REVISION] = json!("7");
    live["spec"]["replicas"] = json!(7);
    let of_tool = crate::engine::predict::server_side::fields_of(&DEPLOYMENT, applied);
    let of_person = crate::engine::predict::server_side::fields_of(&DEPLOYMENT, &live).difference(&of_tool);
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
pub(super) fn hold_to_rules(desired: &Value, live: &Value, syncer: &Syncer) {
    let scene = Snapshot {
        syncer: syncer.clone(),
        ..snapshot(desired.clone(), live.clone())
    };
    let found = assess(&scene, &propose());
    let prediction = found.prediction.clone().unwrap();
    if prediction.verdict != Verdict::Refused {
        return;
    }
    let facts = Facts::of(&DEPLOYMENT, desired, live);
    let foretold = predict_knowing(&facts, syncer, || facts.changed_paths());
    let told = reasons(&scene, &facts, &found.drifts, &foretold);
    let all = findings(&scene, &found);
    let refusals: Vec<&Finding> = all
        .iter()
        .filter(|finding| finding.rule == "next-sync-refused")
        .collect();
    assert_eq!(
        (told.len(), refusals.len()),
        (prediction.causes.len(), prediction.causes.len())
    );
    let of_git = refusals_as_it_is(&DEPLOYMENT, desired, syncer.validation);
    for ((cause, reason), finding) in prediction.causes.iter().zip(&told).zip(refusals) {
        let context = format!("{syncer:?}\n{cause:?}\n{finding:#?}\n{desired}\n{live}");
        let is_drift = |path: &FieldPath| found.drifts.iter().any(|drift| drift.change.path == *path);
        assert!(
            finding
                .path
                .as_ref()
                .is_none_or(|path| is_drift(path) || reason.kind == Because::Immutable),
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
                    Because::GitItself,
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
                    &trial::restored(&DEPLOYMENT, &facts, &drifted, &others, &prediction)
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
            assert!(goes(&Facts::of(&DEPLOYMENT, &document, live)), "commit: {context}");
        }
    }
    let (assessment, plan) = assess_and_propose(&scene, &propose(), &Memory::default());
    if let Ok(plan) = &plan {
        let found = findings(&scene, &assessment);
        let told = with_plan(&found, &scene, &propose(), plan);
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
                .all(|one| refusals_as_it_is(&DEPLOYMENT, one, syncer.validation).is_empty())
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
