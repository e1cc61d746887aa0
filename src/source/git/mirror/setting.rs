//! What a process sets once for all its mirrors.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::source::child::MIB;

/// What holds for every child of this process that asks about Git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// How much memory all of them together may have, in bytes; those for one tenant at most half.
    pub memory: u64,

    /// How much of it one may have; one that lists references has half of that.
    pub of_one: u64,

    /// A PEM file of authorities trusted besides the system's; `SSL_CERT_FILE` in the environment does the same.
    pub certificates: Option<PathBuf>,
}

impl Setting {
    /// What follows from so much memory: one child may have half of it.
    pub fn of_memory(memory: u64) -> Setting {
        Setting {
            memory,
            of_one: memory / 2,
            certificates: None,
        }
    }
}

impl Default for Setting {
    /// Enough for a repository of tens of thousands of manifests.
    fn default() -> Setting {
        Setting::of_memory(128 * MIB)
    }
}

static SETTING: OnceLock<Setting> = OnceLock::new();

/// Sets what holds for the whole process; the first call counts, later ones change nothing.
pub fn initialise(setting: Setting) {
    SETTING.get_or_init(|| setting);
}

pub(super) fn setting() -> &'static Setting {
    SETTING.get_or_init(Setting::default)
}
