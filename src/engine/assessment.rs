//! What is known of one object once it was held against Git: facts, and no judgement of a rule.

use jiff::Timestamp;

use super::diff::{Drift, Severity};
use super::phase::Phase;
use super::predict::{Cause, Prediction, Verdict};
use super::reason::Reason;
use super::recreation::next_sync_recreates;
use super::snapshot::Snapshot;
use super::trap::Trap;
use crate::engine::argo_cd::standing::Standing;
use crate::engine::tool_object::when::When;

/// What was found of one object.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// What is wrong, in one word.
    pub phase: Phase,

    /// What is wrong, in one sentence.
    pub summary: String,

    /// Whether Git has the object and the cluster has not.
    pub is_absent: bool,

    /// The fields that differ, in path order.
    pub drifts: Vec<Drift>,

    /// What the next sync gives; `None` where one side is absent, unless the next sync will not create what is not
    /// live.
    pub prediction: Option<Prediction>,

    /// Why the next sync is refused, in the order of the prediction's causes.
    pub reasons: Vec<Reason>,

    /// Why Argo CD's comparison by dry run is refused where the sync itself is not.
    pub comparison: Vec<Cause>,

    /// How often in a row Argo CD applied what admission changes each time, where that is no chance.
    pub in_vain: Option<usize>,

    /// What looks in sync and will be in the way of Git's next change.
    pub traps: Vec<Trap>,

    /// In what standing Argo CD's own operation is; `None` for another tool, or none.
    pub standing: Option<Standing>,

    /// When the next sync comes; `None` where no tool is known.
    pub next_sync: Option<When>,
}

impl Assessment {
    /// One that says no more than this.
    pub const fn bare(phase: Phase, summary: String) -> Self {
        Self {
            phase,
            summary,
            is_absent: false,
            drifts: Vec::new(),
            prediction: None,
            reasons: Vec::new(),
            comparison: Vec::new(),
            in_vain: None,
            traps: Vec::new(),
            standing: None,
            next_sync: None,
        }
    }

    /// The fields of one severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Drift> {
        self.drifts.iter().filter(move |drift| drift.severity == severity)
    }

    /// Whether live is not what Git says, be it that somebody changed it or that Git moved on.
    pub fn differs(&self) -> bool {
        let counts = |drift: &Drift| matches!(drift.severity, Severity::Drift | Severity::Pending);
        self.drifts.iter().any(counts)
    }

    /// Whether there is nothing to tell: live is what Git says, the next sync leaves it so, it does not come again and
    /// again, and nothing is in the way of Git's next change.
    pub fn is_quiet(&self) -> bool {
        let harms = self.prediction.as_ref().is_some_and(Prediction::harms);
        self.phase == Phase::InSync && !harms && self.traps.is_empty() && self.in_vain.is_none()
    }

    /// Why the next sync is refused, where it is: one that recreates the object is not.
    pub fn refused_sync(&self, snapshot: &Snapshot) -> Option<&[Cause]> {
        let prediction = self.prediction.as_ref()?;
        let is_refused = matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict);
        (is_refused && next_sync_recreates(snapshot, prediction).is_none()).then_some(&prediction.causes)
    }

    /// When the oldest drift began, as far as managedFields tells.
    pub fn since(&self) -> Option<Timestamp> {
        self.of(Severity::Drift)
            .flat_map(|drift| drift.owners.iter().filter_map(|owner| owner.time))
            .min()
    }
}
