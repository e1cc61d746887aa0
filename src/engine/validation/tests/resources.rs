//! What a pod asks for as a whole, and the names and claims of its disks.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{expand, pod};

#[test]
fn a_pod_asks_for_at_least_what_its_containers_need_at_the_same_time() {
    let with = |requests: Value, init: Value| {
        let web = json!({"name": "web", "image": "web", "resources": {"requests": {"cpu": "300m", "memory": "64Mi"}}});
        let log = json!({"name": "log", "image": "log", "resources": {"requests": {"cpu": "0.2"}}});
        pod(json!({"resources": {"requests": requests}, "containers": [web, log], "initContainers": init}))
    };
    let init = |cpu: &str, policy: Value| {
        json!({"name": format!("i{cpu}"), "image": "i", "restartPolicy": policy,
                                                 "resources": {"requests": {"cpu": cpu}}})
    };
    let short = |own: &str, sum: &str| {
        expand(&[&format!(
            "P.resources.requests[cpu]: Invalid value: \"{own}\": must be greater than or equal to aggregate container \
             requests of {sum}"
        )])
    };
    assert_eq!(with(json!({"cpu": "500m", "memory": "1Gi"}), json!([])), expand(&[]));
    assert_eq!(with(json!({"cpu": "499m"}), json!([])), short("499m", "500m"));
    assert_eq!(
        with(json!({"cpu": "0.5"}), json!([init("2", Value::Null)])),
        short("500m", "2"),
        "one that runs before them"
    );
    let sidecar = json!("Always");
    assert_eq!(
        with(json!({"cpu": "1"}), json!([init("600m", sidecar.clone())])),
        short("1", "1100m"),
        "one that stays"
    );
    let after = json!([init("600m", sidecar), init("1", Value::Null)]);
    assert_eq!(
        with(json!({"cpu": "1500m"}), after),
        short("1500m", "1600m"),
        "one that runs beside one that stays"
    );
}

#[test]
fn huge_pages_of_all_containers_fit_into_the_pods() {
    let web = |name: &str| {
        let pages = json!({"hugepages-2Mi": "4Mi", "cpu": "1"});
        json!({"name": name, "image": "web", "resources": {"requests": pages, "limits": pages}})
    };
    let pages = json!({"hugepages-2Mi": "6Mi", "cpu": "2"});
    let words = "P.resources.limits[hugepages-2Mi]: Invalid value: \"6Mi\": must be greater than or equal to aggregate \
                 container limits of 8Mi";
    let requests = words
        .replace(".limits[", ".requests[")
        .replace(" limits ", " requests ");
    let told = pod(json!({"resources": {"requests": pages, "limits": pages}, "containers": [web("a"), web("b")]}));
    assert_eq!(told, expand(&[&requests, words]));
}

#[test]
fn a_name_of_iscsi_has_one_of_three_forms() {
    let told = |iqn: &str, initiator: Option<&str>| {
        pod(
            json!({"volumes": [{"name": "v", "iscsi": {"targetPortal": "10.0.0.1", "lun": 0, "iqn": iqn,
                                                       "initiatorName": initiator}}]}),
        )
    };
    let (eui, naa) = ("eui.02004567A425678D", "naa.0123456789abcdef0123456789abcdef");
    for name in [
        "iqn.2026-01.example:disk",
        "iqn.2026-01.example.com:a:b",
        eui,
        naa,
        "iqn of iqn.2026-01.example:disk",
    ] {
        assert_eq!(told(name, Some(name)), expand(&[]), "{name}");
    }
    let long = format!("{eui}0");
    for name in [
        "iqn.2026-1.example:disk",
        "iqn.2026-01.example",
        "iqn.2026-01.example:a b",
        "iqn.2026-01.:a",
        "iqn",
        &long,
        "naa.0",
    ] {
        let words = format!("P.volumes[0].iscsi.iqn: Invalid value: \"{name}\": must be valid format");
        assert_eq!(told(name, None), expand(&[&words]), "{name}");
    }
    let words =
        "P.volumes[0].iscsi.initiatorname: Invalid value: \"me\": must be valid format starting with iqn, eui, or naa";
    assert_eq!(told(eui, Some("me")), expand(&[words]));
}

#[test]
fn the_claim_of_a_volume_is_one_that_could_be_made() {
    let told = |metadata: Value, more: Value| {
        let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        json_patch::merge(&mut spec, &more);
        pod(
            json!({"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {"metadata": metadata,
                "spec": spec}}}]}),
        )
    };
    let at = "P.volumes[0].ephemeral.volumeClaimTemplate";
    assert_eq!(
        told(
            json!({"labels": {"a": "b"}, "creationTimestamp": null, "namespace": ""}),
            json!({})
        ),
        expand(&[])
    );
    let named = [
        format!("{at}.metadata.name: Forbidden: cannot be set"),
        format!("{at}.metadata.uID: Forbidden: cannot be set"),
    ];
    assert_eq!(
        told(json!({"name": "own", "uid": "1"}), json!({})),
        expand(&[&named[0], &named[1]])
    );
    for (more, words) in [
        (
            json!({"dataSource": {"kind": "VolumeSnapshot", "name": "x"}}),
            "dataSource: Invalid value: \"VolumeSnapshot\": must be 'PersistentVolumeClaim' when referencing the \
             default apiGroup",
        ),
        (
            json!({"dataSourceRef": {"kind": "PersistentVolumeClaim", "name": ""}}),
            "dataSourceRef.name: Required value",
        ),
    ] {
        assert_eq!(told(json!({}), more), expand(&[&format!("{at}.spec.{words}")]));
    }
    let class = told(json!({}), json!({"storageClassName": "Fast"}));
    assert!(
        class.len() == 1
            && class[0].contains("spec.storageClassName: Invalid value: \"Fast\": a lowercase RFC 1123 subdomain"),
        "{class:?}"
    );
}
