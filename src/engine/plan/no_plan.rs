//! Why there is no plan, in words for the report.

use crate::engine::phase::Phase;
use crate::engine::remedy::hand_back::HandBackError;
use crate::engine::remedy::restore::RestoreError;

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// Nothing has drifted.
    #[error("there is nothing to heal")]
    NothingToHeal,

    /// The watch only tells.
    #[error("the watch's mode is Alert: it makes no plans")]
    AlertOnly,

    /// A person said no to this content of drift.
    #[error("a person denied this change of the cluster; a new plan comes when the drift changes")]
    Denied,

    /// No witness tells whether live was changed or Git moved on.
    #[error(
        "which side moved is not known: either somebody changed the cluster, or Git moved on since the last sync; the \
         next sync decides it"
    )]
    SideNotKnown,

    /// Git has the object no longer.
    #[error(
        "Git has the object no longer, and no plan deletes one: a sync that prunes takes it away, or a person does"
    )]
    Orphaned,

    /// The object is absent: only a sync brings it back.
    #[error("{phase:?}: no write of ours brings it back; sync the application")]
    OneSided {
        /// What is wrong.
        phase: Phase,
    },

    /// The object is absent, and the sync that brings it back is refused.
    #[error(
        "the object is not in the cluster, and the API server will refuse to create it: {0}; change Git, since no sync \
         brings it back before"
    )]
    CreationRefused(String),

    /// The source has not answered for too long.
    #[error("the source last answered {age:#} ago, longer than maxAge: no plan is made from it")]
    SourceTooOld {
        /// How long ago.
        age: jiff::SignedDuration,
    },

    /// The roll-out is paused, usually by a person in the middle of something.
    #[error("the roll-out is paused; resume it with `kubectl rollout resume`")]
    Paused,

    /// The object is being deleted.
    #[error("the object is being deleted")]
    BeingDeleted,

    /// Something on the Application or Kustomization forbids every write, or is to be waited for.
    #[error("{0}")]
    HeldBack(String),

    /// Argo CD cannot compare the object, and no write of a plan makes it.
    #[error(
        "Argo CD's comparison by server-side dry run is refused for this object, and a plan only asks for it \
         again: the finding comparison-refused says the way out"
    )]
    ComparisonRefused,

    /// The state of the operation was cleared as often as that may help, and nothing else is left to do.
    #[error(
        "a sync of the whole application failed after each of two clears at revision {0}, and a third would end the \
         same way: see why it fails, and change Git or sync by hand"
    )]
    ClearedInVain(String),

    /// Only Git's own change is refused, and no tool is known to sync after a HandBack.
    #[error(
        "nobody changed the cluster: Git's own change is what the API server will refuse; change Git, or set \
         spec.remedy to HandBack where the tool will sync again"
    )]
    GitAlone,

    /// Only Git's own change is refused, and no write to the cluster makes the server take it.
    #[error(
        "nobody changed the cluster: Git's own change is what the API server will refuse, and no write to the cluster \
         cures it; change Git"
    )]
    OnlyGit,

    /// What the tool leaves alone on purpose stands in the way.
    #[error("{path} stands in the way, and nothing is planned on it: {why}; change Git, or what is ignored")]
    IgnoredInTheWay {
        /// The field.
        path: crate::engine::object::FieldPath,

        /// Who ignores it.
        why: String,
    },

    /// The fields cannot be handed to the syncing tool.
    #[error("the fields that are in the way cannot be handed back: {0}")]
    NotHandedBack(HandBackError),

    /// The fields cannot be put back by a patch.
    #[error("the drift cannot be restored by a patch: {0}")]
    NotRestorable(RestoreError),

    /// The next sync would be refused after the heal, too.
    #[error("putting Git's values back would not make the next sync succeed: {0}")]
    StillRefused(String),

    /// The API server found this plan's write invalid when it was carried out.
    #[error(
        "the API server refused this plan's write when it was carried out (see status.history), and would refuse it \
         again; change Git or the object by hand"
    )]
    RefusedBefore,

    /// The API server does not accept the first write.
    #[error("the API server refuses the patch in a dry run: {0}")]
    RefusedInDryRun(String),

    /// Admission changes the first write on its way in.
    #[error(
        "{} would not come out as {}; change Git to what admission makes of it, or exempt the object there",
        fields.join(", "),
        if fields.len() == 1 {
            format!("it is written: admission changes it ({by})")
        } else {
            format!("they are written: admission changes them ({by})")
        }
    )]
    UndoneByAdmission {
        /// The fields that come out otherwise.
        fields: Vec<String>,

        /// Who it most likely was, in words.
        by: String,
    },

    /// An approval would mean nothing.
    #[error(
        "no admission policy makes sure that approval.by is who approves: install the chart's \
         ValidatingAdmissionPolicy approval.driftmend.dev and its binding, which the controller must be allowed to \
         get, or run in mode confirm and heal with your own rights"
    )]
    NotJudged,

    /// A plan is being carried out.
    #[error("a plan is being carried out; what is left to do is known when that has ended")]
    BeingCarriedOut,

    /// Another program applies the fields server-side as well, and a Transfer would take sides.
    #[error(
        "another manager applies these fields server-side too ({0}); decide first which one is to own them: let the \
         other one apply a manifest without them, which gives them up, or take the object out of the tool's source"
    )]
    TwoAppliers(String),

    /// The heal could not be recorded before it is begun.
    #[error(
        "the fields to write, {0} in one step, have more text than a report can keep a record of; sync the \
         application, or restore them by hand"
    )]
    TooManyFields(usize),
}

impl NoPlan {
    /// Whether it is a state that passes, after which the same plan is offered again: what was approved is not lost by
    /// it.
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Self::HeldBack(_) | Self::SourceTooOld { .. } | Self::Paused | Self::NotJudged
        )
    }
}
