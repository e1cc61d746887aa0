//! The parts where one member excludes another: the unions of `pkg/apis/core/validation/validation.go`, and of the
//! kinds' own specs.

use driftmend::engine::kind::{DAEMON_SET, DEPLOYMENT};

use super::{Of, Site};
use crate::place::Place::{Object, Pod, Web};
use crate::states::{strategy, union, volume};

/// The unions of all kinds.
pub(super) static UNIONS: &[Site] = &[
    Site {
        name: "livenessProbe",
        of: Of::Every,
        place: Web("livenessProbe"),
        state: union::liveness,
        broken: union::broken_probe,
    },
    Site {
        name: "readinessProbe",
        of: Of::Every,
        place: Web("readinessProbe"),
        state: union::readiness,
        broken: union::broken_probe,
    },
    Site {
        name: "startupProbe",
        of: Of::Every,
        place: Web("startupProbe"),
        state: union::liveness,
        broken: union::broken_probe,
    },
    Site {
        name: "postStart",
        of: Of::Every,
        place: Web("lifecycle.postStart"),
        state: union::lifecycle,
        broken: union::broken_lifecycle,
    },
    Site {
        name: "preStop",
        of: Of::Every,
        place: Web("lifecycle.preStop"),
        state: union::lifecycle,
        broken: union::broken_lifecycle,
    },
    Site {
        name: "env item",
        of: Of::Every,
        place: Web("env[name=\"MODE\"]"),
        state: union::variable,
        broken: union::broken_variable,
    },
    Site {
        name: "envFrom",
        of: Of::Every,
        place: Web("envFrom"),
        state: union::env_from,
        broken: union::broken_env_from,
    },
    Site {
        name: "volume",
        of: Of::Every,
        place: Pod("volumes[name=\"data\"]"),
        state: volume::volume,
        broken: volume::broken_volume,
    },
    Site {
        name: "projected",
        of: Of::Every,
        place: Pod("volumes[name=\"all\"]"),
        state: volume::projected,
        broken: volume::broken_projected,
    },
    Site {
        name: "fc",
        of: Of::Every,
        place: Pod("volumes[name=\"fc\"]"),
        state: volume::fibre_channel,
        broken: volume::broken_fibre_channel,
    },
    Site {
        name: "volumeMount",
        of: Of::Every,
        place: Web("volumeMounts[mountPath=\"/data\"]"),
        state: volume::mount,
        broken: volume::broken_mount,
    },
    Site {
        name: "resourceClaims",
        of: Of::Every,
        place: Pod("resourceClaims[name=\"gpu\"]"),
        state: union::claim,
        broken: union::broken_claim,
    },
    Site {
        name: "strategy",
        of: Of::Only(&[&DEPLOYMENT]),
        place: Object("spec.strategy"),
        state: strategy::strategy,
        broken: strategy::broken_strategy,
    },
    Site {
        name: "updateStrategy",
        of: Of::Only(&[&DAEMON_SET]),
        place: Object("spec.updateStrategy"),
        state: strategy::update_strategy,
        broken: strategy::broken_update_strategy,
    },
    Site {
        name: "seccomp",
        of: Of::Every,
        place: Web("securityContext.seccompProfile"),
        state: union::profile,
        broken: union::broken_profile,
    },
    Site {
        name: "appArmor",
        of: Of::Every,
        place: Pod("securityContext.appArmorProfile"),
        state: union::profile,
        broken: union::broken_profile,
    },
    Site {
        name: "tolerations",
        of: Of::Every,
        place: Pod("tolerations"),
        state: union::tolerations,
        broken: union::broken_tolerations,
    },
    Site {
        name: "affinity",
        of: Of::Every,
        place: Pod("affinity"),
        state: union::affinity,
        broken: union::broken_affinity,
    },
    Site {
        name: "volumeDevices",
        of: Of::Every,
        place: Web("volumeDevices"),
        state: volume::devices,
        broken: volume::broken_devices,
    },
];
