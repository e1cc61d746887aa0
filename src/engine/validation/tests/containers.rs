//! Handlers, variables, mounts, ports and resources.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{container, expand, pod, pod_with, told};

#[test]
fn handlers_of_probes_and_hooks_exclude_each_other() {
    let (exec, http) = (json!({"command": ["true"]}), json!({"port": 80}));
    let (tcp, grpc, sleep) = (json!({"port": 80}), json!({"port": 80}), json!({"seconds": 1}));
    const TWO: &str = "Forbidden: may not specify more than 1 handler type";
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        assert_eq!(
            container(json!({probe: {"exec": exec, "httpGet": http, "tcpSocket": tcp, "grpc": grpc}})),
            expand(&[
                &format!("C.{probe}.httpGet: {TWO}"),
                &format!("C.{probe}.tcpSocket: {TWO}"),
                &format!("C.{probe}.grpc: {TWO}")
            ])
        );
        assert_eq!(
            container(json!({probe: {}})),
            expand(&[&format!("C.{probe}: Required value: must specify a handler type")])
        );
    }
    for hook in ["postStart", "preStop"] {
        assert_eq!(
            container(json!({"lifecycle": {hook: {"exec": exec, "httpGet": http, "tcpSocket": tcp, "sleep": sleep}}})),
            expand(&[
                &format!("C.lifecycle.{hook}.httpGet: {TWO}"),
                &format!("C.lifecycle.{hook}.tcpSocket: {TWO}"),
                &format!("C.lifecycle.{hook}.sleep: {TWO}")
            ])
        );
        assert_eq!(
            container(json!({"lifecycle": {hook: {}}})),
            expand(&[&format!(
                "C.lifecycle.{hook}: Required value: must specify a handler type"
            )])
        );
    }
}

#[test]
fn a_handler_and_its_probe_are_looked_into() {
    for (fields, words) in [
        (
            json!({"livenessProbe": {"exec": {}}}),
            vec!["C.livenessProbe.exec.command: Required value"],
        ),
        (
            json!({"livenessProbe": {"httpGet": {"port": "8080", "scheme": "FTP"}}}),
            vec![
                "C.livenessProbe.httpGet.port: Invalid value: \"8080\": must contain at least one letter (a-z)",
                "C.livenessProbe.httpGet.scheme: Unsupported value: \"FTP\": supported values: \"HTTP\", \"HTTPS\"",
            ],
        ),
        (
            json!({"readinessProbe": {"tcpSocket": {"port": 70000}}}),
            vec!["C.readinessProbe.tcpSocket.port: Invalid value: 70000: must be between 1 and 65535, inclusive"],
        ),
        (
            json!({"livenessProbe": {"tcpSocket": {"port": 80}, "successThreshold": 2}}),
            vec!["C.livenessProbe.successThreshold: Invalid value: 2: must be 1"],
        ),
        (
            json!({"readinessProbe": {"tcpSocket": {"port": 80}, "terminationGracePeriodSeconds": 5,
                                      "periodSeconds": -1}}),
            vec![
                "C.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
                "C.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes",
            ],
        ),
        (
            json!({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}),
            vec![
                "C.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than \
                 terminationGracePeriodSeconds (30)",
            ],
        ),
    ] {
        assert_eq!(container(fields), expand(&words));
    }
}

#[test]
fn probes_and_hooks_of_init_containers_are_for_sidecars() {
    let init = |fields: Value| {
        told(pod_with(|object| {
            let init = object
                .pointer_mut("/spec/template/spec/initContainers/0")
                .unwrap()
                .as_object_mut()
                .unwrap();
            init.extend(fields.as_object().unwrap().clone());
        }))
    };
    let probe = json!({"tcpSocket": {"port": 80}});
    assert_eq!(
        init(json!({"livenessProbe": probe, "lifecycle": {}})),
        [
            "spec.template.spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without \
             restartPolicy=Always",
            "spec.template.spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without \
             restartPolicy=Always",
        ]
    );
    assert_eq!(
        init(json!({"livenessProbe": probe, "restartPolicy": "Always"})),
        Vec::<String>::new()
    );
    assert_eq!(
        init(json!({"restartPolicy": "Always", "startupProbe": {"tcpSocket": {"port": 80}, "grpc": {"port": 80}}})),
        ["spec.template.spec.initContainers[0].startupProbe.grpc: Forbidden: may not specify more than 1 handler type"]
    );
    assert_eq!(
        init(json!({"name": "app"})),
        ["spec.template.spec.initContainers[0].name: Duplicate value: \"app\""]
    );
}

