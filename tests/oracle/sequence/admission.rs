//! What the policy of the rewriting namespace makes of every write.

use driftmend::engine::kind::Kind;
use serde_json::{Value, json};

use super::leaf::path;
use crate::case::put;
use crate::place::Place;

const MIRROR: &str = "mirror/";

/// The policy of this name and its binding: images come from a mirror, and every container has one more variable.
pub fn rewriting_policy(kind: &Kind, name: &str, namespace: &str) -> [Value; 2] {
    let pod = format!("{}.spec", kind.template_path());
    let container = format!(
        "Object.{pod}.containers{{name: c.name, image: c.image.startsWith(\"{MIRROR}\") ? c.image : \
         \"{MIRROR}\" + c.image, env: [Object.{pod}.containers.env{{name: \"ADDED\", value: \"1\"}}]}}"
    );
    // From the pod outwards: `Object{spec: Object.spec{template: …}}`.
    let way: Vec<&str> = pod.split('.').collect();
    let innermost = format!("containers: object.{pod}.containers.map(c, {container})");
    let expression = (0..=way.len()).rev().fold(innermost, |inner, depth| {
        let of = ["Object"]
            .iter()
            .chain(&way[..depth])
            .copied()
            .collect::<Vec<_>>()
            .join(".");
        let field = depth
            .checked_sub(1)
            .map_or_else(String::new, |at| format!("{}: ", way[at]));
        format!("{field}{of}{{{inner}}}")
    });
    let rule = json!({"apiGroups": [kind.group], "apiVersions": [kind.version], "operations": ["CREATE", "UPDATE"],
                      "resources": [kind.plural]});
    [
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [rule]}, "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
            },
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name,
                "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
            },
        }),
    ]
}

/// What it makes of an image.
pub fn mirrored(image: &Value) -> Value {
    image
        .as_str()
        .filter(|image| !image.starts_with(MIRROR))
        .map_or_else(|| image.clone(), |image| json!(format!("{MIRROR}{image}")))
}

/// The same, done to an object.
pub fn rewrite(kind: &Kind, object: &mut Value) {
    let image = path(&Place::Web("image").path(kind));
    if let Some(made) = image.get(object).map(mirrored) {
        put(object, &image, Some(made));
    }
    put(
        object,
        &path(&Place::Web("env[name=\"ADDED\"]").path(kind)),
        Some(json!({"name": "ADDED", "value": "1"})),
    );
}

/// What the server counts by itself it counts behind admission: so an object that was rewritten has the counts of the
/// one that was made.
pub fn take_counts(kind: &Kind, object: &mut Value, made: &Value) {
    for name in kind.counted {
        let count = path(&format!(".metadata.annotations[\"{name}\"]"));
        put(object, &count, count.get(made).cloned());
    }
}
