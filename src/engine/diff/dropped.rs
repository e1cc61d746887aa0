//! Fields of Git that the server does not keep.

use serde_json::Value;

use crate::engine::schema::Shape;

/// Fields behind feature gates that are off by default: Go type and field. The server drops them without a word.
///
/// Source: `pkg/api/pod/util.go` dropDisabledFields with `pkg/features/kube_features.go`, 1.36: ContainerStopSignals,
/// ClusterTrustBundleProjection, PodCertificateRequest, GenericWorkload.
pub(in crate::engine) const GATED: [(&str, &str); 4] = [
    ("Lifecycle", "stopSignal"),
    ("VolumeProjection", "clusterTrustBundle"),
    ("VolumeProjection", "podCertificate"),
    ("PodSpec", "schedulingGroup"),
];

/// Removes from `expected` what the server may have dropped: fields behind a gate and fields the schema does not know, where live lacks them.
///
/// A field that live has is compared as any other: then the server keeps it.
pub(super) fn drop_what_live_lacks(expected: &mut Value, live: &Value, shape: Shape) {
    match (expected, shape) {
        (Value::Object(expected), Shape::Nested(of)) => {
            expected.retain(|name, value| {
                let kept = live.get(name);
                let doubtful = of.field(name).is_none() || GATED.contains(&(of.name, name));
                let before = value.clone();
                if let Some(shape) = of.field(name).map(|field| field.2) {
                    drop_what_live_lacks(value, kept.unwrap_or(&Value::Null), shape);
                }
                // What held nothing but dropped fields goes with them.
                let emptied = *value != before && value.as_object().is_some_and(serde_json::Map::is_empty);
                kept.is_some() || !(doubtful || emptied)
            });
        }
        (Value::Array(expected), Shape::List(kind, item)) => {
            let live = live.as_array().map(Vec::as_slice).unwrap_or_default();
            for (at, value) in expected.iter_mut().enumerate() {
                let partner = match kind {
                    crate::engine::schema::ListKind::Map(keys) => {
                        live.iter().find(|other| keys.iter().all(|key| other.get(key) == value.get(key)))
                    }
                    _ => live.get(at),
                };
                if let Some(partner) = partner {
                    drop_what_live_lacks(value, partner, *item);
                }
            }
        }
        _ => {}
    }
}
