//! Normal form and defaults of whole objects.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;

fn defaulted(spec: Value) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec});
    apply_defaults(DEPLOYMENT, &mut object);
    object["spec"].take()
}

fn pod(spec: Value) -> Value {
    defaulted(json!({"template": {"spec": spec}}))["template"]["spec"].take()
}

#[test]
fn an_almost_empty_deployment_gets_every_default() {
    assert_eq!(
        defaulted(json!({"selector": {"matchLabels": {"app": "web"}},
                   "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
            "containers": [{"name": "web", "image": "nginx:1.25", "ports": [{"containerPort": 80}],
                            "livenessProbe": {"httpGet": {"port": 80}}}],
            "volumes": [{"name": "scratch"}, {"name": "host", "hostPath": {"path": "/x"}}]}}})),
        json!({
            "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "containers": [{"name": "web", "image": "nginx:1.25", "imagePullPolicy": "IfNotPresent",
                                "resources": {},
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                    "livenessProbe": {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1,
                                      "periodSeconds": 10,
                        "successThreshold": 1, "failureThreshold": 3}}],
                "volumes": [{"name": "scratch", "emptyDir": {}},
                            {"name": "host", "hostPath": {"path": "/x", "type": ""}}],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {},
                "terminationGracePeriodSeconds": 30}}
        })
    );
}

#[test]
fn recreate_gets_no_rolling_update() {
    assert_eq!(
        defaulted(json!({"strategy": {"type": "Recreate"}}))["strategy"],
        json!({"type": "Recreate"})
    );
}

#[test]
fn zero_values_go_and_pointers_stay() {
    let spec = pod(
        json!({"hostNetwork": false, "shareProcessNamespace": false, "terminationGracePeriodSeconds": 0,
               "nodeSelector": {}, "tolerations": [],
        "affinity": {}, "priorityClassName": "", "initContainers": null}),
    );
    assert_eq!(
        spec,
        json!({"shareProcessNamespace": false, "terminationGracePeriodSeconds": 0, "affinity": {},
               "securityContext": {},
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler"})
    );
}

#[test]
fn a_probe_written_with_zeros_gets_its_defaults() {
    let probe = pod(
        json!({"containers": [{"name": "a", "readinessProbe": {"grpc": {"port": 1}, "timeoutSeconds": 0,
            "initialDelaySeconds": 0}}]}),
    )["containers"][0]["readinessProbe"]
        .take();
    assert_eq!(
        probe,
        json!({"grpc": {"port": 1, "service": ""}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1,
               "failureThreshold": 3})
    );
}

#[test]
fn the_service_account_is_one_field_under_two_names() {
    let names = |spec: Value| {
        let spec = pod(spec);
        (spec["serviceAccountName"].clone(), spec["serviceAccount"].clone())
    };
    assert_eq!(names(json!({"serviceAccount": "a"})), (json!("a"), json!("a")));
    assert_eq!(
        names(json!({"serviceAccount": "a", "serviceAccountName": "b"})),
        (json!("b"), json!("b"))
    );
    assert_eq!(
        names(json!({"serviceAccount": "a", "serviceAccountName": null})),
        (json!("a"), json!("a"))
    );
    assert_eq!(names(json!({"serviceAccount": ""})), (Value::Null, Value::Null));
}

#[test]
fn resource_lists_round_to_milli_and_other_quantities_do_not() {
    let spec = pod(
        json!({"containers": [{"name": "a", "resources": {"limits": {"cpu": 1.2345, "memory": "1024Mi"}}}],
        "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1.2345"}}]}),
    );
    assert_eq!(
        spec["containers"][0]["resources"],
        json!({"limits": {"cpu": "1235m", "memory": "1Gi"}})
    );
    assert_eq!(spec["volumes"][0]["emptyDir"]["sizeLimit"], json!("1234500u"));
}

#[test]
fn what_the_table_does_not_know_passes_through() {
    let spec = defaulted(json!({"hostNetwork": true, "replicas": "two", "template": {"spec": "text"}}));
    assert_eq!(
        (&spec["hostNetwork"], &spec["replicas"], &spec["template"]["spec"]),
        (&json!(true), &json!("two"), &json!("text"))
    );
}

#[test]
fn the_zero_value_of_another_type_stays() {
    let mut object =
        json!({"metadata": [], "spec": {"paused": "", "minReadySeconds": false, "template": {"metadata": 0}}});
    apply_defaults(DEPLOYMENT, &mut object);
    assert_eq!(
        (&object["metadata"], &object["spec"]["template"]["metadata"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(
        (&object["spec"]["paused"], &object["spec"]["minReadySeconds"]),
        (&json!(""), &json!(false))
    );
    let once = object.clone();
    apply_defaults(DEPLOYMENT, &mut object);
    assert_eq!(object, once);
}
