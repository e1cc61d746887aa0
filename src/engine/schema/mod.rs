//! What the objects of the governed kinds are: list keys, atomic maps, defaults, aliases and quantities, as data.
//!
//! `types.rs`, `versions.rs` and `go_types.rs` are generated from the Kubernetes sources, 1.33 to 1.37
//! (`src/engine/schema/generate`); everything else reads them. Defaults, gates and other tables by hand hold for
//! Kubernetes 1.36. What a later server adds passes through untouched.

mod defaults;
mod document;
mod gates;
#[rustfmt::skip]
mod go_types;
mod image;
mod lists;
mod normal;
pub mod quantity;
mod rules;
pub mod shape;
mod spelt;
mod supported;
mod tree;
#[rustfmt::skip]
mod types;
mod unions;
#[rustfmt::skip]
mod versions;

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
mod tests;

pub use defaults::{apply_defaults, may_outlive_its_cause, outlives_its_cause};
pub use document::{Document, Members};
pub use image::default_pull_policy;
pub use lists::{Merge, is_atomic_map, list_kind, merge_strategy, shape_at};
pub use normal::normalise;
pub use quantity::Quantity;
pub use rules::is_gated;
pub use shape::{ListKind, Shape};
pub use spelt::{GoType, go_type_of};
pub use supported::{REFERENCE, Versions, fields_without, versions_of};
pub use tree::{Branches, Tree};
pub use unions::{UNIONS, Union, unions_of};

/// The shape of a Deployment.
pub const DEPLOYMENT: Shape = Shape::Nested(&types::DEPLOYMENT);

/// The shape of a DaemonSet.
pub const DAEMON_SET: Shape = Shape::Nested(&types::DAEMON_SET);

/// The shapes of all governed kinds.
pub const ROOTS: &[Shape] = &[DEPLOYMENT, DAEMON_SET];
