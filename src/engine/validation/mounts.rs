//! Where a container puts the pod's volumes: mounts and block devices.

use std::collections::{BTreeMap, BTreeSet};

use super::causes::Causes;
use super::node::Node;
use super::volume_source::{has_backsteps, validate_local_descending_path};

/// `ValidateVolumeMounts`. Paths below a mount are reported without the index, as the server does.
pub(super) fn validate_volume_mounts(container: &Node<'_>, volumes: &BTreeMap<&str, Node<'_>>, out: &mut Causes) {
    let mounts = container.at("volumeMounts");
    let devices = pairs(&container.at("volumeDevices"), "devicePath");
    let mut taken = BTreeSet::new();
    for mount in mounts.items() {
        let (name, path) = (mount.at("name"), mount.at("mountPath"));
        if name.text().is_empty() {
            out.required(&name, "");
        }
        if !volumes.contains_key(name.text()) {
            out.not_found(&name, name.text(), "");
        }
        if path.text().is_empty() {
            out.required(&path, "");
        }
        if !taken.insert(path.text()) {
            out.invalid(&path, path.text(), "must be unique");
        }
        if devices.contains_key(name.text()) {
            out.invalid(&name, name.text(), "must not already exist in volumeDevices");
        }
        if devices.values().any(|device| *device == path.text()) {
            out.invalid(&path, path.text(), "must not already exist as a path in volumeDevices");
        }
        let (sub, expression) = (mount.at("subPath").text(), mount.at("subPathExpr").text());
        if !sub.is_empty() {
            validate_local_descending_path(&mounts.at("subPath"), sub, out);
        }
        if !expression.is_empty() {
            if !sub.is_empty() {
                out.invalid(
                    &mount.at("subPathExpr"),
                    expression,
                    "subPathExpr and subPath are mutually exclusive",
                );
            }
            validate_local_descending_path(&mounts.at("subPathExpr"), expression, out);
        }
        validate_mount_propagation(&mount, &mounts, container, out);
        validate_recursive_read_only(&mount, &mounts, out);
    }
}

/// `validateMountPropagation`.
fn validate_mount_propagation(mount: &Node<'_>, mounts: &Node<'_>, container: &Node<'_>, out: &mut Causes) {
    const MODES: &[&str] = &["Bidirectional", "HostToContainer", "None"];
    let Some(mode) = mount.set("mountPropagation") else {
        return;
    };
    let reported = mounts.at("mountPropagation");
    if !MODES.contains(&mode.text()) {
        out.not_supported(&reported, mode.text(), MODES);
    }
    if mode.text() == "Bidirectional" && !container.at("securityContext").at("privileged").is_true() {
        out.forbidden(
            &reported,
            "Bidirectional mount propagation is available only to privileged containers",
        );
    }
}

/// `validateMountRecursiveReadOnly`.
fn validate_recursive_read_only(mount: &Node<'_>, mounts: &Node<'_>, out: &mut Causes) {
    let Some(mode) = mount.set("recursiveReadOnly") else {
        return;
    };
    let reported = mounts.at("recursiveReadOnly");
    match mode.text() {
        "Disabled" => {}
        "Enabled" | "IfPossible" => {
            if !mount.at("readOnly").is_true() {
                out.forbidden(&reported, "may only be specified when readOnly is true");
            }
            if mount
                .set("mountPropagation")
                .is_some_and(|propagation| propagation.text() != "None")
            {
                out.forbidden(
                    &reported,
                    "may only be specified when mountPropagation is None or not specified",
                );
            }
        }
        other => out.not_supported(&reported, other, &["Disabled", "Enabled", "IfPossible"]),
    }
}

/// `ValidateVolumeDevices`.
pub(super) fn validate_volume_devices(container: &Node<'_>, volumes: &BTreeMap<&str, Node<'_>>, out: &mut Causes) {
    let mounts = pairs(&container.at("volumeMounts"), "mountPath");
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for device in container.at("volumeDevices").items() {
        let (name, path) = (device.at("name"), device.at("devicePath"));
        if name.text().is_empty() {
            out.required(&name, "");
        }
        if names.contains(name.text()) {
            out.invalid(&name, name.text(), "must be unique");
        }
        match volumes.get(name.text()) {
            None => out.not_found(&name, name.text(), ""),
            Some(volume) if volume.at("persistentVolumeClaim").is_set() || volume.at("ephemeral").is_set() => {}
            Some(_) => {
                let detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                out.invalid(&name, name.text(), detail);
            }
        }
        if path.text().is_empty() {
            out.required(&path, "");
        }
        if paths.contains(path.text()) {
            out.invalid(&path, path.text(), "must be unique");
        }
        if has_backsteps(path.text()) {
            out.invalid(&path, path.text(), "can not contain backsteps ('..')");
        } else {
            paths.insert(path.text());
        }
        if mounts.contains_key(name.text()) {
            out.invalid(&name, name.text(), "must not already exist in volumeMounts");
        }
        if mounts.values().any(|mount| *mount == path.text()) {
            out.invalid(&path, path.text(), "must not already exist as a path in volumeMounts");
        }
        if !name.text().is_empty() {
            names.insert(name.text());
        }
    }
}

/// Volume name to path, as `GetVolumeMountMap` and `GetVolumeDeviceMap` give it.
fn pairs<'a>(list: &Node<'a>, path: &'a str) -> BTreeMap<&'a str, &'a str> {
    list.items()
        .map(|item| (item.at("name").text(), item.at(path).text()))
        .collect()
}
