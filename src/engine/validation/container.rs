//! Containers: what every kind must have, and what is particular to init containers.

use std::collections::{BTreeMap, BTreeSet};

use super::causes::Causes;
use super::content;
use super::env::{validate_env, validate_env_from};
use super::handler::{validate_lifecycle, validate_probes};
use super::mounts;
use super::node::Node;
use super::resources::validate_container_resources;
use super::security::validate_security_context;

const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];

/// What a container's rules need to know of the pod.
pub(super) struct Pod<'a> {
    /// The volumes without a fault of their own, by name.
    pub(super) volumes: BTreeMap<&'a str, Node<'a>>,
    pub(super) claims: BTreeSet<&'a str>,
    pub(super) grace: Option<i64>,
    pub(super) os: &'a str,
    pub(super) restart_policy: &'a str,
    /// Whether the pod shares the host's user namespace.
    pub(super) host_users: bool,
}

/// `validateContainers`.
pub(super) fn validate_containers(containers: &Node<'_>, pod: &Pod<'_>, out: &mut Causes) {
    if containers.len() == 0 {
        return out.required(containers, "");
    }
    let mut names = BTreeSet::new();
    for container in containers.items() {
        validate_common(&container, pod, out);
        let name = container.at("name");
        if !names.insert(name.text()) {
            out.duplicate(&name, name.text());
        }
        validate_hooks_and_probes(&container, pod, out);
        validate_restart_policy(&container, out);
    }
    check_host_port_conflicts(containers.items(), out);
}

/// `validateInitContainers`. Probes and hooks are for those that restart always: sidecars.
pub(super) fn validate_init_containers(init: &Node<'_>, regular: &Node<'_>, pod: &Pod<'_>, out: &mut Causes) {
    const ONLY_SIDECARS: &str = "may not be set for init containers without restartPolicy=Always";
    let mut names: BTreeSet<&str> = regular.items().map(|container| container.at("name").text()).collect();
    for container in init.items() {
        validate_common(&container, pod, out);
        if container.at("restartPolicy").is_set() {
            validate_restart_policy(&container, out);
        } else {
            // `validateInitContainerRestartPolicy` looks at no rule then.
            require_restart_policy(&container, out);
        }
        let name = container.at("name");
        if names.contains(name.text()) {
            out.duplicate(&name, name.text());
        } else if !name.text().is_empty() {
            names.insert(name.text());
        }
        // The server looks at this one container alone, and so reports it as the first of its list, whatever its index.
        check_own_host_ports(&container, &init.index(0), out);
        let is_sidecar = container.at("restartPolicy").text() == "Always";
        if is_sidecar {
            validate_hooks_and_probes(&container, pod, out);
        } else {
            for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                if let Some(field) = container.set(name) {
                    out.forbidden(&field, ONLY_SIDECARS);
                }
            }
            for policy in container
                .at("resizePolicy")
                .items()
                .map(|item| item.at("restartPolicy"))
            {
                if policy.text() == "RestartContainer" {
                    out.invalid(
                        &policy,
                        policy.text(),
                        "must not be set to 'RestartContainer' for non-sidecar initContainers",
                    );
                }
            }
        }
    }
}

fn validate_hooks_and_probes(container: &Node<'_>, pod: &Pod<'_>, out: &mut Causes) {
    if let Some(lifecycle) = container.set("lifecycle") {
        validate_lifecycle(&lifecycle, pod.grace, pod.os, out);
    }
    validate_probes(container, pod.grace, out);
}

/// `validateContainerCommon`.
pub(super) fn validate_common(container: &Node<'_>, pod: &Pod<'_>, out: &mut Causes) {
    let (name, image) = (container.at("name"), container.at("image"));
    if name.text().is_empty() {
        out.required(&name, "");
    } else {
        out.invalid_text(&name, name.text(), content::dns1123_label(name.text()));
    }
    if image.text().is_empty() {
        out.required(&image, "");
    }
    out.word(
        &container.at("terminationMessagePolicy"),
        &["File", "FallbackToLogsOnError"],
    );
    validate_ports(&container.at("ports"), out);
    validate_env(&container.at("env"), out);
    validate_env_from(&container.at("envFrom"), out);
    mounts::validate_volume_mounts(container, &pod.volumes, out);
    mounts::validate_volume_devices(container, &pod.volumes, out);
    out.word(&container.at("imagePullPolicy"), PULL_POLICIES);
    validate_container_resources(&container.at("resources"), &pod.claims, out);
    validate_resize_policy(&container.at("resizePolicy"), pod.restart_policy, out);
    validate_security_context(&container.at("securityContext"), pod.host_users, out);
}

