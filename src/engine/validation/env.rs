//! Environment variables and their sources.

use super::causes::Causes;
use super::content;
use super::node::Node;
use crate::engine::schema::quantity::{self, Rounding};

/// The sources of `env[].valueFrom` in the order in which the server looks at them.
const SOURCES: &[&str] = &[
    "fieldRef",
    "resourceFieldRef",
    "configMapKeyRef",
    "secretKeyRef",
    "fileKeyRef",
];

/// `validEnvDownwardAPIFieldPathExpressions`, sorted as the server lists them.
const ENV_FIELD_PATHS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// `validContainerResourceFieldPathExpressions`, sorted.
const RESOURCE_PATHS: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// The labels that `ConvertDownwardAPIFieldLabel` knows. Source: `pkg/apis/core/pods/helpers.go`.
const FIELD_LABELS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// `ValidateEnv`.
pub(super) fn validate_env(env: &Node<'_>, out: &mut Causes) {
    for variable in env.items() {
        let name = variable.at("name");
        if name.text().is_empty() {
            out.required(&name, "");
        } else {
            out.invalid_text(&name, name.text(), content::environment_name(name.text()));
        }
        validate_value_from(&variable, out);
    }
}

/// `validateEnvVarValueFrom`.
fn validate_value_from(variable: &Node<'_>, out: &mut Causes) {
    let Some(from) = variable.set("valueFrom") else { return };
    let sources: Vec<(&str, Node<'_>)> = SOURCES
        .iter()
        .filter_map(|name| from.set(name).map(|source| (*name, source)))
        .collect();
    for (name, source) in &sources {
        match *name {
            "fieldRef" => validate_field_ref(source, ENV_FIELD_PATHS, out),
            "resourceFieldRef" => validate_resource_field_ref(source, ContainerName::Implied, out),
            "fileKeyRef" => validate_file_key_ref(source, out),
            _ => validate_key_ref(source, out),
        }
    }
    let detail = match sources.len() {
        0 => "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        _ if !variable.at("value").text().is_empty() => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    out.invalid(&from, "", detail);
}

/// `ValidateEnvFrom`. The server reports the union at the list itself, without an index.
pub(super) fn validate_env_from(env_from: &Node<'_>, out: &mut Causes) {
    for item in env_from.items() {
        let prefix = item.at("prefix");
        if !prefix.text().is_empty() {
            out.invalid_text(&prefix, prefix.text(), content::environment_name(prefix.text()));
        }
        let sources: Vec<Node<'_>> = ["configMapRef", "secretRef"]
            .iter()
            .filter_map(|name| item.set(name))
            .collect();
        for source in &sources {
            let name = source.at("name");
            if name.text().is_empty() {
                out.required(&name, "");
            } else {
                let masked = content::mask_trailing_dash(name.text());
                out.invalid_text(&name, name.text(), content::dns1123_subdomain(&masked));
            }
        }
        match sources.len() {
            0 => out.invalid(env_from, "", "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => out.invalid(env_from, "", "may not have more than one field specified at a time"),
        }
    }
}

/// `validateObjectFieldSelector`.
pub(super) fn validate_field_ref(source: &Node<'_>, expressions: &[&str], out: &mut Causes) {
    let (version, path) = (source.at("apiVersion"), source.at("fieldPath"));
    for field in [&version, &path] {
        if field.text().is_empty() {
            return out.required(field, "");
        }
    }
    let label = match convert_field_label(version.text(), path.text()) {
        Ok(label) => label,
        Err(fault) => return out.invalid(&path, path.text(), &format!("error converting fieldPath: {fault}")),
    };
    match split_subscript(label) {
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            out.invalid_text(source, &key, content::qualified_name(&key));
        }
        Some((_, key)) => out.invalid_text(source, key, content::qualified_name(key)),
        None if !expressions.contains(&label) => out.not_supported(&path, label, expressions),
        None => {}
    }
}

/// `ConvertDownwardAPIFieldLabel`.
fn convert_field_label<'a>(version: &str, label: &'a str) -> Result<&'a str, String> {
    if version != "v1" {
        return Err(format!("unsupported pod version: {version}"));
    }
    match split_subscript(label) {
        Some(("metadata.annotations" | "metadata.labels", _)) => Ok(label),
        Some(_) => Err(format!("field label does not support subscript: {label}")),
        None if label == "spec.host" => Ok("spec.nodeName"),
        None if FIELD_LABELS.contains(&label) => Ok(label),
        None => Err(format!("field label not supported: {label}")),
    }
}

