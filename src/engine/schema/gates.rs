//! Fields that a server may drop without a word.

use super::supported::{REFERENCE, fields_without};

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

/// Whether a server may drop a field of a Go type: its gate is closed by default, or servers of [`REFERENCE`] do not
/// know it.
///
/// Source: besides [`GATED`] `pkg/features/kube_features.go`, 1.37: every field that came with 1.37 is alpha.
pub(super) fn may_be_dropped(owner: &str, field: &str) -> bool {
    GATED.contains(&(owner, field)) || fields_without(REFERENCE).any(|row| row == (owner, field))
}
