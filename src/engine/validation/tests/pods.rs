//! Volumes, the strategy, security, scheduling and the operating system.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{as_stored, container, expand, pod, pod_with, refusals_of_update, spec, told};
use crate::engine::kind::DEPLOYMENT;
use crate::engine::schema::Tree;

#[test]
fn a_volume_has_one_source() {
    const TWO: &str = "Forbidden: may not specify more than 1 volume type";
    assert_eq!(
        pod(
            json!({"volumes": [{"name": "v", "emptyDir": {}, "configMap": {"name": "a"}, "downwardAPI": {},
                                "cephfs": {"monitors": ["m"]}}]})
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
            vec![
                "P.volumes[0].fc.targetWWNs: Invalid value: [\"a\"]: targetWWNs and wwids can not be specified \
                 simultaneously",
            ],
        ),
        (
            json!({"name": "v", "fc": {}}),
            vec!["P.volumes[0].fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both"],
        ),
        (
            json!({"name": "v", "secret": {"secretName": "s", "defaultMode": 644,
                                           "items": [{"key": "k", "path": "/abs"}]}}),
            vec![
                "P.volumes[0].secret.defaultMode: Invalid value: 644: must be a number between 0 and 0777 (octal), \
                 both inclusive",
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
        let causes = refusals_of_update(
            DEPLOYMENT.root,
            &DEPLOYMENT.validation,
            &as_stored(DEPLOYMENT.root, Tree::of(&object)),
            &object,
        );
        causes
            .into_iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        bundle(json!({"name": "a", "signerName": "b", "path": "p"})),
        expand(&[
            "P.volumes[0].projected.sources[0].clusterTrustBundle: Invalid value: {\"Name\":\"a\",\"SignerName\":\"b\",\
                  \"LabelSelector\":null,\"Optional\":null,\"Path\":\"p\"}: only one of name and signerName may be used"
        ])
    );
    assert_eq!(
        bundle(json!({"path": "p"})),
        expand(&[
            "P.volumes[0].projected.sources[0].clusterTrustBundle: Required value: either name or signerName must be \
             specified"
        ])
    );
}

#[test]
fn a_resource_claim_has_one_name() {
    for (claim, words) in [
        (
            json!({"name": "gpu", "resourceClaimName": "a", "resourceClaimTemplateName": "b"}),
            "P.resourceClaims[0]: Invalid value: \
             {\"Name\":\"gpu\",\"ResourceClaimName\":\"a\",\"ResourceClaimTemplateName\":\"b\"}: at most one of \
             `resourceClaimName` or `resourceClaimTemplateName` may be specified",
        ),
        (
            json!({"name": "gpu"}),
            "P.resourceClaims[0]: Invalid value: \
             {\"Name\":\"gpu\",\"ResourceClaimName\":null,\"ResourceClaimTemplateName\":null}: must specify one of: \
             `resourceClaimName`, `resourceClaimTemplateName`",
        ),
    ] {
        assert_eq!(pod(json!({"resourceClaims": [claim]})), expand(&[words]));
    }
}

#[test]
fn profiles_need_a_name_only_on_the_host() {
    let pod_context = |fields: Value| pod(json!({"securityContext": fields}));
    for (fields, words) in [
        (
            json!({"seccompProfile": {"type": "RuntimeDefault", "localhostProfile": "p.json"}}),
            "P.securityContext.seccompProfile.localhostProfile: Invalid value: \
             {\"Type\":\"RuntimeDefault\",\"LocalhostProfile\":\"p.json\"}: can only be set when seccomp type is \
             Localhost",
        ),
        (
            json!({"seccompProfile": {"type": "Localhost"}}),
            "P.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is \
             Localhost",
        ),
        (
            json!({"appArmorProfile": {"type": "Unconfined", "localhostProfile": "p"}}),
            "P.securityContext.appArmorProfile.localhostProfile: Invalid value: \"p\": can only be set when AppArmor \
             type is Localhost",
        ),
        (
            json!({"appArmorProfile": {"type": "Localhost"}}),
            "P.securityContext.appArmorProfile.localhostProfile: Required value: must be set when AppArmor type is \
             Localhost",
        ),
        (
            json!({"sysctls": [{"name": "Net!", "value": "1"}]}),
            "P.securityContext.sysctls[0].name: Invalid value: \"Net!\": must have at most 253 characters and match \
             regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
        ),
        (
            json!({"runAsUser": -5}),
            "P.securityContext.runAsUser: Invalid value: -5: must be between 0 and 2147483647, inclusive",
        ),
    ] {
        assert_eq!(pod_context(fields), expand(&[words]));
    }
    assert_eq!(
        container(json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}})),
        expand(&["C.securityContext: Invalid value: \
                  {\"Capabilities\":null,\"Privileged\":true,\"SELinuxOptions\":null,\"WindowsOptions\":null,\
                  \"RunAsUser\":null,\"RunAsGroup\":null,\"RunAsNonRoot\":null,\"ReadOnlyRootFilesystem\":null,\
                  \"AllowPrivilegeEscalation\":false,\"ProcMount\":null,\"SeccompProfile\":null,\
                  \"AppArmorProfile\":null}: \
                  cannot set `allowPrivilegeEscalation` to false and `privileged` to true"])
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
            "P.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which \
             means \"match all values and all keys\"",
        ),
        (
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In"}]}]}}}}),
            "P.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]\
             .matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        ),
        (
            json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 0, "podAffinityTerm": {"topologyKey": "zone"}}]}}}),
            "P.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: \
             must be in the range 1-100",
        ),
        (
            json!({"topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}},
                {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]}),
            "P.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{zone, \
             DoNotSchedule}\"",
        ),
    ] {
        assert_eq!(pod(fields), expand(&[words]));
    }
    assert_eq!(
        spec(json!({"selector": {"matchLabels": {"app": "web"},
                                "matchExpressions": [{"key": "app", "operator": "Exists", "values": ["a"]}]}})),
        [
            "spec.selector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or \
             'DoesNotExist'",
            "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"app\",\
             \"operator\":\"Exists\",\"values\":[\"a\"]}]}: invalid label selector",
        ]
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
                "spec.template.annotations[container.apparmor.security.beta.kubernetes.io/gone]: Invalid value: \
                 \"gone\": container not found",
                "spec.template.annotations[container.apparmor.security.beta.kubernetes.io/gone]: Invalid value: \
                 \"odd\": invalid AppArmor profile name: \"odd\"",
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
            vec![
                "P.securityContext.seccompProfile.localhostProfile: Forbidden: seccomp profile in annotation and field \
                 must match",
            ],
        ),
        (
            json!({"controller.kubernetes.io/pod-deletion-cost": "007"}),
            json!({}),
            vec![
                "spec.template.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"007\": must \
                 be a 32bit integer",
            ],
        ),
    ] {
        assert_eq!(annotated(annotations, context), expand(&words));
    }
}

