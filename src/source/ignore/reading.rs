//! Takes the rules of one object, as many and as long as it may have.
//!
//! Whoever may write an Application may write any rules into it, a megabyte of them, and all of them are held against
//! every change of every Deployment that it syncs. What is beyond a limit is not in force, which is a problem like any
//! other, and told.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::selector::Target;
use super::{Entry, IgnoreList, Ignored};
use crate::report::cut;
use crate::source::yaml::{Document, Remark};

/// How many things one object may ask to ignore in Deployments: pointers, expressions, lists of managers.
pub(super) const MOST_RULES: usize = 100;

/// How many rules beyond those are told from what was said before; the rest is taken for new.
const MOST_DOUBLES: usize = 1_000;

/// How many problems of one object are told one by one.
const MOST_PROBLEMS: usize = 20;

/// The longest JSON Pointer, in bytes: a field of a Deployment with a long name is named by half of it.
const LONGEST_POINTER: usize = 2_048;

/// The longest jq expression, in bytes.
const LONGEST_EXPRESSION: usize = 4_096;

/// How many managers one rule may name.
const MOST_MANAGERS: usize = 64;

/// The longest name of a manager, in bytes; the API server takes no longer one.
const LONGEST_MANAGER: usize = 128;

/// How much of a foreign text a problem shows, in bytes.
const SHOWN: usize = 200;

/// How many bytes the regular expressions of one object may take when they are ready to be asked.
pub(super) const REGEX_BUDGET: usize = 512 << 10;

