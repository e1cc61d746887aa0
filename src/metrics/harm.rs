//! How the next sync harms a Deployment although it succeeds, as a label of a metric.

/// What a sync that succeeds does beside the drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// A field that is as Git says differs afterwards.
    Breaks,

    /// A field that is ignored is changed all the same.
    Overwrites,
}

impl Harm {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Breaks => "breaks",
            Self::Overwrites => "overwrites",
        }
    }
}
