//! Which Kustomization it is.

use super::kustomization::Kustomization;
use crate::engine::object::ObjectId;

/// The name of a Kustomization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KustomizationRef {
    /// Its namespace.
    pub namespace: String,

    /// Its name.
    pub name: String,
}

impl KustomizationRef {
    /// The name of a Kustomization.
    pub fn of(kustomization: &Kustomization) -> Self {
        Self {
            namespace: kustomization.namespace.clone(),
            name: kustomization.name.clone(),
        }
    }

    /// The Kustomization as the API server knows it.
    pub fn object(&self) -> ObjectId {
        ObjectId {
            api_version: "kustomize.toolkit.fluxcd.io/v1".to_owned(),
            kind: "Kustomization".to_owned(),
            namespace: Some(self.namespace.clone()),
            name: self.name.clone(),
        }
    }
}

impl std::fmt::Display for KustomizationRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kustomization {}/{}", self.namespace, self.name)
    }
}
