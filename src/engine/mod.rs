//! The pure part: what differs, who did it, what the next sync gives, and what to do about it.
//!
//! Everything here takes values and returns values. Time comes in as data, and so do dry-run answers and renders.
//!
//! [`assess`] is the whole way from a [`Snapshot`] to an [`Assessment`]; [`plan::propose`] makes of both what a person
//! is asked to approve; [`assess_and_propose`] does both, and reads the snapshot once.

mod assess;
pub mod confirm;
pub mod diagnose;
pub mod diff;
pub mod digest;
pub mod facts;
pub mod kind;
pub mod last_applied;
pub mod object;
pub mod operation;
mod own_heal;
pub mod ownership;
pub mod phase;
pub mod plan;
pub mod predict;

pub mod schema;
mod snapshot;
mod source_facts;
pub mod syncer;
mod tool;
pub mod validation;

pub use assess::{Assessment, assess, assess_and_propose, assess_during};
pub use own_heal::{OwnHeal, Wrote};
pub use snapshot::{Mode, Policy, Remedy, Snapshot};
pub use source_facts::{Beside, Met, SourceFacts};
pub use tool::{ArgoCd, Flux, Tool};
