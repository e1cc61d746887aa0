//! When a tool syncs next.

use jiff::Timestamp;

/// When the next sync comes that would meet what the cluster has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// As soon as the tool sees the difference, or it is under way.
    AtOnce {
        /// What makes it so.
        why: String,
    },

    /// About then, perhaps earlier by a new commit.
    At {
        /// The time.
        time: Timestamp,

        /// What happens then.
        why: String,
    },

    /// With the next commit and not before.
    AtNextCommit {
        /// Why not before.
        why: String,
    },

    /// As soon as something else is ready, whenever that is.
    Once {
        /// What is to come first.
        what: String,

        /// What is known of it.
        why: String,
    },

    /// When a person or a pipeline asks.
    BySomebody,

    /// Not before something else changes.
    Never {
        /// What is in the way.
        why: String,
    },

    /// It cannot be told.
    Unknown {
        /// Why not.
        why: String,
    },
}

impl When {
    /// The words of a report.
    pub fn words(&self) -> String {
        match self {
            Self::AtOnce { why } => format!("at once: {why}"),
            Self::At { time, why } => format!("at {time}: {why}"),
            Self::AtNextCommit { why } => format!("at the next commit: {why}"),
            Self::Once { what, why } => format!("once {what}: {why}"),
            Self::BySomebody => "when somebody syncs the application".to_owned(),
            Self::Never { why } => format!("never as it is: {why}"),
            Self::Unknown { why } => format!("unknown: {why}"),
        }
    }
}
