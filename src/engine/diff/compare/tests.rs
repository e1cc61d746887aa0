use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::kind::DEPLOYMENT;

const CONTAINER: &str = ".spec.template.spec.containers[name=\"web\"]";

fn with_pod(pod: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {
        "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": pod}}})
}

fn with_container(rest: Value) -> Value {
    let mut container = json!({"name": "web", "image": "nginx:1.25"});
    container
        .as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    with_pod(json!({"containers": [container]}))
}

fn told(desired: &Value, live: &Value) -> Vec<(ChangeKind, String, Value, Value)> {
    let told = |change: Change| {
        (
            change.kind,
            change.path.to_string(),
            change.desired.unwrap_or_default(),
            change.live.unwrap_or_default(),
        )
    };
    compare(&DEPLOYMENT, desired, live).into_iter().map(told).collect()
}

fn in_container(desired: Value, live: Value) -> Vec<(ChangeKind, String, Value, Value)> {
    told(&with_container(desired), &with_container(live))
        .into_iter()
        .map(|(kind, path, desired, live)| (kind, path.strip_prefix(CONTAINER).unwrap().to_owned(), desired, live))
        .collect()
}

#[test]
fn a_probe_that_changed_hands_is_one_field_gone_and_one_field_come() {
    assert_eq!(
        in_container(
            json!({"livenessProbe": {"httpGet": {"path": "/healthz", "port": 80}, "periodSeconds": 5}}),
            json!({"livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 5, "timeoutSeconds": 1}})
        ),
        [
            (
                ChangeKind::Removed,
                ".livenessProbe.httpGet".to_owned(),
                json!({"path": "/healthz", "port": 80}),
                Value::Null
            ),
            (
                ChangeKind::Added,
                ".livenessProbe.tcpSocket".to_owned(),
                Value::Null,
                json!({"port": 80})
            ),
        ]
    );
}

#[test]
fn items_are_found_by_the_keys_of_server_side_apply() {
    assert_eq!(
        in_container(
            json!({"ports": [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]}),
            json!({"ports": [{"containerPort": 53, "protocol": "UDP", "name": "dns"},
                             {"containerPort": 53, "protocol": "TCP"}]})
        ),
        [(
            ChangeKind::Added,
            ".ports[containerPort=53,protocol=\"UDP\"].name".to_owned(),
            Value::Null,
            json!("dns")
        )]
    );
}

#[test]
fn the_same_items_in_another_order_are_one_field() {
    let (one, other) = (
        json!([{"name": "A", "value": "1"}, {"name": "B"}]),
        json!([{"name": "B"}, {"name": "A", "value": "1"}]),
    );
    assert_eq!(
        in_container(json!({"env": one}), json!({"env": other})),
        [(ChangeKind::Reordered, ".env".to_owned(), one.clone(), other.clone())]
    );
}

#[test]
fn a_list_with_a_repeated_key_is_one_value() {
    let (one, other) = (
        json!([{"name": "A", "value": "1"}]),
        json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
    );
    assert_eq!(in_container(json!({"env": other}), json!({"env": other})), []);
    assert_eq!(
        in_container(json!({"env": one}), json!({"env": other})),
        [(ChangeKind::Changed, ".env".to_owned(), one.clone(), other.clone())]
    );
}

#[test]
fn what_the_server_makes_of_gits_own_words_is_no_change() {
    for (desired, live) in [
        (
            json!({"env": [{"name": "A", "value": ""}]}),
            json!({"env": [{"name": "A"}]}),
        ),
        (
            json!({"env": [], "args": null, "stdin": false, "workingDir": ""}),
            json!({}),
        ),
        (
            json!({"readinessProbe": {"tcpSocket": {"port": 1}, "timeoutSeconds": 0}}),
            json!({"readinessProbe": {"tcpSocket": {"port": 1}, "timeoutSeconds": 1}}),
        ),
        (
            json!({"resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {"cpu": null}}}),
            json!({"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "0"}}}),
        ),
        (json!({"lifecycle": {"stopSignal": "SIGTERM"}}), json!({})),
        (
            json!({"livenessprobe": {"httpGet": {"port": 1}}, "securityContext": {"unheardOf": 1}}),
            json!({"securityContext": {}}),
        ),
    ] {
        assert_eq!(in_container(desired.clone(), live.clone()), [], "{desired} {live}");
    }
}

#[test]
fn a_source_of_a_volume_that_the_server_does_not_know_leaves_an_empty_directory() {
    let volumes = |volume: Value| with_pod(json!({"containers": [], "volumes": [volume]}));
    assert_eq!(
        told(
            &volumes(json!({"name": "v", "unheardOf": {}})),
            &volumes(json!({"name": "v", "emptyDir": {}}))
        ),
        []
    );
    let projected = |source: Value| volumes(json!({"name": "v", "projected": {"sources": [source]}}));
    assert_eq!(
        told(
            &projected(json!({"podCertificate": {"keyType": "ED25519"}})),
            &projected(json!({}))
        ),
        []
    );
}

#[test]
fn a_zero_that_the_server_omits_is_still_gits_word() {
    let paused = |paused: bool| json!({"spec": {"paused": paused, "template": {"spec": {}}}});
    assert_eq!(
        told(&paused(false), &paused(true)),
        [(
            ChangeKind::Changed,
            ".spec.paused".to_owned(),
            json!(false),
            json!(true)
        )]
    );
}

#[test]
fn what_git_does_not_set_is_held_against_the_default() {
    let (git, mut live) = (with_container(json!({})), with_container(json!({})));
    live["spec"]["replicas"] = json!(1);
    live["spec"]["template"]["spec"]["dnsPolicy"] = json!("Default");
    live["spec"]["strategy"] = json!({"type": "Recreate"});
    assert_eq!(
        told(&git, &live),
        [
            (
                ChangeKind::Added,
                ".spec.strategy.type".to_owned(),
                Value::Null,
                json!("Recreate")
            ),
            (
                ChangeKind::Added,
                ".spec.template.spec.dnsPolicy".to_owned(),
                Value::Null,
                json!("Default")
            ),
        ]
    );
}

#[test]
fn a_pull_policy_that_lives_own_image_explains_is_no_change() {
    let image = |image: &str, policy: &str| {
        with_pod(json!({"containers": [{"name": "web", "image": image, "imagePullPolicy": policy}]}))
    };
    let git = with_container(json!({}));
    let paths = |live: &Value| {
        told(&git, live)
            .into_iter()
            .map(|(_, path, ..)| path)
            .collect::<Vec<_>>()
    };
    assert_eq!(paths(&image("nginx", "Always")), [format!("{CONTAINER}.image")]);
    assert_eq!(
        paths(&image("nginx:1.25", "Always")),
        [format!("{CONTAINER}.imagePullPolicy")]
    );
}

#[test]
fn the_service_account_counts_once_and_under_its_new_name() {
    let account = |pod: Value| with_pod(pod);
    let live = account(json!({"serviceAccountName": "b", "serviceAccount": "b"}));
    assert_eq!(
        told(&account(json!({"serviceAccount": "a"})), &live),
        [(
            ChangeKind::Changed,
            ".spec.template.spec.serviceAccountName".to_owned(),
            json!("a"),
            json!("b")
        )]
    );
    assert_eq!(told(&account(json!({"serviceAccount": "b"})), &live), []);
}

#[test]
fn what_the_server_writes_about_the_object_never_counts() {
    let git = with_container(json!({}));
    let mut live = git.clone();
    live["metadata"].as_object_mut().unwrap().extend(
        json!({"uid": "1", "resourceVersion": "2", "generation": 3, "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{}], "annotations": {LAST_APPLIED: "{}"}})
        .as_object()
        .unwrap()
        .clone(),
    );
    live["status"] = json!({"replicas": 1});
    assert_eq!(told(&git, &live), []);
}

#[test]
fn labels_and_annotations_are_told_one_by_one_and_other_absences_at_the_highest_node() {
    let git = with_container(json!({}));
    let mut live = with_container(json!({"lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}));
    live["metadata"]["annotations"] = json!({"a": "1", "b.example.com/c": "2"});
    live["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "ssd"});
    let added = |path: String, live: Value| (ChangeKind::Added, path, Value::Null, live);
    assert_eq!(
        told(&git, &live),
        [
            added(".metadata.annotations.a".to_owned(), json!("1")),
            added(".metadata.annotations[\"b.example.com/c\"]".to_owned(), json!("2")),
            added(
                format!("{CONTAINER}.lifecycle"),
                json!({"preStop": {"sleep": {"seconds": 1}}})
            ),
            added(".spec.template.spec.nodeSelector".to_owned(), json!({"disk": "ssd"})),
        ]
    );
}
