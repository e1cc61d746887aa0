//! Security contexts of pods and containers.

use serde_json::{Map, Value};

use super::causes::{Causes, Raw};
use super::content;
use super::node::Node;
use super::pod::InUse;
use super::system::validate_windows_options;
use super::volume_source::validate_local_descending_path;
use crate::engine::schema::Tree;

/// `validSELinuxChangePolicies`, `validSupplementalGroupsPolicies`, `validFSGroupChangePolicies`, sorted. `MountOption`
/// is behind the gate SELinuxMount, which is off, so that a new object cannot have it.
const SELINUX_CHANGE_POLICIES: &[&str] = &["MountOption", "Recursive"];
const NEW_SELINUX_CHANGE_POLICIES: &[&str] = &["Recursive"];
const SUPPLEMENTAL_GROUPS_POLICIES: &[&str] = &["Merge", "Strict"];
const FS_GROUP_CHANGE_POLICIES: &[&str] = &["Always", "OnRootMismatch"];

const PROFILE_TYPES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];

/// The longest id that the server takes: `math.MaxInt32`.
const MAX_ID: i64 = i32::MAX as i64;

/// The Go fields of the internal `SecurityContext`, as `json.Marshal` prints them in a message, with their names in a
/// manifest. Source: `pkg/apis/core/types.go`.
const INTERNAL_SECURITY_CONTEXT: &[(&str, &str, Fields)] = &[
    ("Capabilities", "capabilities", &[("Add", "add"), ("Drop", "drop")]),
    ("Privileged", "privileged", &[]),
    (
        "SELinuxOptions",
        "seLinuxOptions",
        &[("User", "user"), ("Role", "role"), ("Type", "type"), ("Level", "level")],
    ),
    (
        "WindowsOptions",
        "windowsOptions",
        &[
            ("GMSACredentialSpecName", "gmsaCredentialSpecName"),
            ("GMSACredentialSpec", "gmsaCredentialSpec"),
            ("RunAsUserName", "runAsUserName"),
            ("HostProcess", "hostProcess"),
        ],
    ),
    ("RunAsUser", "runAsUser", &[]),
    ("RunAsGroup", "runAsGroup", &[]),
    ("RunAsNonRoot", "runAsNonRoot", &[]),
    ("ReadOnlyRootFilesystem", "readOnlyRootFilesystem", &[]),
    ("AllowPrivilegeEscalation", "allowPrivilegeEscalation", &[]),
    ("ProcMount", "procMount", &[]),
    ("SeccompProfile", "seccompProfile", PROFILE),
    ("AppArmorProfile", "appArmorProfile", PROFILE),
];

/// Go name and manifest name of each field of a struct.
type Fields = &'static [(&'static str, &'static str)];

const PROFILE: Fields = &[("Type", "type"), ("LocalhostProfile", "localhostProfile")];

/// `ValidateSecurityContext` of a container.
pub(super) fn validate_security_context(context: &Node<'_>, host_users: bool, out: &mut Causes) {
    if !context.is_set() {
        return;
    }
    validate_ids(context, &["runAsUser", "runAsGroup"], out);
    if let Some(mount) = context.set("procMount") {
        out.word_if_set(&mount, &["Default", "Unmasked"]);
        if host_users && mount.text() == "Unmasked" {
            out.invalid(&mount, mount.text(), "`hostUsers` must be false to use `Unmasked`");
        }
    }
    validate_seccomp_profile(&context.at("seccompProfile"), out);
    if context.at("allowPrivilegeEscalation").is_false() {
        validate_no_escalation(context, out);
    }
    validate_windows_options(&context.at("windowsOptions"), out);
    validate_app_armor_profile(&context.at("appArmorProfile"), out);
}

fn validate_no_escalation(context: &Node<'_>, out: &mut Causes) {
    let shown = internal_security_context(context.value());
    if context.at("privileged").is_true() {
        out.invalid(
            context,
            &Raw(&shown),
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        );
    }
    for _ in context
        .at("capabilities")
        .at("add")
        .items()
        .filter(|capability| capability.text() == "CAP_SYS_ADMIN")
    {
        let detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        out.invalid(context, &Raw(&shown), detail);
    }
}

/// An internal object as Go prints it: every field, in the order of the struct.
fn internal_struct(value: &Tree<'_>, fields: Fields) -> String {
    let inner: Vec<String> = fields
        .iter()
        .map(|(go, manifest)| format!("\"{go}\":{}", value.get(manifest).unwrap_or(&Tree::Null)))
        .collect();
    format!("{{{}}}", inner.join(","))
}

fn internal_security_context(context: &Tree<'_>) -> String {
    let inner: Vec<String> = INTERNAL_SECURITY_CONTEXT
        .iter()
        .map(|(go, manifest, fields)| match context.get(manifest) {
            Some(value) if value.as_map().is_some() => format!("\"{go}\":{}", internal_struct(value, fields)),
            Some(value) => format!("\"{go}\":{value}"),
            None => format!("\"{go}\":null"),
        })
        .collect();
    format!("{{{}}}", inner.join(","))
}

