//! Makes cases by chance: every site in turn, with some others around it.

use driftmend::engine::kind::Kind;
use driftmend::engine::object::FieldPath;
use serde_json::{Value, json};

use crate::case::{Case, Style, Validation, Writer, put};
use crate::place::Place::{self, Object, Pod, Template, Web};
use crate::random::Random;
use crate::states::{Site, others, sites, unions};
use crate::subject::base;

/// Managers that people and programs write under.
const MANAGERS: &[&str] = &["kubectl-patch", "kubectl-edit", "Lens", "release-bot"];

/// Managers under which kubectl applies server-side for real.
const APPLIERS: &[&str] = &["kubectl", "kubectl", "kubectl-mine", "argocd-controller"];

/// What is sent as it is and means something else to each way: fields that the type does not have, and nulls, which are
/// no fields, empty texts or zeros.
const ODD: &[(Place, &str)] = &[
    (Object("Spec"), "{\"replicas\": 1}"),
    (Object("metadata.label"), "{\"a\": \"b\"}"),
    (Object("spec.Replicas"), "3"),
    (Web("imagepullpolicy"), "\"Always\""),
    (Web("limits"), "{\"cpu\": \"1\"}"),
    (Web("limits"), "null"),
    (Web("resources.limits.cpu"), "null"),
    (Web("args"), "[\"a\", null]"),
    (Pod("nodeSelector.disk"), "null"),
    (Template("metadata.labels.tier"), "null"),
    (Object("spec.selector.matchLabels.tier"), "null"),
    (Object("metadata.annotations.note"), "null"),
    (Object("metadata.labels.tier"), "null"),
];

/// The case of this number, of this kind. Consecutive numbers go through all sites.
pub fn case(kind: &'static Kind, seed: u64, number: usize) -> Case {
    // Seven of eight cases are about a union.
    let (unions, others) = (unions(kind), others(kind));
    let focus = if number % 8 < 7 {
        unions[(number / 8 * 7 + number % 8) % unions.len()]
    } else {
        others[number / 8 % others.len()]
    };
    case_about(kind, focus, seed, number)
}

/// The case of this number, about this site.
pub fn case_about(kind: &'static Kind, focus: &Site, seed: u64, number: usize) -> Case {
    let mut random = Random::of(seed, number);
    let sites = sites(kind);
    let focus_path = focus.path(kind);
    let volume = Pod("volumes[name=\"data\"]").path(kind);
    let mut then = base(kind);
    set(&mut then, &volume, Some(json!({"name": "data", "emptyDir": {}})));
    if focus.name == "volumeDevices" {
        // Only a claim may be a device.
        set(
            &mut then,
            &volume,
            Some(json!({"name": "data", "persistentVolumeClaim": {"claimName": "disk"}})),
        );
    }
    for _ in 0..random.below(5) {
        let site = random.pick(&sites);
        set(&mut then, &site.path(kind), (site.state)(&mut random));
    }
    let before = (focus.state)(&mut random);
    set(&mut then, &focus_path, before.clone());
    let mut now = then.clone();
    let validation = *random.pick(&[
        Validation::Ignore,
        Validation::Warn,
        Validation::Strict,
        Validation::Strict,
    ]);
    let taken_over_by = random.chance(30).then(|| (*random.pick(APPLIERS)).to_owned());
    let made = Case {
        site: focus.name.to_owned(),
        then: Value::Null,
        writer: None,
        now: Value::Null,
        validation,
        taken_over_by,
    };
    if random.chance(18) {
        // Nothing happened: the next sync must have nothing to do, or everything where Git itself went wrong.
        if random.chance(50) {
            set(&mut now, &focus_path, (focus.broken)(&mut random));
        }
        return Case { then, now, ..made };
    }
    let mut edits = Vec::new();
    if random.chance(85) {
        edits.push((focus_path.clone(), other_than(&before, focus, &mut random)));
        if random.chance(25) {
            let site = random.pick(&sites);
            edits.push((site.path(kind), (site.state)(&mut random)));
        }
    }
    if random.chance(45) || edits.is_empty() {
        set(&mut now, &focus_path, other_than(&before, focus, &mut random));
    } else if random.chance(25) {
        set(&mut now, &focus_path, (focus.broken)(&mut random));
    } else if random.chance(25) {
        // One alone: of several the server tells server-side apply any.
        let (place, value) = random.pick(ODD);
        set(&mut now, &place.path(kind), serde_json::from_str(value).ok());
    }
    if random.chance(30) {
        let site = random.pick(&sites);
        set(&mut now, &site.path(kind), (site.state)(&mut random));
    }
    let style = *random.pick(&[Style::Json, Style::Json, Style::Strategic, Style::Apply]);
    let manager = (*random.pick(MANAGERS)).to_owned();
    let writer = (!edits.is_empty()).then_some(Writer { manager, style, edits });
    Case {
        then,
        writer,
        now,
        ..made
    }
}

/// Another state than this one, if a few tries find one.
fn other_than(state: &Option<Value>, site: &Site, random: &mut Random) -> Option<Value> {
    let mut other = (site.state)(random);
    for _ in 0..4 {
        if other != *state {
            break;
        }
        other = (site.state)(random);
    }
    other
}

fn set(object: &mut Value, path: &str, value: Option<Value>) {
    match FieldPath::parse(path) {
        Ok(path) => put(object, &path, value),
        Err(error) => unreachable!("a path of the table: {error}"),
    }
}
