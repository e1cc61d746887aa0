//! Each union and each common rule with the server's words, on an object that is otherwise right.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;

/// A pod that the server takes, with `change` made to it.
fn pod_with(change: impl FnOnce(&mut Value)) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "volumes": [{"name": "v", "emptyDir": {}}],
                    "containers": [{"name": "app", "image": "web:1"}],
                    "initContainers": [{"name": "init", "image": "init:1"}]
                }
            }
        }
    });
    change(&mut object);
    object
}

fn told(object: Value) -> Vec<String> {
    refusals_of_new(&object).into_iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
}

/// What the server says to a container with these fields. `C` and `P` stand for the container and the pod.
fn container(fields: Value) -> Vec<String> {
    told(pod_with(|object| {
        object
            .pointer_mut("/spec/template/spec/containers/0")
            .unwrap()
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
    }))
}

fn pod(fields: Value) -> Vec<String> {
    told(pod_with(|object| {
        object.pointer_mut("/spec/template/spec").unwrap().as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    }))
}

fn spec(fields: Value) -> Vec<String> {
    told(pod_with(|object| object["spec"].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone())))
}

fn expand(told: &[&str]) -> Vec<String> {
    let place = |text: &&str| text.replacen("C.", "spec.template.spec.containers[0].", 1).replacen("P.", "spec.template.spec.", 1);
    told.iter().map(place).collect()
}

#[test]
fn a_plain_deployment_is_taken() {
    assert_eq!(told(pod_with(|_| {})), Vec::<String>::new());
}

#[test]
fn handlers_of_probes_and_hooks_exclude_each_other() {
    let (exec, http) = (json!({"command": ["true"]}), json!({"port": 80}));
    let (tcp, grpc, sleep) = (json!({"port": 80}), json!({"port": 80}), json!({"seconds": 1}));
    const TWO: &str = "Forbidden: may not specify more than 1 handler type";
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        assert_eq!(
            container(json!({probe: {"exec": exec, "httpGet": http, "tcpSocket": tcp, "grpc": grpc}})),
            expand(&[&format!("C.{probe}.httpGet: {TWO}"), &format!("C.{probe}.tcpSocket: {TWO}"), &format!("C.{probe}.grpc: {TWO}")])
        );
        assert_eq!(container(json!({probe: {}})), expand(&[&format!("C.{probe}: Required value: must specify a handler type")]));
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
            expand(&[&format!("C.lifecycle.{hook}: Required value: must specify a handler type")])
        );
    }
}

#[test]
fn a_handler_and_its_probe_are_looked_into() {
    for (fields, words) in [
        (json!({"livenessProbe": {"exec": {}}}), vec!["C.livenessProbe.exec.command: Required value"]),
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
            json!({"readinessProbe": {"tcpSocket": {"port": 80}, "terminationGracePeriodSeconds": 5, "periodSeconds": -1}}),
            vec![
                "C.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
                "C.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes",
            ],
        ),
        (
            json!({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}),
            vec!["C.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)"],
        ),
    ] {
        assert_eq!(container(fields), expand(&words));
    }
}

