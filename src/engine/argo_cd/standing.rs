//! In what standing the operation of an Application is: the rows S1 to S9, what looks like them, and what is to be
//! done.

use jiff::Timestamp;

use crate::engine::tool_object::action::Action;

/// In what standing the operation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is under way and nothing stale is in the way.
    Idle,

    /// The last operation failed at another revision or from other sources: it is told in the state, and blocks
    /// nothing.
    FailedElsewhere,

    /// A sync makes progress.
    Running,

    /// S1: the last operation failed at this revision. Auto-sync does not try it again, and self-heal of the whole
    /// Application is off.
    FailedAtRevision {
        /// Whether the last comparison found nothing left to sync.
        healed: bool,

        /// Whether the Application is synced automatically, so that something is blocked.
        automated: bool,

        /// Whether somebody terminated it.
        terminated: bool,
    },

    /// S2: the last operation ended without a result. Auto-sync is blocked, new commits included.
    CompletedWithoutResult {
        /// Whether the last comparison found nothing left to sync.
        healed: bool,
    },

    /// S3: the sync failed and is tried again.
    WaitingForRetry {
        /// Which retry comes.
        retry: i64,

        /// When it comes.
        until: Option<Timestamp>,
    },

    /// S4: the state says that a sync runs, and no operation is there: nobody will ever end it.
    Orphaned {
        /// Whether auto-sync takes it for a failed sync of this revision.
        blocks: bool,

        /// Whether the last comparison found nothing left to sync.
        healed: bool,
    },

    /// S5: a sync runs and shows no progress.
    NoProgress {
        /// Since when it runs.
        since: Option<Timestamp>,
    },

    /// Like S5: the sync waits for a hook.
    WaitingForHook {
        /// How long that is left alone.
        until: Option<Timestamp>,
    },

    /// Like S5: the sync waits until the resources of a wave are healthy, or gone.
    WaitingForHealth {
        /// How long that is left alone.
        until: Option<Timestamp>,
    },

    /// Like S5: the sync waits until a person confirms that a resource may be pruned.
    WaitingForConfirmation,

    /// Like S5: the sync waits for its window.
    WaitingForWindow {
        /// When the window changes.
        until: Option<Timestamp>,
    },

    /// Like S5: an operation is there, and no controller that would carry it on.
    ControllerNotSeen,

    /// S6: the last operation succeeded, and lost its end and its result.
    SucceededWithoutResult {
        /// Whether auto-sync takes it for done for ever. No condition tells so.
        blocks: bool,

        /// Whether the last comparison found nothing left to sync.
        healed: bool,
    },

    /// S7: the operation is over, and its request was never taken away.
    NeverCleared,

    /// S8: an operation was asked for and not begun.
    Requested,

    /// S9: a stale state that somebody else than the controller applies server-side, so that it comes back.
    CoOwned {
        /// What is stale.
        stale: Box<Self>,

        /// Who applies it.
        manager: String,
    },

    /// The comparison by server-side dry run is refused, for the whole Application: no sync starts, and no operation
    /// tells of it.
    DryRunRefused,

    /// The comparison fails for another reason, such as a repository that does not answer.
    ComparisonFailed,
}

