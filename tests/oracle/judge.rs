//! Holds what we predict against what the server answered.

use std::collections::BTreeSet;

use driftmend::engine::diff::compare;
use driftmend::engine::predict::{Force, Prediction, Strategy, Syncer, Verdict, predict};
use serde_json::Value;

use crate::server::{Answer, Asked, Way};

/// What the server's answer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    Clean,
    Reverts,
    Residual,
    Conflict,
    Refused,
}

impl Outcome {
    pub const ALL: [Self; 5] = [Self::Clean, Self::Reverts, Self::Residual, Self::Conflict, Self::Refused];
}

/// Who the engine is told that syncs.
pub fn syncer(way: Way) -> Syncer {
    let strategy = match way {
        Way::ClientSide => Strategy::ClientSideApply,
        Way::ServerSide | Way::Unforced | Way::Migrating => Strategy::ServerSideApply,
        Way::Replace => Strategy::Replace,
    };
    Syncer { force: if way == Way::Unforced { Force::No } else { Force::Yes }, ..Syncer::new(strategy, way.manager()) }
}

/// What the server's answer comes to, and in what we are wrong.
pub fn judge(way: Way, asked: &Asked) -> (Outcome, Vec<String>) {
    judge_rewritten(way, asked, |_| {})
}

/// [`judge`] where admission makes something else of what is written, of which the prediction cannot know.
pub fn judge_rewritten(way: Way, asked: &Asked, rewrite: impl Fn(&mut Value)) -> (Outcome, Vec<String>) {
    let prediction = predict(&asked.now, &asked.live, &syncer(way));
    let mut faults = Vec::new();
    let outcome = match &asked.answer {
        Answer::Object(object) => {
            let before = prediction.predicted.as_ref().map(stored);
            let mut predicted = before.clone();
            predicted.iter_mut().for_each(&rewrite);
            if matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict) {
                faults.push(format!("the server accepts it; we say {:?}", prediction.causes));
            } else if predicted.as_ref() != Some(&stored(object)) {
                faults.push(difference(predicted.as_ref().unwrap_or(&Value::Null), &stored(object)));
            }
            let (outcome, residual) = kept(asked, object);
            if faults.is_empty()
                && before == predicted
                && (verdict(prediction.verdict), prediction.residual.iter().map(ToString::to_string).collect())
                    != (outcome, residual.clone())
            {
                faults.push(format!(
                    "after the sync {residual:?} differ: {outcome:?}; we say {:?} {:?}",
                    prediction.verdict, prediction.residual
                ));
            }
            outcome
        }
        Answer::Refusal { code, message, causes } => {
            let outcome = if *code == 409 { Outcome::Conflict } else { Outcome::Refused };
            let ours: BTreeSet<_> =
                prediction.causes.iter().map(|cause| (cause.reason.clone(), cause.field.clone(), cause.message.clone())).collect();
            let theirs: BTreeSet<_> = causes.iter().cloned().collect();
            if verdict(prediction.verdict) != outcome {
                faults.push(format!("the server answers {code} {message}; we say {:?} {:?}", prediction.verdict, prediction.causes));
            } else if !causes.is_empty() && ours != theirs {
                faults.push(format!("the server's causes are {theirs:#?}; ours {ours:#?}"));
            } else if !says(message, &prediction.status_text(&asked.name).unwrap_or_default(), causes.is_empty()) {
                faults.push(format!("the server says\n{message}\nwe say\n{}", prediction.status_text(&asked.name).unwrap_or_default()));
            }
            outcome
        }
        Answer::Text(text) => {
            if let Some(fault) = kubectl_fault(&prediction, &asked.name, text) {
                faults.push(fault);
            }
            Outcome::Refused
        }
    };
    (outcome, faults)
}

/// Whether our words are the server's. Before what it says of a manifest that it cannot read, the server names the request.
fn says(message: &str, ours: &str, unreadable: bool) -> bool {
    message == ours || (unreadable && !ours.is_empty() && message.ends_with(ours))
}

/// Where our words for kubectl's failure are not kubectl's.
fn kubectl_fault(prediction: &Prediction, name: &str, text: &str) -> Option<String> {
    let ours = prediction.kubectl_text(name).unwrap_or_default();
    // Around a failure that is not of validation kubectl prints the whole patch.
    let same =
        if text.starts_with("The Deployment ") { ours.trim_end() == text } else { !ours.is_empty() && text.contains(ours.trim_end()) };
    (!same || prediction.verdict != Verdict::Refused).then(|| format!("kubectl says\n{text}\nwe say ({:?})\n{ours}", prediction.verdict))
}

fn verdict(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Clean => Outcome::Clean,
        Verdict::Reverts => Outcome::Reverts,
        Verdict::Residual => Outcome::Residual,
        Verdict::Conflict => Outcome::Conflict,
        Verdict::Refused => Outcome::Refused,
    }
}

/// What of the drift is still there in the object that the server made.
fn kept(asked: &Asked, object: &Value) -> (Outcome, Vec<String>) {
    let paths = |live: &Value| compare(&asked.now, live).into_iter().map(|change| change.path.to_string()).collect::<Vec<_>>();
    let drift = paths(&asked.live);
    if drift.is_empty() {
        return (Outcome::Clean, Vec::new());
    }
    let left: Vec<String> = paths(object).into_iter().filter(|path| drift.contains(path)).collect();
    (if left.is_empty() { Outcome::Reverts } else { Outcome::Residual }, left)
}

/// The object without the server's own bookkeeping.
fn stored(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(root) = object.as_object_mut() {
        root.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for name in ["managedFields", "generation", "resourceVersion", "uid", "creationTimestamp"] {
            metadata.remove(name);
        }
        // Neither side tells an empty map from none.
        metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    }
    without_nulls(object)
}

/// A Go list without `omitempty` is printed as null where it is empty.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name, without_nulls(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// The first few places at which two objects differ.
fn difference(ours: &Value, theirs: &Value) -> String {
    let mut places = Vec::new();
    walk("", ours, theirs, &mut places);
    places.truncate(6);
    places.join("\n")
}

fn walk(path: &str, ours: &Value, theirs: &Value, places: &mut Vec<String>) {
    match (ours, theirs) {
        _ if ours == theirs => {}
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                walk(&format!("{path}/{name}"), one.get(name).unwrap_or(&Value::Null), other.get(name).unwrap_or(&Value::Null), places);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (at, (one, other)) in one.iter().zip(other).enumerate() {
                walk(&format!("{path}/{at}"), one, other, places);
            }
        }
        _ => places.push(format!("{path}: we predict {ours}, the server gives {theirs}")),
    }
}