#[test]
fn probes_and_hooks_of_init_containers_are_for_sidecars() {
    let init = |fields: Value| {
        told(pod_with(|object| {
            let init = object.pointer_mut("/spec/template/spec/initContainers/0").unwrap().as_object_mut().unwrap();
            init.extend(fields.as_object().unwrap().clone());
        }))
    };
    let probe = json!({"tcpSocket": {"port": 80}});
    assert_eq!(
        init(json!({"livenessProbe": probe, "lifecycle": {}})),
        [
            "spec.template.spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always",
            "spec.template.spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ]
    );
    assert_eq!(init(json!({"livenessProbe": probe, "restartPolicy": "Always"})), Vec::<String>::new());
    assert_eq!(
        init(json!({"restartPolicy": "Always", "startupProbe": {"tcpSocket": {"port": 80}, "grpc": {"port": 80}}})),
        ["spec.template.spec.initContainers[0].startupProbe.grpc: Forbidden: may not specify more than 1 handler type"]
    );
    assert_eq!(init(json!({"name": "app"})), ["spec.template.spec.initContainers[0].name: Duplicate value: \"app\""]);
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
                "C.env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, \
                 `secretKeyRef` or `fileKeyRef`",
            ],
        ),
        (json!({"name": "A", "value": "", "valueFrom": {"configMapKeyRef": key}}), vec![]),
        (json!({"name": "", "value": "x"}), vec!["C.env[0].name: Required value"]),
        (
            json!({"name": "A=B", "value": "x"}),
            vec![
                "C.env[0].name: Invalid value: \"A=B\": a valid environment variable name must consist only of printable ASCII \
                 characters other than '='",
            ],
        ),
        (
            json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}),
            vec![
                "C.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"status.phase\": supported values: \"metadata.name\", \
                 \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \
                 \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
            ],
        ),
        (
            json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.zone"}}}),
            vec![
                "C.env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.zone\": error converting fieldPath: field label not \
                 supported: spec.zone",
            ],
        ),
        (json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}), vec![]),
        (
            json!({"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}}),
            vec![
                "C.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m and 1 are \
                 supported with the cpu resource",
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
        (json!({"prefix": "X_"}), "C.envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"),
    ] {
        assert_eq!(container(json!({"envFrom": [source]})), expand(&[words]));
    }
}

#[test]
fn a_volume_has_one_source() {
    const TWO: &str = "Forbidden: may not specify more than 1 volume type";
    assert_eq!(
        pod(
            json!({"volumes": [{"name": "v", "emptyDir": {}, "configMap": {"name": "a"}, "downwardAPI": {}, "cephfs": {"monitors": ["m"]}}]})
        ),
        expand(&[
            &format!("P.volumes[0].cephFS: {TWO}"),
            &format!("P.volumes[0].downwarAPI: {TWO}"),
            &format!("P.volumes[0].configMap: {TWO}")
        ])
    );
    for (volume, words) in [
        (
            json!({"name": "v", "projected": {"sources": [{"secret": {"name": "a"}, "configMap": {"name": "b"}}, {}]}}),
            vec!["P.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source"],
        ),
        (
            json!({"name": "v", "fc": {"targetWWNs": ["a"], "wwids": ["b"], "lun": 1}}),
            vec!["P.volumes[0].fc.targetWWNs: Invalid value: [\"a\"]: targetWWNs and wwids can not be specified simultaneously"],
        ),
        (
            json!({"name": "v", "fc": {}}),
            vec!["P.volumes[0].fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both"],
        ),
        (
            json!({"name": "v", "secret": {"secretName": "s", "defaultMode": 644, "items": [{"key": "k", "path": "/abs"}]}}),
            vec![
                "P.volumes[0].secret.defaultMode: Invalid value: 644: must be a number between 0 and 0777 (octal), both inclusive",
                "P.volumes[0].secret.items[0].path: Invalid value: \"/abs\": must be a relative path",
            ],
        ),
    ] {
        assert_eq!(pod(json!({"volumes": [volume]})), expand(&words));
    }
}

/// The field is behind a gate that is off, so that only an object which has it already keeps it.
#[test]
fn a_trust_bundle_has_a_name_or_a_signer() {
    let bundle = |fields: Value| {
        let object = pod_with(|object| {
            let source = json!({"sources": [{"clusterTrustBundle": fields}]});
            object["spec"]["template"]["spec"]["volumes"] = json!([{"name": "v", "projected": source}]);
        });
        let causes = refusals_of_update(&object, &object);
        causes.into_iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect::<Vec<_>>()
    };
    assert_eq!(
        bundle(json!({"name": "a", "signerName": "b", "path": "p"})),
        expand(&["P.volumes[0].projected.sources[0].clusterTrustBundle: Invalid value: {\"Name\":\"a\",\"SignerName\":\"b\",\
                  \"LabelSelector\":null,\"Optional\":null,\"Path\":\"p\"}: only one of name and signerName may be used"])
    );
    assert_eq!(
        bundle(json!({"path": "p"})),
        expand(&["P.volumes[0].projected.sources[0].clusterTrustBundle: Required value: either name or signerName must be specified"])
    );
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
        container(json!({"volumeMounts": [{"name": "v", "mountPath": "/a"}], "volumeDevices": [{"name": "v", "devicePath": "/a"}]})),
        expand(&[
            "C.volumeMounts[0].name: Invalid value: \"v\": must not already exist in volumeDevices",
            "C.volumeMounts[0].mountPath: Invalid value: \"/a\": must not already exist as a path in volumeDevices",
            "C.volumeDevices[0].name: Invalid value: \"v\": can only use volume source type of PersistentVolumeClaim or Ephemeral for \
             block mode",
            "C.volumeDevices[0].name: Invalid value: \"v\": must not already exist in volumeMounts",
            "C.volumeDevices[0].devicePath: Invalid value: \"/a\": must not already exist as a path in volumeMounts",
        ])
    );
    let faulty = pod_with(|object| {
        object["spec"]["template"]["spec"]["volumes"][0]["hostPath"] = json!({"path": "/data"});
        object["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/data"}]);
    });
    assert_eq!(
        told(faulty),
        expand(&["P.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type", "C.volumeMounts[0].name: Not found: \"v\""])
    );
}

