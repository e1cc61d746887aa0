//! Where metrics are registered.

use prometheus::core::Collector;
use prometheus::{Error, Registry};

/// A registry, and who looks at each metric as it comes: asked later, a registry names none that has no series yet.
pub(super) struct Register<'a> {
    pub(super) registry: Registry,
    pub(super) seen: &'a dyn Fn(&dyn Collector),
}

impl Register<'_> {
    pub(super) fn register(&self, collector: Box<dyn Collector>) -> Result<(), Error> {
        (self.seen)(collector.as_ref());
        self.registry.register(collector)
    }
}
