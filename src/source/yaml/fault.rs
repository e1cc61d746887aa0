//! Why a document was not read, and what about it may surprise; lines still count from the document's own text.

use granit_parser::{ErrorKind, ScanError, Span};

use super::repair::INDENTATION;

/// A document that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line in the document's text, from 1.
    pub(super) line: usize,

    /// The column in characters, from 1.
    pub(super) column: usize,

    pub(super) message: String,
    pub(super) hint: String,

    /// Whether the rest of the file must not be read either: a budget of the file is spent.
    pub(super) fatal: bool,

    /// Blanks that change nothing for go-yaml but make granit take the text as well, and the byte at which they belong.
    pub(super) repair: Option<(usize, &'static str)>,
}

/// A document that is read, but with something to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caution {
    /// The line in the document's text, from 1.
    pub(super) line: usize,

    pub(super) path: Option<String>,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

impl Fault {
    pub(super) fn at(line: usize, column: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            line,
            column,
            message: message.into(),
            hint: hint.into(),
            fatal: false,
            repair: None,
        }
    }

    pub(super) fn at_span(span: &Span, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::at(span.start.line(), span.start.col() + 1, message, hint)
    }

    /// A fault at a byte of the text.
    pub(super) fn at_byte(text: &str, byte: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let before = &text[..byte];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = 1 + before.matches('\n').count();
        Self::at(line, 1 + before[line_start..].chars().count(), message, hint)
    }

    pub(super) fn of_scan(error: &ScanError, text: &str) -> Self {
        let (line, column) = (error.marker().line(), error.marker().col() + 1);
        let hint = template_hint(text, line).unwrap_or_else(|| hint(error.kind()));
        let repair = error.marker().byte_offset().zip(repair(error.kind()));
        Self {
            repair,
            ..Self::at(line, column, error.info(), hint)
        }
    }

    /// The same fault, repaired by indenting its line.
    pub(super) fn with_indented_line(self, text: &str, error: &ScanError) -> Self {
        let line_start = |byte: usize| text[..byte].rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            repair: error.marker().byte_offset().map(|byte| (line_start(byte), INDENTATION)),
            ..self
        }
    }
}

/// What granit needs before the place of an error that is none to go-yaml.
fn repair(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        // A comment right behind a quoted value or a bracket.
        ErrorKind::CommentNotSeparated => Some(" "),
        // The next line of a quoted value may begin anywhere; its indentation is not part of the value.
        ErrorKind::InvalidQuotedScalarIndent | ErrorKind::TabInIndentation => Some(INDENTATION),
        _ => None,
    }
}

fn hint(kind: &ErrorKind) -> &'static str {
    use ErrorKind as Kind;
    match kind {
        Kind::TabNotAllowed | Kind::TabInBlockIndentation | Kind::TabAtBlockScalarStart => "indent with blanks",
        Kind::DirectiveDisallowed => "delete the directive: kubectl takes none",
        Kind::UnclosedQuotedScalar => "close the quote",
        Kind::UnclosedFlowCollection { .. } | Kind::UnexpectedEofFlowMapping | Kind::UnexpectedEofFlowSequence => {
            "close the bracket"
        }
        Kind::UnknownAnchor => "define the anchor before the alias, in the same document",
        Kind::RecursionLimitExceeded => "flatten the value",
        Kind::UnexpectedCharacter { .. } => "quote the value",
        Kind::MappingValueNotAllowed => "quote the value that holds `: `, or correct the indentation",
        _ => "mend the YAML at this place",
    }
}

/// What to do when the line holds a template's brackets.
pub(super) fn template_hint(text: &str, line: usize) -> Option<&'static str> {
    let content = text.lines().nth(line.saturating_sub(1))?;
    content
        .contains("{{")
        .then_some("this is a template: render it first, as with `helm template`")
}
