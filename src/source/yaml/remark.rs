//! What is said about a file: a place, a sentence, and the way out.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::budget::{MAX_OF_REVISION, MAX_TEXT_BYTES};

/// A sentence about a place in a file.
///
/// Whether it is a problem (the file was not read whole) or a warning (it was read, but perhaps not as its author
/// means) follows from the list that it stands in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Remark {
    /// The file, as it was given.
    pub file: String,

    /// The line, from 1.
    pub line: Option<usize>,

    /// The column in characters, from 1.
    pub column: Option<usize>,

    /// The field, such as `.spec.replicas`; list items by position.
    pub path: Option<String>,

    /// What is the matter: lower case, no full stop.
    pub message: String,

    /// What a person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Remark {
    /// A remark about a file as a whole.
    pub fn file(file: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into());
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            path: None,
            message: message.into(),
            hint,
        }
    }

    /// The memory that it takes.
    pub fn cost(&self) -> usize {
        let texts = [
            Some(&self.file),
            self.path.as_ref(),
            Some(&self.message),
            self.hint.as_ref(),
        ];
        size_of::<Self>() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }

    /// A remark about a line.
    pub fn line(file: &str, line: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..Self::file(file, message, hint)
        }
    }
}

impl std::fmt::Display for Remark {
    /// `web.yaml:7:3: message; hint`, the form that editors and terminals make a link of.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// The remarks about the files of a revision: the first of them, and how many more there were.
///
/// A file decides how many there are, so a number of them that people read is kept and the rest is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Remarks {
    kept: Vec<Remark>,

    #[serde(skip)]
    more: usize,
}

impl Remarks {
    /// Takes one more, and tells how much memory it takes: none where it is only counted.
    pub fn push(&mut self, remark: Remark) -> usize {
        if self.kept.len() >= MAX_OF_REVISION {
            self.more += 1;
            return 0;
        }
        let cost = remark.cost();
        self.kept.push(remark);
        cost
    }

    /// Takes one more, and tells it before all others.
    pub fn push_first(&mut self, remark: Remark) {
        self.kept.insert(0, remark);
        if self.kept.len() > MAX_OF_REVISION {
            self.kept.pop();
            self.more += 1;
        }
    }

    /// How many there were besides those that are kept.
    pub fn more(&self) -> usize {
        self.more
    }
}

impl std::ops::Deref for Remarks {
    type Target = [Remark];

    /// Those that are kept; it is empty only where there were none.
    fn deref(&self) -> &[Remark] {
        &self.kept
    }
}

impl Extend<Remark> for Remarks {
    fn extend<T: IntoIterator<Item = Remark>>(&mut self, remarks: T) {
        for remark in remarks {
            self.push(remark);
        }
    }
}

/// What something is called in a remark: as much of its text as people read, cut before memory is taken for the rest.
pub fn told(what: &impl std::fmt::Display) -> String {
    let mut text = Bounded(String::new());
    if write!(text, "{what}").is_err() {
        text.0.push('…');
    }
    text.0
}

/// A text that takes no more than [`MAX_TEXT_BYTES`].
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        let left = MAX_TEXT_BYTES - self.0.len();
        if part.len() <= left {
            self.0.push_str(part);
            return Ok(());
        }
        self.0.push_str(&part[..part.floor_char_boundary(left)]);
        Err(std::fmt::Error)
    }
}
