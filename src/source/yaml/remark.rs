//! What is said about a file: a place, a sentence, and the way out.

use serde::{Deserialize, Serialize};

/// A sentence about a place in a file.
///
/// Whether it is a problem (the file was not read whole) or a warning (it was read, but perhaps not as its author means) follows
/// from the list that it stands in.
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
        Self { file: file.to_owned(), line: None, column: None, path: None, message: message.into(), hint }
    }

    /// A remark about a line.
    pub fn line(file: &str, line: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::file(file, message, hint) }
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
