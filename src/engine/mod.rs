//! The pure part: what differs, who did it, what the next sync gives, and what to do about it.
//!
//! Everything here takes values and returns values. Time comes in as data, and so do dry-run answers and renders.
//!
//! [`assess()`] is the whole way from a [`Snapshot`] to an [`Assessment`]; [`plan::propose`] makes of both what a
//! person is asked to approve; [`assess_and_propose`] does both, and reads the snapshot once.

mod assess;
pub mod confirm;
pub mod diagnose;
pub mod diff;
pub mod kind;
pub mod object;
pub mod operation;
mod own_heal;
pub mod ownership;
pub mod phase;
pub mod plan;
pub mod predict;

pub mod schema;
mod snapshot;
mod tool;
pub mod validation;

pub use assess::{Assessment, assess, assess_and_propose, assess_during};
pub use own_heal::{OwnHeal, Wrote};
pub use snapshot::{Beside, Met, Mode, Policy, Remedy, Snapshot, SourceFacts};
pub use tool::{ArgoCd, Flux, Tool};