#[test]
fn a_pod_of_one_system_has_nothing_of_the_other() {
    for (fields, words) in [
        (
            json!({"os": {"name": "windows"}, "securityContext": {"runAsUser": 1,
                "windowsOptions": {"runAsUserName": "a\\b\\c"}}}),
            vec![
                "P.securityContext.windowsOptions.runAsUserName: Invalid value: \"a\\\\b\\\\c\": runAsUserName cannot \
                 contain more than one backslash",
                "P.securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
            ],
        ),
        (
            json!({"os": {"name": "linux"}, "securityContext": {"windowsOptions": {}}}),
            vec!["P.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"],
        ),
        (
            json!({"securityContext": {"windowsOptions": {"hostProcess": true}}}),
            vec![
                "P.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess \
                 containers",
            ],
        ),
        (
            json!({"os": {"name": "plan9"}}),
            vec!["P.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\""],
        ),
    ] {
        assert_eq!(pod(fields), expand(&words));
    }
}

#[test]
fn a_pointer_that_is_set_to_an_empty_word_is_no_absent_one() {
    let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
                must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
                '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    assert_eq!(
        pod(json!({"runtimeClassName": ""})),
        expand(&[&format!("P.runtimeClassName: Invalid value: \"\": {rule}")])
    );
    assert_eq!(
        pod(json!({"preemptionPolicy": ""})),
        expand(&["P.preemptionPolicy: Required value"])
    );
}

