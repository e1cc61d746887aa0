//! All that a rule may know of one object.

use std::cell::OnceCell;
use std::sync::LazyLock;

use crate::engine::assess::facts;
use crate::engine::assessment::Assessment;
use crate::engine::evidence::Evidence;
use crate::engine::facts::Facts;
use crate::engine::predict::Prediction;
use crate::engine::snapshot::Snapshot;

/// Of those for whom nothing was asked.
static NOTHING_ASKED: LazyLock<Evidence> = LazyLock::new(Evidence::default);

/// One object: what was observed, what was found, and what was asked for it besides.
pub struct Case<'a> {
    /// What was observed.
    pub snapshot: &'a Snapshot,

    /// What was found.
    pub assessment: &'a Assessment,

    /// What was asked for it.
    pub evidence: &'a Evidence,

    /// Few rules read the two documents again.
    facts: OnceCell<Option<Facts<'a>>>,
}

impl<'a> Case<'a> {
    /// What is known of one object.
    pub const fn of(snapshot: &'a Snapshot, assessment: &'a Assessment, evidence: &'a Evidence) -> Self {
        Self {
            snapshot,
            assessment,
            evidence,
            facts: OnceCell::new(),
        }
    }

    /// The same where nobody can be asked, or nobody has been yet.
    pub fn unasked(snapshot: &'a Snapshot, assessment: &'a Assessment) -> Self {
        Self::of(snapshot, assessment, &NOTHING_ASKED)
    }

    /// What is read out of Git's document and live; `None` where one of them is absent.
    pub(super) fn facts(&self) -> Option<&Facts<'a>> {
        self.facts.get_or_init(|| facts(self.snapshot)).as_ref()
    }

    /// Whether the cluster has something else than Git, be it nothing.
    pub(super) fn differs(&self) -> bool {
        self.assessment.is_absent || self.assessment.differs()
    }

    /// What the next sync gives, where that is known.
    pub(super) const fn prediction(&self) -> Option<&'a Prediction> {
        self.assessment.prediction.as_ref()
    }
}
