//! The governed kinds as schemas write them.

use std::collections::BTreeSet;

#[cfg(feature = "edge")]
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::engine::kind::{KINDS, Kind};

/// The schema of a list of kinds that may be absent, and that names one at least.
#[cfg(feature = "edge")]
pub(super) fn some(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {"type": "string", "enum": names()},
        "minItems": 1,
        "maxItems": KINDS.len(),
        "x-kubernetes-list-type": "set",
        "nullable": true,
    })
}

/// The names of all.
pub(super) fn names() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.kind).collect()
}

/// The groups and versions of all.
pub(super) fn api_versions() -> BTreeSet<String> {
    KINDS.iter().map(|kind| kind.api_version()).collect()
}

/// The kinds of these names.
///
/// # Errors
///
/// The first name that no governed kind has: another version of this program may have taken it.
pub fn governed(names: &[String]) -> Result<Vec<&'static Kind>, String> {
    let named = |name: &String| {
        KINDS
            .iter()
            .copied()
            .find(|kind| kind.kind == name)
            .ok_or_else(|| name.clone())
    };
    names.iter().map(named).collect()
}

#[cfg(all(test, feature = "edge"))]
mod tests {
    use kube::CustomResourceExt;
    use serde_json::json;

    use super::*;
    use crate::api::v1alpha1::{DriftReport, DriftWatch};

    #[test]
    fn both_resources_take_the_governed_kinds_and_no_other() {
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let watch = serde_json::to_value(DriftWatch::crd()).unwrap();
        let kinds = watch.pointer(&format!("{spec}/kinds")).unwrap();
        assert_eq!(kinds["items"]["enum"], json!(["Deployment", "DaemonSet"]));
        assert_eq!((&kinds["minItems"], &kinds["nullable"]), (&json!(1), &json!(true)));
        let report = serde_json::to_value(DriftReport::crd()).unwrap();
        let target = report.pointer(&format!("{spec}/target/properties")).unwrap();
        assert_eq!(target["kind"]["enum"], kinds["items"]["enum"]);
        assert_eq!(target["apiVersion"]["enum"], json!(["apps/v1"]));
    }

    #[test]
    fn a_name_that_no_kind_has_is_told() {
        let governed = |names: &[&str]| governed(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(governed(&["DaemonSet", "Deployment"]), Ok(vec![KINDS[1], KINDS[0]]));
        assert_eq!(governed(&["Deployment", "Job"]), Err("Job".to_owned()));
    }
}
