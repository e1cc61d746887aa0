//! Which object something is told of.

use serde::Serialize;

use crate::engine::object;

/// Which object: the four words that name it in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
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

impl From<object::ObjectId> for ObjectId {
    fn from(id: object::ObjectId) -> Self {
        let object::ObjectId {
            api_version,
            kind,
            namespace,
            name,
        } = id;
        Self {
            api_version,
            kind,
            namespace,
            name,
        }
    }
}

impl From<ObjectId> for object::ObjectId {
    fn from(id: ObjectId) -> Self {
        let ObjectId {
            api_version,
            kind,
            namespace,
            name,
        } = id;
        Self {
            api_version,
            kind,
            namespace,
            name,
        }
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        object::ObjectId::from(self.clone()).fmt(f)
    }
}
