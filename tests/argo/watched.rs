//! A shop that driftmend watches by its Application.

use anyhow::{Context, Result};
use serde_json::{Value, json};

pub use crate::harness::watched::{condition, kinds};
use crate::harness::{self, ControlPlane};
use crate::shop::Shop;

/// A watched shop.
pub type Watched<'a> = harness::watched::Watched<Shop<'a>>;

/// Waits for a plan with these steps over a sync that Argo CD has given up, and gives its hash.
///
/// While it still retries there is the same plan: this is for what the failure itself leaves behind.
pub fn wait_for_plan_over_a_failure(watched: &Watched<'_>, steps: &[&str]) -> Result<String> {
    let status = watched.wait_for_status(&format!("a plan of {steps:?} over a failed sync"), |status| {
        status["operation"]["class"] == "FailedAtRevision" && kinds(status) == steps
    })?;
    Ok(status["plan"]["hash"].as_str().context("no hash")?.to_owned())
}

impl harness::watched::Shop for Shop<'_> {
    fn control_plane(&self) -> &ControlPlane {
        self.control_plane
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn source(&self) -> Result<Value> {
        let allowed = json!({"metadata": {"annotations": {"driftmend.dev/allow-watches-from": self.namespace}}});
        self.application.merge_patch("ada", &allowed)?.success()?;
        Ok(json!({"argoApplication": {"name": self.application.name(), "interval": "1s"}}))
    }
}
