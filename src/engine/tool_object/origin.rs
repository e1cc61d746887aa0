//! A tool's object as a source of truth: which repository the tool reads.
//!
//! Only plain folders of manifests are read so far. Everything else that such an object can ask for is named by its
//! field ([`Unsupported`]) and nothing is assessed against it: a rendering that is almost the tool's own would be drift
//! that nobody made.

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
    pub(in crate::engine) fn new(field: &str, what: impl Into<String>) -> Self {
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

/// `./a//b/` is `a/b`.
pub(in crate::engine) fn plain_path(path: &str) -> String {
    path.split('/')
        .filter(|name| !matches!(*name, "" | "."))
        .collect::<Vec<_>>()
        .join("/")
}
