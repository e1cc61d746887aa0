//! What the policy of the rewriting namespace makes of every write.

use serde_json::{Value, json};

use crate::case::put;

use super::leaf::path;

const MIRROR: &str = "mirror/";

/// The policy and its binding: images come from a mirror, and every container has one more variable.
pub fn rewriting_policy(namespace: &str) -> [Value; 2] {
    let container = format!(
        "Object.spec.template.spec.containers{{name: c.name, image: c.image.startsWith(\"{MIRROR}\") ? c.image : \
         \"{MIRROR}\" + c.image, env: [Object.spec.template.spec.containers.env{{name: \"ADDED\", value: \"1\"}}]}}"
    );
    let expression = format!(
        "Object{{spec: Object.spec{{template: Object.spec.template{{spec: Object.spec.template.spec{{\
         containers: object.spec.template.spec.containers.map(c, {container})}}}}}}}}"
    );
    let rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                      "resources": ["deployments"]});
    [
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": namespace},
            "spec": {
                "matchConstraints": {"resourceRules": [rule]}, "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
            },
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": namespace},
            "spec": {
                "policyName": namespace,
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
pub fn rewrite(object: &mut Value) {
    let web = ".spec.template.spec.containers[name=\"web\"]";
    let image = path(&format!("{web}.image"));
    if let Some(made) = image.get(object).map(mirrored) {
        put(object, &image, Some(made));
    }
    put(
        object,
        &path(&format!("{web}.env[name=\"ADDED\"]")),
        Some(json!({"name": "ADDED", "value": "1"})),
    );
}
