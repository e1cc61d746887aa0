//! Makes a case that we are wrong about as small as it can be.

use driftmend::engine::kind::Kind;
use serde_json::Value;

use crate::case::Case;

/// Cases that are one step smaller: one part of a manifest, or one edit, less.
pub fn smaller(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    if case.now != case.then {
        cases.push(Case {
            now: case.then.clone(),
            ..case.clone()
        });
        cases.push(Case {
            then: case.now.clone(),
            ..case.clone()
        });
    }
    if let Some(writer) = &case.writer {
        cases.push(Case {
            writer: None,
            ..case.clone()
        });
        for at in 0..writer.edits.len() {
            let mut less = writer.clone();
            less.edits.remove(at);
            cases.push(Case {
                writer: (!less.edits.is_empty()).then_some(less),
                ..case.clone()
            });
        }
    }
    let needed = needed(case.kind());
    let mut places = Vec::new();
    collect("", &case.then, &mut places);
    collect("", &case.now, &mut places);
    places.retain(|place| !needed.contains(place));
    places.sort_by_key(String::len);
    places.dedup();
    for place in places {
        cases.push(Case {
            then: without(&case.then, &place),
            now: without(&case.now, &place),
            ..case.clone()
        });
    }
    cases.retain(|other| other != case);
    cases
}

/// The JSON Pointers of what stays in every object: what says the kind, and all that is on the way to the pod's spec.
fn needed(kind: &Kind) -> Vec<String> {
    let mut needed: Vec<String> = ["/apiVersion", "/kind", "/metadata", "/spec", "/spec/selector"]
        .map(str::to_owned)
        .into();
    let mut way = String::new();
    for name in kind.template.iter().chain(&["spec"]) {
        way = format!("{way}/{name}");
        needed.push(way.clone());
    }
    needed
}

/// The JSON Pointers of everything.
fn collect(path: &str, value: &Value, places: &mut Vec<String>) {
    if !path.is_empty() {
        places.push(path.to_owned());
    }
    match value {
        Value::Object(map) => map.iter().for_each(|(name, child)| {
            collect(
                &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")),
                child,
                places,
            )
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, child)| collect(&format!("{path}/{at}"), child, places)),
        _ => {}
    }
}

fn without(value: &Value, place: &str) -> Value {
    let mut value = value.clone();
    let Some((parent, last)) = place.rsplit_once('/') else {
        return value;
    };
    let last = last.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&last);
        }
        Some(Value::Array(items)) => {
            if let Some(at) = last.parse::<usize>().ok().filter(|at| *at < items.len()) {
                items.remove(at);
            }
        }
        _ => {}
    }
    value
}
