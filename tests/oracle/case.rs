//! One case: what Git said, what somebody else made of it in the cluster, and what Git says now.

use driftmend::engine::kind::Kind;
use driftmend::engine::object::{FieldPath, Segment};
use driftmend::engine::syncer::FieldValidation;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::subject;

/// One case. Names and namespaces are filled in when it is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What it is about, such as `livenessProbe`.
    pub site: String,

    /// The manifest of the first sync.
    pub then: Value,

    /// Who wrote between the syncs; none for a commit alone.
    pub writer: Option<Writer>,

    /// The manifest of the next sync.
    pub now: Value,

    /// What the server is asked to do about fields that it does not know.
    #[serde(default, skip_serializing_if = "Validation::is_ignore")]
    pub validation: Validation,

    /// The manager under which kubectl applies server-side for real, at the end; none for no such apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over_by: Option<String>,
}

impl Case {
    /// The kind of its object.
    pub fn kind(&self) -> &'static Kind {
        subject::kind_of(&self.then)
    }
}

/// `fieldValidation`, and kubectl's `--validate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Validation {
    #[default]
    Ignore,
    Warn,
    Strict,
}

impl Validation {
    pub const ALL: [Self; 3] = [Self::Ignore, Self::Warn, Self::Strict];

    pub fn is_ignore(&self) -> bool {
        *self == Self::Ignore
    }

    /// kubectl's option.
    pub fn option(self) -> &'static str {
        match self {
            Self::Ignore => "--validate=ignore",
            Self::Warn => "--validate=warn",
            Self::Strict => "--validate=strict",
        }
    }
}

impl From<Validation> for FieldValidation {
    fn from(validation: Validation) -> Self {
        match validation {
            Validation::Ignore => Self::Ignore,
            Validation::Warn => Self::Warn,
            Validation::Strict => Self::Strict,
        }
    }
}

/// A write by another manager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Writer {
    /// The field manager.
    pub manager: String,

    /// How it writes.
    pub style: Style,

    /// What it sets: a path, and the value or none to remove it.
    pub edits: Vec<(String, Option<Value>)>,
}

/// How another manager writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Style {
    /// A JSON Patch, as from `kubectl patch --type=json` or a dashboard.
    Json,

    /// A strategic merge patch, as from `kubectl patch` and `kubectl set`.
    Strategic,

    /// A forced server-side apply of these fields alone.
    Apply,
}

/// Puts a value at a path, or takes it away; maps and keyed items on the way are made.
pub fn put(object: &mut Value, path: &FieldPath, value: Option<Value>) {
    let Some((last, way)) = path.0.split_last() else { return };
    let mut node = object;
    for segment in way {
        node = enter(node, segment);
    }
    match (last, value) {
        (Segment::Field(name), Some(value)) => {
            if !node.is_object() {
                *node = json!({});
            }
            if let Some(map) = node.as_object_mut() {
                map.insert(name.clone(), value);
            }
        }
        (Segment::Field(name), None) => {
            if let Some(map) = node.as_object_mut() {
                map.remove(name);
            }
        }
        (segment @ Segment::Key(_), Some(value)) => *enter(node, segment) = value,
        (Segment::Key(keys), None) => {
            if let Some(list) = node.as_array_mut() {
                list.retain(|item| !keys.iter().all(|(name, wanted)| item.get(name) == Some(wanted)));
            }
        }
        _ => {}
    }
}

fn enter<'a>(node: &'a mut Value, segment: &Segment) -> &'a mut Value {
    match segment {
        Segment::Field(name) => {
            if !node.is_object() {
                *node = json!({});
            }
            &mut node[name.as_str()]
        }
        Segment::Key(keys) => {
            if !node.is_array() {
                *node = json!([]);
            }
            let list = match node {
                Value::Array(list) => list,
                _ => unreachable!("made an array above"),
            };
            let found = list
                .iter()
                .position(|item| keys.iter().all(|(name, wanted)| item.get(name) == Some(wanted)));
            let at = found.unwrap_or_else(|| {
                list.push(Value::Object(keys.iter().cloned().collect::<Map<_, _>>()));
                list.len() - 1
            });
            &mut list[at]
        }
        _ => node,
    }
}

impl Writer {
    /// The body of the write over a live object.
    pub fn body(&self, live: &Value) -> Value {
        let edits = self
            .edits
            .iter()
            .filter_map(|(path, value)| Some((FieldPath::parse(path).ok()?, value)));
        match self.style {
            Style::Json => {
                let mut working = live.clone();
                let mut operations = Vec::new();
                for (path, value) in edits {
                    let operation = match (value, path.get(&working).is_some()) {
                        (Some(value), true) => path
                            .pointer(&working)
                            .map(|at| json!({"op": "replace", "path": at, "value": value})),
                        (Some(value), false) => added(&mut working, &path, value),
                        (None, true) => path.pointer(&working).map(|at| json!({"op": "remove", "path": at})),
                        (None, false) => None,
                    };
                    operations.extend(operation);
                    put(&mut working, &path, value.clone());
                }
                Value::from(operations)
            }
            Style::Strategic | Style::Apply => {
                let mut body = json!({});
                for (path, value) in edits {
                    put(&mut body, &path, value.clone());
                }
                body
            }
        }
    }
}

/// The operation that adds what is not there, at the highest absent node.
fn added(working: &mut Value, path: &FieldPath, value: &Value) -> Option<Value> {
    let mut depth = path.0.len();
    while depth > 1 && FieldPath(path.0[..depth - 1].to_vec()).get(working).is_none() {
        depth -= 1;
    }
    let top = FieldPath(path.0[..depth].to_vec());
    let mut whole = working.clone();
    put(&mut whole, path, Some(value.clone()));
    let new = top.get(&whole)?.clone();
    let at = match top.0.last() {
        Some(Segment::Key(_)) => format!("{}/-", top.parent()?.pointer(working)?),
        _ => top.pointer(working)?,
    };
    Some(json!({"op": "add", "path": at, "value": new}))
}
