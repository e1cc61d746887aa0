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
