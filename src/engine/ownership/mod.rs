//! Who owns a field: `metadata.managedFields` as sets of paths.
//!
//! [`ManagedFields`] answers [`ManagedFields::owners`]; [`FieldSet`] is the algebra below it, [`people`] tells hands
//! from machines, and [`transfer`] gives fields to another manager.

mod applied;
mod element;
mod fields;
mod managed;
pub mod migrate;
pub mod people;
pub mod transfer;

pub use fields::{FieldSet, FieldsError};
pub use managed::{Entry, ManagedFields, Record, Recorded};

/// The field manager of every heal, whoever carries it out.
///
/// It must not equal the syncing tool's name: an Update entry beside the tool's own Apply entry poisons the next change
/// in Git.
pub const HEAL_MANAGER: &str = "driftmend-heal";

use jiff::Timestamp;

/// How a manager wrote: by server-side apply, or by any other write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,

    /// Create, update, or any patch that is not an apply.
    Update,
}

/// A manager that owns a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The field manager's name, as the client gave it: evidence, not proof.
    pub manager: String,

    /// How it wrote.
    pub operation: Operation,

    /// Through which subresource, such as `scale`; `None` for the object itself.
    pub subresource: Option<String>,

    /// When the entry last changed. It is the entry's time, not the field's: "not later than".
    pub time: Option<Timestamp>,
}
