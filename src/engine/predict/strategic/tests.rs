//! Three-way patches over the Deployment tree: what is sent, and what comes of it.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::kind::DEPLOYMENT;

fn pod(spec: Value) -> Value {
    json!({"spec": {"template": {"spec": spec}}})
}

fn containers(items: Value) -> Value {
    pod(json!({"containers": items}))
}

/// The patch and what the server makes of it.
fn synced(last_applied: &Value, live: &Value, desired: &Value) -> (Value, Value) {
    let patch = three_way_patch(&DEPLOYMENT, last_applied, live, desired).unwrap();
    let merged = apply_patch(&DEPLOYMENT, live, &patch).unwrap();
    (patch, merged)
}

#[test]
fn a_key_that_only_live_has_is_not_touched() {
    let git = containers(json!([{"name": "app", "livenessProbe": {"httpGet": {"port": 80}}}]));
    let live = containers(json!([{"name": "app", "livenessProbe": {"tcpSocket": {"port": 80}}}]));
    let (patch, merged) = synced(&git, &live, &git);
    assert_eq!(
        patch,
        pod(json!({
            "$setElementOrder/containers": [{"name": "app"}],
            "containers": [{"name": "app", "livenessProbe": {"httpGet": {"port": 80}}}]
        }))
    );
    assert_eq!(
        merged,
        containers(json!([{"name": "app", "livenessProbe": {"httpGet": {"port": 80}, "tcpSocket": {"port": 80}}}]))
    );
}

#[test]
fn a_key_that_left_git_is_deleted_and_so_is_an_explicit_null() {
    let http = containers(json!([{"name": "app", "livenessProbe": {"httpGet": {"port": 80}}}]));
    let tcp = containers(json!([{"name": "app", "livenessProbe": {"tcpSocket": {"port": 80}}}]));
    assert_eq!(synced(&http, &http, &tcp).1, tcp);
    let with_null = containers(json!([{"name": "app", "livenessProbe": {"httpGet": {"port": 80}, "tcpSocket": null}}]));
    assert_eq!(synced(&http, &tcp, &with_null).1, http);
}

#[test]
fn an_equal_object_gives_an_empty_patch() {
    let live = containers(json!([{"name": "app", "env": [{"name": "A", "value": "1"}], "imagePullPolicy": "Always"}]));
    let git = containers(json!([{"name": "app", "env": [{"name": "A", "value": "1"}]}]));
    assert_eq!(synced(&git, &live, &git), (json!({}), live));
}

#[test]
fn a_volume_and_the_strategy_keep_only_what_git_names() {
    let git = json!({"spec": {"strategy": {"type": "Recreate"},
                              "template": {"spec": {"volumes": [{"name": "data", "emptyDir": {}}]}}}});
    let live = json!({"spec": {
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        "template": {"spec": {"volumes": [{"name": "data", "emptyDir": {}, "hostPath": {"path": "/x"}}]}}
    }});
    let (patch, merged) = synced(&json!({}), &live, &git);
    assert_eq!(
        patch["spec"]["strategy"],
        json!({"$retainKeys": ["type"], "type": "Recreate"})
    );
    assert_eq!(
        patch["spec"]["template"]["spec"]["volumes"],
        json!([{"$retainKeys": ["emptyDir", "name"], "name": "data"}])
    );
    assert_eq!(merged, git);
}

#[test]
fn items_are_deleted_by_key_and_foreign_items_keep_their_place() {
    let list = |names: &[&str]| containers(names.iter().map(|name| json!({"name": name, "image": "i"})).collect());
    let (patch, merged) = synced(
        &list(&["a", "b", "c"]),
        &list(&["x", "a", "b", "y", "c"]),
        &list(&["c", "a"]),
    );
    assert_eq!(
        patch,
        pod(json!({
            "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
            "containers": [{"name": "b", "$patch": "delete"}]
        }))
    );
    assert_eq!(merged, list(&["x", "y", "c", "a"]));
}

