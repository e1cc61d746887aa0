//! The pure part: what differs, who did it, what the next sync gives, and what to do about it.
//!
//! Everything here takes values and returns values. Time comes in as data, and so do dry-run answers and renders.
//!
//! [`assess()`] is the whole way from a [`Snapshot`] to an [`Assessment`], which holds facts. [`rules::wants`] says
//! what else must be asked of the cluster, and [`rules::diagnose`] what all of it means. [`plan::propose`] makes a plan
//! of the facts, for a person to approve; [`plan::assess_and_propose`] reads the snapshot once for both.

pub mod allowance;
pub mod argo_cd;
mod assess;
mod assessment;
pub mod confirm;
pub mod diff;
pub mod digest;
pub mod dressing;
pub mod evidence;
pub mod facts;
pub mod flux;
pub mod kind;
pub mod last_applied;
pub mod mass;
pub mod object;
mod own_heal;
pub mod ownership;
pub mod phase;
pub mod plan;
pub mod predict;
mod reason;
mod recreation;
pub mod remedy;
pub mod rules;
pub mod schema;
pub mod settle;
mod snapshot;
mod source_facts;
pub mod syncer;
mod tool;
pub mod tool_object;
mod trap;
pub mod validation;
pub mod verify;
mod words;

pub use assess::{assess, assess_during};
pub use assessment::Assessment;
pub use own_heal::{OwnHeal, Wrote};
pub use reason::{Because, Reason, Works};
pub use snapshot::{Mode, Policy, Remedy, Snapshot};
pub use source_facts::{Beside, Met, SourceFacts};
pub use tool::Tool;
pub use trap::Trap;
