//! What the tool that syncs makes of the documents before it applies them.

use serde_json::Value;

use super::object::Document;
use super::syncer::Syncer;
use super::{argo_cd, flux};

/// What a tool makes of each document before it applies it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Dressing {
    /// Nothing.
    #[default]
    AsWritten,

    /// What Argo CD adds, and the options that it reads from the document.
    ArgoCd(argo_cd::dressing::Dressing),

    /// What Flux adds.
    Flux(flux::dressing::Dressing),
}

impl Dressing {
    /// The namespace that the tool applies the document to; `None` where the document says none and neither does the
    /// tool.
    pub fn namespace(&self, document: &Document) -> Option<String> {
        let written = || document.id.namespace.clone();
        match self {
            Self::AsWritten => written(),
            Self::ArgoCd(dressing) => written().or_else(|| dressing.namespace.clone()),
            Self::Flux(dressing) => dressing.target_namespace.clone().or_else(written),
        }
    }

    /// Why the tool does not keep the document in sync, where it does not.
    pub fn passes_over(&self, document: &Document) -> Option<&'static str> {
        match self {
            Self::AsWritten => None,
            Self::ArgoCd(_) => argo_cd::dressing::passes_over(&document.value),
            Self::Flux(_) => flux::dressing::passes_over(&document.value),
        }
    }

    /// Whether the document is a hook, which only a sync of the whole runs.
    pub fn is_hook(&self, document: &Document) -> bool {
        matches!(self, Self::ArgoCd(_)) && argo_cd::dressing::passes_over(&document.value).is_some()
    }

    /// How the tool applies the document; `None` where the watch says it.
    pub fn syncer(&self, desired: &Value, live: Option<&Value>) -> Option<Syncer> {
        match self {
            Self::AsWritten => None,
            Self::ArgoCd(dressing) => Some(dressing.syncer(desired, live)),
            Self::Flux(_) => Some(flux::dressing::syncer(desired)),
        }
    }

    /// Adds what the tool adds. Which marks Argo CD sets may depend on its version, so that live has a say.
    pub fn dress(&self, desired: &mut Value, live: Option<&Value>) {
        match self {
            Self::AsWritten => {}
            Self::ArgoCd(dressing) => dressing.dress(desired, live),
            Self::Flux(dressing) => dressing.dress(desired),
        }
    }
}

#[cfg(test)]
mod tests;
