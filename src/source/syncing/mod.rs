//! The object of a tool that syncs, as a source of truth: which repository the tool reads, and what it makes of the
//! documents before it applies them.
//!
//! Only plain folders of manifests are read so far. Everything else that such an object can ask for is named by its
//! field ([`Unsupported`]) and nothing is assessed against it: a rendering that is almost the tool's own would be drift
//! that nobody made.

pub mod argo_cd;
pub mod flux;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::engine::object::Document;
use crate::engine::syncer::Syncer;

/// A repository and a folder in it, as the tool's object names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The repository's URL as it is written there.
    pub url: String,

    /// The branch, tag or commit; the default branch when absent.
    pub revision: Option<String>,

    /// The folder from the root of the repository.
    pub path: String,

    /// Which of its files are read.
    pub folders: Folders,

    /// The commits that the tool says it synced: that of the whole, and that of the last operation where it is another
    /// one.
    pub synced: Vec<String>,

    /// The commit that the tool compared last, where it tells.
    pub compared: Option<String>,
}

/// Which folders are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folders {
    /// The one named and all below it.
    All,

    /// The one named.
    TopOnly,
}

impl Folders {
    /// Whether a file belongs; both paths are from the root of the repository.
    pub fn has(self, folder: &str, file: &str) -> bool {
        let inner = if folder.is_empty() {
            Some(file)
        } else {
            file.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'))
        };
        // A path that names a file has nothing below it.
        let inner = inner.unwrap_or_default();
        self == Self::All || !inner.contains('/')
    }
}

/// What the tool's object asks for that cannot be rendered faithfully yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct Unsupported {
    /// The field.
    pub field: String,

    /// What is not possible.
    pub what: String,
}

impl Unsupported {
    fn new(field: &str, what: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            what: what.into(),
        }
    }

    /// What a person can do.
    pub fn hint(&self) -> String {
        "only plain folders of manifests, applied to this cluster, are read so far; watch the rendered manifests by \
         spec.source.git"
            .to_owned()
    }
}

/// What a tool makes of each document before it applies it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Dressing {
    /// Nothing.
    #[default]
    AsWritten,

    /// What Argo CD adds, and the options that it reads from the document.
    ArgoCd(argo_cd::Dressing),

    /// What Flux adds.
    Flux(flux::Dressing),
}

impl Dressing {
    /// The namespace that the tool applies the document to; `None` where the document says none and neither does the
    /// tool.
    pub fn namespace(&self, document: &Document) -> Option<String> {
        let written = || document.id.namespace.clone();
        match self {
            Self::AsWritten => written(),
            Self::ArgoCd(dressing) => written().or_else(|| dressing.namespace.clone()),
            Self::Flux(dressing) => dressing.target_namespace.clone().or_else(written),
        }
    }

    /// Why the tool does not keep the document in sync, where it does not.
    pub fn passes_over(&self, document: &Document) -> Option<&'static str> {
        match self {
            Self::AsWritten => None,
            Self::ArgoCd(_) => argo_cd::passes_over(&document.value),
            Self::Flux(_) => flux::passes_over(&document.value),
        }
    }

    /// Whether the document is a hook, which only a sync of the whole runs.
    pub fn is_hook(&self, document: &Document) -> bool {
        matches!(self, Self::ArgoCd(_)) && argo_cd::passes_over(&document.value).is_some()
    }

    /// How the tool applies the document; `None` where the watch says it.
    pub fn syncer(&self, desired: &Value, live: Option<&Value>) -> Option<Syncer> {
        match self {
            Self::AsWritten => None,
            Self::ArgoCd(dressing) => Some(dressing.syncer(desired, live)),
            Self::Flux(_) => Some(flux::syncer(desired)),
        }
    }

    /// Adds what the tool adds. Which marks Argo CD sets may depend on its version, so that live has a say.
    pub fn dress(&self, desired: &mut Value, live: Option<&Value>) {
        match self {
            Self::AsWritten => {}
            Self::ArgoCd(dressing) => dressing.dress(desired, live),
            Self::Flux(dressing) => dressing.dress(desired),
        }
    }
}

/// Sets an entry of `metadata.labels` or `metadata.annotations`.
fn set(object: &mut Value, map: &str, key: &str, value: &str) {
    let Some(metadata) = object
        .as_object_mut()
        .map(|object| object.entry("metadata").or_insert_with(|| json!({})))
    else {
        return;
    };
    let Some(entries) = metadata
        .as_object_mut()
        .map(|metadata| metadata.entry(map).or_insert_with(|| json!({})))
    else {
        return;
    };
    if !entries.is_object() {
        *entries = Value::Object(Map::new());
    }
    if let Some(entries) = entries.as_object_mut() {
        entries.insert(key.to_owned(), value.into());
    }
}

/// An entry of `metadata.labels` or `metadata.annotations`.
fn entry<'a>(object: &'a Value, map: &str, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get(map)?.get(key)?.as_str()
}

/// The entry of an object's `metadata`, with its namespace and name.
fn name_of(object: &Value, key: &str) -> String {
    object
        .pointer(&format!("/metadata/{key}"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
