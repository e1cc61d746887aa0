//! Volumes: one source each, one name each.

use std::collections::BTreeMap;

use super::causes::Causes;
use super::content;
use super::node::Node;
use super::volume_source::validate_source;

/// The sources in the order in which `validateVolumeSource` looks at them, and the name under which a second one is
/// reported where that is not its own: the server misspells two.
const SOURCES: &[(&str, &str)] = &[
    ("emptyDir", "emptyDir"),
    ("hostPath", "hostPath"),
    ("gitRepo", "gitRepo"),
    ("gcePersistentDisk", "gcePersistentDisk"),
    ("awsElasticBlockStore", "awsElasticBlockStore"),
    ("secret", "secret"),
    ("nfs", "nfs"),
    ("iscsi", "iscsi"),
    ("glusterfs", "glusterfs"),
    ("flocker", "flocker"),
    ("persistentVolumeClaim", "persistentVolumeClaim"),
    ("rbd", "rbd"),
    ("cinder", "cinder"),
    ("cephfs", "cephFS"),
    ("quobyte", "quobyte"),
    ("downwardAPI", "downwarAPI"),
    ("fc", "fc"),
    ("flexVolume", "flexVolume"),
    ("configMap", "configMap"),
    ("azureFile", "azureFile"),
    ("vsphereVolume", "vsphereVolume"),
    ("photonPersistentDisk", "photonPersistentDisk"),
    ("portworxVolume", "portworxVolume"),
    ("azureDisk", "azureDisk"),
    ("storageos", "storageos"),
    ("projected", "projected"),
    ("scaleIO", "scaleIO"),
    ("csi", "csi"),
    ("ephemeral", "ephemeral"),
    ("image", "image"),
];

/// `ValidateVolumes`: the volumes without a fault, which are the only ones that a mount may name.
pub(super) fn validate_volumes<'a>(volumes: &Node<'a>, out: &mut Causes) -> BTreeMap<&'a str, Node<'a>> {
    let mut faultless = BTreeMap::new();
    for volume in volumes.items() {
        let mut faults = Causes::default();
        validate_volume_source(&volume, &mut faults);
        let name = volume.at("name");
        if name.text().is_empty() {
            faults.required(&name, "");
        } else {
            faults.invalid_text(&name, name.text(), content::dns1123_label(name.text()));
        }
        if faultless.contains_key(name.text()) {
            faults.duplicate(&name, name.text());
        }
        if faults.is_empty() {
            faultless.insert(name.text(), volume);
        }
        out.append(faults);
    }
    faultless
}

/// `validateVolumeSource`.
fn validate_volume_source(volume: &Node<'_>, out: &mut Causes) {
    let mut found = SOURCES
        .iter()
        .filter_map(|(name, reported)| volume.set(name).map(|source| (*name, *reported, source)));
    match found.next() {
        None => out.required(volume, "must specify a volume type"),
        Some((name, _, source)) => validate_source(name, &source, volume, out),
    }
    for (_, reported, _) in found {
        out.forbidden(&volume.at(reported), "may not specify more than 1 volume type");
    }
}
