//! What an answer of the API server means for a heal: read again, give up, or send again later.

use crate::api::v1alpha1::FOUND_INVALID;
use crate::cluster::{ApiError, Retry};

/// Whether a guard of ours failed: somebody wrote the object after it was read.
///
/// A stale lock alone is a 409. Where a `test` fails as well, the server answers the bare 422 that it has for every
/// patch that does not apply, without a cause (`jsonPatcher.applyJSPatch` in
/// `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go`); a patch that applies and gives an invalid object
/// always names causes.
pub fn is_stale(error: &ApiError) -> bool {
    match error {
        ApiError::Invalid { causes, .. } => causes.is_empty(),
        other => other.retry() == Retry::ReadAgain,
    }
}

/// Whether sending a step again is no use. A right that is missing is asked for again elsewhere, since a role may be
/// granted at any time; a heal would look as if it hung meanwhile, and a person waits for it.
pub(super) fn is_final(error: &ApiError) -> bool {
    error.retry() == Retry::AwaitChange || matches!(error, ApiError::Forbidden { .. })
}

/// What a heal ends with that such an answer ends. What the server's own validation refuses, which names fields, as no
/// policy does, it refuses again.
pub(super) fn final_words(error: &ApiError) -> String {
    match error {
        ApiError::Invalid { causes, .. } if causes.iter().any(|cause| !cause.field.is_empty()) => {
            format!("{FOUND_INVALID}: {}", with_hint(error))
        }
        _ => with_hint(error),
    }
}

/// Whose guard failed is read again in the next round.
pub(super) fn guarded(error: ApiError) -> Result<(), ApiError> {
    if is_stale(&error) { Ok(()) } else { Err(error) }
}

/// A report that changed under a mark is read again in the next round.
pub(super) fn stale_is_fine(error: ApiError) -> Result<(), ApiError> {
    if error.retry() == Retry::ReadAgain {
        Ok(())
    } else {
        Err(error)
    }
}

/// An error with what to do about it.
pub fn with_hint(error: &ApiError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}
