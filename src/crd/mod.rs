//! The custom resources as users write and read them: `DriftWatch` and `DriftReport`, group `driftmend.dev`,
//! `v1alpha1`.
//!
//! The YAML in `crds/` is written from these types by `driftmend crds`.

pub mod kinds;
mod name;
mod period;
mod report;
mod selector;
mod syncing;
mod watch;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

pub use name::report_name;
pub use period::{Period, PeriodError};
pub use report::{DriftReport, DriftReportSpec, TargetRef, WatchRef};
pub use syncing::{StrategySpec, ToolSpec, ValidateSpec};
pub use watch::{
    ControllerRef, DriftWatch, DriftWatchSpec, DriftWatchStatus, GitSource, IgnoreSpec, NOT_GOVERNED_LIMIT, SecretRef,
    Source, SourceFailure, ToolSource, WARNING_LIMIT, WatchCounts,
};

/// The API group of both resources.
pub const GROUP: &str = "driftmend.dev";

/// An annotation on a namespace, watch or report that stops every write of a heal at once. Any value but `false`
/// counts.
pub const FREEZE_ANNOTATION: &str = "driftmend.dev/freeze";

/// Both definitions, ready to be applied.
pub fn definitions() -> [CustomResourceDefinition; 2] {
    [DriftReport::crd(), DriftWatch::crd()].map(with_known_formats)
}

/// Takes away the integer formats that Rust knows and the API server does not: it warns of each
/// (`unrecognized format`).
fn with_known_formats(definition: CustomResourceDefinition) -> CustomResourceDefinition {
    fn clean(node: &mut Value) {
        match node {
            Value::Object(fields) => {
                if fields
                    .get("format")
                    .and_then(Value::as_str)
                    .is_some_and(|format| format.starts_with("uint"))
                {
                    fields.remove("format");
                }
                fields.values_mut().for_each(clean);
            }
            Value::Array(items) => items.iter_mut().for_each(clean),
            _ => {}
        }
    }
    let Ok(mut value) = serde_json::to_value(&definition) else {
        return definition;
    };
    clean(&mut value);
    serde_json::from_value(value).unwrap_or(definition)
}
