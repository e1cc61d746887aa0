//! A mirror that is being read: one place, held for several questions.

use git2::Oid;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::Mirror;
use super::setting::setting;
use crate::source::SourceFile;
use crate::source::child::Place;
use crate::source::git::request::Call;
use crate::source::git::{Credentials, GitError, Select, Tree, TreePath};

/// A mirror that is being read, with a place that is held until this is dropped.
#[derive(Debug)]
pub struct Reading<'m> {
    pub(super) mirror: &'m Mirror,
    pub(super) _place: Place<'static>,
}

impl Reading<'_> {
    /// As [`Mirror::tree`].
    ///
    /// # Errors
    ///
    /// As [`Mirror::tree`].
    pub fn tree(&self, oid: Oid, path: &TreePath, select: Select) -> Result<Tree, GitError> {
        let (tree, mut files): (Tree, _) = self.ask(Call::Tree {
            oid,
            path: path.clone(),
            select,
        })?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Tree { files, ..tree })
    }

    /// As [`Mirror::changed_at`].
    ///
    /// # Errors
    ///
    /// As [`Mirror::changed_at`].
    pub fn changed_at(&self, oid: Oid, paths: &[TreePath]) -> Result<Vec<Option<Timestamp>>, GitError> {
        Ok(self
            .ask(Call::ChangedAt {
                oid,
                paths: paths.to_vec(),
            })?
            .0)
    }

    fn ask<T: DeserializeOwned + Send>(&self, call: Call) -> Result<(T, Vec<SourceFile>), GitError> {
        let bounds = self.mirror.bounds(&call, setting().of_one, None);
        self.mirror.answer(call, &Credentials::None, None, (&bounds, None))
    }
}
