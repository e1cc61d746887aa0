//! How the syncing tool writes, as a person says it on the command line.

use clap::{Args, ValueEnum};

use super::pairs;
use crate::engine::object::{Document, Origin};
use crate::engine::predict::{Force, Strategy, Syncer};
use crate::source::yaml::Remark;

/// How the syncing tool writes.
#[derive(Clone, Debug, Args)]
pub struct Syncing {
    /// Predicts the next sync for a tool that writes this way; a DriftWatch's spelling is taken, too.
    #[arg(long, value_enum)]
    pub(super) strategy: Option<StrategyArgument>,

    /// The field manager that the syncing tool writes under.
    #[arg(long, value_name = "NAME", requires = "strategy")]
    pub(super) manager: Option<String>,

    /// Server-side apply that stops at a conflict, instead of the forced one that Argo CD and Flux send.
    #[arg(long, requires = "strategy")]
    pub(super) no_force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StrategyArgument {
    /// A three-way strategic merge patch: kubectl apply, Argo CD's default.
    #[value(alias = "ClientSideApply")]
    ClientSideApply,

    /// kubectl apply --server-side, Flux, Argo CD's ServerSideApply=true.
    #[value(alias = "ServerSideApply")]
    ServerSideApply,

    /// A PUT of the manifest: kubectl replace, Argo CD's Replace=true.
    #[value(alias = "Replace")]
    Replace,
}

impl Syncing {
    /// Why the next sync over a live object is not known: server-side apply goes by who owns what, and the object does not say it.
    pub(super) fn unpredictable(&self, live: &Document) -> Option<Remark> {
        let by_owners = self.strategy == Some(StrategyArgument::ServerSideApply);
        (by_owners && !pairs::tells_owners(live)).then(|| {
            let Origin { file, line } = &live.origin;
            let message = format!("{} has no managedFields: what the next server-side apply does to it cannot be known", live.id);
            Remark::line(file, *line, message, pairs::OWNERS_HINT)
        })
    }

    /// The tool that is meant; client-side apply where nothing is said.
    pub(super) fn syncer(&self) -> Syncer {
        let (strategy, manager) = match self.strategy {
            None | Some(StrategyArgument::ClientSideApply) => (Strategy::ClientSideApply, "kubectl-client-side-apply"),
            Some(StrategyArgument::ServerSideApply) => (Strategy::ServerSideApply, "kubectl"),
            Some(StrategyArgument::Replace) => (Strategy::Replace, "kubectl-replace"),
        };
        let manager = self.manager.as_deref().unwrap_or(manager);
        Syncer { force: if self.no_force { Force::No } else { Force::Yes }, ..Syncer::new(strategy, manager) }
    }
}
