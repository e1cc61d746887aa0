//! Holds what we predict against what the server answered.

use std::collections::BTreeSet;

use driftmend::engine::diff::compare;
use driftmend::engine::kind::Kind;
use driftmend::engine::last_applied::LAST_APPLIED;
use driftmend::engine::object::FieldPath;
use driftmend::engine::predict::{Prediction, Verdict, predict, predict_new};
use driftmend::engine::syncer::{Force, Strategy, Syncer, TakesOver};
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
    pub const ALL: [Self; 5] = [
        Self::Clean,
        Self::Reverts,
        Self::Residual,
        Self::Conflict,
        Self::Refused,
    ];
}

/// Who the engine is told that syncs.
fn syncer(way: Way, asked: &Asked) -> Syncer {
    Syncer {
        validation: asked.validation.into(),
        ..syncer_of(way, &asked.manager)
    }
}

/// The same by the way and the manager alone, without a word on unknown fields.
pub fn syncer_of(way: Way, manager: &str) -> Syncer {
    let strategy = match way {
        Way::ClientSide | Way::CreateClientSide => Strategy::ClientSideApply,
        Way::ServerSide | Way::Unforced | Way::Migrating | Way::CreateServerSide | Way::TakingOver => {
            Strategy::ServerSideApply
        }
        Way::Replace | Way::CreatePost => Strategy::Replace,
    };
    let force = if way == Way::Unforced { Force::No } else { Force::Yes };
    let takes_over = if way == Way::TakingOver {
        TakesOver::OfLastApplied
    } else {
        TakesOver::Nobodys
    };
    Syncer {
        force,
        takes_over,
        ..Syncer::new(strategy, manager)
    }
}

/// What we predict.
pub fn predicted(way: Way, asked: &Asked) -> Prediction {
    let namespace = asked.now.pointer("/metadata/namespace").and_then(Value::as_str);
    match &asked.live {
        Some(live) => predict(asked.kind, &asked.now, live, &syncer(way, asked)),
        None => predict_new(asked.kind, &asked.now, namespace, &syncer(way, asked)),
    }
}

/// What the server's answer comes to, and in what we are wrong.
pub fn judge(way: Way, asked: &Asked) -> (Outcome, Vec<String>) {
    judge_rewritten(way, asked, |_| {})
}

/// [`judge`] where admission makes something else of what is written, of which the prediction cannot know.
pub fn judge_rewritten(way: Way, asked: &Asked, rewrite: impl Fn(&mut Value)) -> (Outcome, Vec<String>) {
    let prediction = predicted(way, asked);
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
                && (
                    verdict(prediction.verdict),
                    prediction.residual.iter().map(ToString::to_string).collect(),
                ) != (outcome, residual.clone())
            {
                faults.push(format!(
                    "after the sync {residual:?} differ: {outcome:?}; we say {:?} {:?}",
                    prediction.verdict, prediction.residual
                ));
            }
            outcome
        }
        Answer::Refusal { code, message, causes } => {
            let outcome = if *code == 409 {
                Outcome::Conflict
            } else {
                Outcome::Refused
            };
            let ours: BTreeSet<_> = prediction
                .causes
                .iter()
                .map(|cause| (cause.reason.clone(), cause.field.clone(), cause.message.clone()))
                .collect();
            let theirs: BTreeSet<_> = causes.iter().cloned().collect();
            if verdict(prediction.verdict) != outcome {
                faults.push(format!(
                    "the server answers {code} {message}; we say {:?} {:?}",
                    prediction.verdict, prediction.causes
                ));
            } else if !causes.is_empty() && ours != theirs {
                faults.push(format!("the server's causes are {theirs:#?}; ours {ours:#?}"));
            } else if !says(
                asked.kind,
                message,
                &prediction.status_text(asked.kind, &asked.name).unwrap_or_default(),
                causes.is_empty(),
            ) && !is_some_of(message, &prediction)
            {
                faults.push(format!(
                    "the server says\n{message}\nwe say\n{}",
                    prediction.status_text(asked.kind, &asked.name).unwrap_or_default()
                ));
            }
            outcome
        }
        Answer::Text(text) => {
            if let Some(fault) = kubectl_fault(asked, &prediction, text) {
                faults.push(fault);
            }
            verdict(prediction.verdict).max(Outcome::Conflict)
        }
    };
    (outcome, faults)
}

