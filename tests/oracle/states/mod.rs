//! The states that a part of a Deployment may be in: what Git, or somebody else, sets there.

mod base;
mod container;
mod dumped;
mod pod;
mod union;
mod volume;

pub use base::base;

use serde_json::Value;

use crate::random::Random;

/// A part of a Deployment.
pub struct Site {
    /// What the tables call it.
    pub name: &'static str,

    /// Where it is.
    pub path: &'static str,

    /// A state that a server takes, mostly; none for absent.
    pub state: fn(&mut Random) -> Option<Value>,

    /// A state that a server refuses, mostly.
    pub broken: fn(&mut Random) -> Option<Value>,
}

/// The container that is always there.
macro_rules! web {
    ($field:literal) => {
        concat!(".spec.template.spec.containers[name=\"web\"].", $field)
    };
}

/// The pod spec.
macro_rules! pod {
    ($field:literal) => {
        concat!(".spec.template.spec.", $field)
    };
}

/// How many of the sites are unions.
pub const UNIONS: usize = 18;

/// Every part that is tried. The unions of `pkg/apis/core/validation/validation.go` come first.
pub const SITES: &[Site] = &[
    Site {
        name: "livenessProbe",
        path: web!("livenessProbe"),
        state: union::liveness,
        broken: union::broken_probe,
    },
    Site {
        name: "readinessProbe",
        path: web!("readinessProbe"),
        state: union::readiness,
        broken: union::broken_probe,
    },
    Site {
        name: "startupProbe",
        path: web!("startupProbe"),
        state: union::liveness,
        broken: union::broken_probe,
    },
    Site {
        name: "postStart",
        path: web!("lifecycle.postStart"),
        state: union::lifecycle,
        broken: union::broken_lifecycle,
    },
    Site {
        name: "preStop",
        path: web!("lifecycle.preStop"),
        state: union::lifecycle,
        broken: union::broken_lifecycle,
    },
    Site {
        name: "env item",
        path: web!("env[name=\"MODE\"]"),
        state: union::variable,
        broken: union::broken_variable,
    },
    Site {
        name: "envFrom",
        path: web!("envFrom"),
        state: union::env_from,
        broken: union::broken_env_from,
    },
    Site {
        name: "volume",
        path: pod!("volumes[name=\"data\"]"),
        state: volume::volume,
        broken: volume::broken_volume,
    },
    Site {
        name: "projected",
        path: pod!("volumes[name=\"all\"]"),
        state: volume::projected,
        broken: volume::broken_projected,
    },
    Site {
        name: "fc",
        path: pod!("volumes[name=\"fc\"]"),
        state: volume::fibre_channel,
        broken: volume::broken_fibre_channel,
    },
    Site {
        name: "volumeMount",
        path: web!("volumeMounts[mountPath=\"/data\"]"),
        state: volume::mount,
        broken: volume::broken_mount,
    },
    Site {
        name: "resourceClaims",
        path: pod!("resourceClaims[name=\"gpu\"]"),
        state: union::claim,
        broken: union::broken_claim,
    },
    Site {
        name: "strategy",
        path: ".spec.strategy",
        state: union::strategy,
        broken: union::broken_strategy,
    },
    Site {
        name: "seccomp",
        path: web!("securityContext.seccompProfile"),
        state: union::profile,
        broken: union::broken_profile,
    },
    Site {
        name: "appArmor",
        path: pod!("securityContext.appArmorProfile"),
        state: union::profile,
        broken: union::broken_profile,
    },
    Site {
        name: "tolerations",
        path: pod!("tolerations"),
        state: union::tolerations,
        broken: union::broken_tolerations,
    },
    Site {
        name: "affinity",
        path: pod!("affinity"),
        state: union::affinity,
        broken: union::broken_affinity,
    },
    Site {
        name: "volumeDevices",
        path: web!("volumeDevices"),
        state: volume::devices,
        broken: volume::broken_devices,
    },
    Site {
        name: "image",
        path: web!("image"),
        state: container::image,
        broken: container::broken_image,
    },
    Site {
        name: "imagePullPolicy",
        path: web!("imagePullPolicy"),
        state: container::pull_policy,
        broken: container::broken_word,
    },
    Site {
        name: "command",
        path: web!("command"),
        state: container::words,
        broken: container::broken_list,
    },
    Site {
        name: "args",
        path: web!("args"),
        state: container::words,
        broken: container::broken_list,
    },
    Site {
        name: "env",
        path: web!("env"),
        state: container::env,
        broken: container::broken_env,
    },
    Site {
        name: "ports",
        path: web!("ports"),
        state: container::ports,
        broken: container::broken_ports,
    },
    Site {
        name: "resources",
        path: web!("resources"),
        state: container::resources,
        broken: container::broken_resources,
    },
    Site {
        name: "mounts",
        path: web!("volumeMounts"),
        state: container::mounts,
        broken: container::broken_mounts,
    },
    Site {
        name: "container security",
        path: web!("securityContext"),
        state: container::security,
        broken: container::broken_security,
    },
    Site {
        name: "sidecar",
        path: ".spec.template.spec.containers[name=\"side\"]",
        state: container::sidecar,
        broken: container::broken_sidecar,
    },
    Site {
        name: "initContainers",
        path: pod!("initContainers"),
        state: container::init,
        broken: container::broken_init,
    },
    Site {
        name: "pod security",
        path: pod!("securityContext"),
        state: pod::security,
        broken: pod::broken_security,
    },
    Site {
        name: "pod resources",
        path: pod!("resources"),
        state: pod::resources,
        broken: pod::broken_resources,
    },
    Site {
        name: "nodeSelector",
        path: pod!("nodeSelector"),
        state: pod::texts,
        broken: pod::broken_texts,
    },
    Site {
        name: "hostAliases",
        path: pod!("hostAliases"),
        state: pod::host_aliases,
        broken: pod::broken_host_aliases,
    },
    Site {
        name: "imagePullSecrets",
        path: pod!("imagePullSecrets"),
        state: pod::pull_secrets,
        broken: pod::nothing_broken,
    },
    Site {
        name: "spread",
        path: pod!("topologySpreadConstraints"),
        state: pod::spread,
        broken: pod::broken_spread,
    },
    Site {
        name: "dns",
        path: pod!("dnsConfig"),
        state: pod::dns,
        broken: pod::broken_dns,
    },
    Site {
        name: "grace",
        path: pod!("terminationGracePeriodSeconds"),
        state: pod::seconds,
        broken: pod::negative,
    },
    Site {
        name: "serviceAccount",
        path: pod!("serviceAccountName"),
        state: pod::account,
        broken: pod::broken_account,
    },
    Site {
        name: "hostNetwork",
        path: pod!("hostNetwork"),
        state: pod::flag,
        broken: pod::nothing_broken,
    },
    Site {
        name: "replicas",
        path: ".spec.replicas",
        state: pod::few,
        broken: pod::negative,
    },
    Site {
        name: "minReadySeconds",
        path: ".spec.minReadySeconds",
        state: pod::few,
        broken: pod::negative,
    },
    Site {
        name: "progressDeadline",
        path: ".spec.progressDeadlineSeconds",
        state: pod::seconds,
        broken: pod::negative,
    },
    Site {
        name: "paused",
        path: ".spec.paused",
        state: pod::flag,
        broken: pod::nothing_broken,
    },
    Site {
        name: "labels",
        path: ".metadata.labels",
        state: pod::texts,
        broken: pod::broken_texts,
    },
    Site {
        name: "annotations",
        path: ".metadata.annotations",
        state: pod::notes,
        broken: pod::broken_notes,
    },
    Site {
        name: "template annotations",
        path: ".spec.template.metadata.annotations",
        state: pod::notes,
        broken: pod::broken_notes,
    },
    Site {
        name: "template labels",
        path: ".spec.template.metadata.labels",
        state: pod::template_labels,
        broken: pod::broken_template_labels,
    },
    Site {
        name: "finalizers",
        path: ".metadata.finalizers",
        state: pod::finalizers,
        broken: pod::broken_finalizers,
    },
    Site {
        name: "ownerReferences",
        path: ".metadata.ownerReferences",
        state: pod::owners,
        broken: pod::broken_owners,
    },
    Site {
        name: "uid",
        path: ".metadata.uid",
        state: dumped::nothing,
        broken: dumped::uid,
    },
    Site {
        name: "resourceVersion",
        path: ".metadata.resourceVersion",
        state: dumped::nothing,
        broken: dumped::version,
    },
    Site {
        name: "managedFields",
        path: ".metadata.managedFields",
        state: dumped::nothing,
        broken: dumped::managed_fields,
    },
    Site {
        name: "deletionTimestamp",
        path: ".metadata.deletionTimestamp",
        state: dumped::nothing,
        broken: dumped::time,
    },
    Site {
        name: "deletionGrace",
        path: ".metadata.deletionGracePeriodSeconds",
        state: dumped::nothing,
        broken: dumped::number,
    },
    Site {
        name: "creationTimestamp",
        path: ".metadata.creationTimestamp",
        state: dumped::nothing,
        broken: dumped::time,
    },
    Site {
        name: "generation",
        path: ".metadata.generation",
        state: dumped::nothing,
        broken: dumped::number,
    },
    Site {
        name: "selfLink",
        path: ".metadata.selfLink",
        state: dumped::nothing,
        broken: dumped::link,
    },
];
