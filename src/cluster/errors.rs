//! What an API server answered instead of what was asked for.

mod answer;

use std::time::Duration;

use thiserror::Error;

use super::call::Call;
use crate::engine::predict::Cause;
use answer::{has_no_kind, late};

/// A call that failed: which verb on what, and why.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The server does not know who asks (401), or the credentials could not be had.
    #[error("failed to {call}: the API server does not accept the credentials")]
    Unauthenticated {
        /// What was tried.
        call: Box<Call>,

        /// The server's answer, or the plugin's.
        source: Box<kube::Error>,
    },

    /// The server knows who asks, and refuses (403): RBAC, or an admission policy.
    #[error("failed to {call}: {message}")]
    Forbidden {
        /// What was tried.
        call: Box<Call>,

        /// The user as the server names it; `None` when an admission plugin refused, not RBAC.
        user: Option<String>,

        /// The server's message.
        message: String,
    },

    /// There is no such object, or no such kind (404).
    #[error("failed to {call}: {}", absent(call))]
    NotFound {
        /// What was tried.
        call: Box<Call>,
    },

    /// Someone else was first: a stale resourceVersion, a name that is taken, or fields that another manager owns
    /// (409).
    #[error("unable to {call}: {message}")]
    Conflict {
        /// What was tried.
        call: Box<Call>,

        /// The server's message.
        message: String,

        /// With whom it conflicts; only server-side apply says so.
        causes: Vec<Cause>,
    },

    /// The object would not be valid (422).
    #[error("failed to {call}: {message}")]
    Invalid {
        /// What was tried.
        call: Box<Call>,

        /// The server's message.
        message: String,

        /// The fields and what is wrong with them.
        causes: Vec<Cause>,
    },

    /// Any other answer that blames the request (400, 405, 413, 415, ...).
    #[error("failed to {call}: {message} (status {code})")]
    Rejected {
        /// What was tried.
        call: Box<Call>,

        /// The HTTP status.
        code: u16,

        /// The server's message.
        message: String,
    },

    /// The server cannot answer now (429, 500, 503, ...).
    #[error("unable to {call}: {message} (status {code})")]
    Unavailable {
        /// What was tried.
        call: Box<Call>,

        /// The HTTP status.
        code: u16,

        /// The server's message.
        message: String,

        /// How long the server asks to wait, where it does; at most [`LONGEST_WAIT`].
        after: Option<Duration>,
    },

    /// No answer came in time, or the server's own that it did not get there in time (408, 504); a write may have
    /// happened all the same.
    #[error("unable to {call}: {}", late(*limit, told.as_deref()))]
    TimedOut {
        /// What was tried.
        call: Box<Call>,

        /// How long was waited.
        limit: Duration,

        /// The server's answer; `None` where none came.
        told: Option<String>,
    },

    /// The server could not be reached, or the connection broke.
    #[error("unable to {call}: the API server cannot be reached")]
    Unreachable {
        /// What was tried.
        call: Box<Call>,

        /// What the network said.
        source: Box<kube::Error>,
    },

    /// The answer is not what the API promises.
    #[error("failed to {call}: the answer cannot be read: {detail}")]
    Unreadable {
        /// What was tried.
        call: Box<Call>,

        /// What is wrong with it; never its text, which may hold a secret.
        detail: String,
    },

    /// This process does not lead at this moment, so nothing was sent: another one may be writing.
    #[error("unable to {call}: this process does not hold the Lease")]
    NotLeading {
        /// What was to be written.
        call: Box<Call>,
    },

    /// It cannot be put into a request, so nothing was sent.
    #[error("failed to {call}: {detail}")]
    Unsendable {
        /// What was tried.
        call: Box<Call>,

        /// What is wrong with it.
        detail: String,
    },
}

/// The longest that a server is obeyed which asks to wait: a wrong header must not silence a key for a day.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// With a growing delay.
    Backoff,

    /// Not before this long.
    After(Duration),

    /// At once, but from a fresh read: what was known is stale.
    ReadAgain,

    /// Not until something changes: the same request gets the same answer.
    AwaitChange,
}

