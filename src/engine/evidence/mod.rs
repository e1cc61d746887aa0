//! What is asked of the cluster for one object beside the object itself, and what came of it.
//!
//! The rules say what they want of an [`Assessment`](super::Assessment) by [`rules::wants`](super::rules::wants), and
//! only that is asked: of an object for which nothing speaks it is nothing. What is a fact of every object belongs to
//! the [`Snapshot`](super::Snapshot).

/// Something that may be asked of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Observed<T> {
    /// Nobody asked: no rule wanted it, or it is not allowed here.
    #[default]
    NotAsked,

    /// It was asked and not answered; why, in words.
    Unreadable(String),

    /// The answer.
    Seen(T),
}

/// What came of everything that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The server's own answer to the next sync.
    pub dry_run: Observed<DryRun>,
}

/// The server's answer to a dry run of the next sync, held against the prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// It says the same.
    Same,

    /// It says something else. Both texts are as they may be shown.
    Other {
        /// The server's words.
        server: String,

        /// The words that we foretold.
        ours: String,
    },
}

/// What is to be asked: one member for each of [`Evidence`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The server's own answer to the next sync, by a dry run of it.
    pub dry_run: bool,
}

impl Wants {
    /// What one or the other wants.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            dry_run: self.dry_run || other.dry_run,
        }
    }
}
