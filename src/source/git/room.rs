//! How much of the disk a mirror may take.

use std::fs;
use std::path::Path;

use super::{GitError, Limits, RepositoryUrl};

/// Who owns the budget of all mirrors together.
pub const OF_ALL: &str = "all namespaces";

/// The room that is left for one mirror, the bytes that it takes now included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// So many bytes.
    pub bytes: u64,

    /// Whose budget leaves no more, such as `namespace shop`, and that budget in bytes; `None` where only the limit of
    /// one transfer holds.
    pub budget: Option<(String, u64)>,
}

impl Room {
    /// No budget: a person's own machine.
    pub fn unlimited() -> Room {
        Room {
            bytes: u64::MAX,
            budget: None,
        }
    }

    /// What is told where it does not do.
    pub(super) fn exceeded(&self, url: &RepositoryUrl, limits: &Limits) -> GitError {
        let url = url.to_string();
        match &self.budget {
            Some((owner, budget)) if self.bytes < limits.bytes => GitError::NoRoom {
                url,
                owner: owner.clone(),
                budget: *budget,
            },
            _ => GitError::TransferTooLarge {
                url,
                limit: limits.bytes,
            },
        }
    }
}

/// How many bytes the files below a folder have; one that is not there has none.
pub fn size_of(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) => bytes += kind.len(),
                // It went away meanwhile.
                Err(_) => {}
            }
        }
    }
    bytes
}
