//! The unions of the Deployment tree: fields beside each other of which the API server takes one, or of which one asks
//! for another or forbids it.
//!
//! Nothing in Kubernetes' schema says so; the rules stand in its validation alone
//! (`pkg/apis/core/validation/validation.go` and `pkg/apis/apps/validation/validation.go`, the functions named below).
//! Unions in the items of an atomic list (`envFrom`, the sources of a projected volume, tolerations) are left out: such
//! a list is one value to whoever writes it.

use serde_json::Value;

use super::Shape;
use crate::engine::object::{FieldPath, Segment};

/// Fields that change together or not at all.
#[derive(Debug)]
pub struct Union {
    /// The Go type that has them.
    pub of: &'static str,

    /// The fields.
    pub members: &'static [&'static str],

    /// Valid values of the whole union, as JSON: one of each of the usual members.
    choices: &'static [&'static str],
}

/// The sources of a volume, in the order of the Go type.
const VOLUME_SOURCES: &[&str] = &[
    "hostPath",
    "emptyDir",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "persistentVolumeClaim",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "downwardAPI",
    "fc",
    "azureFile",
    "configMap",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "projected",
    "portworxVolume",
    "scaleIO",
    "storageos",
    "csi",
    "ephemeral",
    "image",
];

/// Every union, each with the function of the server that validates it.
pub const UNIONS: &[Union] = &[
    // validateHandler
    Union {
        of: "Probe",
        members: &["exec", "httpGet", "tcpSocket", "grpc"],
        choices: &[
            r#"{"exec": {"command": ["true"]}}"#,
            r#"{"httpGet": {"port": 80}}"#,
            r#"{"tcpSocket": {"port": 80}}"#,
            r#"{"grpc": {"port": 80}}"#,
        ],
    },
    // validateHandler
    Union {
        of: "LifecycleHandler",
        members: &["exec", "httpGet", "tcpSocket", "sleep"],
        choices: &[
            r#"{"exec": {"command": ["true"]}}"#,
            r#"{"httpGet": {"port": 80}}"#,
            r#"{"tcpSocket": {"port": 80}}"#,
            r#"{"sleep": {"seconds": 1}}"#,
        ],
    },
    // validateEnvVarValueFrom
    Union {
        of: "EnvVar",
        members: &["value", "valueFrom"],
        choices: &[
            r#"{"value": "x"}"#,
            r#"{"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}"#,
        ],
    },
    // validateEnvVarValueFrom
    Union {
        of: "EnvVarSource",
        members: &[
            "fieldRef",
            "resourceFieldRef",
            "configMapKeyRef",
            "secretKeyRef",
            "fileKeyRef",
        ],
        choices: &[
            r#"{"fieldRef": {"fieldPath": "metadata.name"}}"#,
            r#"{"configMapKeyRef": {"name": "x", "key": "x"}}"#,
            r#"{"secretKeyRef": {"name": "x", "key": "x"}}"#,
        ],
    },
    // validateVolumeSource
    Union {
        of: "Volume",
        members: VOLUME_SOURCES,
        choices: &[
            r#"{"emptyDir": {}}"#,
            r#"{"configMap": {"name": "x"}}"#,
            r#"{"secret": {"secretName": "x"}}"#,
        ],
    },
    // validateFCVolumeSource
    Union {
        of: "FCVolumeSource",
        members: &["targetWWNs", "lun", "wwids"],
        choices: &[r#"{"targetWWNs": ["x"], "lun": 1}"#, r#"{"wwids": ["x"]}"#],
    },
    // ValidateVolumeMounts
    Union {
        of: "VolumeMount",
        members: &["subPath", "subPathExpr"],
        choices: &[r#"{"subPath": "x"}"#, r#"{"subPathExpr": "x"}"#],
    },
    // validatePodResourceClaim
    Union {
        of: "PodResourceClaim",
        members: &["resourceClaimName", "resourceClaimTemplateName"],
        choices: &[r#"{"resourceClaimName": "x"}"#, r#"{"resourceClaimTemplateName": "x"}"#],
    },
    // ValidateDeploymentStrategy
    Union {
        of: "DeploymentStrategy",
        members: &["type", "rollingUpdate"],
        choices: &[
            r#"{"type": "Recreate"}"#,
            r#"{"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}"#,
        ],
    },
    // validateSeccompProfileField
    Union {
        of: "SeccompProfile",
        members: &["type", "localhostProfile"],
        choices: &[
            r#"{"type": "RuntimeDefault"}"#,
            r#"{"type": "Localhost", "localhostProfile": "x"}"#,
        ],
    },
    // ValidateAppArmorProfileField
    Union {
        of: "AppArmorProfile",
        members: &["type", "localhostProfile"],
        choices: &[
            r#"{"type": "RuntimeDefault"}"#,
            r#"{"type": "Localhost", "localhostProfile": "x"}"#,
        ],
    },
];

impl Union {
    /// The union of a Go type, where it has one.
    pub fn of(type_name: &str) -> Option<&'static Self> {
        UNIONS.iter().find(|union| union.of == type_name)
    }

    /// Valid values of the whole union: its members by name.
    pub fn choices(&self) -> impl Iterator<Item = Value> {
        self.choices
            .iter()
            .filter_map(|choice| serde_json::from_str(choice).ok())
    }
}

/// The unions of which a field is a member, or a part of one: how many steps from the root what has the union stands,
/// outermost first.
pub fn unions_of(root: Shape, path: &FieldPath) -> Vec<(usize, &'static Union)> {
    let mut found = Vec::new();
    let mut shape = Some(root);
    for (at, segment) in path.0.iter().enumerate() {
        let Some(here) = shape else { break };
        shape = match segment {
            Segment::Field(name) => {
                if let Shape::Nested(of) = here
                    && let Some(union) = Union::of(of.name).filter(|union| union.members.contains(&name.as_str()))
                {
                    found.push((at, union));
                }
                here.child(name)
            }
            Segment::Key(_) | Segment::Value(_) | Segment::Index(_) => here.item(),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::super::DEPLOYMENT;
    use super::super::rules::tests::structs;
    use super::*;

    #[test]
    fn every_union_is_of_a_type_of_the_tree_and_its_choices_are_of_its_members() {
        let mut all = Vec::new();
        crate::engine::schema::ROOTS
            .iter()
            .for_each(|root| structs(*root, &mut all));
        for union in UNIONS {
            let of = all
                .iter()
                .find(|of| of.name == union.of)
                .unwrap_or_else(|| panic!("{} is not in the tree", union.of));
            assert!(
                union.members.iter().all(|member| of.field(member).is_some()),
                "{union:?}"
            );
            assert_eq!(union.choices().count(), union.choices.len(), "{union:?}");
            for choice in union.choices() {
                assert!(
                    choice
                        .as_object()
                        .unwrap()
                        .keys()
                        .all(|member| union.members.contains(&member.as_str())),
                    "{choice}"
                );
            }
        }
        let volume = all.iter().find(|of| of.name == "Volume").unwrap();
        assert_eq!(
            volume.fields.len(),
            VOLUME_SOURCES.len() + 1,
            "all but the name are sources"
        );
    }

    #[test]
    fn a_field_is_of_each_union_that_it_stands_in() {
        let unions = |path: &str| -> Vec<(usize, &str)> {
            unions_of(DEPLOYMENT, &path.parse().unwrap())
                .into_iter()
                .map(|(at, union)| (at, union.of))
                .collect()
        };
        let container = ".spec.template.spec.containers[name=\"web\"]";
        assert_eq!(
            unions(&format!("{container}.livenessProbe.httpGet.path")),
            [(6, "Probe")]
        );
        assert_eq!(unions(&format!("{container}.livenessProbe.periodSeconds")), []);
        assert_eq!(
            unions(&format!("{container}.lifecycle.preStop.sleep")),
            [(7, "LifecycleHandler")]
        );
        assert_eq!(
            unions(&format!("{container}.env[name=\"A\"].valueFrom.secretKeyRef")),
            [(7, "EnvVar"), (8, "EnvVarSource")]
        );
        assert_eq!(
            unions(".spec.template.spec.volumes[name=\"data\"].fc.wwids"),
            [(5, "Volume"), (6, "FCVolumeSource")]
        );
        assert_eq!(
            unions(".spec.strategy.rollingUpdate.maxSurge"),
            [(2, "DeploymentStrategy")]
        );
        assert_eq!(
            unions(".spec.template.spec.securityContext.seccompProfile.type"),
            [(5, "SeccompProfile")]
        );
        assert_eq!(unions(".no.such.field"), []);
    }
}
