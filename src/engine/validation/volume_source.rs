//! The rules of each volume source.

mod iscsi;

use super::causes::Causes;
use super::container::validate_pull_policy;
use super::content;
use super::env::{ContainerName, validate_field_ref, validate_resource_field_ref};
use super::node::Node;
use super::{claim, projected, resources};
use iscsi::validate_iscsi;

pub(super) const FILE_MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";

/// `validVolumeDownwardAPIFieldPathExpressions`, sorted.
const VOLUME_FIELD_PATHS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

/// `supportedHostPathTypes`, sorted.
const HOST_PATH_TYPES: &[&str] = &[
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];

/// Sources whose only rule is that fields must be there, in the server's order.
const REQUIRED: &[(&str, &[&str])] = &[
    ("persistentVolumeClaim", &["claimName"]),
    ("glusterfs", &["endpoints", "path"]),
    ("rbd", &["monitors", "image"]),
    ("cephfs", &["monitors"]),
    ("azureFile", &["secretName", "shareName"]),
    ("vsphereVolume", &["volumePath"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
    ("flexVolume", &["driver"]),
    ("cinder", &["volumeID"]),
];

/// The first source of a volume.
pub(super) fn validate_source(name: &str, source: &Node<'_>, volume: &Node<'_>, out: &mut Causes) {
    if let Some((_, fields)) = REQUIRED.iter().find(|(kind, _)| *kind == name) {
        for field in fields.iter().map(|field| source.at(field)) {
            require(&field, out);
        }
    }
    match name {
        "emptyDir" if resources::is_negative(source.at("sizeLimit").value()) => {
            out.forbidden(
                &source.at("sizeLimit"),
                "SizeLimit field must be a valid resource quantity",
            );
        }
        "hostPath" => validate_host_path(source, out),
        "gitRepo" => {
            require(&source.at("repository"), out);
            validate_local_descending_path(&source.at("directory"), source.at("directory").text(), out);
        }
        // The server names its parent differently from the field.
        "gcePersistentDisk" => validate_disk(
            &source.at("pdName"),
            &volume.at("persistentDisk"),
            "pdName",
            source,
            out,
        ),
        "awsElasticBlockStore" => validate_disk(&source.at("volumeID"), source, "volumeID", source, out),
        "secret" => validate_mode_and_items(&source.at("secretName"), source, out),
        "configMap" => validate_mode_and_items(&source.at("name"), source, out),
        "nfs" => validate_nfs(source, out),
        "iscsi" => validate_iscsi(source, volume, out),
        "flocker" => validate_flocker(source, out),
        "fc" => validate_fibre_channel(source, out),
        "cinder" => require_secret_name(source, out),
        "flexVolume" => validate_flex_options(source, out),
        "azureDisk" => validate_azure_disk(source, out),
        "storageos" => validate_storage_os(source, out),
        "quobyte" => validate_quobyte(source, out),
        "downwardAPI" => {
            validate_mode(&source.at("defaultMode"), out);
            for file in source.at("items").items() {
                // The server reports every file at the source itself.
                validate_downward_file(&file, source, out);
            }
        }
        "projected" => projected::validate_projected(source, out),
        "csi" => validate_csi(source, out),
        "ephemeral" => match source.set("volumeClaimTemplate") {
            Some(template) => claim::validate_claim_template(&template, out),
            None => out.required(&source.at("volumeClaimTemplate"), ""),
        },
        "image" => validate_pull_policy(&source.at("pullPolicy"), out),
        _ => {}
    }
}

fn require(field: &Node<'_>, out: &mut Causes) {
    if field.text().is_empty() && field.len() == 0 {
        out.required(field, "");
    }
}

fn require_secret_name(source: &Node<'_>, out: &mut Causes) {
    if let Some(secret) = source.set("secretRef") {
        require(&secret.at("name"), out);
    }
}

fn validate_mode(mode: &Node<'_>, out: &mut Causes) {
    if let Some(value) = mode.integer().filter(|value| !(0..=0o777).contains(value)) {
        out.invalid(mode, &value, FILE_MODE);
    }
}

/// `validateHostPathVolumeSource`.
fn validate_host_path(source: &Node<'_>, out: &mut Causes) {
    let path = source.at("path");
    if path.text().is_empty() {
        return out.required(&path, "");
    }
    validate_no_backsteps(&path, path.text(), out);
    out.word_if_set(&source.at("type"), HOST_PATH_TYPES);
}

/// `validateGCEPersistentDiskVolumeSource` and `validateAWSElasticBlockStoreVolumeSource`.
fn validate_disk(id: &Node<'_>, reported: &Node<'_>, name: &'static str, source: &Node<'_>, out: &mut Causes) {
    if id.text().is_empty() {
        out.required(&reported.at(name), "");
    }
    if let Some(value) = source
        .at("partition")
        .integer()
        .filter(|value| !(0..=255).contains(value))
    {
        // The range is the server's text; 0 stands for "no partition".
        out.invalid(
            &reported.at("partition"),
            &value,
            "must be between 1 and 255, inclusive",
        );
    }
}

/// `validateSecretVolumeSource` and `validateConfigMapVolumeSource`.
fn validate_mode_and_items(name: &Node<'_>, source: &Node<'_>, out: &mut Causes) {
    require(name, out);
    validate_mode(&source.at("defaultMode"), out);
    for item in source.at("items").items() {
        validate_key_to_path(&item, out);
    }
}

/// `validateKeyToPath`.
pub(super) fn validate_key_to_path(item: &Node<'_>, out: &mut Causes) {
    let path = item.at("path");
    require(&item.at("key"), out);
    require(&path, out);
    validate_local_non_reserved_path(&path, path.text(), out);
    validate_mode(&item.at("mode"), out);
}

fn validate_nfs(source: &Node<'_>, out: &mut Causes) {
    let path = source.at("path");
    require(&source.at("server"), out);
    require(&path, out);
    if !path.text().starts_with('/') {
        out.invalid(&path, path.text(), "must be an absolute path");
    }
}

fn validate_flocker(source: &Node<'_>, out: &mut Causes) {
    let (name, uuid) = (source.at("datasetName"), source.at("datasetUUID").text());
    match (name.text(), uuid) {
        ("", "") => out.required(source, "one of datasetName and datasetUUID is required"),
        ("", _) | (_, "") => {}
        _ => out.invalid(
            source,
            "resource",
            "datasetName and datasetUUID can not be specified simultaneously",
        ),
    }
    if name.text().contains('/') {
        out.invalid(&name, name.text(), "must not contain '/'");
    }
}

/// `validateFCVolumeSource`.
fn validate_fibre_channel(source: &Node<'_>, out: &mut Causes) {
    let (names, ids, lun) = (source.at("targetWWNs"), source.at("wwids"), source.at("lun"));
    match (names.len(), ids.len()) {
        (0, 0) => out.required(&names, "must specify either targetWWNs or wwids, but not both"),
        (0, _) | (_, 0) => {}
        _ => out.invalid(
            &names,
            names.value(),
            "targetWWNs and wwids can not be specified simultaneously",
        ),
    }
    if names.len() > 0 {
        match lun.integer() {
            None => out.required(&lun, "lun is required if targetWWNs is specified"),
            Some(value) => out.invalid_number(&lun, value, content::not_within(value, 0, 255)),
        }
    }
}

fn validate_flex_options(source: &Node<'_>, out: &mut Causes) {
    let options = source.at("options");
    for (key, _) in options.entries() {
        let namespace = format!(".{}", key.split('/').next().unwrap_or(key).to_lowercase());
        if namespace.ends_with(".kubernetes.io") || namespace.ends_with(".k8s.io") {
            out.invalid(
                &options.key(key),
                key,
                "kubernetes.io and k8s.io namespaces are reserved",
            );
        }
    }
}

fn validate_azure_disk(source: &Node<'_>, out: &mut Causes) {
    const MANAGED: &str =
        "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    const BLOB: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    let (uri, kind) = (source.at("diskURI"), source.at("kind"));
    require(&source.at("diskName"), out);
    require(&uri, out);
    out.word_if_set(&source.at("cachingMode"), &["None", "ReadOnly", "ReadWrite"]);
    out.word_if_set(&kind, &["Dedicated", "Managed", "Shared"]);
    if kind.is_set() {
        let (prefix, supported) = if kind.text() == "Managed" {
            ("/subscriptions/", MANAGED)
        } else {
            ("https://", BLOB)
        };
        if !uri.text().starts_with(prefix) {
            out.not_supported(&uri, uri.text(), &[supported]);
        }
    }
}

fn validate_storage_os(source: &Node<'_>, out: &mut Causes) {
    let (name, namespace) = (source.at("volumeName"), source.at("volumeNamespace"));
    require(&name, out);
    for label in [name, namespace].iter().filter(|label| !label.text().is_empty()) {
        out.invalid_text(label, label.text(), content::dns1123_label(label.text()));
    }
    require_secret_name(source, out);
}

fn validate_quobyte(source: &Node<'_>, out: &mut Causes) {
    const RULE: &str = "must be a host:port pair or multiple pairs separated by commas";
    let (registry, tenant) = (source.at("registry"), source.at("tenant"));
    if registry.text().is_empty() {
        out.required(&registry, RULE);
    } else if tenant.text().len() >= 65 {
        out.required(&tenant, "must be a UUID and may not exceed a length of 64 characters");
    } else {
        for _ in registry.text().split(',').filter(|pair| !pair.contains(':')) {
            out.invalid(&registry, registry.text(), RULE);
        }
    }
    require(&source.at("volume"), out);
}

/// `validateDownwardAPIVolumeFile`, reported at `reported`.
pub(super) fn validate_downward_file<'a>(file: &Node<'a>, reported: &Node<'a>, out: &mut Causes) {
    let path = file.at("path").text();
    if path.is_empty() {
        out.required(&reported.at("path"), "");
    }
    validate_local_non_reserved_path(&reported.at("path"), path, out);
    match (file.set("fieldRef"), file.set("resourceFieldRef")) {
        (Some(field), resource) => {
            validate_field_ref(&field.moved(&reported.at("fieldRef")), VOLUME_FIELD_PATHS, out);
            if resource.is_some() {
                out.invalid(
                    reported,
                    "resource",
                    "fieldRef and resourceFieldRef can not be specified simultaneously",
                );
            }
        }
        (None, Some(resource)) => {
            validate_resource_field_ref(
                &resource.moved(&reported.at("resourceFieldRef")),
                ContainerName::Required,
                out,
            );
        }
        (None, None) => out.required(reported, "one of fieldRef and resourceFieldRef is required"),
    }
    validate_mode(&file.at("mode").moved(&reported.at("mode")), out);
}

fn validate_csi(source: &Node<'_>, out: &mut Causes) {
    let driver = source.at("driver");
    if driver.text().is_empty() {
        out.required(&driver, "");
    } else {
        if driver.text().len() > 63 {
            out.too_long(&driver, 63);
        }
        out.invalid_text(
            &driver,
            driver.text(),
            content::dns1123_subdomain(&driver.text().to_lowercase()),
        );
    }
    if let Some(secret) = source.set("nodePublishSecretRef") {
        let name = secret.at("name");
        if name.text().is_empty() {
            out.required(&name, "");
        } else {
            out.invalid_text(&source.at("name"), name.text(), content::dns1123_subdomain(name.text()));
        }
    }
}

/// `validateLocalNonReservedPath`.
pub(super) fn validate_local_non_reserved_path(at: &Node<'_>, path: &str, out: &mut Causes) {
    validate_local_descending_path(at, path, out);
    if path.starts_with("..") && !path.starts_with("../") {
        out.invalid(at, path, "must not start with '..'");
    }
}

/// `validateLocalDescendingPath`.
pub(super) fn validate_local_descending_path(at: &Node<'_>, path: &str, out: &mut Causes) {
    if path.starts_with('/') {
        out.invalid(at, path, "must be a relative path");
    }
    validate_no_backsteps(at, path, out);
}

/// `validatePathNoBacksteps`.
pub(super) fn validate_no_backsteps(at: &Node<'_>, path: &str, out: &mut Causes) {
    if has_backsteps(path) {
        out.invalid(at, path, "must not contain '..'");
    }
}

pub(super) fn has_backsteps(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}
