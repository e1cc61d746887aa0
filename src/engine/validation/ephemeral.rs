//! Ephemeral containers, which a template may not have at all; the server tells what is wrong with each of them all the
//! same.

use std::collections::BTreeSet;

use super::causes::Causes;
use super::container::{Pod, validate_common};
use super::node::Node;

const RULE: &str = "cannot be set for an Ephemeral Container";

/// What `allowedEphemeralContainerFields` leaves out, in the order of the type.
const NOT_ALLOWED: &[&str] = &[
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
];

/// `validateEphemeralContainers`.
pub(super) fn validate_ephemeral_containers(spec: &Node<'_>, pod: &Pod<'_>, out: &mut Causes) {
    let (init, regular) = (spec.at("initContainers"), spec.at("containers"));
    let others: BTreeSet<&str> = regular
        .items()
        .chain(init.items())
        .map(|container| container.at("name").text())
        .collect();
    let mut names = others.clone();
    for container in spec.at("ephemeralContainers").items() {
        validate_common(&container, pod, out);
        let (name, image, target) = (
            container.at("name"),
            container.at("image"),
            container.at("targetContainerName"),
        );
        if image.text().trim() != image.text() {
            out.invalid(&image, image.text(), "must not have leading or trailing whitespace");
        }
        if !names.insert(name.text()) {
            out.duplicate(&name, name.text());
        }
        if !target.text().is_empty() && !others.contains(target.text()) {
            out.not_found(&target, target.text(), "");
        }
        for field in NOT_ALLOWED.iter().map(|name| container.at(name)).filter(is_said) {
            out.forbidden(&field, RULE);
        }
        for mount in container.at("volumeMounts").items() {
            for path in ["subPath", "subPathExpr"]
                .iter()
                .map(|name| mount.at(name))
                .filter(|path| !path.text().is_empty())
            {
                out.forbidden(&path, RULE);
            }
        }
    }
}

/// Whether it is another value than Go's zero: a probe or a list is one however empty, the resources only with
/// something in them.
fn is_said(field: &Node<'_>) -> bool {
    field.is_set() && !(field.len() == 0 && field.is_named("resources"))
}