#[test]
fn an_environment_variable_has_one_source() {
    let field = json!({"fieldPath": "metadata.name"});
    let key = json!({"name": "settings", "key": "mode"});
    for (variable, words) in [
        (
            json!({"name": "A", "valueFrom": {"fieldRef": field, "secretKeyRef": key}}),
            vec!["C.env[0].valueFrom: Invalid value: \"\": may not have more than one field specified at a time"],
        ),
        (
            json!({"name": "A", "value": "x", "valueFrom": {"fieldRef": field, "secretKeyRef": key}}),
            vec!["C.env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"],
        ),
        (
            json!({"name": "A", "valueFrom": {}}),
            vec![
                "C.env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, \
                 `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
            ],
        ),
        (
            json!({"name": "A", "value": "", "valueFrom": {"configMapKeyRef": key}}),
            vec![],
        ),
        (json!({"name": "", "value": "x"}), vec!["C.env[0].name: Required value"]),
        (
            json!({"name": "A=B", "value": "x"}),
            vec![
                "C.env[0].name: Invalid value: \"A=B\": a valid environment variable name must consist only of \
                 printable ASCII characters other than '='",
            ],
        ),
        (
            json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}),
            vec![
                "C.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"status.phase\": supported values: \
                 \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \
                 \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \
                 \"status.podIPs\"",
            ],
        ),
        (
            json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.zone"}}}),
            vec![
                "C.env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.zone\": error converting fieldPath: \
                 field label not supported: spec.zone",
            ],
        ),
        (
            json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}),
            vec![],
        ),
        (
            json!({"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}}),
            vec![
                "C.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m \
                 and 1 are supported with the cpu resource",
            ],
        ),
    ] {
        assert_eq!(container(json!({"env": [variable]})), expand(&words));
    }
    for (source, words) in [
        (
            json!({"configMapRef": {"name": "a"}, "secretRef": {"name": "b"}}),
            "C.envFrom: Invalid value: \"\": may not have more than one field specified at a time",
        ),
        (
            json!({"prefix": "X_"}),
            "C.envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`",
        ),
    ] {
        assert_eq!(container(json!({"envFrom": [source]})), expand(&[words]));
    }
}

#[test]
fn a_mount_needs_a_volume_without_fault() {
    assert_eq!(
        container(json!({"volumeMounts": [
            {"name": "gone", "mountPath": "/a"},
            {"name": "v", "mountPath": "/a", "subPath": "x", "subPathExpr": "$(X)"}
        ]})),
        expand(&[
            "C.volumeMounts[0].name: Not found: \"gone\"",
            "C.volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique",
            "C.volumeMounts[1].subPathExpr: Invalid value: \"$(X)\": subPathExpr and subPath are mutually exclusive",
        ])
    );
    assert_eq!(
        container(json!({"volumeMounts": [{"name": "v", "mountPath": "/a"}],
                   "volumeDevices": [{"name": "v", "devicePath": "/a"}]})),
        expand(&[
            "C.volumeMounts[0].name: Invalid value: \"v\": must not already exist in volumeDevices",
            "C.volumeMounts[0].mountPath: Invalid value: \"/a\": must not already exist as a path in volumeDevices",
            "C.volumeDevices[0].name: Invalid value: \"v\": can only use volume source type of PersistentVolumeClaim \
             or Ephemeral for block mode",
            "C.volumeDevices[0].name: Invalid value: \"v\": must not already exist in volumeMounts",
            "C.volumeDevices[0].devicePath: Invalid value: \"/a\": must not already exist as a path in volumeMounts",
        ])
    );
    let faulty = pod_with(|object| {
        object["spec"]["template"]["spec"]["volumes"][0]["hostPath"] = json!({"path": "/data"});
        object["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] =
            json!([{"name": "v", "mountPath": "/data"}]);
    });
    assert_eq!(
        told(faulty),
        expand(&[
            "P.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
            "C.volumeMounts[0].name: Not found: \"v\""
        ])
    );
}

#[test]
fn requests_stay_below_limits_and_ports_have_names_of_their_own() {
    for (fields, words) in [
        (
            json!({"resources": {"requests": {"cpu": "0.5"}, "limits": {"cpu": "200m"}}}),
            vec!["C.resources.requests: Invalid value: \"500m\": must be less than or equal to cpu limit of 200m"],
        ),
        (
            json!({"resources": {"requests": {"example.com/gpu": 1}}}),
            vec!["C.resources.limits: Required value: Limit must be set for non overcommitable resources"],
        ),
        (
            json!({"resources": {"limits": {"gpu": "1"}}}),
            vec![
                "C.resources.limits[gpu]: Invalid value: \"gpu\": must be a standard resource type or fully qualified",
                "C.resources.limits[gpu]: Invalid value: \"gpu\": must be a standard resource for containers",
            ],
        ),
        (
            json!({"ports": [{"name": "http", "containerPort": 80}, {"name": "http", "containerPort": 81},
                             {"containerPort": 99999}]}),
            vec![
                "C.ports[1].name: Duplicate value: \"http\"",
                "C.ports[2].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            json!({"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}]}),
            vec!["C.ports[1].hostPort: Duplicate value: \"TCP//80\""],
        ),
        (
            json!({"imagePullPolicy": "Sometimes"}),
            vec![
                "C.imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \
                 \"Never\"",
            ],
        ),
        (json!({"image": ""}), vec!["C.image: Required value"]),
    ] {
        assert_eq!(container(fields), expand(&words));
    }
    assert_eq!(
        pod(json!({"hostNetwork": true, "containers": [{"name": "app", "image": "a",
                                                        "ports": [{"containerPort": 80, "hostPort": 81}]}]})),
        expand(&["C.ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"])
    );
    assert_eq!(
        pod(json!({"restartPolicy": "Never"})),
        expand(&["P.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""])
    );
}

#[test]
fn a_restart_rule_without_its_words_is_refused() {
    let rule = |rule: Value| container(json!({"restartPolicy": "Always", "restartPolicyRules": [rule]}));
    let at = "C.restartPolicyRules[0]";
    assert_eq!(
        rule(json!({"action": "Restart", "exitCodes": {"values": [1]}})),
        expand(&[&format!(
            "{at}.exitCodes.operator: Unsupported value: \"\": supported values: \"In\", \"NotIn\""
        )])
    );
    assert_eq!(
        rule(json!({"exitCodes": {"operator": "In", "values": [1]}})),
        expand(&[&format!(
            "{at}.action: Unsupported value: \"\": supported values: \"Restart\", \"RestartAllContainers\""
        )])
    );
}
