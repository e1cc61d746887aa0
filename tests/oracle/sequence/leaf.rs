//! The fields that sequences are about: few, so that the model of each is exact.

use driftmend::engine::kind::Kind;
use driftmend::engine::object::FieldPath;
use serde_json::{Value, json};

use crate::place::Place::{self, Object, Pod, Template, Web};
use crate::subject;

/// One field of a kind.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// What it is called in messages.
    pub name: &'static str,

    /// Where its value is.
    pub path: FieldPath,

    /// The node that comes and goes with it: an item of a list, a member of a union.
    pub node: FieldPath,

    /// What the server fills in where nobody says it.
    default: Option<Value>,
}

/// Every field that is followed in all kinds: its name, its value, and its node where that is another.
const LEAVES: [(&str, Place, Option<Place>); 12] = [
    ("image", Web("image"), None),
    ("A", Web("env[name=\"A\"].value"), Some(Web("env[name=\"A\"]"))),
    ("B", Web("env[name=\"B\"].value"), Some(Web("env[name=\"B\"]"))),
    (
        "ADDED",
        Web("env[name=\"ADDED\"].value"),
        Some(Web("env[name=\"ADDED\"]")),
    ),
    (
        "httpGet",
        Web("livenessProbe.httpGet.port"),
        Some(Web("livenessProbe.httpGet")),
    ),
    (
        "exec",
        Web("livenessProbe.exec.command"),
        Some(Web("livenessProbe.exec")),
    ),
    ("label", Object("metadata.labels.tier"), None),
    ("priority", Pod("priorityClassName"), None),
    ("args", Web("args"), None),
    (
        "port",
        Web("ports[containerPort=80,protocol=\"TCP\"].containerPort"),
        Some(Web("ports[containerPort=80,protocol=\"TCP\"]")),
    ),
    (
        "volume",
        Pod("volumes[name=\"data\"].emptyDir"),
        Some(Pod("volumes[name=\"data\"]")),
    ),
    ("restartedAt", Template(RESTARTED_AT), None),
];

/// Where `kubectl rollout restart` writes, in a template.
pub const RESTARTED_AT: &str = "metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"]";

/// The fields of a kind: those of all, and its own number.
pub fn leaves(kind: &Kind) -> Vec<Leaf> {
    let at = |place: &Place| path(&place.path(kind));
    let of_all = LEAVES.iter().map(|(name, value, node)| Leaf {
        name,
        path: at(value),
        node: at(node.as_ref().unwrap_or(value)),
        default: None,
    });
    let number = &subject::of(kind).number;
    let its_own = Leaf {
        name: number.name,
        path: path(&format!(".spec.{}", number.name)),
        node: path(&format!(".spec.{}", number.name)),
        default: number.default.map(Value::from),
    };
    of_all.chain([its_own]).collect()
}

/// A path of the table.
pub fn path(text: &str) -> FieldPath {
    match FieldPath::parse(text) {
        Ok(path) => path,
        Err(error) => unreachable!("a path of the table: {error}"),
    }
}

impl Leaf {
    /// What an object says of it, the server's default where it says nothing.
    pub fn of(&self, object: &Value) -> Option<Value> {
        self.said(object).or_else(|| self.default.clone())
    }

    /// What a document says of it itself; an item that has lost its value is there all the same.
    pub fn said(&self, document: &Value) -> Option<Value> {
        let hollow = || (self.has_node() && self.node.get(document).is_some()).then(|| json!({}));
        self.path.get(document).cloned().or_else(hollow)
    }

    /// Whether something comes and goes with the value.
    pub fn has_node(&self) -> bool {
        self.node != self.path
    }

    /// Whether a change at this path is about it.
    pub fn is_touched_by(&self, change: &FieldPath) -> bool {
        self.node.starts_with(change) || self.path.starts_with(change) || change.starts_with(&self.node)
    }
}
