//! What is to be done about what a tool's object says.

/// What is to be done about a standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It ends by itself, or does no harm.
    Leave,

    /// Heal the cluster, then clear the state: cleared before, the same sync fails again.
    ClearAfterHeal,

    /// Clear the state.
    Clear,

    /// There is no state to clear: heal, then ask for a comparison.
    RefreshOnly,

    /// No write of ours is safe here, such as to terminate an operation.
    AskAPerson,
}
