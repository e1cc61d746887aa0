//! What the API server's answer is as an error.

use std::error::Error as StdError;
use std::time::Duration;

use kube::core::Status;

use super::{ApiError, LONGEST_WAIT, OURS, refused_user};
use crate::cluster::call::{Call, Verb};
use crate::engine::predict::Cause;

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
}

/// Whether a 404 is about the kind. A collection is absent only where its kind is, since a namespace that is not there
/// has empty ones; and of our own kinds an object that is not there is an answer and no error (`Api::get_opt`), for
/// which the server must know the kind.
pub(super) fn has_no_kind(call: &Call) -> bool {
    match call.verb {
        Verb::List => call.name.is_none(),
        Verb::Get => call.resource.ends_with(OURS),
        _ => false,
    }
}

pub(super) fn late(limit: Duration, told: Option<&str>) -> String {
    told.map_or_else(|| format!("no answer within {} s", limit.as_secs()), str::to_owned)
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
