//! What is wrong with an object, in one word.

/// What is wrong, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Live is what Git says.
    #[default]
    InSync,

    /// Only Git moved on; the next sync brings it.
    Pending,

    /// Somebody or something changed live.
    Drifted,

    /// The API server will refuse the next sync, or answer it with a conflict.
    Conflicted,

    /// Git has it, it was seen in the cluster, and it is gone.
    Missing,

    /// The cluster has it and Git no longer does.
    Orphaned,

    /// The syncing tool keeps an operation that blocks the next sync.
    OperationStuck,
}
