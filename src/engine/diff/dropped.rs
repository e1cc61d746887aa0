//! Words of Git that the server may or may not keep: live tells.

use serde_json::Value;

use crate::engine::object::key_default;
use crate::engine::schema::shape::{Field, Struct};
use crate::engine::schema::{self, ListKind, Shape};

/// Fields behind feature gates that are off by default: Go type and field. The server drops them without a word.
///
/// Source: `pkg/api/pod/util.go` dropDisabledFields with `pkg/features/kube_features.go`, 1.36: ContainerStopSignals,
/// ClusterTrustBundleProjection, PodCertificateRequest, GenericWorkload.
const GATED: [(&str, &str); 4] = [
    ("Lifecycle", "stopSignal"),
    ("VolumeProjection", "clusterTrustBundle"),
    ("VolumeProjection", "podCertificate"),
    ("PodSpec", "schedulingGroup"),
];

/// Whether a server may drop a field that the table knows, without a word: its gate is closed by default, or servers of
/// [`schema::REFERENCE`] do not know it, and in the others its gate is closed as well.
///
/// Source: besides [`GATED`] `pkg/features/kube_features.go`, 1.37: every field that came with 1.37 is alpha.
pub(in crate::engine) fn is_gated(of: &Struct, name: &str) -> bool {
    GATED.contains(&(of.name, name)) || schema::versions_of(of, name).is_some_and(|versions| !versions.contains(schema::REFERENCE))
}

/// Removes from `expected` what the server may have dropped: fields behind a gate and fields the schema does not know, where live lacks them.
/// Returns whether anything was removed.
///
/// A field that live has is compared as any other: then the server keeps it.
pub(super) fn drop_what_live_lacks(expected: &mut Value, live: &Value, shape: Shape) -> bool {
    let mut dropped = false;
    match (expected, shape) {
        (Value::Object(expected), Shape::Nested(of)) => {
            expected.retain(|name, value| {
                let kept = live.get(name);
                let shape = of.field(name).map(|field| field.2);
                let dropped_below = shape.is_some_and(|shape| drop_what_live_lacks(value, kept.unwrap_or(&Value::Null), shape));
                // What held nothing but dropped fields goes with them.
                let emptied = dropped_below && value.as_object().is_some_and(serde_json::Map::is_empty);
                let stays = kept.is_some() || !(emptied || shape.is_none() || is_gated(of, name));
                dropped |= dropped_below || !stays;
                stays
            });
        }
        (Value::Array(expected), Shape::List(kind, item)) => {
            let live = live.as_array().map(Vec::as_slice).unwrap_or_default();
            for (at, value) in expected.iter_mut().enumerate() {
                if let Some(partner) = partner(kind, live, at, value) {
                    dropped |= drop_what_live_lacks(value, partner, *item);
                }
            }
        }
        _ => {}
    }
    dropped
}

/// Makes Git's null entries of maps of strings and quantities the zero values that live has for them.
///
/// Go reads such a null as the zero value, and kubectl leaves it out before it sends the manifest: both are right.
pub(super) fn zero_what_live_has_zero(desired: &mut Value, live: &Value, shape: Shape) {
    match (desired, shape) {
        (Value::Object(desired), Shape::Nested(of)) => {
            for (name, value) in desired.iter_mut().filter(|(_, value)| value.is_object() || value.is_array()) {
                if let (Some(Field(_, _, shape, _)), Some(live)) = (of.field(name), live.get(name)) {
                    zero_what_live_has_zero(value, live, *shape);
                }
            }
        }
        (Value::Object(desired), Shape::Map(inner) | Shape::AtomicMap(inner)) => {
            let zero = if matches!(inner, Shape::Quantity) { "0" } else { "" };
            for (name, value) in desired {
                if value.is_null() && live.get(name).and_then(Value::as_str) == Some(zero) {
                    *value = zero.into();
                }
            }
        }
        (Value::Array(desired), Shape::List(kind, item)) => {
            let live = live.as_array().map(Vec::as_slice).unwrap_or_default();
            for (at, value) in desired.iter_mut().enumerate() {
                if let Some(partner) = partner(kind, live, at, value) {
                    zero_what_live_has_zero(value, partner, *item);
                }
            }
        }
        _ => {}
    }
}

/// The live item that stands for the item at `at`.
fn partner<'a>(kind: ListKind, live: &'a [Value], at: usize, item: &Value) -> Option<&'a Value> {
    let ListKind::Map(keys) = kind else {
        return live.get(at);
    };
    let same_key = |other: &&Value| keys.iter().all(|key| key_of(other, key) == key_of(item, key));
    // The item at the same place first: keys may repeat.
    live.get(at).filter(same_key).or_else(|| live.iter().find(same_key))
}

fn key_of<'a>(item: &'a Value, key: &str) -> Option<&'a Value> {
    item.get(key).or_else(|| key_default(key))
}
