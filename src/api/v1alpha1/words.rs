//! The words that a watch or a report is written in. The engine has each of them as its own and knows nothing of how it
//! is spelt.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine;

/// Turns a word of the engine into the one that is written, and back: neither side has one that the other lacks.
macro_rules! same_words {
    ($wire:ident = $engine:ty { $($word:ident),+ }) => {
        impl From<$engine> for $wire {
            fn from(word: $engine) -> Self {
                match word {
                    $(<$engine>::$word => Self::$word,)+
                }
            }
        }

        impl From<$wire> for $engine {
            fn from(word: $wire) -> Self {
                match word {
                    $($wire::$word => Self::$word,)+
                }
            }
        }
    };
}

/// Whether plans are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Only tells.
    Alert,

    /// Tells and proposes a plan.
    #[default]
    Propose,
}

same_words!(Mode = engine::Mode { Alert, Propose });

/// Which cure is preferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Remedy {
    /// The one with the least cost for this source and strategy.
    #[default]
    Choose,

    /// Put Git's values back, and hand the fields to the syncing tool where it applies server-side.
    Restore,

    /// Hand the foreign fields to the syncing tool, so that its own next sync removes them. It needs a tool that syncs.
    HandBack,
}

same_words!(
    Remedy = engine::Remedy {
        Choose,
        Restore,
        HandBack
    }
);

/// Who stands behind a manager's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Writer {
    /// Someone at a terminal or in front of a dashboard.
    Person,

    /// A program that writes by itself, and will write again.
    Controller,

    /// Nobody knows.
    Unknown,
}

same_words!(
    Writer = engine::ownership::people::Writer {
        Person,
        Controller,
        Unknown
    }
);

/// What is wrong, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Live is what Git says.
    #[default]
    InSync,

    /// Only Git moved on; the next sync brings it.
    Pending,

    /// Somebody or something changed live.
    Drifted,

    /// The API server will refuse the next sync, or answer it with a conflict.
    Conflicted,

    /// Git has it, it was seen in the cluster, and it is gone.
    Missing,

    /// The cluster has it and Git no longer does.
    Orphaned,

    /// The syncing tool keeps an operation that blocks the next sync.
    OperationStuck,
}

same_words!(
    Phase = engine::phase::Phase {
        InSync,
        Pending,
        Drifted,
        Conflicted,
        Missing,
        Orphaned,
        OperationStuck
    }
);

/// How one field differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ChangeKind {
    /// Both sides have the field, with other values.
    Changed,

    /// Only live has it.
    Added,

    /// Only desired has it.
    Removed,

    /// A keyed list whose items are the same in another order.
    Reordered,
}

same_words!(
    ChangeKind = engine::diff::ChangeKind {
        Changed,
        Added,
        Removed,
        Reordered
    }
);

/// How much a change weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody or something changed live.
    Drift,

    /// Live is still what the syncing tool wrote; only Git moved on.
    Pending,

    /// Worth telling, no alert: labels and annotations that others add, a quantity in other words.
    Info,

    /// A rule says so, with its reason.
    Ignored,
}

same_words!(
    Severity = engine::diff::Severity {
        Drift,
        Pending,
        Info,
        Ignored
    }
);

/// Which side moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Moved {
    /// Git, and live is still what the tool wrote.
    Git,

    /// Live: somebody or something changed it.
    Live,

    /// Neither: the server or its admission made this of the tool's own write.
    Server,

    /// No witness tells.
    Unknown,
}

same_words!(
    Moved = engine::diff::Moved {
        Git,
        Live,
        Server,
        Unknown
    }
);

/// How a manager wrote: by server-side apply, or by any other write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Operation {
    /// Server-side apply.
    Apply,

    /// Create, update, or any patch that is not an apply.
    Update,
}

same_words!(Operation = engine::ownership::Operation { Apply, Update });

/// How the syncing tool writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// A three-way strategic merge patch against the last-applied annotation: `kubectl apply`, Argo CD's default.
    ClientSideApply,

    /// Server-side apply, forced as Argo CD and Flux send it.
    ServerSideApply,

    /// A PUT of the manifest: `kubectl replace`, Argo CD's `Replace=true`.
    Replace,
}

impl Strategy {
    /// Its word, as it is written.
    pub fn name(self) -> &'static str {
        engine::syncer::Strategy::from(self).name()
    }
}

same_words!(
    Strategy = engine::syncer::Strategy {
        ClientSideApply,
        ServerSideApply,
        Replace
    }
);

/// What the next sync gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// Nothing to change: the sync leaves live as it is, and it is what Git says.
    Clean,

    /// The sync succeeds, changes something, and live is what Git says afterwards.
    Reverts,

    /// The sync succeeds, and something differs from Git afterwards.
    Residual,

    /// Another manager owns a field that would change (409).
    Conflict,

    /// The API server refuses it (422, or 400 and 500 to an apply).
    Refused,
}

same_words!(
    Verdict = engine::predict::Verdict {
        Clean,
        Reverts,
        Residual,
        Conflict,
        Refused
    }
);

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Worth knowing.
    Info,

    /// Worth acting on.
    Warning,

    /// Wrong now, or at the next sync.
    Error,
}

same_words!(Weight = engine::rules::Weight { Info, Warning, Error });

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum StepKind {
    /// Puts Git's values back by one JSON Patch.
    Restore,

    /// Moves fields that are as Git says, restored ones or such that others own as well, into the syncing tool's own
    /// Apply entry, so that its next change can remove them.
    Transfer,

    /// Hands foreign fields to the syncing tool, whose own next sync removes them and puts Git's values back.
    HandBack,

    /// Asks Argo CD to compare the Application anew.
    Refresh,

    /// Removes the Application's stale operation state.
    ClearOperation,

    /// Asks Argo CD for a sync of the Deployment, which replaces a stale operation state.
    StartOperation,

    /// Asks Flux to reconcile the Kustomization.
    Reconcile,
}

same_words!(
    StepKind = engine::plan::StepKind {
        Restore,
        Transfer,
        HandBack,
        Refresh,
        ClearOperation,
        StartOperation,
        Reconcile
    }
);

/// Why a plan that was offered is no longer the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Ended {
    /// Desired or live changed.
    Changed,

    /// Nobody approved it in time.
    Expired,

    /// A person took it back: said no to it, or withdrew a yes.
    TakenBack,
}

same_words!(
    Ended = engine::plan::Ended {
        Changed,
        Expired,
        TakenBack
    }
);

/// What a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Decision {
    /// Carry the plan out.
    Approved,

    /// Do not; and do not ask again for this content of drift.
    Denied,
}

same_words!(Decision = engine::plan::Decision { Approved, Denied });
