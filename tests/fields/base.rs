//! An object that has a single field and what that cannot be without.

use std::sync::OnceLock;

use driftmend::engine::kind::{KINDS, Kind};
use driftmend::engine::schema::Shape;
use driftmend::engine::schema::shape::{Field, Struct, Wire};
use serde_json::{Map, Value, json};

use crate::site::Key;
use crate::subject::Subject;

/// Structs of which the server takes one member only.
const UNIONS: &[(&str, &[&str])] = &[
    ("EnvFromSource", &["configMapRef", "secretRef"]),
    (
        "EnvVarSource",
        &[
            "fieldRef",
            "resourceFieldRef",
            "configMapKeyRef",
            "secretKeyRef",
            "fileKeyRef",
        ],
    ),
    ("DownwardAPIVolumeFile", &["fieldRef", "resourceFieldRef"]),
    ("FlockerVolumeSource", &["datasetName", "datasetUUID"]),
    ("LifecycleHandler", &["exec", "httpGet", "tcpSocket", "sleep"]),
    ("PodResourceClaim", &["resourceClaimName", "resourceClaimTemplateName"]),
    ("Probe", &["exec", "httpGet", "tcpSocket", "grpc"]),
    (
        "VolumeProjection",
        &[
            "secret",
            "downwardAPI",
            "configMap",
            "serviceAccountToken",
            "clusterTrustBundle",
            "podCertificate",
        ],
    ),
];

/// Fields that validation demands although Go may leave them out.
const NEEDED: &[(&str, &[&str])] = &[
    ("AppArmorProfile", &["type", "localhostProfile"]),
    ("CSIVolumeSource", &["driver"]),
    ("ConfigMapEnvSource", &["name"]),
    ("ConfigMapKeySelector", &["name"]),
    ("ConfigMapProjection", &["name"]),
    ("ConfigMapVolumeSource", &["name"]),
    ("Container", &["image"]),
    ("ContainerRestartRule", &["action", "exitCodes"]),
    ("ContainerRestartRuleOnExitCodes", &["operator", "values"]),
    ("DaemonSetSpec", &["selector"]),
    ("DeploymentSpec", &["selector"]),
    ("DownwardAPIProjection", &["items"]),
    ("EphemeralContainer", &["image"]),
    ("EphemeralVolumeSource", &["volumeClaimTemplate"]),
    ("ExecAction", &["command"]),
    ("FCVolumeSource", &["targetWWNs", "lun", "wwids"]),
    ("ISCSIVolumeSource", &["secretRef"]),
    ("ImageVolumeSource", &["reference"]),
    ("LabelSelector", &["matchLabels"]),
    ("ObjectMeta", &["name", "namespace", "labels"]),
    ("PersistentVolumeClaimSpec", &["accessModes", "resources"]),
    ("PodAffinityTerm", &["labelSelector"]),
    ("SeccompProfile", &["type", "localhostProfile"]),
    ("SecretEnvSource", &["name"]),
    ("SecretKeySelector", &["name"]),
    ("SecretProjection", &["name"]),
    ("SecretVolumeSource", &["secretName"]),
    ("StorageOSVolumeSource", &["volumeName"]),
    ("Toleration", &["key", "operator", "effect"]),
    ("TopologySpreadConstraint", &["labelSelector"]),
    ("VolumeResourceRequirements", &["requests"]),
];

/// Fields that Go always writes and a manifest need not have.
const SPARE: &[(&str, &str)] = &[
    ("Container", "resources"),
    ("DaemonSetSpec", "updateStrategy"),
    ("DeploymentSpec", "strategy"),
    ("EphemeralContainer", "resources"),
];

/// What a field refers to elsewhere in the pod: a name on the way to it, and the list of the pod that it needs.
const REFERENCES: &[(&str, &str)] = &[
    ("volumeMounts", "volumes"),
    ("volumeDevices", "volumes"),
    ("claims", "resourceClaims"),
];

/// What a field cannot be without beside it: the name, and the other field of the same struct.
const BESIDE: &[(&str, &str)] = &[
    ("restartPolicyRules", "restartPolicy"),
    ("chapAuthDiscovery", "secretRef"),
    ("chapAuthSession", "secretRef"),
];

/// What every object cannot be without, and what Go writes although a manifest need not have it.
const NEEDED_OF_ALL: &[&str] = &["apiVersion", "kind"];
const SPARE_OF_ALL: &str = "status";

/// The least object that has the way to a field, made of the full one.
pub fn alone(subject: &Subject, keys: &[Key]) -> Value {
    let Subject { kind, full } = subject;
    let mut least = pruned(full, kind.root, Some(keys));
    for (name, list) in REFERENCES {
        if keys.contains(&Key::Name((*name).to_owned()))
            && let (Some(pod), Some(of_full)) = (kind.pod_spec_mut(&mut least), kind.pod_spec(full))
        {
            pod[*list] = of_full[*list].clone();
        }
    }
    least
}

