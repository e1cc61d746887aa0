//! The pod template.

use serde_json::Value;

use super::causes::Causes;
use super::container::{Pod, validate_containers, validate_init_containers};
use super::content;
use super::ephemeral::validate_ephemeral_containers;
use super::metadata::{validate_annotations, validate_labels};
use super::node::Node;
use super::pod_resources::validate_pod_resources;
use super::profiles::{containers, validate_pod_annotations, validate_profiles_match};
use super::resources::validate_overhead;
use super::scheduling::{validate_affinity, validate_tolerations, validate_topology_spread};
use super::security::validate_pod_security_context;
use super::system::{validate_host_process, validate_os};
use super::volume::validate_volumes;

/// What the stored object has that a new one may not, so that it can still be written.
///
/// Source: `GetValidationOptionsFromPodSpecAndMeta` of `pkg/api/pod/util.go`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InUse {
    /// Any `seLinuxChangePolicy`.
    pub(super) selinux_change_policy: bool,
}

impl InUse {
    pub(super) fn of(old: &Value) -> Self {
        let policy = old.pointer("/spec/template/spec/securityContext/seLinuxChangePolicy");
        Self {
            selinux_change_policy: policy.is_some_and(|policy| !policy.is_null()),
        }
    }
}

/// `ValidatePodTemplateSpec`. Labels and annotations are reported without `metadata`, as the server does.
pub(super) fn validate_pod_template(template: &Node<'_>, in_use: InUse, out: &mut Causes) {
    let metadata = template.at("metadata");
    validate_labels(&metadata.at("labels"), &template.at("labels"), out);
    validate_annotations(&metadata.at("annotations").moved(&template.at("annotations")), out);
    validate_pod_annotations(
        &metadata.at("annotations").moved(&template.at("annotations")),
        &template.at("spec"),
        out,
    );
    validate_pod_spec(&template.at("spec"), in_use, out);
    validate_profiles_match(&metadata.at("annotations"), &template.at("spec"), out);
    let ephemeral = template.at("spec").at("ephemeralContainers");
    if ephemeral.len() > 0 {
        out.forbidden(&ephemeral, "ephemeral containers not allowed in pod template");
    }
}

/// `ValidatePodSpec`.
fn validate_pod_spec(spec: &Node<'_>, in_use: InUse, out: &mut Causes) {
    let grace = spec.at("terminationGracePeriodSeconds");
    if !grace.is_set() {
        out.required(&grace, "");
    }
    let pod = Pod {
        volumes: validate_volumes(&spec.at("volumes"), out),
        claims: validate_resource_claims(&spec.at("resourceClaims"), out),
        grace: grace.integer(),
        os: spec.at("os").at("name").text(),
        restart_policy: spec.at("restartPolicy").text(),
        host_users: !spec.at("hostUsers").is_false(),
    };
    let (regular, init) = (spec.at("containers"), spec.at("initContainers"));
    validate_containers(&regular, &pod, out);
    validate_init_containers(&init, &regular, &pod, out);
    validate_ephemeral_containers(spec, &pod, out);
    validate_pod_resources(spec, &pod.claims, out);
    validate_host_network_ports(spec, out);
    out.word(&spec.at("restartPolicy"), &["Always", "OnFailure", "Never"]);
    out.word(
        &spec.at("dnsPolicy"),
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
    );
    validate_labels(&spec.at("nodeSelector"), &spec.at("nodeSelector"), out);
    validate_pod_security_context(spec, in_use, out);
    validate_affinity(&spec.at("affinity"), out);
    validate_dns_config(spec, out);
    for gate in spec.at("readinessGates").items().map(|gate| gate.at("conditionType")) {
        out.invalid_text(&gate, gate.text(), content::qualified_name(gate.text()));
    }
    validate_scheduling_gates(&spec.at("schedulingGates"), out);
    validate_topology_spread(&spec.at("topologySpreadConstraints"), out);
    validate_host_process(spec, out);
    validate_host_users(spec, out);
    validate_host_name_override(spec, out);
    validate_names(spec, out);
    validate_tolerations(&spec.at("tolerations"), out);
    validate_host_aliases(&spec.at("hostAliases"), out);
    validate_subdomain(&spec.at("priorityClassName"), out);
    // A pointer: an empty name is a name.
    if let Some(class) = spec.set("runtimeClassName") {
        out.invalid_text(&class, class.text(), content::dns1123_subdomain(class.text()));
    }
    if let Some(policy) = spec.set("preemptionPolicy") {
        out.word(&policy, &["PreemptLowerPriority", "Never"]);
    }
    validate_overhead(&spec.at("overhead"), out);
    validate_os(spec, out);
    validate_file_key_volumes(spec, out);
}

