//! What stands beside the field that a refusal names, and is not Git's: the other member of a union.

use serde_json::Value;

use super::{Cause, place_in};
use crate::engine::diff::{Located, Side, locate};
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::schema::Tree;

/// What live alone has beside the fields that the causes name. `merged` is the object that is refused, `wanted` what
/// the server makes of Git's document.
pub(super) fn beside(
    kind: &'static Kind,
    causes: &[Cause],
    merged: &Tree<'_>,
    wanted: &Tree<'_>,
    live: &Value,
) -> Vec<FieldPath> {
    causes
        .iter()
        .flat_map(|cause| beside_of(kind, cause, merged, wanted, live))
        .collect()
}

/// What live has, and Git with its defaults has not, under the parent of the field that a cause names.
fn beside_of(kind: &'static Kind, cause: &Cause, merged: &Tree<'_>, wanted: &Tree<'_>, live: &Value) -> Vec<FieldPath> {
    let Some(parent) = FieldPath::parse(&cause.field).ok().and_then(|field| field.parent()) else {
        return Vec::new();
    };
    let pointer = place_in(kind, live, merged, &parent.to_string());
    let Some(Located::Field(parent)) = locate(kind, &pointer, live, Side::Live) else {
        return Vec::new();
    };
    // Of the metadata most is the server's own, and none of it stands in a union.
    if parent.0.first() != Some(&Segment::Field("spec".to_owned())) {
        return Vec::new();
    }
    let (Some(Value::Object(there)), Some(Tree::Map(wanted))) = (parent.get(live), parent.get(wanted)) else {
        return Vec::new();
    };
    // What is wanted has the service account under its new name alone, and the server gives it both.
    let is_pod = parent.schema() == "spec.template.spec";
    let is_wanted = |name: &str| {
        wanted.contains(if is_pod && name == "serviceAccount" {
            "serviceAccountName"
        } else {
            name
        })
    };
    there
        .keys()
        .filter(|name| !is_wanted(name))
        .map(|name| parent.field(name))
        .collect()
}
