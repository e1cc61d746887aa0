//! The one controller of the shared control plane: every controller sees all DriftWatches, so two at once would both
//! act.
//!
//! It observes, with the administrator's rights, and its own namespace is `driftmend`: a test's watches are a tenant's.
//! A test that needs another mode, other rights or a controller that ends starts a control plane of its own.

use std::fs;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::driftmend::{Controller, run};
use super::{ControlPlane, definitions, shared};

static CONTROLLER: OnceLock<Result<Controller, String>> = OnceLock::new();

/// Returns the controller that runs beside [`shared`], started by the first caller.
///
/// # Panics
///
/// When it cannot start: every caller is told the same reason.
// As with the control plane: a test without its controller must fail, and with the reason in view.
#[allow(clippy::panic)]
pub fn shared_controller() -> &'static Controller {
    let started = CONTROLLER.get_or_init(|| start().map_err(|error| format!("{error:?}")));
    match started {
        Ok(controller) => controller,
        Err(reason) => panic!("failed to start the controller that the tests of this process share: {reason}"),
    }
}

fn start() -> Result<Controller> {
    let control_plane = shared();
    install_definitions(control_plane)?;
    let folder = control_plane.folder().join("controller");
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    Controller::start(control_plane.admin(), &folder, &[])
}

/// Installs what `driftmend crds` prints, and waits until the API server serves it.
pub fn install_definitions(control_plane: &ControlPlane) -> Result<()> {
    control_plane.apply(&run(control_plane.admin(), &["crds"])?.success()?)?;
    definitions::wait_until_served(control_plane, definitions::OURS)
}