/// `validatePodResourceClaims`, and the names that containers may refer to.
fn validate_resource_claims<'a>(claims: &Node<'a>, out: &mut Causes) -> std::collections::BTreeSet<&'a str> {
    let mut names = std::collections::BTreeSet::new();
    for claim in claims.items() {
        let name = claim.at("name");
        if name.text().is_empty() {
            out.required(&name, "");
        } else if !names.insert(name.text()) {
            out.duplicate(&name, name.text());
        } else {
            out.invalid_text(&name, name.text(), content::dns1123_label(name.text()));
        }
        let (direct, template) = (claim.at("resourceClaimName"), claim.at("resourceClaimTemplateName"));
        let shown = serde_json::json!({
            "Name": name.text(), "ResourceClaimName": direct.value(), "ResourceClaimTemplateName": template.value(),
        });
        match (direct.is_set(), template.is_set()) {
            (true, true) => {
                out.invalid(
                    &claim,
                    &shown,
                    "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
                );
            }
            (false, false) => out.invalid(
                &claim,
                &shown,
                "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
            ),
            _ => {}
        }
        for reference in [direct, template].iter().filter(|reference| reference.is_set()) {
            out.invalid_text(
                reference,
                reference.text(),
                content::dns1123_subdomain(reference.text()),
            );
        }
    }
    names
}

