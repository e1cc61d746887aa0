//! The pure part: what differs, who did it, what the next sync gives, and what to do about it.
//!
//! Everything here takes values and returns values. Time comes in as data, and so do dry-run answers and renders.

pub mod diff;
pub mod object;
pub mod ownership;
pub mod plan;
pub mod predict;
pub mod schema;
