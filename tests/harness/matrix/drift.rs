//! The hand change.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Hand, Kind, Tool};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A program of which no tool takes anything over.
const PROGRAM: &str = "Lens";

/// Another one, which applies server-side.
const APPLIER: &str = "ops";

/// Somebody sets this member by hand. The manifest is what Git has.
pub fn drift<T: Tool>(shop: &T, kind: &Kind, member: usize, hand: Hand, manifest: &Value) -> Result<()> {
    let (deployment, patch) = (shop.deployment(), kind.patch(member)?);
    let kubectl = |input: &Value, arguments: &[&str]| {
        shop.control_plane()
            .tool("kubectl")?
            .input(input.to_string())
            .run(&[arguments, &["-n", shop.namespace()]].concat())?
            .success()
    };
    match hand {
        Hand::Edit => deployment.json_patch("kubectl-edit", &patch)?.success()?,
        Hand::Patch => deployment.json_patch("kubectl-patch", &patch)?.success()?,
        Hand::Program => deployment.json_patch(PROGRAM, &patch)?.success()?,
        Hand::Replace => {
            let mut live = deployment.read()?;
            kind.set(&mut live, member)?;
            for name in ["managedFields", "resourceVersion"] {
                live["metadata"].as_object_mut().context("no metadata")?.remove(name);
            }
            if let Some(annotations) = live["metadata"]["annotations"].as_object_mut() {
                annotations.remove(LAST_APPLIED);
            }
            kubectl(&live, &["replace", "-f", "-"])?
        }
        Hand::Apply => kubectl(&marked(shop, kind, member, manifest)?, &["apply", "-f", "-"])?,
        Hand::ServerSide | Hand::Applier => {
            deployment.json_patch("kubectl-edit", &patch)?.success()?;
            let manager = format!(
                "--field-manager={}",
                if hand == Hand::Applier { APPLIER } else { "kubectl" }
            );
            let arguments = ["apply", "--server-side", "--force-conflicts", &manager, "-f", "-"];
            kubectl(&marked(shop, kind, member, manifest)?, &arguments)?
        }
        Hand::Lost => {
            let mut patch = patch;
            let place = format!("/metadata/annotations/{}", LAST_APPLIED.replace('/', "~1"));
            patch
                .as_array_mut()
                .context("no patch")?
                .push(json!({"op": "remove", "path": place}));
            deployment.json_patch("kubectl-edit", &patch)?.success()?
        }
    };
    Ok(())
}

/// Git's document with this member, and the tool's own marks, without which it would be no longer the tool's.
fn marked<T: Tool>(shop: &T, kind: &Kind, member: usize, manifest: &Value) -> Result<Value> {
    let (live, mut document) = (shop.deployment().read()?, manifest.clone());
    kind.set(&mut document, member)?;
    for part in ["labels", "annotations"] {
        for (name, value) in live["metadata"][part].as_object().into_iter().flatten() {
            if name.contains("argoproj.io/") || name.contains("fluxcd.io/") {
                document["metadata"][part][name] = value.clone();
            }
        }
    }
    Ok(document)
}
