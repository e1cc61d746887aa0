//! Whether a GitRepository of Flux gets new commits.
//!
//! A Kustomization reads the artifact that its source has and nothing else: it is applied again at each interval, and
//! by request, whether its source is suspended or cannot be fetched. Only new commits do not come.
//!
//! Source: `GitRepositoryReconciler.Reconcile` and `gitRepositoryReadyCondition` in
//! `internal/controller/gitrepository_controller.go` of source-controller v1.9.6 (a suspended one returns before
//! anything is fetched, a request for it or not; an artifact that it has stays); `KustomizationReconciler.Reconcile` in
//! `internal/controller/kustomization_controller.go` of kustomize-controller v1.9.5.

use super::git_repository::GitRepository;

/// The conditions of a source that keep it from a new artifact while they are `True`.
const IN_THE_WAY: &[&str] = &["FetchFailed", "IncludeUnavailable", "StorageOperationFailed", "Stalled"];

/// The condition that keeps it from one while it is `False`.
const VERIFIED: &str = "SourceVerified";

/// Why a GitRepository gets no new commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotFetching {
    /// `spec.suspend` is set.
    Suspended,

    /// The last try failed; Flux tries again, unless it is stalled.
    Failing {
        /// Why, in one word.
        reason: String,

        /// Flux's words.
        message: String,
    },
}

impl GitRepository {
    /// Why it gets no new commit; `None` where nothing is in the way of one.
    pub fn not_fetching(&self) -> Option<NotFetching> {
        if self.suspend {
            return Some(NotFetching::Suspended);
        }
        let failed = self.conditions.iter().find(|condition| match condition.kind.as_str() {
            VERIFIED => condition.status == "False",
            kind => condition.status == "True" && IN_THE_WAY.contains(&kind),
        });
        // A condition about an older spec tells nothing of this one.
        let failed = failed.filter(|condition| match (condition.observed_generation, self.generation) {
            (Some(observed), Some(generation)) => observed >= generation,
            _ => true,
        })?;
        Some(NotFetching::Failing {
            reason: failed.reason.clone(),
            message: failed.message.trim_end().to_owned(),
        })
    }

    /// The same in words, with its name.
    pub fn why_not_fetching(&self) -> Option<String> {
        let named = format!("GitRepository {}/{}", self.namespace, self.name);
        self.not_fetching().map(|why| match why {
            NotFetching::Suspended => format!("{named} is suspended"),
            NotFetching::Failing { reason, .. } => format!("{named} cannot be fetched ({reason})"),
        })
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_repository_that_is_suspended_or_fails_gets_no_new_commit() {
        let of = |suspend: bool, generation: i64, conditions: Value| {
            let object = json!({
                "metadata": {"namespace": "flux-system", "name": "shop", "generation": generation},
                "spec": {"url": "https://git.example/shop.git", "suspend": suspend},
                "status": {"artifact": {"revision": "main@sha1:a"}, "conditions": conditions},
            });
            GitRepository::read(&object).unwrap().why_not_fetching()
        };
        let condition = |kind: &str, status: &str, reason: &str| {
            json!([{"type": "Ready", "status": "False",
            "reason": reason}, {"type": kind, "status": status, "reason": reason, "message": "no\n",
                                "observedGeneration": 2}])
        };
        let cannot = |reason: &str| Some(format!("GitRepository flux-system/shop cannot be fetched ({reason})"));
        for (suspend, generation, conditions, expected) in [
            (false, 2, json!([]), None),
            (
                false,
                2,
                json!([{"type": "Ready", "status": "True", "reason": "Succeeded"}]),
                None,
            ),
            (
                true,
                2,
                json!([{"type": "Ready", "status": "True", "reason": "Succeeded"}]),
                Some("GitRepository flux-system/shop is suspended".to_owned()),
            ),
            (
                false,
                2,
                condition("FetchFailed", "True", "GitOperationFailed"),
                cannot("GitOperationFailed"),
            ),
            (
                false,
                2,
                condition("Stalled", "True", "URLInvalid"),
                cannot("URLInvalid"),
            ),
            (
                false,
                2,
                condition("SourceVerified", "False", "InvalidCommitSignature"),
                cannot("InvalidCommitSignature"),
            ),
            // A commit is under way: it is stored in a moment.
            (false, 2, condition("ArtifactOutdated", "True", "NewRevision"), None),
            (false, 2, condition("SourceVerified", "True", "Succeeded"), None),
            // Of an older spec.
            (false, 3, condition("FetchFailed", "True", "GitOperationFailed"), None),
        ] {
            assert_eq!(of(suspend, generation, conditions.clone()), expected, "{conditions}");
        }
    }
}