impl ApiError {
    /// Takes "there is none" for an answer.
    ///
    /// # Errors
    ///
    /// Every other failure.
    pub fn optional<T>(answer: Result<T, Self>) -> Result<Option<T>, Self> {
        match answer {
            Ok(found) => Ok(Some(found)),
            Err(Self::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives the call that failed.
    pub fn call(&self) -> &Call {
        match self {
            Self::Unauthenticated { call, .. }
            | Self::Forbidden { call, .. }
            | Self::NotFound { call }
            | Self::Conflict { call, .. }
            | Self::Invalid { call, .. }
            | Self::Rejected { call, .. }
            | Self::Unavailable { call, .. }
            | Self::TimedOut { call, .. }
            | Self::Unreachable { call, .. }
            | Self::Unreadable { call, .. }
            | Self::NotLeading { call }
            | Self::Unsendable { call, .. } => call,
        }
    }

    /// Names the kind of failure, for metrics and event reasons.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Unauthenticated { .. } => "Unauthenticated",
            Self::Forbidden { .. } => "Forbidden",
            Self::NotFound { .. } => "NotFound",
            Self::Conflict { .. } => "Conflict",
            Self::Invalid { .. } => "Invalid",
            Self::Rejected { .. } => "Rejected",
            Self::Unavailable { .. } => "Unavailable",
            Self::TimedOut { .. } => "TimedOut",
            Self::Unreachable { .. } => "Unreachable",
            Self::Unreadable { .. } => "Unreadable",
            Self::NotLeading { .. } => "NotLeading",
            Self::Unsendable { .. } => "Unsendable",
        }
    }

    /// Says when the same thing may be tried again.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Conflict { .. } => Retry::ReadAgain,
            Self::Unavailable { after: Some(after), .. } => Retry::After(*after),
            // A role may be granted at any time, and nothing tells: so a missing right is asked for again, ever more
            // slowly.
            Self::Unauthenticated { .. } | Self::Forbidden { .. } => Retry::Backoff,
            Self::Unavailable { .. } | Self::TimedOut { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } => {
                Retry::Backoff
            }
            Self::NotLeading { .. } => Retry::Backoff,
            Self::NotFound { .. } | Self::Invalid { .. } | Self::Rejected { .. } | Self::Unsendable { .. } => {
                Retry::AwaitChange
            }
        }
    }

    /// Says how long to wait before the next try, where `usual` is what the caller would wait by itself.
    pub fn wait(&self, usual: Duration) -> Duration {
        match self.retry() {
            Retry::After(asked) => usual.max(asked),
            Retry::Backoff | Retry::ReadAgain | Retry::AwaitChange => usual,
        }
    }

    /// Says what a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Forbidden {
                call, user: Some(user), ..
            } => Some(grant(call, user)),
            Self::Forbidden { user: None, .. } => {
                Some("an admission policy refused it, not RBAC: its message says which".into())
            }
            Self::Unauthenticated { .. } => {
                Some("renew the credentials of this context, or choose another with --context".into())
            }
            Self::NotFound { call } if has_no_kind(call) && call.resource.ends_with(OURS) => {
                Some(DEFINITIONS_HINT.into())
            }
            Self::Unreachable { .. } => {
                Some("check the server address of this context and the network path to it".into())
            }
            _ => None,
        }
    }

    /// Gives the server's causes of a refusal or conflict; empty for every other failure.
    pub fn causes(&self) -> &[Cause] {
        match self {
            Self::Conflict { causes, .. } | Self::Invalid { causes, .. } => causes,
            _ => &[],
        }
    }
}

/// What to do where the API server does not know driftmend's own kinds.
pub const DEFINITIONS_HINT: &str =
    "driftmend's CRDs are not installed: install its chart, or run `driftmend crds | kubectl apply --server-side -f -`";

/// How the resources of driftmend's own group end.
const OURS: &str = ".driftmend.dev";

fn absent(call: &Call) -> &'static str {
    if has_no_kind(call) {
        "the API server has no such kind"
    } else {
        "there is no such object"
    }
}

/// Words the missing right as a sentence.
fn grant(call: &Call, user: &str) -> String {
    let place = call.namespace.as_ref().map_or_else(
        || "cluster-wide".to_owned(),
        |namespace| format!("in namespace {namespace}"),
    );
    format!("grant verb {} on {} {place} to {user}", call.verb.name(), call.resource)
}

/// Finds the user in RBAC's message `… is forbidden: User "jane" cannot patch resource …` (apiserver,
/// `responsewriters/errors.go`, `forbiddenMessage`).
fn refused_user(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("User \"")?;
    let (user, _) = rest.split_once("\" cannot ")?;
    Some(user.to_owned())
}

#[cfg(test)]
mod tests;
