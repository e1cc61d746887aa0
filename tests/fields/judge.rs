//! Holds what we predict against what the server answered.

use std::collections::BTreeSet;

use driftmend::engine::diff::Masker;
use driftmend::engine::kind::Kind;
use driftmend::engine::predict::{Prediction, Verdict, predict, predict_new};
use driftmend::engine::syncer::{Strategy, Syncer};
use serde_json::Value;

/// The server's answer to one write.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The object that the write gives.
    Object(Value),

    /// Why not: the code, the message, and the causes as `(reason, field, message)`.
    Refusal {
        code: u16,
        message: String,
        causes: Vec<(String, String, String)>,
    },

    /// The connection closes without an answer, each time anew.
    Panic,
}

/// The ways in which an object comes into the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// A POST.
    Create,

    /// A PUT over what `kubectl apply` made.
    Replace,

    /// The patch of a client-side apply over what one made.
    ClientSide,

    /// Forced server-side apply over what one made.
    ServerSide,
}

impl Way {
    pub const ALL: [Self; 4] = [Self::Create, Self::Replace, Self::ClientSide, Self::ServerSide];

    /// Who syncs this way.
    pub fn syncer(self) -> Syncer {
        match self {
            Self::ClientSide => Syncer::new(Strategy::ClientSideApply, "kubectl-client-side-apply"),
            Self::Create | Self::Replace => Syncer::new(Strategy::Replace, "kubectl-replace"),
            Self::ServerSide => Syncer::new(Strategy::ServerSideApply, "kustomize-controller"),
        }
    }
}

/// In what we are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wrong {
    /// Whether it is taken.
    Verdict,

    /// Which fields are at fault.
    Path,

    /// The words.
    Text,

    /// The object that comes of it.
    Object,

    /// What is left of the server's words where secrets are masked: no case has any.
    Masked,
}

impl Wrong {
    pub const ALL: [Self; 5] = [Self::Verdict, Self::Path, Self::Text, Self::Object, Self::Masked];
}

/// In what we are wrong about one write, and both sides of it; none where we are right.
pub fn judge(
    kind: &'static Kind,
    way: Way,
    manifest: &Value,
    live: &Value,
    answer: &Answer,
) -> Option<(Wrong, String)> {
    held(kind, way, manifest, live, answer).or_else(|| {
        let Answer::Refusal { message, causes, .. } = answer else {
            return None;
        };
        // Of a patch the server quotes the whole, and there is a credential in it.
        if causes.iter().any(|cause| cause.1 == "patch") {
            return None;
        }
        let mut texts = causes.iter().map(|cause| &cause.2).chain([message]);
        let masker = Masker::default();
        texts.find_map(|text| {
            let masked = masker.mask_text(text);
            // A number where a text belongs may be a password.
            let masked = masked.replace("{Value:(masked)", "");
            masked
                .contains("(masked)")
                .then(|| (Wrong::Masked, format!("server: {text}\n  ours: {masked}")))
        })
    })
}

fn held(kind: &'static Kind, way: Way, manifest: &Value, live: &Value, answer: &Answer) -> Option<(Wrong, String)> {
    let prediction = match way {
        Way::Create => Prediction {
            predicted: None,
            ..predict_new(kind, manifest, None, &way.syncer())
        },
        _ => predict(kind, manifest, live, &way.syncer()),
    };
    let refused = matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict);
    let ours: BTreeSet<_> = prediction
        .causes
        .iter()
        .map(|cause| (cause.reason.clone(), cause.field.clone(), cause.message.clone()))
        .collect();
    match answer {
        Answer::Panic => (!refused).then(|| {
            (
                Wrong::Verdict,
                format!("server: panics\n  ours: {:?}", prediction.verdict),
            )
        }),
        Answer::Object(_) if refused => Some((Wrong::Verdict, format!("server: takes it\n  ours: {ours:?}"))),
        Answer::Object(object) => {
            let predicted = prediction.predicted.as_ref()?;
            let (predicted, made) = (stored(predicted), stored(object));
            (predicted != made).then(|| (Wrong::Object, difference(&made, &predicted)))
        }
        Answer::Refusal { code, message, .. }
            if !refused || (*code == 409) != (prediction.verdict == Verdict::Conflict) =>
        {
            Some((
                Wrong::Verdict,
                format!("server: {code} {message}\n  ours: {:?} {ours:?}", prediction.verdict),
            ))
        }
        Answer::Refusal { code, message, causes } if causes.is_empty() => {
            let name = manifest
                .pointer("/metadata/name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let told = prediction.status_text(kind, name).unwrap_or_default();
            let says = !told.is_empty() && message.ends_with(&told);
            let unreadable = prediction.causes.iter().all(|cause| cause.field.is_empty()) || *code == 409;
            let wrong = if unreadable { Wrong::Text } else { Wrong::Path };
            (!says).then(|| (wrong, format!("server: {code} {message}\n  ours: {told}")))
        }
        Answer::Refusal { causes, .. } => {
            let theirs: BTreeSet<_> = causes.iter().cloned().collect();
            let fields = |causes: &BTreeSet<(String, String, String)>| -> BTreeSet<String> {
                causes.iter().map(|cause| cause.1.clone()).collect()
            };
            let wrong = if fields(&ours) == fields(&theirs) {
                Wrong::Text
            } else {
                Wrong::Path
            };
            let (more, less): (Vec<_>, Vec<_>) =
                (theirs.difference(&ours).collect(), ours.difference(&theirs).collect());
            (ours != theirs).then(|| (wrong, format!("server: {more:?}\n  ours: {less:?}")))
        }
    }
}

/// The object without the server's own bookkeeping, and without what Go does not tell from nothing.
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
        ] {
            metadata.remove(name);
        }
        metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    }
    without_nulls(object)
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        scalar => scalar,
    }
}

/// The first place where two objects differ.
fn difference(theirs: &Value, ours: &Value) -> String {
    fn first(theirs: &Value, ours: &Value, at: &str) -> String {
        match (theirs, ours) {
            (Value::Object(one), Value::Object(other)) => {
                let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
                let differing = names.into_iter().find(|name| one.get(*name) != other.get(*name));
                differing.map_or_else(String::new, |name| {
                    first(
                        one.get(name).unwrap_or(&Value::Null),
                        other.get(name).unwrap_or(&Value::Null),
                        &format!("{at}.{name}"),
                    )
                })
            }
            (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
                let differing = one.iter().zip(other).position(|(one, other)| one != other);
                differing.map_or_else(String::new, |index| {
                    first(&one[index], &other[index], &format!("{at}[{index}]"))
                })
            }
            _ => format!("server: {at} = {theirs}\n  ours: {ours}"),
        }
    }
    first(theirs, ours, "")
}
