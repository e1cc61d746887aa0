//! A shop that driftmend watches by its Kustomization, which lets it do so from the start.

use anyhow::Result;
use serde_json::{Value, json};

pub use crate::harness::watched::{condition, finding, kinds};
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
        let source =
            json!({"name": self.kustomization.name(), "namespace": self.kustomization.namespace(), "interval": "1s"});
        Ok(json!({"fluxKustomization": source}))
    }
}