/// `validatePodHostNetworkDeps`: in a template a host port may be left out, but not differ.
fn validate_host_network_ports(spec: &Node<'_>, out: &mut Causes) {
    if !spec.at("hostNetwork").is_true() {
        return;
    }
    for container in spec.at("containers").items() {
        for port in container.at("ports").items() {
            let (host, own) = (port.at("hostPort"), port.at("containerPort").integer().unwrap_or(0));
            if let Some(value) = host.integer().filter(|value| *value != 0 && *value != own) {
                out.invalid(&host, &value, "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

/// `validatePodDNSConfig`.
fn validate_dns_config(spec: &Node<'_>, out: &mut Causes) {
    const NAME_SERVERS: usize = 3;
    const SEARCH_PATHS: usize = 32;
    const SEARCH_CHARACTERS: usize = 2048;
    let config = spec.at("dnsConfig");
    let (servers, searches) = (config.at("nameservers"), config.at("searches"));
    if spec.at("dnsPolicy").text() == "None" {
        if !config.is_set() {
            return out.required(&config, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        if servers.len() == 0 {
            return out.required(
                &servers,
                "must provide at least one DNS nameserver when `dnsPolicy` is None",
            );
        }
    }
    if servers.len() > NAME_SERVERS {
        out.invalid(&servers, servers.value(), "must not have more than 3 nameservers");
    }
    for server in servers.items() {
        validate_ip(&server, out);
    }
    if searches.len() > SEARCH_PATHS {
        out.invalid(&searches, searches.value(), "must not have more than 32 search paths");
    }
    let joined: usize = searches.items().map(|search| search.text().len() + 1).sum();
    if joined > SEARCH_CHARACTERS + 1 {
        out.invalid(
            &searches,
            searches.value(),
            "must not have more than 2048 characters (including spaces) in the search list",
        );
    }
    for search in searches.items().filter(|search| search.text() != ".") {
        let name = search.text().strip_suffix('.').unwrap_or(search.text());
        out.invalid_text(&search, name, content::dns1123_subdomain_with_underscore(name));
    }
    for option in config
        .at("options")
        .items()
        .filter(|option| option.at("name").text().is_empty())
    {
        out.required(&option, "must not be empty");
    }
}

/// `IsValidIPForLegacyField`.
fn validate_ip(ip: &Node<'_>, out: &mut Causes) {
    if ip.text().parse::<std::net::IpAddr>().is_err() {
        out.invalid(
            ip,
            ip.text(),
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        );
    }
}

fn validate_scheduling_gates(gates: &Node<'_>, out: &mut Causes) {
    let mut seen = std::collections::BTreeSet::new();
    for gate in gates.items() {
        let name = gate.at("name").text();
        out.invalid_text(&gate, name, content::qualified_name(name));
        if !seen.insert(name) {
            out.duplicate(&gate, name);
        }
    }
}

/// `validateHostUsers`. Two of the names are the server's Go names.
fn validate_host_users(spec: &Node<'_>, out: &mut Causes) {
    const RULE: &str = "when `hostUsers` is false";
    if !spec.at("hostUsers").is_false() {
        return;
    }
    for (name, reported) in [
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ] {
        if spec.at(name).is_true() {
            out.forbidden(&spec.at(reported), RULE);
        }
    }
    for container in containers(spec)
        .iter()
        .filter(|container| container.at("volumeDevices").len() > 0)
    {
        out.forbidden(&container.at("volumeDevices"), RULE);
    }
}

/// `validatePodHostName`.
fn validate_host_name_override(spec: &Node<'_>, out: &mut Causes) {
    let Some(name) = spec.set("hostnameOverride") else {
        return;
    };
    if spec.at("setHostnameAsFQDN").is_true() {
        out.forbidden(&name, "may not be specified when setHostnameAsFQDN is true");
    }
    if spec.at("hostNetwork").is_true() {
        out.forbidden(&name, "may not be specified when hostNetwork is true");
    }
    if name.text().len() > 64 {
        out.too_long(&name, 64);
    }
    out.invalid_text(&name, name.text(), content::dns1123_subdomain(name.text()));
}

fn validate_names(spec: &Node<'_>, out: &mut Causes) {
    validate_subdomain(&spec.at("serviceAccountName"), out);
    validate_subdomain(&spec.at("nodeName"), out);
    let deadline = spec.at("activeDeadlineSeconds");
    if let Some(value) = deadline.integer() {
        out.invalid_number(&deadline, value, content::not_within(value, 1, i32::MAX.into()));
    }
    for label in [spec.at("hostname"), spec.at("subdomain")]
        .iter()
        .filter(|label| !label.text().is_empty())
    {
        out.invalid_text(label, label.text(), content::dns1123_label(label.text()));
    }
}

fn validate_subdomain(name: &Node<'_>, out: &mut Causes) {
    if !name.text().is_empty() {
        out.invalid_text(name, name.text(), content::dns1123_subdomain(name.text()));
    }
}

/// `ValidateHostAliases`.
fn validate_host_aliases(aliases: &Node<'_>, out: &mut Causes) {
    for alias in aliases.items() {
        validate_ip(&alias.at("ip"), out);
        for name in alias.at("hostnames").items() {
            out.invalid_text(&name, name.text(), content::dns1123_subdomain(name.text()));
        }
    }
}

/// `validateFileKeyRefVolumes`.
fn validate_file_key_volumes(spec: &Node<'_>, out: &mut Causes) {
    for container in containers(spec) {
        for variable in container.at("env").items() {
            let Some(reference) = variable.at("valueFrom").set("fileKeyRef") else {
                continue;
            };
            let name = reference.at("volumeName");
            let volume = spec
                .at("volumes")
                .items()
                .filter(|volume| volume.at("name").text() == name.text())
                .last();
            match volume {
                None => out.not_found(&name, name.text(), ""),
                Some(volume) if !volume.at("emptyDir").is_set() => {
                    out.invalid(&name, name.text(), "referenced volume must be of type emptyDir");
                }
                Some(_) => {}
            }
        }
    }
}