/// One object whose rules are being read.
pub(super) struct Reading<'a> {
    pub(super) document: &'a Document,

    /// The object in words.
    pub(super) origin: Arc<str>,

    /// What is left of [`REGEX_BUDGET`].
    pub(super) regexes: usize,

    list: &'a mut IgnoreList,
    file: Arc<str>,

    /// Where the object's own entries begin.
    begin: usize,

    /// The target asked about last, and whether it may select Deployments: the rules of one list share theirs.
    asked: Option<(Arc<Target>, bool)>,

    /// How many rules were one too many, and where the first of them stands.
    beyond: usize,
    first_beyond: Option<usize>,

    /// How many after the last one in force were said before.
    doubles: usize,

    problems: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn of(list: &'a mut IgnoreList, document: &'a Document, file: &str, origin: String) -> Self {
        let begin = list.entries.len();
        Self {
            document,
            origin: origin.into(),
            regexes: REGEX_BUDGET,
            list,
            file: file.into(),
            begin,
            asked: None,
            beyond: 0,
            first_beyond: None,
            doubles: 0,
            problems: 0,
        }
    }

    /// A part of the object in the type that it should have; a problem where it has not, and the default where it is
    /// absent.
    pub(super) fn part<T: DeserializeOwned + Default>(&mut self, pointer: &str) -> T {
        let Some(value) = self.document.value.pointer(pointer).filter(|value| !value.is_null()) else {
            return T::default();
        };
        T::deserialize(value).unwrap_or_else(|error| {
            let path = pointer.replace('/', ".");
            let error = shown(&error.to_string());
            self.problem(
                pointer,
                format!("{path} of {} cannot be read: {error}", self.origin),
                "correct it as its own tool demands",
            );
            T::default()
        })
    }

    /// Tells what is not in force, up to so many times.
    pub(super) fn problem(&mut self, pointer: &str, message: String, hint: &str) {
        self.problems += 1;
        if self.problems <= MOST_PROBLEMS {
            self.list
                .problems
                .push(Remark::line(&self.file, self.document.line_of(pointer), message, hint));
        }
    }

    /// Takes one thing to ignore, which stands at a JSON Pointer of the object. What is never for a Deployment does not
    /// count, and nor does what was said before. From the last one that is in force on everything is only counted: a
    /// line is found by walking through the object, and a megabyte of rules would walk it as often.
    pub(super) fn ignore(&mut self, at: impl Fn() -> String, target: &Arc<Target>, ignored: Ignored) {
        if self.list.entries.len() - self.begin >= MOST_RULES {
            if !self.may_select_governed(target) {
                return;
            }
            if self.beyond + self.doubles < MOST_DOUBLES && self.has(target, &ignored) {
                self.doubles += 1;
                return;
            }
            self.beyond += 1;
            self.first_beyond = self.first_beyond.or_else(|| Some(self.document.line_of(&at())));
            return;
        }
        if let Some((message, hint)) = self.fault(&ignored) {
            return self.problem(&at(), message, hint);
        }
        if !self.may_select_governed(target) || self.has(target, &ignored) {
            return;
        }
        let line = self.document.line_of(&at());
        self.list.entries.push(Entry {
            target: target.clone(),
            ignored,
            origin: self.origin.clone(),
            file: self.file.clone(),
            line,
        });
    }

    /// Whether it was said before.
    fn has(&self, target: &Arc<Target>, ignored: &Ignored) -> bool {
        let own = &self.list.entries[self.begin..];
        own.iter()
            .any(|entry| entry.ignored == *ignored && (Arc::ptr_eq(&entry.target, target) || entry.target == *target))
    }

    fn may_select_governed(&mut self, target: &Arc<Target>) -> bool {
        match &self.asked {
            Some((asked, may)) if Arc::ptr_eq(asked, target) => *may,
            _ => {
                let may = target.may_select_governed();
                self.asked = Some((target.clone(), may));
                may
            }
        }
    }

    /// Why one thing cannot be ignored, and the way out.
    fn fault(&self, ignored: &Ignored) -> Option<(String, &'static str)> {
        let origin = &self.origin;
        let too_long = |what: &str, text: &str, most: usize| {
            let hint = "the rule is not in force; name the field in fewer words";
            (text.len() > most).then(|| {
                (
                    format!(
                        "{what} in {origin} has {} bytes and may have {most}: {:?}",
                        text.len(),
                        shown(text)
                    ),
                    hint,
                )
            })
        };
        match ignored {
            Ignored::Pointer(pointer) if !pointer.starts_with('/') => Some((
                format!("{:?} in {origin} is no JSON Pointer to a field", shown(pointer)),
                "begin it with `/`, such as /spec/replicas; `~1` stands for a `/` in a name",
            )),
            Ignored::Pointer(pointer) => too_long("a JSON Pointer", pointer, LONGEST_POINTER),
            Ignored::Jq(expression) => too_long("a jq expression", expression, LONGEST_EXPRESSION),
            Ignored::Managers(managers) if managers.len() > MOST_MANAGERS => Some((
                format!(
                    "a rule in {origin} names {} managers and may name {MOST_MANAGERS}",
                    managers.len()
                ),
                "the rule is not in force; `*` stands for any text in a manager's name",
            )),
            Ignored::Managers(managers) => managers
                .iter()
                .find_map(|manager| too_long("the name of a manager", manager, LONGEST_MANAGER)),
            Ignored::Rule(_) => None,
        }
    }

    /// Tells what was left out.
    pub(super) fn end(self) {
        let Self {
            list,
            origin,
            file,
            beyond,
            first_beyond,
            problems,
            ..
        } = self;
        if beyond > 0 {
            let message = format!(
                "{origin} has {} things to ignore in governed objects: the first {MOST_RULES} are in force, the other \
                 {beyond} are not",
                MOST_RULES + beyond
            );
            let hint = "name a whole part of the object instead of each of its fields";
            list.problems
                .push(Remark::line(&file, first_beyond.unwrap_or_default(), message, hint));
        }
        if problems > MOST_PROBLEMS {
            let message = format!("{} more rules of {origin} are not in force", problems - MOST_PROBLEMS);
            list.problems.push(Remark::file(
                &file,
                message,
                "correct those that are told, and the others follow",
            ));
        }
    }
}

/// A foreign text as a problem shows it.
pub(super) fn shown(text: &str) -> String {
    cut(text, SHOWN)
}

#[cfg(test)]
mod tests;
