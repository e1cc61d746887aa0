//! The states that a part of an object may be in: what Git, or somebody else, sets there.

mod container;
mod dumped;
mod pod;
mod sites;
mod strategy;
mod union;
mod volume;

pub use sites::{Site, others, sites, unions};