#[test]
fn a_resource_claim_has_one_name() {
    for (claim, words) in [
        (
            json!({"name": "gpu", "resourceClaimName": "a", "resourceClaimTemplateName": "b"}),
            "P.resourceClaims[0]: Invalid value: {\"Name\":\"gpu\",\"ResourceClaimName\":\"a\",\"ResourceClaimTemplateName\":\"b\"}: at \
             most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
        ),
        (
            json!({"name": "gpu"}),
            "P.resourceClaims[0]: Invalid value: {\"Name\":\"gpu\",\"ResourceClaimName\":null,\"ResourceClaimTemplateName\":null}: must \
             specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
        ),
    ] {
        assert_eq!(pod(json!({"resourceClaims": [claim]})), expand(&[words]));
    }
}

#[test]
fn the_strategy_and_its_numbers_agree() {
    for (fields, words) in [
        (
            json!({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}),
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ),
        (
            json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}),
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0",
        ),
        (
            json!({"strategy": {"rollingUpdate": {"maxUnavailable": "120%"}}}),
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"120%\": must not be greater than 100%",
        ),
        (
            json!({"strategy": {"type": "Canary"}}),
            "spec.strategy: Unsupported value: {\"Type\":\"Canary\",\"RollingUpdate\":null}: supported values: \"Recreate\", \
             \"RollingUpdate\"",
        ),
        (
            json!({"progressDeadlineSeconds": 30, "minReadySeconds": 30}),
            "spec.progressDeadlineSeconds: Invalid value: 30: must be greater than minReadySeconds",
        ),
        (json!({"replicas": -1}), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (
            json!({"selector": {"matchLabels": {"app": "other"}}}),
            "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
        ),
        (json!({"selector": {}}), "spec.selector: Invalid value: {}: empty selector is invalid for deployment"),
    ] {
        assert_eq!(spec(fields), [words]);
    }
}

#[test]
fn profiles_need_a_name_only_on_the_host() {
    let pod_context = |fields: Value| pod(json!({"securityContext": fields}));
    for (fields, words) in [
        (
            json!({"seccompProfile": {"type": "RuntimeDefault", "localhostProfile": "p.json"}}),
            "P.securityContext.seccompProfile.localhostProfile: Invalid value: {\"Type\":\"RuntimeDefault\",\"LocalhostProfile\":\
             \"p.json\"}: can only be set when seccomp type is Localhost",
        ),
        (
            json!({"seccompProfile": {"type": "Localhost"}}),
            "P.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
        ),
        (
            json!({"appArmorProfile": {"type": "Unconfined", "localhostProfile": "p"}}),
            "P.securityContext.appArmorProfile.localhostProfile: Invalid value: \"p\": can only be set when AppArmor type is Localhost",
        ),
        (
            json!({"appArmorProfile": {"type": "Localhost"}}),
            "P.securityContext.appArmorProfile.localhostProfile: Required value: must be set when AppArmor type is Localhost",
        ),
        (json!({"runAsUser": -5}), "P.securityContext.runAsUser: Invalid value: -5: must be between 0 and 2147483647, inclusive"),
    ] {
        assert_eq!(pod_context(fields), expand(&[words]));
    }
    assert_eq!(
        container(json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}})),
        expand(&["C.securityContext: Invalid value: {\"Capabilities\":null,\"Privileged\":true,\"SELinuxOptions\":null,\
                  \"WindowsOptions\":null,\"RunAsUser\":null,\"RunAsGroup\":null,\"RunAsNonRoot\":null,\
                  \"ReadOnlyRootFilesystem\":null,\"AllowPrivilegeEscalation\":false,\"ProcMount\":null,\"SeccompProfile\":null,\
                  \"AppArmorProfile\":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true"])
    );
}

