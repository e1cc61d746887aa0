//! Volumes, and where containers mount them: unions, too.

use serde_json::{Value, json};

use super::union::{map, maybe};
use crate::random::Random;

/// A volume `data` with one of the sources that a server takes without more.
pub fn volume(random: &mut Random) -> Option<Value> {
    let source = match random.below(13) {
        0 => json!({"emptyDir": {}}),
        1 => {
            json!({"emptyDir": map(&[("medium", maybe(random, 50, &[json!("Memory"), json!("")])),
                                     ("sizeLimit", maybe(random, 60, &[json!("1Gi"), json!("0.5Gi"), json!(1024)]))])})
        }
        2 => {
            json!({"configMap": map(&[("name", Some(json!("settings"))),
                                      ("defaultMode", maybe(random, 40, &[json!(420), json!(256)])),
                                      ("items", maybe(random, 40, &[json!([{"key": "a", "path": "b"}])]))])})
        }
        3 => {
            json!({"secret": map(&[("secretName", Some(json!("db"))),
                                   ("optional", maybe(random, 30, &[json!(true), json!(false)]))])})
        }
        4 => {
            json!({"hostPath": map(&[("path", Some(json!("/srv"))),
                                     ("type", maybe(random, 50, &[json!(""), json!("Directory")]))])})
        }
        5 => json!({"persistentVolumeClaim": {"claimName": random.pick(&["disk", "other"])}}),
        6 => json!({"nfs": {"server": "nfs.example", "path": "/export"}}),
        7 => json!({"csi": {"driver": "secrets.example", "readOnly": true}}),
        8 => json!({"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}),
        9 => {
            json!({"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": random.pick(&["1Gi", "1024Mi"])}}}}}})
        }
        10 => json!({"image": {"reference": random.pick(&["registry.example/data:1", "registry.example/data"])}}),
        11 => json!({}),
        _ => json!({"iscsi": {"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2026-01.example:disk", "lun": 0}}),
    };
    let mut volume = source;
    volume["name"] = json!("data");
    Some(volume)
}

/// The claim of a pod's own, with these fields more.
fn ephemeral(metadata: Value, more: Value) -> Value {
    let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    json_patch::merge(&mut spec, &more);
    json!({"ephemeral": {"volumeClaimTemplate": {"metadata": metadata, "spec": spec}}})
}

fn iscsi(more: Value) -> Value {
    let mut source = json!({"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2026-01.example:disk", "lun": 0});
    json_patch::merge(&mut source, &more);
    json!({"iscsi": source})
}

pub fn broken_volume(random: &mut Random) -> Option<Value> {
    let mut volume = random
        .pick(&[
            json!({"emptyDir": {}, "hostPath": {"path": "/srv"}}),
            json!({"configMap": {"name": "a"}, "secret": {"secretName": "b"}, "emptyDir": {}}),
            json!({"emptyDir": {"sizeLimit": "-1Gi"}}),
            json!({"configMap": {"name": "", "defaultMode": 1000}}),
            json!({"secret": {"items": [{"key": "", "path": "../x"}]}}),
            json!({"hostPath": {"path": "", "type": "Folder"}}),
            json!({"hostPath": {"path": "/a/../b"}}),
            json!({"persistentVolumeClaim": {"claimName": ""}}),
            json!({"nfs": {"server": "", "path": "relative"}}),
            json!({"downwardAPI": {"items": [{"path": "", "fieldRef": {"fieldPath": "a"},
                                              "resourceFieldRef": {"resource": "limits.cpu"}}]}}),
            json!({"image": {"reference": "", "pullPolicy": "Sometimes"}}),
            json!({"ephemeral": {}}),
            ephemeral(
                json!({"name": "own", "uid": "1", "labels": {"a": "b"}}),
                json!({"storageClassName": "Fast", "volumeAttributesClassName": "-x"}),
            ),
            ephemeral(
                json!({"finalizers": ["a/b"], "annotations": {"a b": "c"}}),
                json!({"dataSource": {"kind": "VolumeSnapshot", "name": "x"}}),
            ),
            ephemeral(
                json!({}),
                json!({"dataSource": {"apiGroup": "Not Valid", "kind": "", "name": ""}}),
            ),
            ephemeral(
                json!({}),
                json!({"dataSourceRef": {"apiGroup": "snapshot.storage.k8s.io",
                "kind": "VolumeSnapshot", "name": ""}}),
            ),
            ephemeral(
                json!({"namespace": "", "generation": 0}),
                json!({"accessModes": ["Sometimes", "ReadWriteOncePod", "ReadOnlyMany"]}),
            ),
            iscsi(json!({"iqn": "iqn.2026-1.example:disk"})),
            iscsi(json!({"iqn": "iqn iqn.2026-01.example:disk"})),
            iscsi(json!({"iqn": "eui.02004567A425678D0", "initiatorName": "iqn.2026-01.example:a b"})),
            iscsi(json!({"iqn": "naa.0123456789abcdef0123456789abcdef", "initiatorName": "naa.1"})),
            iscsi(json!({"iqn": "disk", "initiatorName": "eui:02004567A425678D"})),
            iscsi(json!({"lun": 256, "chapAuthSession": true, "initiatorName": "me"})),
            json!({"csi": {"driver": "-x-"}}),
        ])
        .clone();
    volume["name"] = json!("data");
    Some(volume)
}

