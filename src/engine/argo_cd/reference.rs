//! Which Application it is.

use crate::engine::object::ObjectId;

/// The name of an Application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRef {
    /// Its namespace.
    pub namespace: String,

    /// Its name.
    pub name: String,
}

impl ApplicationRef {
    /// The Application as the API server knows it.
    pub fn object(&self) -> ObjectId {
        ObjectId {
            api_version: "argoproj.io/v1alpha1".to_owned(),
            kind: "Application".to_owned(),
            namespace: Some(self.namespace.clone()),
            name: self.name.clone(),
        }
    }
}

impl std::fmt::Display for ApplicationRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Application {}/{}", self.namespace, self.name)
    }
}
