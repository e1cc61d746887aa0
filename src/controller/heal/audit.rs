//! Audit: one JSON line for the beginning of a heal, one for each of its requests with the answer, and one for its end.
//!
//! The lines are no part of the log: no filter leaves them out, and none has another format. The controller writes them
//! to standard output, where nothing else of it goes; `driftmend heal` to standard error, since its output is for
//! people, unless that is a terminal, on which people read, too. Each has `audit: driftmend.dev/heal`. What a report
//! records of a heal does not depend on them.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::warn;

use crate::engine::diff::Masker;
use crate::report::printer;

/// What each line is marked by.
const KIND: &str = "driftmend.dev/heal";

/// Where a process writes its audit lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Output,

    /// Standard error.
    Error,

    /// None: a person would see kilobytes of JSON between two sentences.
    Nowhere,
}

impl Sink {
    /// That of a command whose output is for people.
    pub const fn beside_people(error_is_terminal: bool) -> Self {
        if error_is_terminal { Self::Nowhere } else { Self::Error }
    }
}

/// Writes audit lines.
#[derive(Debug)]
pub struct Audit {
    sink: Sink,
    masker: Masker,
}

impl Audit {
    /// Writes there, and hides what this mask hides.
    pub const fn new(sink: Sink, masker: Masker) -> Self {
        Self { sink, masker }
    }

    /// Hides secrets.
    pub(super) fn masker(&self) -> &Masker {
        &self.masker
    }

    /// Writes one line: an event of a heal with its facts.
    pub(super) fn line(&self, event: &str, facts: Value) {
        let text = line(event, Timestamp::now(), facts);
        let written = match self.sink {
            Sink::Output => io::stdout().lock().write_all(text.as_bytes()),
            Sink::Error => io::stderr().lock().write_all(text.as_bytes()),
            Sink::Nowhere => Ok(()),
        };
        // The report has the same in short: a closed pipe ends no heal.
        if let Err(error) = written {
            warn!(%error, event, "an audit line was not written");
        }
    }
}

fn line(event: &str, at: Timestamp, facts: Value) -> String {
    let mut whole = json!({"audit": KIND, "event": event, "at": at});
    if let (Some(whole), Value::Object(facts)) = (whole.as_object_mut(), facts) {
        whole.extend(facts);
    }
    // Still the same JSON: what a terminal would act on is escaped as JSON escapes it.
    format!("{}\n", printer::one_line(&whole.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_at_a_terminal_are_spared_and_a_file_has_every_line() {
        assert_eq!(
            (Sink::beside_people(true), Sink::beside_people(false)),
            (Sink::Nowhere, Sink::Error)
        );
    }

    #[test]
    fn a_line_is_one_line_of_json_whatever_is_in_it() {
        let text = line(
            "Sent",
            Timestamp::UNIX_EPOCH,
            json!({"answer": "two\nlines", "plan": "a", "manager": "\u{9b}31m\u{202e}"}),
        );
        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.trim_end().contains(printer::is_raw), "{text:?}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&read["audit"], &read["event"], &read["answer"]),
            (&json!(KIND), &json!("Sent"), &json!("two\nlines"))
        );
        assert_eq!(read["manager"], json!("\u{9b}31m\u{202e}"));
    }
}
