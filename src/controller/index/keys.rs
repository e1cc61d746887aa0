//! What a governed object and a watch are found by.

use crate::api::v1alpha1::TargetRef;
use crate::engine::kind::Kind;
use crate::engine::object::ObjectId;

/// A governed object, by kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// Its kind.
    pub kind: &'static Kind,

    /// Its namespace.
    pub namespace: String,

    /// Its name.
    pub name: String,
}

impl Target {
    /// The object as the engine names it.
    pub fn id(&self) -> ObjectId {
        self.kind.object(&self.namespace, &self.name)
    }

    /// The object as its report names it.
    pub fn target_ref(&self) -> TargetRef {
        TargetRef::of(self.kind, &self.name)
    }

    /// The name of the report about it.
    pub fn report_name(&self) -> String {
        self.target_ref().report_name()
    }
}

impl std::fmt::Display for Target {
    /// `Deployment shop/web`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// A DriftWatch, by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchKey {
    /// Its namespace.
    pub namespace: String,

    /// Its name.
    pub name: String,
}

impl std::fmt::Display for WatchKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
