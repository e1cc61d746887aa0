//! How heals ended, as a label.

/// How a heal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealResult {
    /// Nothing of the drift remains.
    Healed,

    /// A step was refused, or something remains.
    Failed,

    /// Something else was needed before anything was written.
    NotCarriedOut,
}

impl HealResult {
    pub(super) const ALL: [Self; 3] = [Self::Healed, Self::Failed, Self::NotCarriedOut];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Healed => "Healed",
            Self::Failed => "Failed",
            Self::NotCarriedOut => "NotCarriedOut",
        }
    }
}