#[test]
fn finalizers_merge_as_a_set() {
    let meta = |names: &[&str]| json!({"metadata": {"finalizers": names}});
    let (patch, merged) = synced(
        &meta(&["a/1", "a/2"]),
        &meta(&["a/1", "a/2", "other/1"]),
        &meta(&["a/1", "a/3"]),
    );
    assert_eq!(
        patch["metadata"],
        json!({
            "$setElementOrder/finalizers": ["a/1", "a/3"],
            "$deleteFromPrimitiveList/finalizers": ["a/2"],
            "finalizers": ["a/3"]
        })
    );
    assert_eq!(merged, meta(&["a/1", "a/3", "other/1"]));
}

#[test]
fn lists_without_a_key_are_replaced_whole() {
    let args = |args: &[&str]| containers(json!([{"name": "app", "args": args}]));
    assert_eq!(
        synced(&args(&["a"]), &args(&["a", "--debug"]), &args(&["a"])).1,
        args(&["a"])
    );
}

/// The key is the number alone, so that Kubernetes cannot tell these two apart (kubernetes#105610).
#[test]
fn two_ports_of_one_number_are_one_to_a_patch() {
    let dns = |udp: &str| {
        containers(json!([{"name": "dns", "ports": [
            {"containerPort": 53, "protocol": "TCP", "name": "tcp"},
            {"containerPort": 53, "protocol": "UDP", "name": udp}
        ]}]))
    };
    assert_eq!(
        synced(&dns("udp"), &dns("udp"), &dns("new")).1,
        containers(json!([{"name": "dns", "ports": [
            {"containerPort": 53, "protocol": "TCP", "name": "new"},
            {"containerPort": 53, "protocol": "UDP", "name": "udp"}
        ]}]))
    );
    let without_udp =
        containers(json!([{"name": "dns", "ports": [{"containerPort": 53, "protocol": "TCP", "name": "tcp"}]}]));
    assert_eq!(
        synced(&dns("udp"), &dns("udp"), &without_udp).1,
        containers(json!([{"name": "dns", "ports": []}]))
    );
}

#[test]
fn a_patch_that_cannot_be_made_says_why() {
    let named = containers(json!([{"name": "app"}]));
    assert_eq!(
        three_way_patch(&DEPLOYMENT, &json!({}), &named, &containers(json!([{"image": "i"}]))),
        Err(PatchError::NoMergeKey {
            item: "map[image:i]".to_owned(),
            key: "name".to_owned()
        })
    );
    let unknown = |value: u8| json!({"spec": {"rollout": {"step": value}}});
    assert_eq!(
        three_way_patch(&DEPLOYMENT, &json!({}), &unknown(1), &unknown(1)),
        Ok(json!({}))
    );
    assert_eq!(
        three_way_patch(&DEPLOYMENT, &json!({}), &unknown(1), &unknown(2)),
        Err(PatchError::UnknownField {
            parent: "DeploymentSpec",
            field: "rollout".to_owned()
        })
    );
}

#[test]
fn directives_of_a_hand_written_patch_are_carried_out() {
    let live = containers(
        json!([{"name": "app", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]),
    );
    for (patch, merged) in [
        (json!([{"name": "app", "$patch": "delete"}]), json!([])),
        (
            json!([{"name": "app", "env": [{"name": "A", "$patch": "delete"}]}]),
            json!([{"name": "app", "image": "i", "env": [{"name": "B", "value": "2"}]}]),
        ),
        (
            json!([{"name": "app", "env": [{"$patch": "replace"}, {"name": "C", "value": "3"}]}]),
            json!([{"name": "app", "image": "i", "env": [{"name": "C", "value": "3"}]}]),
        ),
        (
            json!([{"name": "app", "env": null}]),
            json!([{"name": "app", "image": "i"}]),
        ),
    ] {
        assert_eq!(
            apply_patch(&DEPLOYMENT, &live, &containers(patch)),
            Ok(containers(merged))
        );
    }
}

#[test]
fn a_set_with_a_value_of_another_type_makes_no_patch() {
    let with = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    let live = with(json!(["example.com/f"]));
    for (other, shown) in [(json!([null]), "[<nil>]"), (json!(["a/b", 5]), "[a/b 5]")] {
        let told = three_way_patch(&DEPLOYMENT, &live, &live, &with(other))
            .unwrap_err()
            .to_string();
        assert_eq!(
            told,
            format!("list element types are not identical: [[example.com/f] {shown}]")
        );
    }
}
