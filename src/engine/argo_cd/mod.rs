//! Argo CD: what is known of its Applications, their operations and their syncs. In what standing an operation is, what
//! must be left alone and until when, when the next sync comes, what it would touch, and which guarded JSON Patches end
//! a stale operation.
//!
//! Argo CD keeps the state of its last operation in the Application. Some of these states stop every further sync, look
//! like ordinary waits, or are never processed again, and nothing in Argo CD clears them. [`class::classify`] tells
//! which one it is; the rows S1 to S9 are those of the project's table of stuck operations, each tried on Argo CD
//! v3.5.7. [`hold::held_back`] tells what forbids any write, [`next_sync::next_sync`] when the next sync comes,
//! [`touch::touches`] what it would change, and [`requests::clear`], [`requests::start`] and [`requests::refresh`] make
//! the patches.

pub mod application;
pub mod class;
pub mod concern;
pub mod glob;
pub mod hold;
mod left;
pub mod next_sync;
pub mod requests;
pub mod revision;
pub mod rollback;
pub mod schedule;
#[cfg(test)]
pub(in crate::engine) mod shapes;
pub mod source;
pub mod standing;
pub mod state;
pub mod sync_policy;
pub mod touch;
pub mod window;
