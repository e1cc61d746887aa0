//! What the objects of all tools that sync have in common: how they are read, how they name resources, and what their
//! messages, times and requests are made of.

pub mod action;
pub mod duration;
pub mod fields;
pub mod message;
pub(in crate::engine) mod metadata;
pub mod origin;
pub mod patch;
pub mod resource;
pub mod rule;
pub mod when;
