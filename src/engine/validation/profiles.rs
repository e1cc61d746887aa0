//! Security profiles in annotations, from before there were fields for them.

use super::causes::Causes;
use super::node::Node;
use crate::engine::schema::Tree;

const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR_CONTAINER: &str = "container.apparmor.security.beta.kubernetes.io/";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const MIRROR: &str = "kubernetes.io/config.mirror";
const LOCALHOST: &str = "localhost/";

/// `ValidatePodSpecificAnnotations`, without the tolerations of a long gone alpha.
pub(super) fn validate_pod_annotations(annotations: &Node<'_>, spec: &Node<'_>, out: &mut Causes) {
    if let Some(mirror) = annotations
        .value()
        .get(MIRROR)
        .filter(|_| spec.at("nodeName").text().is_empty())
    {
        out.invalid(
            &annotations.key(MIRROR),
            mirror,
            "must set spec.nodeName if mirror pod annotation is set",
        );
    }
    let cost = annotations.key(DELETION_COST);
    if cost.is_set() && !is_deletion_cost(cost.text()) {
        out.invalid(&cost, cost.text(), "must be a 32bit integer");
    }
    for (key, value) in annotations
        .entries()
        .map(|(key, value)| (key, value.as_str().unwrap_or_default()))
    {
        if key == SECCOMP_POD || key.starts_with(SECCOMP_CONTAINER) {
            validate_seccomp(&annotations.at(key), value, out);
        }
        if let Some(name) = key.strip_prefix(APP_ARMOR_CONTAINER) {
            if !containers(spec)
                .iter()
                .any(|container| container.at("name").text() == name)
            {
                out.invalid(&annotations.key(key), name, "container not found");
            }
            if !["", "runtime/default", "unconfined"].contains(&value) && !value.starts_with(LOCALHOST) {
                out.invalid(
                    &annotations.key(key),
                    value,
                    &format!("invalid AppArmor profile name: {value:?}"),
                );
            }
        }
    }
}

/// `GetDeletionCostFromPodAnnotations`.
fn is_deletion_cost(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text.parse::<i32>().is_ok() && !text.starts_with('+') && (text == "0" || !digits.starts_with('0'))
}

/// `ValidateSeccompProfile`.
fn validate_seccomp(at: &Node<'_>, profile: &str, out: &mut Causes) {
    match profile.strip_prefix(LOCALHOST) {
        Some(path) => super::volume_source::validate_local_descending_path(at, path, out),
        None if ["runtime/default", "docker/default", "unconfined"].contains(&profile) => {}
        None => out.invalid(at, profile, "must be a valid seccomp profile"),
    }
}

/// What a kind of profile is called: in fields, in annotations, in messages.
struct Kind {
    field: &'static str,
    container: &'static str,
    word: &'static str,
    runtime_default: &'static [&'static str],
}

const SECCOMP: Kind = Kind {
    field: "seccompProfile",
    container: SECCOMP_CONTAINER,
    word: "seccomp",
    runtime_default: &["runtime/default", "docker/default"],
};
const APP_ARMOR: Kind = Kind {
    field: "appArmorProfile",
    container: APP_ARMOR_CONTAINER,
    word: "apparmor",
    runtime_default: &["runtime/default"],
};

/// `validateSeccompAnnotationsAndFields` and `validateAppArmorAnnotationsAndFieldsMatchOnCreate`: both must say the
/// same.
pub(super) fn validate_profiles_match(annotations: &Node<'_>, spec: &Node<'_>, out: &mut Causes) {
    let pod = spec.at("securityContext");
    let annotation = |key: &str| annotations.value().get(key).and_then(Tree::as_str);
    if let (Some(profile), Some(told)) = (pod.set(SECCOMP.field), annotation(SECCOMP_POD)) {
        validate_match(&SECCOMP, &profile, &profile, told, out);
    }
    for container in containers(spec) {
        let own = container.at("securityContext").at(SECCOMP.field);
        if let Some(told) =
            annotation(&format!("{}{}", SECCOMP.container, container.at("name").text())).filter(|_| own.is_set())
        {
            validate_match(&SECCOMP, &own, &own, told, out);
        }
    }
    if spec.at("os").at("name").text() == "windows" {
        return;
    }
    for container in containers(spec) {
        let own = container.at("securityContext").at(APP_ARMOR.field);
        let profile = if own.is_set() { own } else { pod.at(APP_ARMOR.field) };
        let told = annotation(&format!("{}{}", APP_ARMOR.container, container.at("name").text()));
        if let Some(told) = told.filter(|_| profile.is_set()) {
            validate_match(&APP_ARMOR, &profile, &own, told, out);
        }
    }
}

fn validate_match(kind: &Kind, profile: &Node<'_>, reported: &Node<'_>, told: &str, out: &mut Causes) {
    let same_type = match profile.at("type").text() {
        "Unconfined" => told == "unconfined",
        "RuntimeDefault" => kind.runtime_default.contains(&told),
        "Localhost" => told.starts_with(LOCALHOST),
        _ => true,
    };
    if !same_type {
        out.forbidden(
            &reported.at("type"),
            &format!("{} type in annotation and field must match", kind.word),
        );
    } else if profile.at("type").text() == "Localhost"
        && told.strip_prefix(LOCALHOST) != Some(profile.at("localhostProfile").text())
    {
        out.forbidden(
            &reported.at("localhostProfile"),
            &format!("{} profile in annotation and field must match", kind.word),
        );
    }
}

/// Containers of every kind: `VisitContainersWithPath`.
pub(super) fn containers<'a>(spec: &Node<'a>) -> Vec<Node<'a>> {
    ["initContainers", "containers", "ephemeralContainers"]
        .iter()
        .flat_map(|list| spec.at(list).items().collect::<Vec<_>>())
        .collect()
}