/// `SplitMaybeSubscriptedPath`: `metadata.labels['app']` is `metadata.labels` and `app`.
fn split_subscript(label: &str) -> Option<(&str, &str)> {
    label
        .strip_suffix("']")?
        .split_once("['")
        .filter(|(path, _)| !path.is_empty())
}

/// Whether a resource reference must name the container.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ContainerName {
    /// An environment variable speaks of its own container.
    Implied,
    /// A volume must say which.
    Required,
}

/// `validateContainerResourceFieldSelector`.
pub(super) fn validate_resource_field_ref(source: &Node<'_>, container: ContainerName, out: &mut Causes) {
    let resource = source.at("resource");
    if container == ContainerName::Required && source.at("containerName").text().is_empty() {
        out.required(&source.at("containerName"), "");
    } else if resource.text().is_empty() {
        out.required(&resource, "");
    } else if !RESOURCE_PATHS.contains(&resource.text()) && !is_hugepages_path(resource.text()) {
        out.not_supported(&resource, resource.text(), RESOURCE_PATHS);
    }
    validate_divisor(resource.text(), &source.at("divisor"), out);
}

fn is_hugepages_path(resource: &str) -> bool {
    resource.starts_with("requests.hugepages-") || resource.starts_with("limits.hugepages-")
}

/// `validateContainerResourceDivisor`.
fn validate_divisor(resource: &str, divisor: &Node<'_>, out: &mut Causes) {
    const CPU: &str = "1m and 1";
    const MEMORY: &str = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    // No list of resources, whose quantities are rounded to thousandths.
    let text = quantity::text_in(divisor.value()).and_then(|text| quantity::canonical(&text, Rounding::Nano));
    let Some(text) = text.filter(|text| text != "0") else {
        return;
    };
    let (allowed, what) = match resource.split_once('.').map(|(_, name)| name) {
        Some("cpu") => (CPU, "cpu"),
        Some("memory") => (MEMORY, "memory"),
        Some("ephemeral-storage") => (MEMORY, "local ephemeral storage"),
        _ if is_hugepages_path(resource) => (MEMORY, "hugepages"),
        _ => return,
    };
    if !allowed.split([',', ' ']).any(|value| value == text) {
        out.invalid(
            divisor,
            resource,
            &format!("only divisor's values {allowed} are supported with the {what} resource"),
        );
    }
}

/// `validateConfigMapKeySelector` and `validateSecretKeySelector`.
fn validate_key_ref(source: &Node<'_>, out: &mut Causes) {
    let (name, key) = (source.at("name"), source.at("key"));
    out.invalid_text(&name, name.text(), content::dns1123_subdomain(name.text()));
    if key.text().is_empty() {
        out.required(&key, "");
    } else {
        out.invalid_text(&key, key.text(), content::config_map_key(key.text()));
    }
}

/// `validateFileKeySelector`.
fn validate_file_key_ref(source: &Node<'_>, out: &mut Causes) {
    let (key, volume, path) = (source.at("key"), source.at("volumeName"), source.at("path"));
    if key.text().is_empty() {
        out.required(&key, "");
    } else {
        out.invalid_text(&key, key.text(), content::environment_name(key.text()));
    }
    if volume.text().is_empty() {
        out.required(&volume, "");
    } else {
        out.invalid_text(&volume, volume.text(), content::dns1123_label(volume.text()));
    }
    if path.text().is_empty() {
        out.required(&path, "");
    } else {
        super::volume_source::validate_no_backsteps(&path, path.text(), out);
    }
}