pub fn projected(random: &mut Random) -> Option<Value> {
    if random.chance(15) {
        return None;
    }
    let sources = [
        json!({"configMap": {"name": "a"}}),
        json!({"secret": {"name": "b", "items": [{"key": "k", "path": "p"}]}}),
        json!({"serviceAccountToken": {"path": "token", "expirationSeconds": random.pick(&[3600, 7200])}}),
        json!({"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}}),
    ];
    let mode = random.chance(30).then(|| json!(random.pick(&[420, 256])));
    Some(
        json!({"name": "all", "projected": map(&[("sources", Some(Value::from(random.some(&sources, 50)))),
                                                 ("defaultMode", mode)])}),
    )
}

pub fn broken_projected(random: &mut Random) -> Option<Value> {
    let sources = random
        .pick(&[
            json!([{"configMap": {"name": "a"}, "secret": {"name": "b"}}]),
            json!([{"serviceAccountToken": {"path": ""}}]),
            json!([{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]),
            json!([{"configMap": {"name": "a", "items": [{"key": "k", "path": "p"}]}},
                   {"secret": {"name": "b", "items": [{"key": "k", "path": "p"}]}}]),
            json!([{"configMap": {"name": ""}}]),
            json!([{"downwardAPI": {"items": [{"path": "a/../b", "fieldRef": {"fieldPath": "metadata.name"}}]}}]),
        ])
        .clone();
    Some(json!({"name": "all", "projected": {"sources": sources}}))
}

pub fn fibre_channel(random: &mut Random) -> Option<Value> {
    if random.chance(25) {
        return None;
    }
    let source = if random.chance(50) {
        json!({"targetWWNs": ["500a0982991b8dc5"], "lun": random.pick(&[0, 2])})
    } else {
        json!({"wwids": ["3600508b4"]})
    };
    Some(json!({"name": "fc", "fc": source}))
}

pub fn broken_fibre_channel(random: &mut Random) -> Option<Value> {
    let source = random
        .pick(&[
            json!({}),
            json!({"targetWWNs": ["a"], "wwids": ["b"], "lun": 1}),
            json!({"targetWWNs": ["a"]}),
            json!({"targetWWNs": ["a"], "lun": 300}),
        ])
        .clone();
    Some(json!({"name": "fc", "fc": source}))
}

pub fn mount(random: &mut Random) -> Option<Value> {
    if random.chance(20) {
        return None;
    }
    let mut mount = match random.below(4) {
        0 => json!({"subPath": "a"}),
        1 => json!({"subPathExpr": "$(MODE)"}),
        2 => json!({"readOnly": true}),
        _ => json!({}),
    };
    mount["name"] = json!("data");
    mount["mountPath"] = json!("/data");
    Some(mount)
}

pub fn broken_mount(random: &mut Random) -> Option<Value> {
    let mut mount = random
        .pick(&[
            json!({"name": "data", "subPath": "a", "subPathExpr": "b"}),
            json!({"name": "data", "subPath": "/a"}),
            json!({"name": "data", "subPath": "../a"}),
            json!({"name": "gone"}),
            json!({"name": ""}),
            json!({"name": "data", "mountPropagation": "Sideways"}),
            json!({"name": "data", "recursiveReadOnly": "Enabled"}),
        ])
        .clone();
    mount["mountPath"] = json!("/data");
    Some(mount)
}

pub fn devices(random: &mut Random) -> Option<Value> {
    random
        .chance(40)
        .then(|| json!([{"name": "data", "devicePath": random.pick(&["/dev/a", "/dev/b"])}]))
}

pub fn broken_devices(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!([{"name": "data", "devicePath": "../a"}]),
                json!([{"name": "gone", "devicePath": "/dev/a"}]),
                json!([{"name": "data", "devicePath": "/data"}]),
                json!([{"name": "", "devicePath": ""}]),
            ])
            .clone(),
    )
}
