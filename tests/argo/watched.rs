//! A shop that driftmend watches by its Application.

use anyhow::Result;
use serde_json::{Value, json};

pub use crate::harness::watched::{condition, kinds};
use crate::harness::{self, ControlPlane};
use crate::shop::Shop;

/// A watched shop.
pub type Watched<'a> = harness::watched::Watched<Shop<'a>>;

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
