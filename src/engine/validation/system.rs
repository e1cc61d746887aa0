//! What a pod may say when it names its operating system.

use super::causes::Causes;
use super::content;
use super::node::Node;
use super::profiles::containers;

/// Fields of a pod's security context that Windows does not have, with the parent they are told under where it is the
/// pod itself.
///
/// Source: `validateWindows`, in its order.
const POD_FIELDS: &[(Parent, &str)] = &[
    (Parent::Context, "appArmorProfile"),
    (Parent::Context, "seLinuxOptions"),
    (Parent::Pod, "hostUsers"),
    (Parent::Pod, "hostPID"),
    (Parent::Pod, "hostIPC"),
    (Parent::Context, "seccompProfile"),
    (Parent::Context, "fsGroup"),
    (Parent::Context, "fsGroupChangePolicy"),
    (Parent::Context, "sysctls"),
    (Parent::Pod, "shareProcessNamespace"),
    (Parent::Context, "runAsUser"),
    (Parent::Context, "runAsGroup"),
    (Parent::Context, "supplementalGroups"),
    (Parent::Context, "supplementalGroupsPolicy"),
    (Parent::Context, "seLinuxChangePolicy"),
];

const CONTAINER_FIELDS: &[&str] = &[
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
];

#[derive(Clone, Copy)]
enum Parent {
    Pod,
    Context,
}

/// `validateOS`, `validateLinux` and `validateWindows`. An unknown system is reported one level up.
pub(super) fn validate_os(spec: &Node<'_>, out: &mut Causes) {
    let Some(os) = spec.set("os") else { return };
    let name = os.at("name");
    match name.text() {
        "" => out.required(&name, ""),
        "linux" => validate_linux(spec, out),
        "windows" => validate_windows(spec, out),
        other => out.not_supported(&os, other, &["linux", "windows"]),
    }
}

fn validate_linux(spec: &Node<'_>, out: &mut Causes) {
    let contexts = std::iter::once(spec.at("securityContext"))
        .chain(containers(spec).into_iter().map(|item| item.at("securityContext")));
    for options in contexts.filter_map(|context| context.set("windowsOptions")) {
        out.forbidden(&options, "windows options cannot be set for a linux pod");
    }
}

fn validate_windows(spec: &Node<'_>, out: &mut Causes) {
    const RULE: &str = "cannot be set for a windows pod";
    for (parent, name) in POD_FIELDS {
        let field = match parent {
            Parent::Pod => spec.at(name),
            Parent::Context => spec.at("securityContext").at(name),
        };
        let silent = field.is_false() && matches!(*name, "hostPID" | "hostIPC");
        if field.is_set() && !silent {
            out.forbidden(&field, RULE);
        }
    }
    for context in containers(spec).iter().map(|container| container.at("securityContext")) {
        for field in CONTAINER_FIELDS.iter().filter_map(|name| context.set(name)) {
            out.forbidden(&field, RULE);
        }
    }
}

/// `validateWindowsHostProcessPod`.
pub(super) fn validate_host_process(spec: &Node<'_>, out: &mut Causes) {
    let pod = spec.at("securityContext").at("windowsOptions").at("hostProcess");
    let all = containers(spec);
    let mut count = 0;
    for own in all
        .iter()
        .map(|container| container.at("securityContext").at("windowsOptions").at("hostProcess"))
    {
        if pod.is_set() && own.is_set() && pod.is_true() != own.is_true() {
            let detail = format!(
                "pod hostProcess value must be identical if both are specified, was {}",
                pod.is_true()
            );
            out.invalid(&own, &own.is_true(), &detail);
        }
        count += usize::from(if own.is_set() { own.is_true() } else { pod.is_true() });
    }
    if count > 0 && count != all.len() {
        out.invalid(
            spec,
            "",
            "If pod contains any hostProcess containers then all containers must be HostProcess containers",
        );
    }
    if count > 0 && !spec.at("hostNetwork").is_true() {
        out.invalid(
            &spec.at("hostNetwork"),
            &false,
            "hostNetwork must be true if pod contains any hostProcess containers",
        );
    }
}

/// `validateWindowsSecurityContextOptions`.
pub(super) fn validate_windows_options(options: &Node<'_>, out: &mut Causes) {
    /// KiB of a credential spec.
    const SPEC_LIMIT: usize = 64;
    let (name, spec, user) = (
        options.at("gmsaCredentialSpecName"),
        options.at("gmsaCredentialSpec"),
        options.at("runAsUserName"),
    );
    if name.is_set() {
        out.invalid_text(&name, name.text(), content::dns1123_subdomain(name.text()));
    }
    if spec.is_set() && spec.text().is_empty() {
        out.invalid(&spec, "", "gmsaCredentialSpec cannot be an empty string");
    } else if spec.text().len() > SPEC_LIMIT * 1024 {
        out.invalid(&spec, spec.text(), "gmsaCredentialSpec size must be under 64 KiB");
    }
    for fault in user_name_faults(&user) {
        out.invalid(&user, user.text(), fault);
    }
}

fn user_name_faults(user: &Node<'_>) -> Vec<&'static str> {
    const DOMAIN_LIMIT: usize = 256;
    const USER_LIMIT: usize = 104;
    if !user.is_set() {
        return Vec::new();
    }
    let (domain, name) = match user.text().split('\\').collect::<Vec<_>>()[..] {
        [""] => return vec!["runAsUserName cannot be an empty string"],
        _ if user.text().contains(|c: char| c.is_ascii_control()) => {
            return vec!["runAsUserName cannot contain control characters"];
        }
        [name] => (None, name),
        [domain, name] => (Some(domain), name),
        _ => return vec!["runAsUserName cannot contain more than one backslash"],
    };
    let faults = [
        (
            domain.is_some_and(|domain| domain.len() >= DOMAIN_LIMIT),
            "runAsUserName's Domain length must be under 256 characters",
        ),
        (
            domain.is_some_and(|domain| !is_domain(domain)),
            "runAsUserName's Domain doesn't match the NetBios nor the DNS format",
        ),
        (name.is_empty(), "runAsUserName's User cannot be empty"),
        (
            name.len() > USER_LIMIT,
            "runAsUserName's User length must not be longer than 104 characters",
        ),
        (
            !name.is_empty() && name.chars().all(|c| c == '.' || c == ' '),
            "runAsUserName's User cannot contain only periods or spaces",
        ),
        (
            name.contains(|c: char| "\"/\\:;|=,+*?<>@[]".contains(c)),
            "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]",
        ),
    ];
    faults
        .into_iter()
        .filter(|(found, _)| *found)
        .map(|(_, fault)| fault)
        .collect()
}

/// A NetBios name, or a DNS name in letters of either case.
fn is_domain(domain: &str) -> bool {
    let length = domain.chars().count();
    let net_bios =
        (1..=15).contains(&length) && !domain.starts_with('.') && !domain.contains(|c: char| "\\/:*?\"<>|".contains(c));
    net_bios
        || domain
            .split('.')
            .all(|label| label.len() <= 63 && content::dns1123_label(&label.to_lowercase()).is_empty())
}
