//! What is known of the tool that syncs, besides how it writes.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::object::ObjectId;
use super::source_facts::SourceFacts;
use crate::engine::argo_cd::application::Application;
use crate::engine::argo_cd::class::{Context, classify};
use crate::engine::argo_cd::hold::{Hold, held_back};
use crate::engine::argo_cd::standing::Standing;
use crate::engine::argo_cd::window::Windows;
use crate::engine::flux::git_repository::GitRepository;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::flux::reconciliation::{Reconciliation, comes_after_apply, names, reconciliation};
use crate::engine::tool_object::resource::ResourceRef;

/// How long Argo CD may take from a commit to the end of a sync that prunes.
const ARGO_CD_PRUNES: SignedDuration = SignedDuration::from_mins(5);

/// How long Flux may take from the end of its interval to the end of a reconciliation that prunes.
const FLUX_PRUNES: SignedDuration = SignedDuration::from_mins(1);

/// The tool that syncs, as its own object tells.
#[derive(Clone, Debug, Default)]
pub enum Tool {
    /// Nothing is known: the watch names a repository, and whoever applies it is not in sight.
    #[default]
    Unknown,

    /// An Application of Argo CD.
    ArgoCd(Arc<ArgoCd>),

    /// A Kustomization of Flux.
    Flux(Arc<Flux>),
}

/// An Application with what decides about its syncs.
#[derive(Clone, Debug)]
pub struct ArgoCd {
    /// The Application; shared by all that it syncs.
    pub application: Arc<Application>,

    /// The sync windows of its project that match it.
    pub windows: Windows,

    /// The ApplicationSet that owns it, whole, where there is one and it could be read.
    pub application_set: Option<Value>,

    /// When its controller last gave a sign of life, as far as all Applications tell.
    pub seen_alive: Option<Timestamp>,
}

/// A Kustomization with its source.
#[derive(Clone, Debug)]
pub struct Flux {
    /// The Kustomization; shared by all that it syncs.
    pub kustomization: Arc<Kustomization>,

    /// The GitRepository that it reads; `None` where it could not be read.
    pub repository: Option<Arc<GitRepository>>,
}

/// The option by which Argo CD takes what it is told to ignore from live before it syncs.
const RESPECTS: &str = "RespectIgnoreDifferences=true";

impl Tool {
    /// Whether the tool's own sync leaves alone what is ignored for this reason: the rule stands in Argo CD's own
    /// objects, and Argo CD is told to respect it, or it stands in Flux's, which always does, but for its dry run.
    ///
    /// Source: `normalizeTargetResources` of Argo CD's `controller/sync.go`; `computeDriftedPaths` of
    /// `fluxcd/pkg/ssa/manager_apply.go`.
    pub fn spares(&self, reason: &str) -> bool {
        match self {
            Self::Unknown => false,
            Self::ArgoCd(_) => is_of_argo_cd(reason) && self.respects_ignored(),
            Self::Flux(_) => is_of("Kustomization ", reason),
        }
    }

    /// Whether the tool takes what it is told to ignore from live before it syncs.
    pub fn respects_ignored(&self) -> bool {
        self.argo_cd().is_some_and(|argo_cd| {
            argo_cd
                .application
                .policy
                .sync_options
                .iter()
                .any(|option| option == RESPECTS)
        })
    }

    /// The commit that the tool synced after Git was read last, where it is not the one that was read, and when that
    /// sync began.
    pub fn synced_unread<'a>(&'a self, source: &SourceFacts) -> Option<(&'a str, Timestamp)> {
        self.argo_cd()?
            .application
            .unread(&source.revision, source.answered_at?)
    }

    /// The commit that the tool compared live with, or tried to apply, and that was not read, where that is another one
    /// than was compared when the source was read last.
    pub fn compared_unread<'a>(&'a self, source: &SourceFacts) -> Option<&'a str> {
        let compared = match self {
            Self::Unknown => return None,
            Self::ArgoCd(argo_cd) => {
                // Where a comparison failed it names what it was to compare, which may be a branch.
                let sync = argo_cd
                    .application
                    .sync
                    .as_ref()
                    .filter(|sync| sync.status != "Unknown")?;
                sync.revision.as_ref()?.one()?
            }
            Self::Flux(flux) => flux.kustomization.attempted_commit()?,
        };
        source
            .compared
            .as_deref()
            .filter(|known| ![*known, source.revision.as_str()].contains(&compared))
            .map(|_| compared)
    }

    /// Whether the tool is known to sync this Deployment after a heal of it, by itself or because the plan starts it.
    pub fn will_sync(&self, target: &ObjectId) -> bool {
        match self {
            Self::Unknown => false,
            Self::ArgoCd(_) => true,
            Self::Flux(flux) => flux.will_apply(target),
        }
    }

    /// Whether the tool says that it applied this Deployment.
    pub fn applied(&self, target: &ObjectId) -> bool {
        match self {
            Self::Unknown | Self::ArgoCd(_) => false,
            Self::Flux(flux) => flux.kustomization.applied(&ResourceRef::from(target)),
        }
    }

    /// How long the tool may take to delete what Git no longer has; `None` where it does not do so by itself.
    ///
    /// Argo CD asks Git every three minutes at the latest (`timeout.reconciliation` and its jitter), and then syncs.
    /// Flux asks by the interval of the GitRepository; where that is not known, the Kustomization's bounds it.
    pub fn prunes_within(&self) -> Option<SignedDuration> {
        match self {
            Self::Unknown => None,
            Self::ArgoCd(argo_cd) => argo_cd
                .application
                .automated()
                .filter(|automated| automated.prune)
                .map(|_| ARGO_CD_PRUNES),
            Self::Flux(flux) => {
                let Kustomization {
                    prune,
                    suspend,
                    interval,
                    ..
                } = *flux.kustomization;
                // A new commit is reconciled as soon as its source has it.
                let looks = flux
                    .repository
                    .as_ref()
                    .and_then(|repository| repository.interval)
                    .or(interval);
                (prune && !suspend).then(|| looks.unwrap_or_default() + FLUX_PRUNES)
            }
        }
    }

    /// The Application, where the tool is Argo CD.
    pub fn argo_cd(&self) -> Option<&ArgoCd> {
        match self {
            Self::ArgoCd(argo_cd) => Some(argo_cd),
            Self::Unknown | Self::Flux(_) => None,
        }
    }

    /// The Kustomization, where the tool is Flux.
    pub fn flux(&self) -> Option<&Flux> {
        match self {
            Self::Flux(flux) => Some(flux),
            Self::Unknown | Self::ArgoCd(_) => None,
        }
    }
}