/// `validatePullPolicy`, for an image volume too.
pub(super) fn validate_pull_policy(policy: &Node<'_>, out: &mut Causes) {
    out.word(policy, PULL_POLICIES);
}

/// `validateContainerPorts`.
fn validate_ports(ports: &Node<'_>, out: &mut Causes) {
    let mut names = BTreeSet::new();
    for port in ports.items() {
        let (name, number, host) = (port.at("name"), port.at("containerPort"), port.at("hostPort"));
        if !name.text().is_empty() {
            let faults = content::port_name(name.text());
            if !faults.is_empty() {
                out.invalid_text(&name, name.text(), faults);
            } else if !names.insert(name.text()) {
                out.duplicate(&name, name.text());
            }
        }
        match number.integer().unwrap_or(0) {
            0 => out.required(&number, ""),
            value => out.invalid_number(&number, value, content::port_number(value)),
        }
        match host.integer().unwrap_or(0) {
            0 => {}
            value => out.invalid_number(&host, value, content::port_number(value)),
        }
        out.word(&port.at("protocol"), &["SCTP", "TCP", "UDP"]);
    }
}

/// `checkHostPortConflicts` over all containers of a list.
fn check_host_port_conflicts<'a>(containers: impl Iterator<Item = Node<'a>>, out: &mut Causes) {
    let mut taken = BTreeSet::new();
    for container in containers {
        for port in container.at("ports").items() {
            report_taken_host_port(&port, &port, &mut taken, out);
        }
    }
}

/// `checkHostPortConflicts` of one init container, reported as if it stood at index 0.
fn check_own_host_ports(container: &Node<'_>, reported: &Node<'_>, out: &mut Causes) {
    let mut taken = BTreeSet::new();
    for (index, port) in container.at("ports").items().enumerate() {
        report_taken_host_port(&port, &reported.at("ports").index(index), &mut taken, out);
    }
}

fn report_taken_host_port(port: &Node<'_>, reported: &Node<'_>, taken: &mut BTreeSet<String>, out: &mut Causes) {
    let number = port.at("hostPort").integer().unwrap_or(0);
    let key = format!("{}/{}/{number}", port.at("protocol").text(), port.at("hostIP").text());
    if number != 0 && !taken.insert(key.clone()) {
        out.duplicate(&reported.at("hostPort"), key.as_str());
    }
}

/// `validateResizePolicy`.
fn validate_resize_policy(policies: &Node<'_>, pod_restart_policy: &str, out: &mut Causes) {
    let mut resources = BTreeSet::new();
    for item in policies.items() {
        let (resource, policy) = (item.at("resourceName").text(), item.at("restartPolicy").text());
        if !resources.insert(resource) {
            out.duplicate(&item, resource);
        }
        for (word, supported) in [
            (resource, ["cpu", "memory"]),
            (policy, ["NotRequired", "RestartContainer"]),
        ] {
            if word.is_empty() {
                out.required(policies, "");
            } else if !supported.contains(&word) {
                out.not_supported(policies, word, &supported);
            }
        }
        if pod_restart_policy == "Never" && policy != "NotRequired" {
            out.invalid(
                policies,
                policy,
                "must be 'NotRequired' when pod `restartPolicy` is 'Never'",
            );
        }
    }
}

fn require_restart_policy(container: &Node<'_>, out: &mut Causes) {
    let policy = container.at("restartPolicy");
    if !policy.is_set() && container.at("restartPolicyRules").len() > 0 {
        out.required(&policy, "must specify restartPolicy when restart rules are used");
    }
}

/// `validateContainerRestartPolicy`.
fn validate_restart_policy(container: &Node<'_>, out: &mut Causes) {
    let rules = container.at("restartPolicyRules");
    out.word_if_set(&container.at("restartPolicy"), &["Always", "Never", "OnFailure"]);
    require_restart_policy(container, out);
    if rules.len() > 20 {
        out.too_many(&rules, rules.len(), 20);
    }
    for rule in rules.items() {
        out.word_or_empty(&rule.at("action"), &["Restart", "RestartAllContainers"]);
        let Some(codes) = rule.set("exitCodes") else {
            out.required(&rule.at("exitCodes"), "must be specified");
            continue;
        };
        out.word_or_empty(&codes.at("operator"), &["In", "NotIn"]);
        if codes.at("values").len() > 255 {
            out.too_many(&codes.at("values"), codes.at("values").len(), 255);
        }
    }
}
