//! The tool that brings Git into the cluster, and what it does beside the request itself.
//!
//! Fields that it does not know:
//!
//! - kubectl sends `fieldValidation=Strict` with every write (`--validate=true`): they are refused.
//! - Argo CD says nothing, which is `Warn`: they are taken, and forgotten. `Validate=false` changes nothing.
//! - Flux says nothing, which is `Warn`.
//!
//! Fields of `kubectl-client-side-apply` and others, at a server-side apply:
//!
//! - kubectl, after an apply that was accepted, makes those its own whose `Update` manager owns the last-applied
//!   annotation, and applies once more; the annotation goes to `kubectl-last-applied` first where the manager is
//!   `kubectl`.
//! - Argo CD makes its own, before the apply, those of `kubectl-client-side-apply` or of the manager that an
//!   annotation of the Application names, unless `ClientSideApplyMigration=false`; then it calls kubectl's code, which
//!   does what it does for kubectl.
//! - Flux makes its own, after a dry run that was accepted, those of all managers that begin with `kubectl`, and of
//!   `before-first-apply`.
//!
//! Server-side apply refuses a field that the schema does not have whatever is asked for. A key that stands twice in a
//! document never gets to the server: each of the three makes a map of the document first, in which the last one wins.
//!
//! Source: `applyOneObject`, `saveLastApplyAnnotationIfNecessary` and `migrateToSSAIfNecessary` of kubectl's
//! `pkg/cmd/apply/apply.go`; `newApplyOptions` of gitops-engine's `pkg/utils/kube/resource_ops.go`, which sets a
//! validator and no `ValidationDirective`, and `applyObject` of its `pkg/sync/sync_context.go`; `apply` and
//! `dryRunApply` of `fluxcd/pkg/ssa/manager_apply.go`, which give no `FieldValidation`; `fieldValidation` of
//! apiserver's `pkg/endpoints/handlers/rest.go` for what none means.

/// How the syncing tool writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// A three-way strategic merge patch against the last-applied annotation: `kubectl apply`, Argo CD's default.
    ClientSideApply,

    /// Server-side apply, forced as Argo CD and Flux send it.
    ServerSideApply,

    /// A PUT of the manifest: `kubectl replace`, Argo CD's `Replace=true`.
    Replace,
}

impl Strategy {
    /// Its word in reports and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientSideApply => "client-side-apply",
            Self::ServerSideApply => "server-side-apply",
            Self::Replace => "replace",
        }
    }
}

/// Whether server-side apply takes fields from other managers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Force {
    /// Takes them, as Argo CD and Flux do.
    #[default]
    Yes,

    /// Stops with a conflict (409).
    No,
}

/// What the server is asked to do about fields that the type does not have (`fieldValidation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum FieldValidation {
    /// It forgets them.
    #[default]
    Ignore,

    /// It forgets them and warns: what a request that asks for nothing gets.
    Warn,

    /// It refuses the write.
    Strict,
}

impl FieldValidation {
    /// The value of the request's parameter.
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Ignore => "Ignore",
            Self::Warn => "Warn",
            Self::Strict => "Strict",
        }
    }
}

/// The program that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Applier {
    /// kubectl.
    Kubectl,

    /// Argo CD.
    ArgoCd,

    /// Flux.
    Flux,

    /// Another one, which sends its request and nothing else.
    Other,
}

/// The manager of `kubectl apply` without `--server-side`, and the one whose fields Argo CD makes its own where nothing
/// else is said.
///
/// Source: `DefaultClientSideApplyMigrationManager` of gitops-engine's `pkg/sync/common/types.go`.
pub const CLIENT_SIDE_MANAGER: &str = "kubectl-client-side-apply";

impl Applier {
    /// The one that writes under this field manager where nobody says otherwise.
    pub fn of_manager(manager: &str) -> Self {
        match manager {
            "argocd-controller" => Self::ArgoCd,
            "kustomize-controller" => Self::Flux,
            name if name.starts_with("kubectl") => Self::Kubectl,
            _ => Self::Other,
        }
    }

    /// The field manager that it writes under where nobody says otherwise; that of kubectl for a program without one of
    /// its own.
    pub const fn manager(self, strategy: Strategy) -> &'static str {
        match (self, strategy) {
            (Self::ArgoCd, _) => "argocd-controller",
            (Self::Flux, _) => "kustomize-controller",
            (Self::Kubectl | Self::Other, Strategy::ClientSideApply) => CLIENT_SIDE_MANAGER,
            (Self::Kubectl | Self::Other, Strategy::ServerSideApply) => "kubectl",
            (Self::Kubectl | Self::Other, Strategy::Replace) => "kubectl-replace",
        }
    }

    /// What it asks the server to do about fields that the type does not have, where nobody says otherwise.
    pub const fn validation(self) -> FieldValidation {
        match self {
            Self::Kubectl => FieldValidation::Strict,
            Self::ArgoCd | Self::Flux | Self::Other => FieldValidation::Warn,
        }
    }

    /// Whose fields it makes its own at a server-side apply.
    pub fn takes_over(self) -> TakesOver {
        match self {
            Self::Kubectl => TakesOver::OfLastApplied,
            Self::ArgoCd => TakesOver::ClientSideOf(CLIENT_SIDE_MANAGER.to_owned()),
            Self::Flux => TakesOver::KubectlsAfterDryRun,
            Self::Other => TakesOver::Nobodys,
        }
    }
}

/// The tool that brings Git into the cluster: how, and under which name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Syncer {
    /// How it writes.
    pub strategy: Strategy,

    /// The field manager it writes under.
    pub manager: String,

    /// Only for server-side apply.
    pub force: Force,

    /// Only for server-side apply.
    pub takes_over: TakesOver,

    /// Only for server-side apply.
    pub dump: Dump,

    /// Only for client-side apply and replace: server-side apply refuses what the schema does not have in any case.
    pub validation: FieldValidation,
}

/// What a tool does about metadata that only the server sets, in a manifest that was dumped from a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dump {
    /// It sends it: kubectl, Argo CD and Flux, and the server refuses it.
    #[default]
    Sent,

    /// It leaves it out where it has applied the object before: a program that nobody knows must do so, or there would
    /// be no object.
    LeftOut,
}

/// Whose fields a tool makes its own, without being asked, when it applies server-side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum TakesOver {
    /// Nobody's.
    #[default]
    Nobodys,

    /// Those of whoever owns the last-applied annotation by an update, after an apply that was accepted and before a
    /// second one: kubectl.
    OfLastApplied,

    /// What this manager wrote client-side, before anything else, and then what kubectl takes over: Argo CD.
    ClientSideOf(String),

    /// What people wrote by kubectl, but only after a dry run of the apply was accepted: Flux.
    KubectlsAfterDryRun,
}

impl Syncer {
    /// A tool that writes this way under this name, takes the fields that it sets from others, and sends nothing beside
    /// its request.
    pub fn new(strategy: Strategy, manager: impl Into<String>) -> Self {
        Self {
            strategy,
            manager: manager.into(),
            force: Force::Yes,
            takes_over: TakesOver::Nobodys,
            dump: Dump::Sent,
            validation: FieldValidation::Ignore,
        }
    }

    /// A tool that does beside its request what this program does.
    pub fn by(applier: Applier, strategy: Strategy, manager: impl Into<String>) -> Self {
        let dump = if applier == Applier::Other {
            Dump::LeftOut
        } else {
            Dump::Sent
        };
        Self {
            takes_over: applier.takes_over(),
            dump,
            validation: applier.validation(),
            ..Self::new(strategy, manager)
        }
    }
}
