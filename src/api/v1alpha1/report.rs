//! `DriftReport`: what is wrong with one governed object, and the cure.

// Every printer column repeats the argument names of the one before it; the lint takes them for repeated attributes.
#![allow(clippy::duplicated_attributes)]

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{ReportStatus, TargetRef, WatchRef};
use crate::engine::kind::Kind;

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

impl DriftReport {
    /// The kind of its target, where the report is the one about that. One that is not was made under another naming,
    /// by somebody else, or by a version that governs more kinds, and counts for nothing.
    pub fn kind_of_its_target(&self) -> Option<&'static Kind> {
        let target = &self.spec.target;
        let kind = Kind::of(&target.api_version, &target.kind)?;
        let is_named = self.metadata.name.as_deref() == Some(target.report_name().as_str());
        (*target == TargetRef::of(kind, &target.name) && is_named).then_some(kind)
    }
}
