//! When a file or folder was last changed.

use std::path::Path;

use git2::{ErrorCode, Oid, Repository};
use jiff::Timestamp;

use super::bare::{Bare, time};
use super::{GitError, TreePath};

/// How many commits are looked at. Mirrors are shallow, so the end of what was fetched comes earlier, except in a
/// repository that was fetched in full for a commit which its server hands out in no other way.
const MOST_COMMITS: usize = 1_000;

impl Bare {
    /// Tells for each path when the last commit that touched it was made, along first parents: a merge counts as the
    /// moment when its changes came into the branch. `None` where that commit lies behind the end of what was fetched.
    ///
    /// # Errors
    ///
    /// [`GitError::NotFetched`] and [`GitError::Damaged`].
    pub(super) fn changed_at(&self, oid: Oid, paths: &[TreePath]) -> Result<Vec<Option<Timestamp>>, GitError> {
        self.commit(oid)?;
        let repository = self.repository()?;
        walk(&repository, oid, paths).map_err(|error| self.distrust(error))
    }
}

fn walk(repository: &Repository, oid: Oid, paths: &[TreePath]) -> Result<Vec<Option<Timestamp>>, git2::Error> {
    let mut commit = repository.find_commit(oid)?;
    let mut open = Vec::with_capacity(paths.len());
    for (index, path) in paths.iter().enumerate() {
        open.push((index, path, entry(&commit, path)?));
    }
    let mut times = vec![None; paths.len()];
    for _ in 0..MOST_COMMITS {
        if open.is_empty() {
            break;
        }
        let touched = time(&commit);
        let parent = match commit.parent_id(0) {
            Ok(parent) => parent,
            // The very first commit brought everything that is still open.
            Err(_) => {
                for (index, _, entry) in open {
                    times[index] = entry.map(|_| touched);
                }
                break;
            }
        };
        let parent = match repository.find_commit(parent) {
            Err(error) if error.code() == ErrorCode::NotFound => break,
            parent => parent?,
        };
        let mut left = Vec::with_capacity(open.len());
        for (index, path, here) in open {
            if entry(&parent, path)? == here {
                left.push((index, path, here));
            } else {
                times[index] = Some(touched);
            }
        }
        open = left;
        commit = parent;
    }
    Ok(times)
}

/// What a commit has at a path: the object, and its mode, which may change alone.
fn entry(commit: &git2::Commit<'_>, path: &TreePath) -> Result<Option<(Oid, i32)>, git2::Error> {
    let tree = commit.tree()?;
    if path.as_str().is_empty() {
        return Ok(Some((tree.id(), 0)));
    }
    match tree.get_path(Path::new(path.as_str())) {
        Ok(entry) => Ok(Some((entry.id(), entry.filemode_raw()))),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
