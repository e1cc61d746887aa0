//! What is known of the tool that syncs, besides how it writes.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::argo_cd::{self, ArgoCd};
use super::flux::{self, Flux};
use super::object::ObjectId;
use super::source_facts::SourceFacts;
use super::tool_object::resource::ResourceRef;

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

impl Tool {
    /// Whether the tool's own sync leaves alone what is ignored for this reason: the rule stands in Argo CD's own
    /// objects, and Argo CD is told to respect it, or it stands in Flux's, which always does, but for its dry run.
    ///
    /// Source: `normalizeTargetResources` of Argo CD's `controller/sync.go`; `computeDriftedPaths` of
    /// `fluxcd/pkg/ssa/manager_apply.go`.
    pub fn spares(&self, reason: &str) -> bool {
        match self {
            Self::Unknown => false,
            Self::ArgoCd(argo_cd) => argo_cd::is_own_rule(reason) && argo_cd.respects_ignored(),
            Self::Flux(_) => flux::is_own_rule(reason),
        }
    }

    /// Whether the tool takes what it is told to ignore from live before it syncs.
    pub fn respects_ignored(&self) -> bool {
        self.argo_cd().is_some_and(ArgoCd::respects_ignored)
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
            Self::ArgoCd(argo_cd) => argo_cd.application.compared_revision()?.one()?,
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
    pub fn prunes_within(&self) -> Option<SignedDuration> {
        match self {
            Self::Unknown => None,
            Self::ArgoCd(argo_cd) => argo_cd.prunes_within(),
            Self::Flux(flux) => flux.prunes_within(),
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

#[cfg(test)]
mod tests;