#[test]
fn tolerations_and_selectors_have_values_where_their_operator_takes_them() {
    for (fields, words) in [
        (
            json!({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}),
            "P.tolerations[0].operator: Invalid value: \"b\": value must be empty when `operator` is 'Exists'",
        ),
        (
            json!({"tolerations": [{"operator": "Equal"}]}),
            "P.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all \
             values and all keys\"",
        ),
        (
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "disk", "operator": "In"}]}]}}}}),
            "P.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: \
             Required value: must be specified when `operator` is 'In' or 'NotIn'",
        ),
        (
            json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 0, "podAffinityTerm": {"topologyKey": "zone"}}]}}}),
            "P.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the \
             range 1-100",
        ),
        (
            json!({"topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}},
                {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]}),
            "P.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{zone, DoNotSchedule}\"",
        ),
    ] {
        assert_eq!(pod(fields), expand(&[words]));
    }
    assert_eq!(
        spec(
            json!({"selector": {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "app", "operator": "Exists", "values": ["a"]}]}})
        ),
        [
            "spec.selector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"app\",\
             \"operator\":\"Exists\",\"values\":[\"a\"]}]}: invalid label selector",
        ]
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
            json!({"ports": [{"name": "http", "containerPort": 80}, {"name": "http", "containerPort": 81}, {"containerPort": 99999}]}),
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
            vec!["C.imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\""],
        ),
        (json!({"image": ""}), vec!["C.image: Required value"]),
    ] {
        assert_eq!(container(fields), expand(&words));
    }
    assert_eq!(
        pod(json!({"hostNetwork": true, "containers": [{"name": "app", "image": "a", "ports": [{"containerPort": 80, "hostPort": 81}]}]})),
        expand(&["C.ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"])
    );
    assert_eq!(
        pod(json!({"restartPolicy": "Never"})),
        expand(&["P.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""])
    );
}

#[test]
fn profiles_in_annotations_agree_with_those_in_fields() {
    let annotated = |annotations: Value, context: Value| {
        told(pod_with(|object| {
            object["spec"]["template"]["metadata"]["annotations"] = annotations;
            object["spec"]["template"]["spec"]["securityContext"] = context;
        }))
    };
    for (annotations, context, words) in [
        (
            json!({"container.apparmor.security.beta.kubernetes.io/gone": "odd"}),
            json!({}),
            vec![
                "spec.template.annotations[container.apparmor.security.beta.kubernetes.io/gone]: Invalid value: \"gone\": container not found",
                "spec.template.annotations[container.apparmor.security.beta.kubernetes.io/gone]: Invalid value: \"odd\": invalid AppArmor \
                 profile name: \"odd\"",
            ],
        ),
        (
            json!({"container.apparmor.security.beta.kubernetes.io/app": "unconfined"}),
            json!({"appArmorProfile": {"type": "RuntimeDefault"}}),
            vec!["C.securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match"],
        ),
        (
            json!({"seccomp.security.alpha.kubernetes.io/pod": "localhost/a.json"}),
            json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "b.json"}}),
            vec!["P.securityContext.seccompProfile.localhostProfile: Forbidden: seccomp profile in annotation and field must match"],
        ),
        (
            json!({"controller.kubernetes.io/pod-deletion-cost": "007"}),
            json!({}),
            vec!["spec.template.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"007\": must be a 32bit integer"],
        ),
    ] {
        assert_eq!(annotated(annotations, context), expand(&words));
    }
}

#[test]
fn a_pod_of_one_system_has_nothing_of_the_other() {
    for (fields, words) in [
        (
            json!({"os": {"name": "windows"}, "securityContext": {"runAsUser": 1, "windowsOptions": {"runAsUserName": "a\\b\\c"}}}),
            vec![
                "P.securityContext.windowsOptions.runAsUserName: Invalid value: \"a\\\\b\\\\c\": runAsUserName cannot contain more than \
                 one backslash",
                "P.securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
            ],
        ),
        (
            json!({"os": {"name": "linux"}, "securityContext": {"windowsOptions": {}}}),
            vec!["P.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"],
        ),
        (
            json!({"securityContext": {"windowsOptions": {"hostProcess": true}}}),
            vec!["P.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers"],
        ),
        (json!({"os": {"name": "plan9"}}), vec!["P.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\""]),
    ] {
        assert_eq!(pod(fields), expand(&words));
    }
}
