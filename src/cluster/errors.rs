//! What an API server answered instead of what was asked for.

use std::error::Error as StdError;
use std::time::Duration;

use kube::core::Status;
use thiserror::Error;

use super::call::{Call, Verb};
use crate::engine::predict::Cause;

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
    /// Sorts a client error; `limit` is the time that the call had.
    pub(crate) fn from_kube(call: Call, limit: Duration, error: kube::Error) -> Self {
        let call = Box::new(call);
        match error {
            kube::Error::Api(status) => Self::from_status(call, limit, status),
            kube::Error::Auth(_) => Self::Unauthenticated {
                call,
                source: Box::new(error),
            },
            kube::Error::SerdeError(source) => Self::unreadable(call, &source),
            kube::Error::FromUtf8(source) => Self::Unreadable {
                call,
                detail: source.utf8_error().to_string(),
            },
            kube::Error::BuildRequest(source) => Self::Unsendable {
                call,
                detail: source.to_string(),
            },
            error if is_timeout(&error) => Self::TimedOut {
                call,
                limit,
                told: None,
            },
            error => Self::Unreachable {
                call,
                source: Box::new(error),
            },
        }
    }

    /// Tells where an answer stopped making sense; serde's own message quotes the value, so it is not kept.
    pub(crate) fn unreadable(call: Box<Call>, error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "it ends early",
            serde_json::error::Category::Data => "a value of an unexpected type",
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => "not JSON",
        };
        Self::Unreadable {
            call,
            detail: format!("{what} at line {}, column {}", error.line(), error.column()),
        }
    }

    /// Sorts by HTTP status, as apimachinery's `StatusReason` constants map to them (apimachinery, `meta/v1/types.go`).
    fn from_status(call: Box<Call>, limit: Duration, status: Box<Status>) -> Self {
        match status.code {
            401 => Self::Unauthenticated {
                call,
                source: Box::new(kube::Error::Api(status)),
            },
            403 => Self::Forbidden {
                call,
                user: refused_user(&status.message),
                message: status.message,
            },
            404 => Self::NotFound { call },
            409 => Self::Conflict {
                call,
                causes: causes(&status),
                message: status.message,
            },
            422 => Self::Invalid {
                call,
                causes: causes(&status),
                message: status.message,
            },
            code @ (408 | 504) => Self::TimedOut {
                call,
                limit,
                told: Some(format!("{} (status {code})", status.message)),
            },
            code @ (429 | 500..) => Self::Unavailable {
                call,
                code,
                after: retry_after(&status),
                message: status.message,
            },
            code => Self::Rejected {
                call,
                code,
                message: status.message,
            },
        }
    }

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

/// Whether a 404 is about the kind. A collection is absent only where its kind is, since a namespace that is not there
/// has empty ones; and of our own kinds an object that is not there is an answer and no error (`Api::get_opt`), for
/// which the server must know the kind.
fn has_no_kind(call: &Call) -> bool {
    match call.verb {
        Verb::List => call.name.is_none(),
        Verb::Get => call.resource.ends_with(OURS),
        _ => false,
    }
}

fn late(limit: Duration, told: Option<&str>) -> String {
    told.map_or_else(|| format!("no answer within {} s", limit.as_secs()), str::to_owned)
}

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

fn causes(status: &Status) -> Vec<Cause> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .map(|cause| Cause {
            reason: cause.reason.clone(),
            field: cause.field.clone(),
            message: cause.message.clone(),
        })
        .collect()
}

fn retry_after(status: &Status) -> Option<Duration> {
    let seconds = status.details.as_ref()?.retry_after_seconds;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()).min(LONGEST_WAIT))
}

/// Looks for a timeout anywhere in the chain: kube wraps those of the connector and of its layers in opaque boxes.
fn is_timeout(error: &kube::Error) -> bool {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        let io_timeout = error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut);
        if io_timeout || error.is::<tower::timeout::error::Elapsed>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
