//! What is read out of Git's document and live, each once and when it is asked for first.
//!
//! `assess_and_propose` hands the facts from the assessment to the plan, and the plan hands them to the check of its
//! patch, as far as that leaves them as they are.

use std::cell::OnceCell;
use std::rc::Rc;

use serde_json::Value;

use super::last_applied::LastApplied;
use super::validation::Cause;
use crate::engine::diff::{Change, Wanted, expected};
use crate::engine::kind::Kind;
use crate::engine::object::FieldPath;
use crate::engine::ownership::Recorded;
use crate::engine::schema::Tree;

/// A document and live, with what is read out of them once.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Of which kind both are.
    pub kind: &'static Kind,

    /// The document as Git has it.
    pub desired: &'a Value,

    /// The document as the tool sends it: Git's, or that with live's value of what the tool is told to ignore.
    pub sent: &'a Value,

    /// The object as the cluster has it, or would have it.
    pub live: &'a Value,

    /// The document as it is compared.
    pub wanted: Rc<Wanted<'a>>,

    /// Who owns what of live.
    pub managed: Rc<Recorded<'a>>,

    /// What client-side apply keeps of the document in it.
    pub last_applied: Rc<LastApplied<'a>>,

    /// Live as it is compared.
    stored: OnceCell<Tree<'a>>,

    /// The patch of a client-side apply.
    patch: OnceCell<Result<Value, Cause>>,
}

impl<'a> Facts<'a> {
    /// Those of an object as the server returned it.
    pub fn of(kind: &'static Kind, desired: &'a Value, live: &'a Value) -> Self {
        Self::sending(kind, desired, desired, live)
    }

    /// The same where the tool sends another document than Git has.
    pub fn sending(kind: &'static Kind, sent: &'a Value, desired: &'a Value, live: &'a Value) -> Self {
        Self::over(kind, sent, desired, live, Rc::new(Wanted::of(kind, desired)))
    }

    fn over(kind: &'static Kind, sent: &'a Value, desired: &'a Value, live: &'a Value, wanted: Rc<Wanted<'a>>) -> Self {
        let (managed, last_applied) = (Rc::new(Recorded::of(live)), Rc::new(LastApplied::of(sent, live)));
        Self {
            kind,
            sent,
            desired,
            live,
            wanted,
            managed,
            last_applied,
            stored: OnceCell::new(),
            patch: OnceCell::new(),
        }
    }

    /// Those of the same document and another object.
    pub fn with_live<'b>(&self, live: &'b Value) -> Facts<'b>
    where
        'a: 'b,
    {
        Facts::over(self.kind, self.sent, self.desired, live, self.wanted.clone())
    }

    /// Those of the same document and another object with the same books: who owns what, and what was applied last.
    pub fn with_live_of_same_books<'b>(&self, live: &'b Value) -> Facts<'b>
    where
        'a: 'b,
    {
        let (managed, last_applied) = (self.managed.clone(), self.last_applied.clone());
        Facts {
            kind: self.kind,
            sent: self.sent,
            desired: self.desired,
            live,
            wanted: self.wanted.clone(),
            managed,
            last_applied,
            stored: OnceCell::new(),
            patch: OnceCell::new(),
        }
    }

    /// Live as it is compared.
    pub fn stored(&self) -> &Tree<'a> {
        self.stored.get_or_init(|| expected(self.kind, self.live))
    }

    /// What differs between the document and live, as [`compare`](crate::engine::diff::compare) tells it.
    pub fn changes(&self) -> Vec<Change> {
        self.wanted.compare(self.live, self.stored())
    }

    /// Where they differ.
    pub fn changed_paths(&self) -> Vec<FieldPath> {
        self.changes().into_iter().map(|change| change.path).collect()
    }

    /// The patch that a client-side apply sends, or why it sends none, as `build` makes it when it is asked for first.
    pub fn patch(&self, build: impl FnOnce(&Self) -> Result<Value, Cause>) -> Result<&Value, &Cause> {
        self.patch.get_or_init(|| build(self)).as_ref()
    }
}