/// Whether our words are the server's. Before what it says of a manifest that it cannot read, the server names the
/// request.
fn says(kind: &Kind, message: &str, ours: &str, unreadable: bool) -> bool {
    // A dry run does not know where the store has the object.
    let message = message.replace(
        &format!("Key: /{}/", kind.plural),
        &format!("Key: /registry/{}/", kind.plural),
    );
    message == ours || (unreadable && !ours.is_empty() && message.ends_with(ours))
}

/// Whether the server tells some of our faults of a document that does not fit the schema, in whatever order: it goes
/// through a map as Go does, in no order, and leaves it at the first field that is unknown.
fn is_some_of(message: &str, prediction: &Prediction) -> bool {
    let Some((_, told)) = message.split_once("failed to create typed patch object (") else {
        return false;
    };
    let ours: Vec<String> = prediction
        .causes
        .iter()
        .map(|cause| format!("{}: {}", cause.field, cause.message))
        .collect();
    let told = told.split_once("): ").map_or(told, |(_, told)| told);
    told.trim_start_matches("errors:")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .all(|line| ours.iter().any(|ours| ours == line))
}

/// Where our words for kubectl's failure are not kubectl's.
fn kubectl_fault(asked: &Asked, prediction: &Prediction, text: &str) -> Option<String> {
    let ours = prediction.kubectl_text(asked.kind, &asked.name).unwrap_or_default();
    // Around a failure that is not of validation kubectl prints the whole patch.
    if is_some_of(text, prediction) && prediction.verdict == Verdict::Refused {
        return None;
    }
    let expected = if text.starts_with("Error from server (Conflict)") {
        Verdict::Conflict
    } else {
        Verdict::Refused
    };
    let same = if text.starts_with(&format!("The {} ", asked.kind)) {
        ours.trim_end() == text
    } else {
        !ours.is_empty() && text.contains(ours.trim_end())
    };
    (!same || prediction.verdict != expected)
        .then(|| format!("kubectl says\n{text}\nwe say ({:?})\n{ours}", prediction.verdict))
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

/// What differs from Git in the object that the server made, and whether the server changed anything.
fn kept(asked: &Asked, object: &Value) -> (Outcome, Vec<String>) {
    let Some(before) = &asked.live else {
        return (Outcome::Reverts, Vec::new());
    };
    let differing = |live: &Value| compare(asked.kind, &asked.now, live);
    let paths = |live: &Value| {
        differing(live)
            .into_iter()
            .map(|change| change.path.to_string())
            .collect::<Vec<_>>()
    };
    let mut left = paths(object);
    // The default of an image that Git changed stays, and was no difference before.
    if left.iter().any(|path| path.ends_with(".imagePullPolicy")) {
        let drift = paths(before);
        let policy =
            |path: &String, object: &Value| FieldPath::parse(path).ok().and_then(|path| path.get(object).cloned());
        left.retain(|path| {
            !path.ends_with(".imagePullPolicy") || drift.contains(path) || policy(path, object) != policy(path, before)
        });
    }
    let outcome = match (left.is_empty(), unapplied(stored(object)) == unapplied(stored(before))) {
        (false, _) => Outcome::Residual,
        (true, true) => Outcome::Clean,
        (true, false) => Outcome::Reverts,
    };
    (outcome, left)
}

/// Without what was applied last, which is the tool's own bookkeeping.
fn unapplied(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
        metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    }
    object
}

/// The object without the server's own bookkeeping. A dry run still has the `selfLink` that the store would not take.
fn stored(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(root) = object.as_object_mut() {
        root.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for name in [
            "managedFields",
            "generation",
            "resourceVersion",
            "uid",
            "creationTimestamp",
            "selfLink",
        ] {
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
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
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
                walk(
                    &format!("{path}/{name}"),
                    one.get(name).unwrap_or(&Value::Null),
                    other.get(name).unwrap_or(&Value::Null),
                    places,
                );
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