/// What is on the way, and around it what has to be there.
fn pruned(node: &Value, shape: Shape, way: Option<&[Key]>) -> Value {
    let (next, rest) = match way.and_then(<[Key]>::split_first) {
        Some((next, rest)) => (Some(next), Some(rest)),
        None => (None, None),
    };
    match (node, shape) {
        (Value::Object(fields), Shape::Nested(of)) => {
            let on_way = |name: &str| matches!(next, Some(Key::Name(next)) if next == name);
            let beside = |name: &str| BESIDE.iter().any(|(field, needed)| on_way(field) && *needed == name);
            let members = union(of);
            let member = members
                .iter()
                .find(|member| on_way(member))
                .or_else(|| members.iter().find(|member| fields.contains_key(**member)));
            let kept = of.fields.iter().filter_map(|field @ Field(name, _, shape, _)| {
                let value = fields.get(*name)?;
                if on_way(name) {
                    return Some(((*name).to_owned(), pruned(value, *shape, rest)));
                }
                let kept = if members.contains(name) {
                    member == Some(name)
                } else {
                    is_needed(of, field) || beside(name)
                };
                kept.then(|| ((*name).to_owned(), pruned(value, *shape, None)))
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        (Value::Array(items), Shape::List(_, item)) => {
            let at = if let Some(Key::At(at)) = next { *at } else { 0 };
            items
                .get(at)
                .map_or_else(|| json!([]), |value| json!([pruned(value, *item, rest)]))
        }
        _ => node.clone(),
    }
}

fn union(of: &Struct) -> &'static [&'static str] {
    if of.name == "Volume" {
        static SOURCES: OnceLock<Vec<&'static str>> = OnceLock::new();
        return SOURCES.get_or_init(|| {
            of.fields
                .iter()
                .map(|field| field.0)
                .filter(|name| *name != "name")
                .collect()
        });
    }
    UNIONS
        .iter()
        .find(|(name, _)| *name == of.name)
        .map_or(&[], |(_, members)| members)
}

fn is_needed(of: &Struct, field: &Field) -> bool {
    let is_whole = KINDS.iter().any(|kind| kind.kind == of.name);
    if is_whole && (NEEDED_OF_ALL.contains(&field.0) || field.0 == SPARE_OF_ALL) {
        return field.0 != SPARE_OF_ALL;
    }
    let named = NEEDED
        .iter()
        .any(|(owner, names)| *owner == of.name && names.contains(&field.0));
    named || field.1 == Wire::Always && !SPARE.contains(&(of.name, field.0))
}

/// Puts a value at a place, or takes it away. What is missing on the way is made; a union loses its other members.
pub fn put(kind: &Kind, object: &mut Value, keys: &[Key], value: Option<Value>) {
    let (mut node, mut shape) = (object, kind.root);
    for (at, key) in keys.iter().enumerate() {
        let last = at + 1 == keys.len();
        let inner = match (key, shape) {
            (Key::Name(name), shape) => shape.child(name),
            (Key::At(_), shape) => shape.item(),
        };
        let Some(inner) = inner else { return };
        match (key, &mut *node) {
            (Key::Name(name), Value::Object(fields)) => {
                if last && value.is_none() {
                    fields.remove(name);
                    return;
                }
                if let Shape::Nested(of) = shape {
                    let members = union(of);
                    if members.contains(&name.as_str()) && !fields.contains_key(name) {
                        fields.retain(|other, _| !members.contains(&other.as_str()));
                    }
                }
                node = fields.entry(name.clone()).or_insert_with(|| sample(inner));
            }
            (Key::At(index), Value::Array(items)) => {
                if last && value.is_none() {
                    if *index < items.len() {
                        items.remove(*index);
                    }
                    return;
                }
                // An alone list has one item, wherever that stands in the full one.
                let index = (*index).min(items.len().saturating_sub(1));
                if items.is_empty() {
                    items.push(sample(inner));
                }
                node = &mut items[index];
            }
            _ => return,
        }
        shape = inner;
    }
    if let Some(value) = value {
        *node = value;
    }
}

/// Some value of a shape.
pub fn sample(shape: Shape) -> Value {
    match shape {
        Shape::Text => json!("a"),
        Shape::Integer | Shape::IntOrString => json!(1),
        Shape::Boolean => json!(true),
        Shape::Quantity => json!("1"),
        Shape::Opaque => json!("2026-01-01T00:00:00Z"),
        Shape::Map(value) | Shape::AtomicMap(value) => json!({"example.com/thing": sample(*value)}),
        Shape::List(_, item) => json!([sample(*item)]),
        Shape::Nested(of) => {
            let needed = of.fields.iter().filter(|field| is_needed(of, field));
            Value::Object(
                needed
                    .map(|Field(name, _, shape, _)| ((*name).to_owned(), sample(*shape)))
                    .collect(),
            )
        }
    }
}
