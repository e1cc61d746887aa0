//! CustomResourceDefinitions: installed, and served.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::{ControlPlane, wait};

/// driftmend's own definitions, as [`wait_until_served`] takes them.
pub const OURS: &[&str] = &["crd/driftwatches.driftmend.dev", "crd/driftreports.driftmend.dev"];

/// How long the API server may take to serve a new kind. It takes a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

/// Applies all definitions of a folder, and waits until the API server serves their kinds.
pub fn install(control_plane: &ControlPlane, folder: &Path) -> Result<()> {
    let folder = folder.display().to_string();
    // Server-side: a large definition (Argo CD's Applications) does not fit into the annotation of a client-side apply.
    control_plane
        .kubectl(&["apply", "--server-side", "-f", &folder])?
        .success()?;
    let names = control_plane
        .kubectl(&["get", "-f", &folder, "--output=name"])?
        .success()?;
    wait_until_served(control_plane, &names.lines().collect::<Vec<_>>())
}

/// Waits until the API server serves the kinds of these definitions (`crd/NAME`), and names them to who asks which
/// kinds there are: that comes a moment after `Established`, and until then kubectl says "no matches for kind".
///
/// Not `kubectl wait`: a new definition has `conditions: null` for a moment, at which it gives up with "accessor
/// error".
pub fn wait_until_served(control_plane: &ControlPlane, definitions: &[&str]) -> Result<()> {
    for definition in definitions {
        wait::patiently(&format!("{definition} Established"), PATIENCE, || {
            let seen: Value = serde_json::from_str(
                &control_plane
                    .kubectl(&["get", definition, "--output=json"])?
                    .success()?,
            )?;
            let conditions = &seen["status"]["conditions"];
            let mut all = conditions.as_array().into_iter().flatten();
            if !all.any(|condition| condition["type"] == "Established" && condition["status"] == "True") {
                return Ok(ControlFlow::Continue(conditions.to_string()));
            }
            for version in seen["spec"]["versions"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|version| version["served"] == true)
            {
                let (group, version) = (&seen["spec"]["group"], &version["name"]);
                let path = format!(
                    "/apis/{}/{}",
                    group.as_str().unwrap_or_default(),
                    version.as_str().unwrap_or_default()
                );
                let kinds: Value = serde_json::from_str(&control_plane.kubectl(&["get", "--raw", &path])?.success()?)?;
                let mut kinds = kinds["resources"].as_array().into_iter().flatten();
                if !kinds.any(|kind| kind["name"] == seen["spec"]["names"]["plural"]) {
                    return Ok(ControlFlow::Continue(format!("{path} does not name it")));
                }
            }
            Ok(ControlFlow::Break(()))
        })?;
    }
    Ok(())
}
