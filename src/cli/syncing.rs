//! How the syncing tool writes, as a person says it on the command line.

use clap::{Args, ValueEnum};

use super::pairs;
use crate::engine::object::{Document, Origin};
use crate::engine::syncer::{Applier, FieldValidation, Force, Strategy, Syncer};
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

    /// Names the program that syncs: when it applies server-side, that decides whose fields it makes its own. Without
    /// it, the manager's name tells.
    #[arg(long, value_enum, requires = "strategy")]
    pub(super) tool: Option<ToolArgument>,

    /// Predicts what the API server makes of fields that it does not know, as the syncing tool asks it to: kubectl asks
    /// for `strict` by default, Argo CD and Flux ask for `warn`.
    #[arg(long, value_enum, default_value = "ignore")]
    pub(super) validate: ValidateArgument,

    /// Predicts a server-side apply that stops at a conflict, instead of the forced one that Argo CD and Flux send.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ToolArgument {
    /// kubectl: what was applied client-side, once its own apply was accepted.
    #[value(alias = "Kubectl")]
    Kubectl,

    /// Argo CD: what kubectl applied client-side, before its own apply.
    #[value(alias = "ArgoCD")]
    ArgoCd,

    /// Flux: what people wrote by kubectl, once a dry run was accepted.
    #[value(alias = "Flux")]
    Flux,

    /// Another one: nobody's.
    #[value(alias = "Other")]
    Other,
}

impl From<ToolArgument> for Applier {
    fn from(tool: ToolArgument) -> Self {
        match tool {
            ToolArgument::Kubectl => Self::Kubectl,
            ToolArgument::ArgoCd => Self::ArgoCd,
            ToolArgument::Flux => Self::Flux,
            ToolArgument::Other => Self::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ValidateArgument {
    /// Unknown fields are forgotten: kubectl's --validate=false.
    #[value(aliases = ["false", "Ignore"])]
    Ignore,

    /// They are forgotten, and the tool is warned.
    #[value(alias = "Warn")]
    Warn,

    /// They are refused: kubectl's --validate=true.
    #[value(aliases = ["true", "Strict"])]
    Strict,
}

impl From<ValidateArgument> for FieldValidation {
    fn from(validate: ValidateArgument) -> Self {
        match validate {
            ValidateArgument::Ignore => Self::Ignore,
            ValidateArgument::Warn => Self::Warn,
            ValidateArgument::Strict => Self::Strict,
        }
    }
}

impl Syncing {
    /// Why the next sync over a live object is not known: server-side apply goes by who owns what, and the object does
    /// not say it.
    pub(super) fn unpredictable(&self, live: &Document) -> Option<Remark> {
        let by_owners = self.strategy == Some(StrategyArgument::ServerSideApply);
        (by_owners && !pairs::tells_owners(live)).then(|| {
            let Origin { file, line } = &live.origin;
            let message = format!(
                "{} has no managedFields: what the next server-side apply does to it cannot be known",
                live.id
            );
            Remark::line(file, *line, message, pairs::OWNERS_HINT)
        })
    }

    /// The tool that is meant; client-side apply where nothing is said.
    pub(super) fn syncer(&self) -> Syncer {
        let strategy = match self.strategy {
            None | Some(StrategyArgument::ClientSideApply) => Strategy::ClientSideApply,
            Some(StrategyArgument::ServerSideApply) => Strategy::ServerSideApply,
            Some(StrategyArgument::Replace) => Strategy::Replace,
        };
        let named = self.tool.map(Applier::from);
        let manager = self
            .manager
            .as_deref()
            .unwrap_or_else(|| named.unwrap_or(Applier::Kubectl).manager(strategy));
        Syncer {
            force: if self.no_force { Force::No } else { Force::Yes },
            validation: self.validate.into(),
            ..Syncer::by(named.unwrap_or_else(|| Applier::of_manager(manager)), strategy, manager)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use pretty_assertions::assert_eq;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        syncing: Syncing,
    }

    fn syncer(arguments: &[&str]) -> Syncer {
        Line::parse_from([&["driftmend"], arguments].concat()).syncing.syncer()
    }

    #[test]
    fn what_would_be_without_effect_is_not_taken() {
        let parsed = |line: &str| {
            crate::cli::Arguments::try_parse_from(line.split(' '))
                .map(|_| ())
                .map_err(|error| error.kind())
        };
        let missing = Err(clap::error::ErrorKind::MissingRequiredArgument);
        assert_eq!(parsed("driftmend diff git.yaml live.yaml --validate strict"), missing);
        assert_eq!(parsed("driftmend diff git.yaml live.yaml --tool flux"), missing);
        assert_eq!(parsed("driftmend diff git.yaml live.yaml"), Ok(()));
        assert_eq!(
            parsed("driftmend diff git.yaml live.yaml --validate strict --strategy server-side-apply"),
            Ok(())
        );
        assert_eq!(
            parsed("driftmend check git.yaml --validate strict"),
            Ok(()),
            "the manifest alone is refused for them, too"
        );
    }

    #[test]
    fn the_tool_is_told_by_the_manager_or_named_and_validates_as_one_says() {
        let by = |applier, strategy, manager: &str| Syncer {
            validation: FieldValidation::Ignore,
            ..Syncer::by(applier, strategy, manager)
        };
        let server_side = |more: &[&'static str]| syncer(&[&["--strategy", "server-side-apply"], more].concat());
        let apply = Strategy::ServerSideApply;
        assert_eq!(
            syncer(&[]),
            by(Applier::Kubectl, Strategy::ClientSideApply, "kubectl-client-side-apply")
        );
        assert_eq!(server_side(&[]), by(Applier::Kubectl, apply, "kubectl"));
        assert_eq!(
            server_side(&["--manager", "argocd-controller"]),
            by(Applier::ArgoCd, apply, "argocd-controller")
        );
        assert_eq!(
            server_side(&["--manager", "gitops"]),
            by(Applier::Other, apply, "gitops")
        );
        assert_eq!(
            server_side(&["--manager", "gitops", "--tool", "kubectl"]),
            by(Applier::Kubectl, apply, "gitops")
        );
        assert_eq!(
            server_side(&["--tool", "flux"]),
            by(Applier::Flux, apply, "kustomize-controller")
        );
        for (said, meant) in [
            ("ignore", FieldValidation::Ignore),
            ("false", FieldValidation::Ignore),
            ("warn", FieldValidation::Warn),
            ("strict", FieldValidation::Strict),
            ("true", FieldValidation::Strict),
        ] {
            assert_eq!(syncer(&["--validate", said]).validation, meant, "{said}");
        }
    }
}
