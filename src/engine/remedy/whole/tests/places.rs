//! Every place of the catalogue, and the documents that choose one way or another there.

use serde_json::{Value, json};

use crate::engine::kind::DEPLOYMENT;
use crate::engine::plan::tests::{container, git};
use crate::engine::predict::refusals_as_it_is;
use crate::engine::schema::UNIONS;
use crate::engine::syncer::FieldValidation;

/// A place of a union: the Go type, the pointer of what has it, and what stands beside the union there.
pub(in crate::engine) fn places() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "Probe",
            "/spec/template/spec/containers/0/livenessProbe",
            json!({"periodSeconds": 5}),
        ),
        ("Probe", "/spec/template/spec/containers/0/readinessProbe", json!({})),
        (
            "Probe",
            "/spec/template/spec/containers/0/startupProbe",
            json!({"failureThreshold": 30}),
        ),
        (
            "LifecycleHandler",
            "/spec/template/spec/containers/0/lifecycle/preStop",
            json!({}),
        ),
        (
            "LifecycleHandler",
            "/spec/template/spec/containers/0/lifecycle/postStart",
            json!({}),
        ),
        ("EnvVar", "/spec/template/spec/containers/0/env/1", json!({"name": "B"})),
        (
            "EnvVarSource",
            "/spec/template/spec/containers/0/env/1/valueFrom",
            json!({}),
        ),
        ("Volume", "/spec/template/spec/volumes/0", json!({"name": "data"})),
        ("FCVolumeSource", "/spec/template/spec/volumes/0/fc", json!({})),
        (
            "VolumeMount",
            "/spec/template/spec/containers/0/volumeMounts/0",
            json!({"name": "data", "mountPath": "/data"}),
        ),
        (
            "PodResourceClaim",
            "/spec/template/spec/resourceClaims/0",
            json!({"name": "gpu"}),
        ),
        ("DeploymentStrategy", "/spec/strategy", json!({})),
        (
            "SeccompProfile",
            "/spec/template/spec/securityContext/seccompProfile",
            json!({}),
        ),
        (
            "SeccompProfile",
            "/spec/template/spec/containers/0/securityContext/seccompProfile",
            json!({}),
        ),
        (
            "AppArmorProfile",
            "/spec/template/spec/securityContext/appArmorProfile",
            json!({}),
        ),
    ]
}

/// Puts a value where a pointer leads, making what is not there on the way.
pub(super) fn put(document: &mut Value, pointer: &str, value: Value) {
    let (above, name) = pointer.rsplit_once('/').unwrap();
    if document.pointer(above).is_none() {
        put(
            document,
            above,
            if name.parse::<usize>().is_ok() {
                json!([])
            } else {
                json!({})
            },
        );
    }
    let parent = document.pointer_mut(above).unwrap();
    match (name.parse::<usize>(), parent.as_array_mut()) {
        (Ok(at), Some(items)) if at < items.len() => items[at] = value,
        (_, Some(items)) => items.push(value),
        _ => parent[name] = value,
    }
}

/// A document with this union in this place.
pub(in crate::engine) fn document((of, pointer, beside): &(&str, &str, Value), choice: &Value) -> Value {
    let mut document = git();
    container(&mut document)
        .as_object_mut()
        .unwrap()
        .remove("livenessProbe");
    match *of {
        "EnvVarSource" => put(
            &mut document,
            "/spec/template/spec/containers/0/env/1",
            json!({"name": "B"}),
        ),
        "FCVolumeSource" => put(&mut document, "/spec/template/spec/volumes/0", json!({"name": "data"})),
        "VolumeMount" => put(
            &mut document,
            "/spec/template/spec/volumes/0",
            json!({"name": "data", "emptyDir": {}}),
        ),
        _ => {}
    }
    let mut union = beside.clone();
    union
        .as_object_mut()
        .unwrap()
        .extend(choice.as_object().unwrap().clone());
    put(&mut document, pointer, union);
    document
}

/// What a union may say there: one choice of each kind, nothing where that is valid, and the other members of a volume
/// that need nothing.
pub(super) fn choices(place: &(&str, &str, Value)) -> Vec<Value> {
    let union = UNIONS.iter().find(|union| union.of == place.0).unwrap();
    let valid =
        |choice: &Value| refusals_as_it_is(&DEPLOYMENT, &document(place, choice), FieldValidation::Ignore).is_empty();
    union.choices().chain([json!({})]).filter(valid).collect()
}
