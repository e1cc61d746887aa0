//! What the server fills in, as data.

use super::document::{Document, Members, Node};
use super::image::default_pull_policy;
use super::normal::normalise;
use super::rules::{Rules, Special};
use super::shape::{Field, Shape, Struct};

/// A value that a default fills in.
#[derive(Clone, Copy)]
pub(super) enum Fill {
    Text(&'static str),
    Number(i64),
    Flag(bool),
    EmptyStruct,
}

use Fill::{EmptyStruct, Flag, Number, Text};

/// The defaults of the governed kinds without a condition besides "not set" (in normal form: absent): Go type, field,
/// value.
///
/// Source: `pkg/apis/apps/v1/zz_generated.defaults.go` SetObjectDefaults_Deployment and SetObjectDefaults_DaemonSet and
/// what they call: SetDefaults_Deployment and SetDefaults_DaemonSet in `pkg/apis/apps/v1/defaults.go`, the others in
/// `pkg/apis/core/v1/defaults.go`, those without a function as `+default` tags in
/// `staging/src/k8s.io/api/core/v1/types.go`. SetDefaults_Pod is not among them: a template gets no requests from
/// limits, no host ports, and no `enableServiceLinks`.
const DEFAULTS: &[(&str, &str, Fill)] = &[
    // SetDefaults_Deployment
    ("DeploymentSpec", "replicas", Number(1)),
    ("DeploymentSpec", "revisionHistoryLimit", Number(10)),
    ("DeploymentSpec", "progressDeadlineSeconds", Number(600)),
    ("DeploymentStrategy", "type", Text("RollingUpdate")),
    // SetDefaults_DaemonSet
    ("DaemonSetSpec", "revisionHistoryLimit", Number(10)),
    ("DaemonSetUpdateStrategy", "type", Text("RollingUpdate")),
    // SetDefaults_PodSpec
    ("PodSpec", "dnsPolicy", Text("ClusterFirst")),
    ("PodSpec", "restartPolicy", Text("Always")),
    ("PodSpec", "securityContext", EmptyStruct),
    ("PodSpec", "terminationGracePeriodSeconds", Number(30)),
    ("PodSpec", "schedulerName", Text("default-scheduler")),
    // SetDefaults_Container
    ("Container", "terminationMessagePath", Text("/dev/termination-log")),
    ("Container", "terminationMessagePolicy", Text("File")),
    (
        "EphemeralContainer",
        "terminationMessagePath",
        Text("/dev/termination-log"),
    ),
    ("EphemeralContainer", "terminationMessagePolicy", Text("File")),
    ("ContainerPort", "protocol", Text("TCP")),
    ("ObjectFieldSelector", "apiVersion", Text("v1")),
    ("FileKeySelector", "optional", Flag(false)),
    // SetDefaults_Probe
    ("Probe", "timeoutSeconds", Number(1)),
    ("Probe", "periodSeconds", Number(10)),
    ("Probe", "successThreshold", Number(1)),
    ("Probe", "failureThreshold", Number(3)),
    // SetDefaults_HTTPGetAction
    ("HTTPGetAction", "path", Text("/")),
    ("HTTPGetAction", "scheme", Text("HTTP")),
    ("GRPCAction", "service", Text("")),
    // SetDefaults_*VolumeSource; 420 is 0644
    ("HostPathVolumeSource", "type", Text("")),
    ("SecretVolumeSource", "defaultMode", Number(420)),
    ("ConfigMapVolumeSource", "defaultMode", Number(420)),
    ("DownwardAPIVolumeSource", "defaultMode", Number(420)),
    ("ProjectedVolumeSource", "defaultMode", Number(420)),
    ("ServiceAccountTokenProjection", "expirationSeconds", Number(3600)),
    ("PersistentVolumeClaimSpec", "volumeMode", Text("Filesystem")),
    ("ISCSIVolumeSource", "iscsiInterface", Text("default")),
    ("RBDVolumeSource", "pool", Text("rbd")),
    ("RBDVolumeSource", "user", Text("admin")),
    ("RBDVolumeSource", "keyring", Text("/etc/ceph/keyring")),
    ("AzureDiskVolumeSource", "cachingMode", Text("ReadWrite")),
    ("AzureDiskVolumeSource", "fsType", Text("ext4")),
    ("AzureDiskVolumeSource", "readOnly", Flag(false)),
    ("AzureDiskVolumeSource", "kind", Text("Shared")),
    ("ScaleIOVolumeSource", "storageMode", Text("ThinProvisioned")),
    ("ScaleIOVolumeSource", "fsType", Text("xfs")),
];

/// The pull policies that depend on an image: Go type, field, and the field that holds the image.
///
/// Source: `pkg/apis/core/v1/defaults.go` SetDefaults_Container, SetDefaults_Volume.
const PULL_POLICIES: [(&str, &str, &str); 3] = [
    ("Container", "imagePullPolicy", "image"),
    ("EphemeralContainer", "imagePullPolicy", "image"),
    ("ImageVolumeSource", "pullPolicy", "reference"),
];

/// Brings a value of this shape into normal form and fills in what the server fills in. Doing it twice changes nothing
/// more.
pub fn apply_defaults<D: Document>(shape: Shape, value: &mut D) {
    normalise(value, shape);
    fill(value, shape);
}

/// The rows of [`DEFAULTS`] for a Go type.
pub(super) fn of_type(name: &str) -> Vec<(&'static str, Fill)> {
    DEFAULTS
        .iter()
        .filter(|(owner, ..)| *owner == name)
        .map(|(_, field, value)| (*field, *value))
        .collect()
}

/// The field of a Go type that holds a pull policy, and the one that holds its image.
pub(super) fn pull_policy_of(name: &str) -> Option<(&'static str, &'static str)> {
    PULL_POLICIES
        .iter()
        .find(|(owner, ..)| *owner == name)
        .map(|(_, field, image)| (*field, *image))
}

/// Whether the default of the field `name` of the Go type `of` depends on another field, so that it can outlive it: the
/// pull policy stays when the image changes.
pub fn outlives_its_cause(of: &Struct, name: &str) -> bool {
    PULL_POLICIES
        .iter()
        .any(|(owner, field, _)| *owner == of.name && *field == name)
}

/// Whether [`outlives_its_cause`] holds for a field of this name in some Go type.
pub fn may_outlive_its_cause(name: &str) -> bool {
    PULL_POLICIES.iter().any(|(_, field, _)| *field == name)
}

fn fill<D: Document>(value: &mut D, shape: Shape) {
    match (shape, value.node()) {
        (Shape::Nested(of), Node::Map(members)) => {
            fill_struct::<D>(members, of);
            // By the values that are there, of which there are fewer than fields.
            members.each(|name, value: &mut D| {
                if matches!(value.node(), Node::Map(_) | Node::List(_))
                    && let Some(Field(_, _, shape, _)) = of.field(name)
                {
                    fill(value, *shape);
                }
            });
        }
        (Shape::Map(inner) | Shape::AtomicMap(inner), Node::Map(members)) => {
            members.each(|_, entry| fill(entry, *inner))
        }
        (Shape::List(_, inner), Node::List(items)) => items.iter_mut().for_each(|item| fill(item, *inner)),
        _ => {}
    }
}

fn fill_struct<D: Document>(object: &mut D::Members, of: &Struct) {
    let rules = Rules::of(of);
    for (field, value) in &rules.defaults {
        object.put_if_absent(field, || match value {
            Text(text) => D::of_static(text),
            Number(number) => D::of_integer(*number),
            Flag(flag) => D::of_flag(*flag),
            EmptyStruct => D::of_members(D::Members::default()),
        });
    }
    if let Some((field, image)) = rules.pull_policy {
        let image = object.find(image).map(D::node);
        let policy = default_pull_policy(if let Some(Node::Text(image)) = image { image } else { "" });
        object.put_if_absent(field, || D::of_static(policy));
    }
    match rules.special {
        Special::DeploymentStrategy => fill_rolling_update(object, || D::of_static("25%"), || D::of_static("25%")),
        Special::DaemonSetStrategy => {
            fill_rolling_update(object, || D::of_integer(1), || D::of_integer(0));
            write_both_bounds(object);
        }
        Special::Volume => fill_empty_dir(object, of),
        _ => {}
    }
}

/// SetDefaults_Volume: a volume without a source is an emptyDir. What the table does not know is no source to the
/// server either.
fn fill_empty_dir<D: Document>(volume: &mut impl Members<D>, of: &Struct) {
    let mut has_source = false;
    volume.each(|name, _| has_source |= name != "name" && of.field(name).is_some());
    if !has_source {
        volume.put("emptyDir", D::of_members(D::Members::default()));
    }
}

/// The bounds of a rolling update: each on its own, and only for RollingUpdate.
///
/// Source: `pkg/apis/apps/v1/defaults.go` SetDefaults_Deployment, SetDefaults_DaemonSet.
fn fill_rolling_update<D: Document>(strategy: &mut impl Members<D>, unavailable: fn() -> D, surge: fn() -> D) {
    if !matches!(strategy.find("type").map(D::node), Some(Node::Text("RollingUpdate"))) {
        return;
    }
    strategy.put_if_absent("rollingUpdate", || D::of_members(D::Members::default()));
    if let Some(Node::Map(rolling)) = strategy.find("rollingUpdate").map(D::node) {
        rolling.put_if_absent("maxUnavailable", unavailable);
        rolling.put_if_absent("maxSurge", surge);
    }
}

/// Inside the server neither bound of a DaemonSet is a pointer: one that nobody set is written as 0.
///
/// Source: `Convert_apps_RollingUpdateDaemonSet_To_v1_RollingUpdateDaemonSet` in `zz_generated.conversion.go` of
/// `pkg/apis/apps/v1`.
fn write_both_bounds<D: Document>(strategy: &mut impl Members<D>) {
    if let Some(Node::Map(rolling)) = strategy.find("rollingUpdate").map(D::node) {
        for field in ["maxUnavailable", "maxSurge"] {
            rolling.put_if_absent(field, || D::of_integer(0));
        }
    }
}