impl ArgoCd {
    /// In what standing its operation is, seen from this Deployment.
    pub fn standing(&self, target: &ObjectId, now: Timestamp) -> Standing {
        classify(&self.application, &self.context(target, now))
    }

    /// Its operation that is under way, as what a heal waits for: the retry has its time, and whatever else it waits
    /// for is said.
    pub fn under_way(&self, target: &ObjectId, now: Timestamp) -> String {
        let standing = self.standing(target, now);
        let what = if matches!(standing, Standing::WaitingForRetry { .. }) {
            "Argo CD's own retry"
        } else {
            "the sync of Argo CD"
        };
        format!("{what}: {}", standing.why())
    }

    /// Whether a stale operation stops every further sync, and this Deployment is one that it failed on, or that waits
    /// for a sync.
    pub fn is_stuck(&self, target: &ObjectId, now: Timestamp) -> bool {
        let standing = self.standing(target, now);
        (standing.blocks() || standing.clears()) && self.concerns(target)
    }

    /// Whether its operation has to do with this Deployment: of an Application with a hundred only those tell of it.
    pub fn concerns(&self, target: &ObjectId) -> bool {
        let this = ResourceRef::from(target);
        let result = self.application.state.as_ref().and_then(|state| state.result.as_ref());
        let failed = result.is_some_and(|result| {
            result
                .resources
                .iter()
                .any(|entry| entry.resource == this && entry.status.as_deref() == Some("SyncFailed"))
        });
        let waits = self
            .application
            .resources
            .iter()
            .any(|found| found.resource == this && found.status.as_deref() != Some("Synced"));
        failed || waits
    }

    /// Since when its operation is in this standing, as far as the Application tells.
    pub fn since(&self, standing: &Standing) -> Option<Timestamp> {
        let state = self.application.state.as_ref();
        let ended = || {
            state.and_then(|state| {
                state
                    .finished_at
                    .or(state.started_at.as_ref().map(|started| started.time))
            })
        };
        match standing {
            Standing::NoProgress { since } => *since,
            Standing::ControllerNotSeen => self.seen_alive,
            Standing::DryRunRefused | Standing::ComparisonFailed => {
                self.application.condition("ComparisonError")?.changed_at
            }
            _ => ended(),
        }
    }

    /// What forbids a write on the Application.
    pub fn holds(&self, target: &ObjectId, now: Timestamp) -> Vec<Hold> {
        held_back(
            &self.application,
            self.application_set.as_ref(),
            &self.context(target, now),
        )
    }

    /// What the classification needs besides the Application.
    pub fn context<'a>(&'a self, target: &'a ObjectId, now: Timestamp) -> Context<'a> {
        Context {
            now,
            controller_seen_alive: self.seen_alive,
            windows: &self.windows,
            target,
        }
    }
}

impl Flux {
    /// In what standing it is.
    pub fn reconciliation(&self) -> Reconciliation {
        reconciliation(&self.kustomization)
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
}

/// Whether a rule with this reason stands in Argo CD's own objects, so that its comparison passes over what the rule
/// ignores.
pub fn is_of_argo_cd(reason: &str) -> bool {
    is_of("Application ", reason) || is_of("ConfigMap ", reason)
}

fn is_of(kind: &str, reason: &str) -> bool {
    reason.starts_with(kind) && reason.contains(" ignores ")
}

#[cfg(test)]
mod tests;
