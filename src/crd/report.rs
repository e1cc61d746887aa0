//! `DriftReport`: what is wrong with one governed object, and the cure.

// Every printer column repeats the argument names of the one before it; the lint takes them for repeated attributes.
#![allow(clippy::duplicated_attributes)]

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds;
use crate::report::ReportStatus;

/// Tells what is wrong with one object, and carries the plan that a person may approve.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "driftmend.dev",
    version = "v1alpha1",
    kind = "DriftReport",
    plural = "driftreports",
    shortname = "dr",
    category = "driftmend",
    namespaced,
    status = "ReportStatus",
    derive = "PartialEq",
    doc = "Tells what is wrong with one object, and carries the plan that a person may approve.",
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.target.kind"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Drifted", type_ = "integer", json_path = ".status.counts.drifted"),
    printcolumn(name = "Conflicts", type_ = "integer", json_path = ".status.counts.refused"),
    printcolumn(name = "Heal", type_ = "string", json_path = ".status.heal"),
    printcolumn(name = "Summary", type_ = "string", json_path = ".status.summary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new(
        "oldSelf.hasValue() || self.metadata.name == self.spec.target.kind.lowerAscii() + '-' + self.spec.target.name \
         || (size(self.spec.target.kind) + size(self.spec.target.name) > 252 && size(self.metadata.name) == 253 && \
         self.metadata.name.startsWith((self.spec.target.kind.lowerAscii() + '-' + \
         self.spec.target.name).substring(0, 221)))"
    )
    .optional_old_self(true)
    .message("a DriftReport is named by its target: KIND-NAME, such as deployment-web (a longer name than 253 \
              characters is cut, and ends in a digest)")
)]
#[x_kube(validation = Rule::new("self == oldSelf").message("the spec of a DriftReport never changes"))]
#[serde(rename_all = "camelCase")]
pub struct DriftReportSpec {
    /// The object that the report is about; it has the report's namespace.
    pub target: TargetRef,

    /// The watch that governs it.
    pub watch_ref: WatchRef,
}

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

/// A DriftWatch.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WatchRef {
    /// Its namespace.
    pub namespace: String,

    /// Its name.
    pub name: String,
}