/// `validatePodSpecSecurityContext`. The host's namespaces are fields of the pod in a manifest.
pub(super) fn validate_pod_security_context(spec: &Node<'_>, in_use: InUse, out: &mut Causes) {
    let context = spec.at("securityContext");
    validate_ids(&context, &["fsGroup", "runAsUser", "runAsGroup"], out);
    for group in context.at("supplementalGroups").items() {
        validate_id(&group, out);
    }
    let share = spec.at("shareProcessNamespace");
    if share.is_true() && spec.at("hostPID").is_true() {
        out.invalid(
            &context.at("shareProcessNamespace"),
            &true,
            "ShareProcessNamespace and HostPID cannot both be enabled",
        );
    }
    validate_sysctls(&context.at("sysctls"), spec, out);
    out.word_if_set(&context.at("fsGroupChangePolicy"), FS_GROUP_CHANGE_POLICIES);
    validate_seccomp_profile(&context.at("seccompProfile"), out);
    validate_windows_options(&context.at("windowsOptions"), out);
    validate_app_armor_profile(&context.at("appArmorProfile"), out);
    out.word_if_set(&context.at("supplementalGroupsPolicy"), SUPPLEMENTAL_GROUPS_POLICIES);
    let policies = if in_use.selinux_change_policy {
        SELINUX_CHANGE_POLICIES
    } else {
        NEW_SELINUX_CHANGE_POLICIES
    };
    out.word_if_set(&context.at("seLinuxChangePolicy"), policies);
}

fn validate_ids(context: &Node<'_>, names: &[&'static str], out: &mut Causes) {
    for name in names {
        validate_id(&context.at(name), out);
    }
}

/// `IsValidUserID` and `IsValidGroupID`.
fn validate_id(id: &Node<'_>, out: &mut Causes) {
    if let Some(value) = id.integer() {
        out.invalid_number(id, value, content::not_within(value, 0, MAX_ID));
    }
}

const SYSCTL_RULE: &str = "must have at most 253 characters and match regex \
                           ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// `IsValidSysctlName`.
fn is_sysctl_name(name: &str) -> bool {
    let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(outer) && part.ends_with(outer) && part.chars().all(|c| outer(c) || "-_".contains(c))
    };
    name.len() <= 253 && name.split(['.', '/']).all(is_part)
}

/// `validateSysctls`.
fn validate_sysctls(sysctls: &Node<'_>, spec: &Node<'_>, out: &mut Causes) {
    let mut seen = Map::new();
    for name in sysctls.items().map(|item| item.at("name")) {
        if name.text().is_empty() {
            out.required(&name, "");
        } else if !is_sysctl_name(name.text()) {
            out.invalid(&name, name.text(), SYSCTL_RULE);
        } else if seen.contains_key(name.text()) {
            out.duplicate(&name, name.text());
        }
        // Source: `pkg/kubelet/sysctl` prefix tables, by way of `ValidateHostSysctl`.
        let is_net = name.text().starts_with("net.") || name.text().starts_with("net/");
        let is_ipc = ["kernel.shm", "kernel.msg", "fs.mqueue."]
            .iter()
            .any(|prefix| name.text().replace('/', ".").starts_with(prefix))
            || name.text().replace('/', ".") == "kernel.sem";
        if is_net && spec.at("hostNetwork").is_true() {
            out.invalid(&name, name.text(), "may not be specified when 'hostNetwork' is true");
        } else if is_ipc && spec.at("hostIPC").is_true() {
            out.invalid(&name, name.text(), "may not be specified when 'hostIPC' is true");
        }
        seen.insert(name.text().to_owned(), Value::Null);
    }
}

/// `validateSeccompProfileField`.
fn validate_seccomp_profile(profile: &Node<'_>, out: &mut Causes) {
    if !profile.is_set() {
        return;
    }
    let (kind, local) = (profile.at("type"), profile.at("localhostProfile"));
    if kind.text().is_empty() {
        out.required(&kind, "type is required when seccompProfile is set");
    } else if !PROFILE_TYPES.contains(&kind.text()) {
        out.not_supported(&kind, kind.text(), PROFILE_TYPES);
    }
    match (kind.text() == "Localhost", local.is_set()) {
        (true, false) => out.required(&local, "must be set when seccomp type is Localhost"),
        (true, true) => validate_local_descending_path(&local, local.text(), out),
        (false, true) => {
            out.invalid(
                &local,
                &Raw(&internal_struct(profile.value(), PROFILE)),
                "can only be set when seccomp type is Localhost",
            );
        }
        (false, false) => {}
    }
}

/// `ValidateAppArmorProfileField`.
fn validate_app_armor_profile(profile: &Node<'_>, out: &mut Causes) {
    const LOCALHOST: &str = "must be set when AppArmor type is Localhost";
    /// `PATH_MAX - 1`.
    const LIMIT: usize = 4095;
    if !profile.is_set() {
        return;
    }
    let (kind, local) = (profile.at("type"), profile.at("localhostProfile"));
    match kind.text() {
        "Localhost" if !local.is_set() => out.required(&local, LOCALHOST),
        "Localhost" => {
            if local.text().trim() != local.text() {
                out.invalid(&local, local.text(), "must not be padded with whitespace");
            } else if local.text().is_empty() {
                out.required(&local, LOCALHOST);
            }
            if local.text().len() > LIMIT {
                out.too_long(&local, LIMIT);
            }
        }
        "RuntimeDefault" | "Unconfined" => {
            if local.is_set() {
                out.invalid(&local, local.text(), "can only be set when AppArmor type is Localhost");
            }
        }
        "" => out.required(&kind, "type is required when appArmorProfile is set"),
        other => out.not_supported(&kind, other, PROFILE_TYPES),
    }
}
