//! Every place of a kind's schema, and where it stands in an object.

use driftmend::engine::kind::Kind;
use driftmend::engine::schema::shape::{Field, Struct};
use driftmend::engine::schema::{REFERENCE, Shape, versions_of};
use serde_json::Value;

/// The key of a map entry where an object has none yet.
const KEY: &str = "example.com/thing";

/// One step of a way through the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Field(&'static str),

    /// Into an item of a list.
    Item,

    /// Into an entry of a map.
    Entry,
}

/// One step of a way through an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Name(String),
    At(usize),
}

/// A place of the schema.
#[derive(Clone, Debug)]
pub struct Site {
    pub steps: Vec<Step>,
    pub shape: Shape,
}

impl Site {
    /// Its name: `spec.template.spec.containers[].env[].name`, `metadata.labels{}`.
    pub fn name(&self) -> String {
        let mut name = String::new();
        for step in &self.steps {
            match step {
                Step::Field(field) if name.is_empty() => name.push_str(field),
                Step::Field(field) => name.push_str(&format!(".{field}")),
                Step::Item => name.push_str("[]"),
                Step::Entry => name.push_str("{}"),
            }
        }
        name
    }

    /// Where it is in this object: through the items that have most of the way.
    pub fn keys(&self, object: &Value) -> Vec<Key> {
        locate(object, &self.steps).1
    }
}

/// All places that servers of the reference version have.
pub fn sites(kind: &Kind) -> Vec<Site> {
    let mut all = Vec::new();
    walk(kind.root, &mut Vec::new(), &mut all);
    all
}

fn walk(shape: Shape, steps: &mut Vec<Step>, into: &mut Vec<Site>) {
    if !steps.is_empty() {
        into.push(Site {
            steps: steps.clone(),
            shape,
        });
    }
    let mut further = |step, shape| {
        steps.push(step);
        walk(shape, steps, into);
        steps.pop();
    };
    match shape {
        Shape::Nested(of) => {
            for Field(name, _, shape, _) in of.fields.iter().filter(|field| is_known(of, field.0)) {
                further(Step::Field(name), *shape);
            }
        }
        Shape::List(_, item) => further(Step::Item, *item),
        Shape::Map(value) | Shape::AtomicMap(value) => further(Step::Entry, *value),
        _ => {}
    }
}

fn is_known(of: &Struct, name: &str) -> bool {
    versions_of(of, name).is_some_and(|versions| versions.contains(REFERENCE))
}

/// How many of the steps an object has, and the way.
fn locate(node: &Value, steps: &[Step]) -> (usize, Vec<Key>) {
    let Some((step, rest)) = steps.split_first() else {
        return (0, Vec::new());
    };
    let found: Vec<(Key, &Value)> = match (step, node) {
        (Step::Field(name), Value::Object(fields)) => fields
            .get(*name)
            .map(|value| (Key::Name((*name).to_owned()), value))
            .into_iter()
            .collect(),
        (Step::Entry, Value::Object(entries)) => entries
            .iter()
            .take(1)
            .map(|(key, value)| (Key::Name(key.clone()), value))
            .collect(),
        (Step::Item, Value::Array(items)) => items.iter().enumerate().map(|(at, item)| (Key::At(at), item)).collect(),
        _ => Vec::new(),
    };
    let mut best: Option<(usize, Vec<Key>)> = None;
    for (key, value) in found {
        let (depth, mut keys) = locate(value, rest);
        if best.as_ref().is_none_or(|(deepest, _)| depth + 1 > *deepest) {
            keys.insert(0, key);
            best = Some((depth + 1, keys));
        }
    }
    best.unwrap_or_else(|| (0, steps.iter().map(|step| step.first()).collect()))
}

impl Step {
    /// The step in an object that has nothing there.
    fn first(self) -> Key {
        match self {
            Self::Field(name) => Key::Name(name.to_owned()),
            Self::Entry => Key::Name(KEY.to_owned()),
            Self::Item => Key::At(0),
        }
    }
}
