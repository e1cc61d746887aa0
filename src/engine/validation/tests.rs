//! Each union and each common rule with the server's words, on an object that is otherwise right.

mod containers;
mod pods;
mod resources;
mod specs;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::kind::DEPLOYMENT;

/// A pod that the server takes, with `change` made to it.
fn pod_with(change: impl FnOnce(&mut Value)) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "volumes": [{"name": "v", "emptyDir": {}}],
                    "containers": [{"name": "app", "image": "web:1"}],
                    "initContainers": [{"name": "init", "image": "init:1"}]
                }
            }
        }
    });
    change(&mut object);
    object
}

/// What the server says to this object. What is said of a sync that would make it is held to its rules, too: each rule
/// comes by here.
fn told(object: Value) -> Vec<String> {
    crate::engine::rules::tests::reason::hold(&pod_with(|_| {}), &object);
    refusals_of_new(DEPLOYMENT.root, &DEPLOYMENT.validation, &object)
        .into_iter()
        .map(|cause| format!("{}: {}", cause.field, cause.message))
        .collect()
}

/// What the server says to a container with these fields. `C` and `P` stand for the container and the pod.
fn container(fields: Value) -> Vec<String> {
    told(pod_with(|object| {
        object
            .pointer_mut("/spec/template/spec/containers/0")
            .unwrap()
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
    }))
}

fn pod(fields: Value) -> Vec<String> {
    told(pod_with(|object| {
        object
            .pointer_mut("/spec/template/spec")
            .unwrap()
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
    }))
}

fn spec(fields: Value) -> Vec<String> {
    told(pod_with(|object| {
        object["spec"]
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone())
    }))
}

fn expand(told: &[&str]) -> Vec<String> {
    let place = |text: &&str| {
        text.replacen("C.", "spec.template.spec.containers[0].", 1)
            .replacen("P.", "spec.template.spec.", 1)
    };
    told.iter().map(place).collect()
}

#[test]
fn a_plain_deployment_is_taken() {
    assert_eq!(told(pod_with(|_| {})), Vec::<String>::new());
}
