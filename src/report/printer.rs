//! The one printer for whatever comes from outside: a name, a message, a file of a tree can hold characters that move
//! the cursor, hide a line or turn its order round, so that a person approves something else than what stands there.
//! Here they become visible.
//!
//! Every sink goes through it: the terminal, the log, Events, the status of reports and watches, SARIF. A character is
//! escaped as JSON writes it (`\u001b`), so that escaped JSON is still the same JSON. What is escaped once is not
//! changed again.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::ops::RangeInclusive;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Invisible characters and such as change how others are shown, besides the controls C0 and C1.
///
/// Source: Unicode 16.0, `UnicodeData.txt` (categories Cf, Zl, Zp) and `DerivedCoreProperties.txt`
/// (`Default_Ignorable_Code_Point`). Signs of category Cf that are seen, such as the Arabic number sign, are not among
/// them. Besides: the space without a break, which looks like another space, and the Braille pattern without a dot.
const UNSEEN: &[RangeInclusive<char>] = &[
    '\u{a0}'..='\u{a0}',
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Keys of a report's status whose text must be that of the server word by word: an admission policy compares it.
const EXACT: &[&str] = &["by", "healer"];

/// Keys of a report's status that hold values of the object, in which line breaks may stand.
const VALUES: &[&str] = &["desired", "live"];

/// Whether a character may not reach a reader as it is.
pub fn is_raw(c: char) -> bool {
    c.is_control() || (c >= '\u{a0}' && UNSEEN.iter().any(|range| range.contains(&c)))
}

/// A text for a place that has one line: a line break is escaped as well.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escape(text, is_raw)
}

/// A text that may have several lines.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && is_raw(c))
}

/// Adds a line; whatever the arguments hold, it is one.
pub fn push_line(out: &mut String, line: fmt::Arguments<'_>) {
    let line = line.to_string();
    out.push_str(&one_line(&line));
    out.push('\n');
}

/// Adds a line to a text as `writeln!` does; whatever the arguments hold, it is one line.
macro_rules! line {
    ($out:expr, $($arguments:tt)*) => {
        $crate::report::printer::push_line($out, format_args!($($arguments)*))
    };
}
pub(crate) use line;

/// Adds one character as JSON escapes it in a string.
pub fn push_escaped(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // A String takes all that is written to it.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    let Some(first) = text.find(&is_escaped) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if is_escaped(c) {
            push_escaped(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// A status with every text in it escaped: sentences as one line, values of the object with their line breaks. What an
/// admission policy compares word by word (`by`, `healer`) stays as it is.
pub fn told<T: Serialize + DeserializeOwned>(status: T) -> T {
    let is_clean = serde_json::to_string(&status).is_ok_and(|json| !holds_raw(&json));
    if is_clean {
        return status;
    }
    let escaped = serde_json::to_value(&status)
        .map(told_json)
        .and_then(serde_json::from_value);
    escaped.unwrap_or(status)
}

/// The same for a status, or a part of one, as JSON.
pub fn told_json(status: Value) -> Value {
    walk(status, Lines::One)
}

/// Whether JSON holds a character to be escaped in one of its strings, raw or as JSON escapes it.
fn holds_raw(json: &str) -> bool {
    let mut escape = false;
    json.chars().any(|c| match (escape, c) {
        (true, c) => {
            escape = false;
            !matches!(c, '"' | '\\')
        }
        (false, '\\') => {
            escape = true;
            false
        }
        (false, c) => is_raw(c),
    })
}

/// How many lines a text may have.
#[derive(Clone, Copy)]
enum Lines {
    One,
    Many,
}

fn walk(value: Value, allowed: Lines) -> Value {
    let escaped = |text: &str| match allowed {
        Lines::One => one_line(text).into_owned(),
        Lines::Many => lines(text).into_owned(),
    };
    match value {
        Value::String(text) => Value::String(escaped(&text)),
        Value::Array(items) => items.into_iter().map(|item| walk(item, allowed)).collect(),
        Value::Object(entries) => {
            let entry = |(key, value): (String, Value)| {
                let value = match key.as_str() {
                    // A value of the object may have such a key, and nothing compares that.
                    key if EXACT.contains(&key) && value.is_string() && matches!(allowed, Lines::One) => value,
                    key if VALUES.contains(&key) => walk(value, Lines::Many),
                    _ => walk(value, allowed),
                };
                (one_line(&key).into_owned(), value)
            };
            Value::Object(entries.into_iter().map(entry).collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