#[test]
fn mount_options_of_selinux_are_behind_a_gate_where_the_stored_object_has_none() {
    let with = |policy: &str| json!({"securityContext": {"seLinuxChangePolicy": policy}});
    let told = |word: &str| {
        expand(&[&format!(
            "P.securityContext.seLinuxChangePolicy: Unsupported value: \"{word}\": supported values: \"Recursive\""
        )])
    };
    assert_eq!(pod(with("Recursive")), Vec::<String>::new());
    for word in ["MountOption", "Nonsense", ""] {
        assert_eq!(pod(with(word)), told(word));
    }
    let stored = pod_with(|object| {
        object["spec"]["template"]["spec"]["securityContext"] = with("Recursive")["securityContext"].clone()
    });
    let anew = pod_with(|object| {
        object["spec"]["template"]["spec"]["securityContext"] = with("MountOption")["securityContext"].clone()
    });
    assert_eq!(
        refusals_of_update(
            DEPLOYMENT.root,
            &DEPLOYMENT.validation,
            &as_stored(DEPLOYMENT.root, Tree::of(&anew)),
            &stored
        ),
        []
    );
}

#[test]
fn an_ephemeral_container_is_told_all_that_is_wrong_with_it() {
    let container = json!({
        "name": "app", "image": "debug:1 ", "targetContainerName": "web", "resources": {}, "ports": [], "lifecycle": {},
        "env": [],
        "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "a"}],
    });
    let rule = "Forbidden: cannot be set for an Ephemeral Container";
    let at = "P.ephemeralContainers[0]";
    assert_eq!(
        pod(json!({"ephemeralContainers": [container]})),
        expand(&[
            &format!("{at}.image: Invalid value: \"debug:1 \": must not have leading or trailing whitespace"),
            &format!("{at}.name: Duplicate value: \"app\""),
            &format!("{at}.targetContainerName: Not found: \"web\""),
            &format!("{at}.ports: {rule}"),
            &format!("{at}.lifecycle: {rule}"),
            &format!("{at}.volumeMounts[0].subPath: {rule}"),
            "P.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template",
        ])
    );
}

#[test]
fn the_prefix_of_a_generated_name_is_held_to_the_rule_of_names() {
    let with = |prefix: &str| told(pod_with(|object| object["metadata"]["generateName"] = json!(prefix)));
    assert_eq!(with("web-"), Vec::<String>::new());
    let faults = with("Web-");
    assert!(
        matches!(faults.as_slice(), [one] if one.starts_with("metadata.generateName: Invalid value: \"Web-\": a \
                                                              lowercase RFC 1123")),
        "{faults:?}"
    );
    // Of an update only what no path may have is refused.
    let anew = pod_with(|object| object["metadata"]["generateName"] = json!("A/b%"));
    let causes = refusals_of_update(
        DEPLOYMENT.root,
        &DEPLOYMENT.validation,
        &as_stored(DEPLOYMENT.root, Tree::of(&anew)),
        &pod_with(|_| {}),
    );
    assert_eq!(
        causes.into_iter().map(|cause| cause.message).collect::<Vec<_>>(),
        [
            "Invalid value: \"A/b%\": may not contain '/'",
            "Invalid value: \"A/b%\": may not contain '%'"
        ]
    );
}
