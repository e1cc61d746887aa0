//! Flux: what is known of its Kustomizations and their sources.
//!
//! Flux keeps no state that blocks anything: [`reconciliation::reconciliation`] tells how the last try ended, and
//! [`reconciliation::poke`] asks for the next one.

pub mod dressing;
pub mod fetching;
pub mod git_repository;
pub mod kustomization;
pub mod origin;
pub mod reconciliation;
pub mod reference;

use std::sync::Arc;

use jiff::SignedDuration;

use self::git_repository::GitRepository;
use self::kustomization::Kustomization;
use self::reconciliation::{Reconciliation, comes_after_apply, names, reconciliation};
use super::object::ObjectId;
use super::tool_object::rule::is_rule_of;

/// How long it may take from the end of its interval to the end of a reconciliation that prunes.
const PRUNES: SignedDuration = SignedDuration::from_mins(1);

/// A Kustomization with its source.
#[derive(Clone, Debug)]
pub struct Flux {
    /// The Kustomization; shared by all that it syncs.
    pub kustomization: Arc<Kustomization>,

    /// The GitRepository that it reads; `None` where it could not be read.
    pub repository: Option<Arc<GitRepository>>,
}

impl Flux {
    /// In what standing it is.
    pub fn reconciliation(&self) -> Reconciliation {
        reconciliation(&self.kustomization)
    }

    /// What forbids every write for it, in words.
    pub fn held_back(&self) -> Option<String> {
        let standing = self.reconciliation();
        (standing.held_back() || matches!(standing, Reconciliation::Stalled { .. })).then(|| standing.why())
    }

    /// Why what Git has does not come, where Flux has another commit of it and fetches none; in words.
    pub fn stays_behind(&self, revision: &str) -> Option<String> {
        let repository = self
            .repository
            .as_ref()
            .filter(|repository| repository.commit() != Some(revision))?;
        let why = repository.why_not_fetching()?;
        Some(match repository.commit() {
            Some(commit) => {
                let commit = commit.get(..7).unwrap_or(commit);
                format!("{why}: Flux applies {commit} again, and what Git has since then does not come")
            }
            None => format!("{why}: Flux has no commit of it"),
        })
    }

    /// Whether the next reconciliation applies this Deployment, once nothing of it is refused any more.
    ///
    /// A dry run that refuses another object keeps the whole Kustomization from being applied, and so does a build that
    /// fails.
    pub fn will_apply(&self, target: &ObjectId) -> bool {
        match self.reconciliation() {
            Reconciliation::Ready | Reconciliation::Progressing => true,
            Reconciliation::FailedDryRun { message, .. } => names(&message, target),
            Reconciliation::Failed { reason, .. } => comes_after_apply(&reason),
            Reconciliation::Waiting { .. }
            | Reconciliation::Suspended
            | Reconciliation::Stalled { .. }
            | Reconciliation::Deleting => false,
        }
    }

    /// How long it may take to delete what Git no longer has; `None` where it does not do so by itself.
    ///
    /// It asks by the interval of the GitRepository; where that is not known, the Kustomization's bounds it.
    pub fn prunes_within(&self) -> Option<SignedDuration> {
        let Kustomization {
            prune,
            suspend,
            interval,
            ..
        } = *self.kustomization;
        // A new commit is reconciled as soon as its source has it.
        let looks = self
            .repository
            .as_ref()
            .and_then(|repository| repository.interval)
            .or(interval);
        (prune && !suspend).then(|| looks.unwrap_or_default() + PRUNES)
    }
}

/// Whether an ignore rule with this reason stands in Flux's own object.
pub fn is_own_rule(reason: &str) -> bool {
    is_rule_of("Kustomization ", reason)
}
