//! The only module that calls an API server.
//!
//! A [`Cluster`] is a client whose every call has a time limit and fails with an [`ApiError`] that says which verb on
//! what was tried. [`live`] keeps the live objects as raw text, [`events`] tells people what happened.
//! Nothing here decides anything: what to read and what to write comes from the caller.

mod absence;
mod access;
mod backoff;
mod call;
mod client;
#[cfg(debug_assertions)]
mod crash;
mod errors;
pub mod events;
pub mod live;
mod requests;
pub mod resources;
mod retry_after;
pub mod tools;

pub use access::{Access, AccessReview, User};
pub use backoff::{WatchBackoff, patient};
pub use call::{Call, Effect, Resource, Verb};
pub use client::{CALL_TIMEOUT, Cluster, ConnectError, Connection, Gate};
pub use errors::{ApiError, DEFINITIONS_HINT, LONGEST_WAIT, Retry};
pub use requests::{DryRun, NamespaceFacts};
