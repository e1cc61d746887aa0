//! The ways out of a drift, as patches: Git's values put back into live, what is in the way handed back to the tool
//! that syncs, and live's values committed to Git. A plan makes its steps of them, and a reason says which of them
//! works.

pub mod hand_back;
pub(in crate::engine) mod ill;
pub mod restore;
pub(in crate::engine) mod trial;
pub(in crate::engine) mod whole;
