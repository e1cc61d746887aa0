//! How much memory what is rendered may still take: asked before it is taken.

use super::object::Identity;
use crate::engine::object::{Document, ObjectId};
use crate::source::yaml::{self, Lines};

/// The memory that is left.
pub(super) struct Room {
    left: usize,

    /// What the files take that are not rendered yet.
    texts: usize,

    /// Whether something had no place.
    full: bool,
}

/// There is no room for what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Room {
    pub(super) fn of(left: usize, texts: usize) -> Self {
        Self {
            left,
            texts,
            full: false,
        }
    }

    /// A text is held no more.
    pub(super) fn frees(&mut self, text: usize) {
        self.texts = self.texts.saturating_sub(text);
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Full> {
        match self.left.saturating_sub(self.texts) < bytes {
            true => self.full = true,
            false => self.left -= bytes,
        }
        self.check()
    }

    /// Whether everything had a place so far.
    pub(super) fn check(&self) -> Result<(), Full> {
        if self.full { Err(Full) } else { Ok(()) }
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }
}

/// The memory of an object and of what is known of its place. The lists that hold both grow by doubling, so each place
/// counts twice.
pub(super) fn of_object(object: &yaml::Document, id: &ObjectId) -> usize {
    const PLACES: usize = 2 * (size_of::<Document>() + size_of::<(Identity, (usize, Lines))>());
    let words = [
        Some(&id.api_version),
        Some(&id.kind),
        id.namespace.as_ref(),
        Some(&id.name),
    ];
    let words: usize = words.into_iter().flatten().map(String::len).sum();
    PLACES + 2 * words + object.lines.cost() + yaml::cost(&object.value)
}
