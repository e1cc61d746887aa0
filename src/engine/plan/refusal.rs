//! Why nothing is carried out.

use super::NoPlan;
use crate::engine::object::FieldPath;

/// Why an approval is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The plan was carried out before.
    #[error("plan {} was carried out before; an approval holds for one heal", short(.0))]
    Spent(String),

    /// The plan ran out of time.
    #[error("plan {} expired before it was approved; look at the new plan and approve that", short(.0))]
    Expired(String),

    /// The cluster or Git changed since.
    #[error("plan {} is no longer what is needed: the cluster or Git changed since; look at the new plan and approve \
             that", short(.0))]
    Stale(String),

    /// No plan of this report ever had the hash.
    #[error("{} is not the hash of a plan of this report; take it from status.plan.hash", short(.0))]
    Foreign(String),

    /// There is nothing to carry out as things are. That may pass, as where the tool has not compared what changed, or
    /// its own retry is under way.
    #[error(
        "plan {} is not carried out as things are: {why}; where the same plan is offered again before its time is \
         over, this approval counts",
        short(.hash)
    )]
    Moot {
        /// The approved hash.
        hash: String,

        /// Why there is no plan.
        why: NoPlan,
    },

    /// A person took it back after it was offered.
    #[error("plan {} was taken back, and an approval of it counts no more: {why}", short(.hash))]
    TakenBack {
        /// The approved hash.
        hash: String,

        /// Why there is no plan.
        why: NoPlan,
    },

    /// The object was deleted and made again since.
    #[error("the object was deleted and created again since plan {} was approved", short(.0))]
    OtherObject(String),

    /// A sync window forbids the heal, and the approval does not say that it may be broken.
    #[error(
        "plan {} is held back by a sync window: {why}; to heal all the same, approve with --break-glass and a --reason",
        short(.hash)
    )]
    Window {
        /// The approved hash.
        hash: String,

        /// Which window.
        why: String,
    },

    /// The approval does not name what must be acknowledged.
    #[error(
        "plan {} changes more than the drift, and the approval does not say that this is known: acknowledge {}, by \
         --acknowledge or in approval.acknowledged",
        short(.hash),
        .ids.join(", ")
    )]
    Unacknowledged {
        /// The approved hash.
        hash: String,

        /// The ids of the cautions.
        ids: Vec<&'static str>,
    },

    /// A sync that the plan starts would change more than the approval knows of.
    #[error(
        "the sync of plan {} would by now change {path}, too, of which the approved plan says nothing: the object \
         or Git changed since; look at the new plan and approve that",
        short(.hash)
    )]
    Beyond {
        /// The approved hash.
        hash: String,

        /// The first such field.
        path: FieldPath,
    },

    /// It is what is needed, and something passes first.
    #[error("plan {} waits for {why}", short(.hash))]
    Waits {
        /// The approved hash.
        hash: String,

        /// What passes, in words.
        why: String,
    },

    /// The approval was changed or taken back after the heal began.
    #[error("the approval of plan {} was changed or taken back while it was being carried out", short(.0))]
    Altered(String),
}

impl Refusal {
    /// Whether only the plan is no longer what is needed, or not now: what was approved may be needed again.
    pub fn is_about_the_plan(&self) -> bool {
        match self {
            Self::Stale(_)
            | Self::Moot { .. }
            | Self::TakenBack { .. }
            | Self::Waits { .. }
            | Self::Window { .. }
            | Self::Unacknowledged { .. }
            | Self::Beyond { .. }
            | Self::OtherObject(_) => true,
            Self::Spent(_) | Self::Expired(_) | Self::Foreign(_) | Self::Altered(_) => false,
        }
    }

    /// What a heal that began waits for, where it passes by itself.
    pub fn passes(&self) -> Option<&str> {
        match self {
            Self::Waits { why, .. } | Self::Window { why, .. } => Some(why),
            _ => None,
        }
    }

    /// The reason of the condition and the Event, in PascalCase.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Spent(_) => "ApprovalSpent",
            Self::Expired(_) => "ApprovalExpired",
            Self::Stale(_) => "ApprovalStale",
            Self::Foreign(_) => "ApprovalForeign",
            Self::Moot { .. } => "ApprovalMoot",
            Self::TakenBack { .. } => "ApprovalTakenBack",
            Self::OtherObject(_) => "ApprovalForOtherObject",
            Self::Window { .. } => "HeldBackBySyncWindow",
            Self::Unacknowledged { .. } => "CautionNotAcknowledged",
            Self::Beyond { .. } => "ApprovalStale",
            Self::Waits { .. } => "ApprovalWaits",
            Self::Altered(_) => "ApprovalAltered",
        }
    }
}

/// The first digits of a hash, as people say it.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
