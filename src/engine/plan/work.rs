//! What there is to do about an assessment, before anybody asks how.

use serde_json::Value;

use super::NoPlan;
use super::hash::{drift_digest, refusal_digest};
use crate::engine::argo_cd::standing::Standing;
use crate::engine::assessment::Assessment;
use crate::engine::diff::{Drift, Moved, Severity};
use crate::engine::digest::digest;
use crate::engine::phase::Phase;
use crate::engine::predict::{Cause, Prediction, Verdict};
use crate::engine::snapshot::Snapshot;
use crate::engine::tool::Tool;
use crate::engine::trap::Trap;

/// What there is to do.
pub(super) enum Work<'a> {
    /// The Deployment drifted, or the next sync of it is refused.
    Cure {
        desired: &'a Value,
        live: &'a Value,
        drifts: Vec<&'a Drift>,
        others: Vec<&'a Drift>,
        prediction: Option<&'a Prediction>,
    },

    /// The Deployment is gone: a sync brings it back.
    Sync,

    /// The Deployment is in sync, and a stale operation stops every further sync.
    Operation,

    /// All is in sync, and others than the tool own what will be in the way of Git's next change.
    Traps,
}

impl<'a> Work<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, assessment: &'a Assessment) -> Result<Self, NoPlan> {
        let (Some(document), Some(live)) = (&snapshot.desired, &snapshot.live) else {
            // What is refused for Git's own document is refused again, however often it is synced.
            if let Some(refused) = assessment
                .prediction
                .as_ref()
                .filter(|_| snapshot.live.is_none() && snapshot.desired.is_some())
                && matches!(refused.verdict, Verdict::Refused | Verdict::Conflict)
            {
                return Err(NoPlan::CreationRefused(Cause::told_of(&refused.causes)));
            }
            return match assessment.phase {
                Phase::Missing if !matches!(snapshot.tool, Tool::Unknown) => Ok(Self::Sync),
                Phase::InSync | Phase::Pending => Err(NoPlan::NothingToHeal),
                Phase::Orphaned => Err(NoPlan::Orphaned),
                phase => Err(NoPlan::OneSided { phase }),
            };
        };
        let drifts: Vec<&Drift> = assessment.of(Severity::Drift).collect();
        let prediction = assessment.prediction.as_ref();
        let refused = prediction.is_some_and(|prediction| prediction.verdict == Verdict::Refused);
        match assessment.phase {
            _ if !refused && !drifts.is_empty() && drifts.iter().all(|drift| drift.moved == Some(Moved::Unknown)) => {
                Err(NoPlan::SideNotKnown)
            }
            _ if !drifts.is_empty() || refused => {
                let others = assessment
                    .drifts
                    .iter()
                    .filter(|drift| matches!(drift.severity, Severity::Pending | Severity::Info));
                Ok(Self::Cure {
                    desired: &document.value,
                    live,
                    drifts,
                    others: others.collect(),
                    prediction,
                })
            }
            Phase::OperationStuck if is_refused_anew(assessment) => Err(NoPlan::ComparisonRefused),
            Phase::OperationStuck => Ok(Self::Operation),
            _ if !assessment.traps.is_empty() => Ok(Self::Traps),
            _ => Err(NoPlan::NothingToHeal),
        }
    }

    /// What a person's no holds for.
    pub(super) fn digest(&self, snapshot: &Snapshot, traps: &[Trap]) -> String {
        match self {
            // Nobody's drift, and yet a person may say no to this refusal.
            Self::Cure {
                drifts,
                prediction: Some(prediction),
                ..
            } if drifts.is_empty() => refusal_digest(prediction),
            Self::Cure { drifts, .. } => drift_digest(drifts),
            Self::Sync => digest(&"missing".into()),
            Self::Traps => {
                let owners = |trap: &Trap| {
                    trap.owners
                        .iter()
                        .map(|owner| owner.manager.clone())
                        .collect::<Vec<_>>()
                };
                digest(
                    &traps
                        .iter()
                        .map(|trap| serde_json::json!([trap.path.to_string(), owners(trap)]))
                        .collect(),
                )
            }
            Self::Operation => {
                let state = snapshot
                    .tool
                    .argo_cd()
                    .and_then(|argo_cd| argo_cd.application.state.as_ref());
                let began = state
                    .and_then(|state| state.started_at.as_ref())
                    .map(|began| began.text.as_str());
                digest(&serde_json::json!({"operation": began}))
            }
        }
    }
}

/// Whether Argo CD's comparison is refused for this Deployment, and refused again however often it is asked for.
fn is_refused_anew(assessment: &Assessment) -> bool {
    assessment.standing == Some(Standing::DryRunRefused) && !assessment.comparison.is_empty()
}
