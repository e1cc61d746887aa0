//! What a report names: the object that it is about, and the watch that governs it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{kinds, report_name};
use crate::engine::kind::Kind;

/// An object of the report's namespace.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// Group and version.
    #[schemars(extend("enum" = kinds::api_versions()))]
    pub api_version: String,

    /// The kind.
    #[schemars(length(max = 63), extend("enum" = kinds::names()))]
    pub kind: String,

    /// The name.
    #[schemars(length(max = 253))]
    pub name: String,
}

impl TargetRef {
    /// An object of a governed kind.
    pub fn of(kind: &Kind, name: &str) -> Self {
        Self {
            api_version: kind.api_version(),
            kind: kind.kind.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The name of the report about it.
    pub fn report_name(&self) -> String {
        report_name(&self.kind, &self.name)
    }
}

/// A DriftWatch.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WatchRef {
    /// Its namespace.
    pub namespace: String,

    /// Its name.
    pub name: String,
}
