//! The fields that sequences are about: few, so that the model of each is exact.

use driftmend::engine::object::FieldPath;
use serde_json::{Value, json};

/// One field.
#[derive(Debug)]
pub struct Leaf {
    /// What it is called in messages.
    pub name: &'static str,

    /// Where its value is.
    pub path: &'static str,

    /// The node that comes and goes with it: an item of a list, a member of a union.
    pub node: &'static str,
}

const fn value(name: &'static str, path: &'static str) -> Leaf {
    Leaf { name, path, node: path }
}

macro_rules! web {
    ($field:literal) => {
        concat!(".spec.template.spec.containers[name=\"web\"].", $field)
    };
}

/// Every field that is followed.
pub const LEAVES: [Leaf; 13] = [
    value("image", web!("image")),
    Leaf {
        name: "A",
        path: web!("env[name=\"A\"].value"),
        node: web!("env[name=\"A\"]"),
    },
    Leaf {
        name: "B",
        path: web!("env[name=\"B\"].value"),
        node: web!("env[name=\"B\"]"),
    },
    Leaf {
        name: "ADDED",
        path: web!("env[name=\"ADDED\"].value"),
        node: web!("env[name=\"ADDED\"]"),
    },
    value("replicas", ".spec.replicas"),
    Leaf {
        name: "httpGet",
        path: web!("livenessProbe.httpGet.port"),
        node: web!("livenessProbe.httpGet"),
    },
    Leaf {
        name: "exec",
        path: web!("livenessProbe.exec.command"),
        node: web!("livenessProbe.exec"),
    },
    value("label", ".metadata.labels.tier"),
    value("priority", ".spec.template.spec.priorityClassName"),
    value("args", web!("args")),
    Leaf {
        name: "port",
        path: web!("ports[containerPort=80,protocol=\"TCP\"].containerPort"),
        node: web!("ports[containerPort=80,protocol=\"TCP\"]"),
    },
    Leaf {
        name: "volume",
        path: ".spec.template.spec.volumes[name=\"data\"].emptyDir",
        node: ".spec.template.spec.volumes[name=\"data\"]",
    },
    value(
        "restartedAt",
        ".spec.template.metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"]",
    ),
];

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
        self.said(object)
            .or_else(|| (self.name == "replicas").then(|| json!(1)))
    }

    /// What a document says of it itself; an item that has lost its value is there all the same.
    pub fn said(&self, document: &Value) -> Option<Value> {
        let hollow = || (self.node != self.path && path(self.node).get(document).is_some()).then(|| json!({}));
        path(self.path).get(document).cloned().or_else(hollow)
    }

    /// Whether a change at this path is about it.
    pub fn is_touched_by(&self, change: &FieldPath) -> bool {
        let (node, value) = (path(self.node), path(self.path));
        node.starts_with(change) || value.starts_with(change) || change.starts_with(&node)
    }
}
