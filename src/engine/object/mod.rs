//! A Kubernetes object as plain values: which one it is, where its text came from, and where a field is.

mod look;
mod path;
mod trail;

pub use look::Look;
pub use path::{FieldPath, PathError, Segment, escape_token, key_default, schema_path, unescape_token};
pub use trail::Trail;

use std::sync::Arc;

use serde_json::{Value, json};

/// Which object: the four words that name it in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// Group and version as the manifest writes them, such as `apps/v1`.
    pub api_version: String,

    /// The kind, such as `Deployment`.
    pub kind: String,

    /// The namespace; `None` where the manifest names none, or the kind has none.
    pub namespace: Option<String>,

    /// The name.
    pub name: String,
}

impl ObjectId {
    /// Reads the id of an object; `None` when `apiVersion`, `kind` or `metadata.name` is absent or not a string.
    pub fn of(object: &Value) -> Option<Self> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            api_version: text("/apiVersion")?,
            kind: text("/kind")?,
            namespace: text("/metadata/namespace").filter(|namespace| !namespace.is_empty()),
            name: text("/metadata/name").filter(|name| !name.is_empty())?,
        })
    }

    /// The bytes that a digest covers.
    pub(in crate::engine) fn to_value(&self) -> Value {
        let Self {
            api_version,
            kind,
            namespace,
            name,
        } = self;
        json!({"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name})
    }
}

impl std::fmt::Display for ObjectId {
    /// `Deployment.apps shop/web`, the way `kubectl` names a resource.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.kind)?;
        if let Some((group, _)) = self.api_version.split_once('/') {
            write!(f, ".{group}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " {namespace}/{}", self.name),
            None => write!(f, " {}", self.name),
        }
    }
}

/// Where a document stands in its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The file, relative to the root of the source: held once, whatever the number of its documents.
    pub file: Arc<str>,

    /// The line at which the document begins, from 1.
    pub line: usize,
}

/// One document of a source: an object with the place it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Which object it describes.
    pub id: ObjectId,

    /// The object as kubectl would read the text.
    pub value: Value,

    /// Where it stands.
    pub origin: Origin,
}