impl Standing {
    /// The row of the table; `None` for what is no trouble, or in no row.
    pub fn id(&self) -> Option<&'static str> {
        Some(match self {
            Self::FailedAtRevision { .. } => "S1",
            Self::CompletedWithoutResult { .. } => "S2",
            Self::WaitingForRetry { .. } => "S3",
            Self::Orphaned { .. } => "S4",
            Self::NoProgress { .. }
            | Self::WaitingForHook { .. }
            | Self::WaitingForHealth { .. }
            | Self::WaitingForConfirmation
            | Self::WaitingForWindow { .. }
            | Self::ControllerNotSeen => "S5",
            Self::SucceededWithoutResult { .. } => "S6",
            Self::NeverCleared => "S7",
            Self::Requested => "S8",
            Self::CoOwned { .. } => "S9",
            Self::Idle | Self::FailedElsewhere | Self::Running | Self::DryRunRefused | Self::ComparisonFailed => {
                return None;
            }
        })
    }

    /// The name in reports and in metrics' labels: one of a fixed set.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::FailedElsewhere => "FailedElsewhere",
            Self::Running => "Running",
            Self::FailedAtRevision { .. } => "FailedAtRevision",
            Self::CompletedWithoutResult { .. } => "CompletedWithoutResult",
            Self::WaitingForRetry { .. } => "WaitingForRetry",
            Self::Orphaned { .. } => "Orphaned",
            Self::NoProgress { .. } => "NoProgress",
            Self::WaitingForHook { .. } => "WaitingForHook",
            Self::WaitingForHealth { .. } => "WaitingForHealth",
            Self::WaitingForConfirmation => "WaitingForConfirmation",
            Self::WaitingForWindow { .. } => "WaitingForWindow",
            Self::ControllerNotSeen => "ControllerNotSeen",
            Self::SucceededWithoutResult { .. } => "SucceededWithoutResult",
            Self::NeverCleared => "NeverCleared",
            Self::Requested => "Requested",
            Self::CoOwned { .. } => "CoOwned",
            Self::DryRunRefused => "DryRunRefused",
            Self::ComparisonFailed => "ComparisonFailed",
        }
    }

    /// Until when it is to be left alone, where that is known.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::WaitingForRetry { until, .. }
            | Self::WaitingForHook { until }
            | Self::WaitingForHealth { until }
            | Self::WaitingForWindow { until } => *until,
            _ => None,
        }
    }

    /// What is to be done.
    pub fn action(&self) -> Action {
        let clear = |healed: bool| if healed { Action::Clear } else { Action::ClearAfterHeal };
        match self {
            Self::FailedAtRevision { healed, .. }
            | Self::CompletedWithoutResult { healed }
            | Self::Orphaned { blocks: true, healed }
            | Self::SucceededWithoutResult { blocks: true, healed } => clear(*healed),
            Self::DryRunRefused => Action::RefreshOnly,
            Self::NoProgress { .. }
            | Self::WaitingForConfirmation
            | Self::ControllerNotSeen
            | Self::NeverCleared
            | Self::CoOwned { .. } => Action::AskAPerson,
            Self::Idle
            | Self::FailedElsewhere
            | Self::Running
            | Self::WaitingForRetry { .. }
            | Self::Orphaned { blocks: false, .. }
            | Self::WaitingForHook { .. }
            | Self::WaitingForHealth { .. }
            | Self::WaitingForWindow { .. }
            | Self::SucceededWithoutResult { blocks: false, .. }
            | Self::Requested
            | Self::ComparisonFailed => Action::Leave,
        }
    }

    /// Whether a state is stale in the sense that clearing it ends something.
    pub fn clears(&self) -> bool {
        matches!(self.action(), Action::Clear | Action::ClearAfterHeal)
    }

    /// Whether an operation is there that is carried on or begins by itself: what comes of it is not known yet.
    pub fn is_under_way(&self) -> bool {
        matches!(
            self,
            Self::Running
                | Self::Requested
                | Self::WaitingForRetry { .. }
                | Self::WaitingForHook { .. }
                | Self::WaitingForHealth { .. }
                | Self::WaitingForWindow { .. }
        )
    }

    /// Whether it is to be told: it stops a sync, there is something to clear, or only a person can end it.
    pub fn is_stale(&self) -> bool {
        self.blocks() || self.clears() || self.action() == Action::AskAPerson
    }

    /// Whether auto-sync does not sync although it should.
    pub fn blocks(&self) -> bool {
        match self {
            Self::FailedAtRevision { automated, .. } => *automated,
            Self::Orphaned { blocks, .. } | Self::SucceededWithoutResult { blocks, .. } => *blocks,
            Self::CoOwned { stale, .. } => stale.blocks(),
            Self::CompletedWithoutResult { .. } | Self::DryRunRefused | Self::ComparisonFailed => true,
            _ => false,
        }
    }

    /// What it means, in one sentence.
    pub fn why(&self) -> String {
        let told = match self {
            Self::Idle => "no operation is under way and none is in the way",
            Self::FailedElsewhere => "the last operation failed at another revision or source, which blocks nothing",
            Self::Running => "a sync is running",
            Self::FailedAtRevision {
                automated, terminated, ..
            } => {
                let ended = if *terminated { "was terminated" } else { "failed" };
                let rest = match automated {
                    true => ": Argo CD does not try it again, and self-heal is off for the whole application",
                    false => ", and nobody is going to try it again",
                };
                return format!("the last sync of this revision {ended}{rest}");
            }
            Self::CompletedWithoutResult { .. } => {
                "the last operation ended without a result: Argo CD syncs neither this revision nor new ones"
            }
            Self::WaitingForRetry { retry, until } => {
                return match until {
                    Some(until) => format!("the sync failed and is tried again at {until} (retry {retry})"),
                    None => format!("the sync failed and its retry {retry} has no readable time"),
                };
            }
            Self::Orphaned { blocks: true, .. } => {
                "the state says that a sync runs, but there is no operation: nothing ends it, and it counts as a \
                 failed sync of this revision"
            }
            Self::Orphaned { blocks: false, .. } => {
                "the state says that a sync runs, but there is no operation; the next sync replaces it"
            }
            Self::NoProgress { since: Some(since) } => {
                return format!(
                    "a sync runs since {since} without an end; only a person can tell whether to terminate it"
                );
            }
            Self::NoProgress { since: None } => {
                "a sync runs without an end; only a person can tell whether to terminate it"
            }
            Self::WaitingForHook { .. } => {
                "the running sync waits for a hook; to clear it would run the hook a second time"
            }
            Self::WaitingForHealth { .. } => "the running sync waits for the resources of a wave",
            Self::WaitingForConfirmation => {
                "the running sync waits until a person confirms that resources may be pruned"
            }
            Self::WaitingForWindow { .. } => "the running sync waits for its sync window, and goes on by itself",
            Self::ControllerNotSeen => {
                "an operation is there and Argo CD's application controller has not been seen: it goes on when that is \
                 back"
            }
            Self::SucceededWithoutResult { blocks: true, .. } => {
                "the last operation succeeded and lost its result: Argo CD takes every revision for synced, and \
                 nothing shows it"
            }
            Self::SucceededWithoutResult { blocks: false, .. } => {
                "the last operation succeeded and lost its result, which blocks nothing here"
            }
            Self::NeverCleared => "the operation is over and its request was not taken away",
            Self::Requested => "a sync was asked for and begins as soon as Argo CD's controller comes to it",
            Self::CoOwned { stale, manager } => {
                return format!(
                    "{manager} applies this state as well, so that it comes back after every clear: {}",
                    stale.why()
                );
            }
            Self::DryRunRefused => {
                "the comparison by server-side dry run is refused for the whole application, so no sync starts and no \
                 operation tells of it"
            }
            Self::ComparisonFailed => "Argo CD cannot compare the application, so no sync starts",
        };
        told.to_owned()
    }
}
