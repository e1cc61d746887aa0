//! A resource as the tools name it: without its version.

use serde_json::{Value, json};

use super::fields::{Fields, Unreadable};
use crate::engine::kind::Kind;
use crate::engine::object::ObjectId;

/// A resource as Argo CD names it, and as the inventory of a Kustomization does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceRef {
    /// The API group; empty for the core group.
    pub group: String,

    /// The kind.
    pub kind: String,

    /// The namespace; empty for a cluster's own resources, and for any namespace where a sync is limited to resources.
    pub namespace: String,

    /// The name.
    pub name: String,
}

impl From<&ObjectId> for ResourceRef {
    /// The resource that an object is, without its version.
    fn from(id: &ObjectId) -> Self {
        let group = id.api_version.split_once('/').map_or("", |(group, _)| group);
        Self {
            group: group.to_owned(),
            kind: id.kind.clone(),
            namespace: id.namespace.clone().unwrap_or_default(),
            name: id.name.clone(),
        }
    }
}

impl ResourceRef {
    /// An object of a governed kind.
    pub fn of(kind: &Kind, namespace: &str, name: &str) -> Self {
        Self {
            group: kind.group.to_owned(),
            kind: kind.kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    pub(in crate::engine) fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let text = |name| fields.text(name).map(Option::unwrap_or_default);
        Ok(Self {
            group: text("group")?,
            kind: text("kind")?,
            namespace: text("namespace")?,
            name: text("name")?,
        })
    }

    /// As Argo CD writes it.
    pub(in crate::engine) fn to_value(&self) -> Value {
        json!({"group": self.group, "kind": self.kind, "namespace": self.namespace, "name": self.name})
    }

    /// Whether an entry of `operation.sync.resources` means this resource.
    ///
    /// Source: `SyncOperationResource.HasIdentity` in `pkg/apis/application/v1alpha1/types.go`: an entry without a
    /// namespace means every namespace, and self-heal writes none.
    pub fn is_meant_by(&self, entry: &Self) -> bool {
        self.group == entry.group
            && self.kind == entry.kind
            && self.name == entry.name
            && (entry.namespace.is_empty() || entry.namespace == self.namespace)
    }
}

impl std::fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            group,
            kind,
            namespace,
            name,
        } = self;
        f.write_str(kind)?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        f.write_str(" ")?;
        if !namespace.is_empty() {
            write!(f, "{namespace}/")?;
        }
        f.write_str(name)
    }
}
