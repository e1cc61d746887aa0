//! What a command prints: the result to standard output, faults to standard error.

mod escape;

use std::error::Error;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::Fault;
use crate::report::printer::{self, line};
use escape::{Escaping, Looking};

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Human,

    /// One JSON document.
    Json,

    /// One YAML document.
    Yaml,
}

/// Prints a text to standard output; a reader that went away is no fault.
pub fn print(text: &str) -> Result<(), Fault> {
    write(|out| out.write_all(text.as_bytes()))
}

/// Prints one line, whatever the text quotes.
pub fn print_line(text: &str) -> Result<(), Fault> {
    print(&format!("{}\n", printer::one_line(text)))
}

/// Writes to standard output piece by piece; a reader that went away is no fault.
///
/// # Guarantees
/// No control but the line break leaves as it is, and nothing invisible. In JSON they stand in strings only, so that
/// its values are the same.
pub fn write(pieces: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Fault> {
    let mut out = Escaping::new(BufWriter::new(io::stdout().lock()));
    match pieces(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Fault::new("failed to write to standard output").because(error))
        }
        _ => Ok(()),
    }
}

/// Prints a value in one of the formats for programs. The text is not held whole: that of a List may be long.
pub fn print_value<T: Serialize>(value: &T, format: Format) -> Result<(), Fault> {
    write(|out| match format {
        Format::Yaml => yaml(value, out),
        Format::Json | Format::Human => {
            serde_json::to_writer_pretty(&mut *out, value)?;
            out.write_all(b"\n")
        }
    })
}

/// Block style where it can be. It leaves invisible characters as they are, and has no escapes outside of quotes: then
/// the document is written in flow style, every string in quotes, which is YAML just as well.
fn yaml<T: Serialize>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    let mut look = Looking::default();
    serde_yaml::to_writer(&mut look, value).map_err(with_kind)?;
    if !look.found {
        return serde_yaml::to_writer(out, value).map_err(with_kind);
    }
    // JSON's pairs of surrogates are none of YAML's escapes.
    let text = serde_json::to_string_pretty(value)?;
    let escaped = |c: char| {
        if c > '\u{ffff}' && printer::is_raw(c) {
            format!("\\U{:08x}", u32::from(c))
        } else {
            c.to_string()
        }
    };
    writeln!(out, "{}", text.chars().map(escaped).collect::<String>())
}

/// The error of the writer that stopped a serializer, or the serializer's own.
fn with_kind(error: serde_yaml::Error) -> io::Error {
    let kind = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
        .map_or(ErrorKind::Other, io::Error::kind);
    io::Error::new(kind, error.to_string())
}

/// Prints the help that was asked for, or what is wrong with the arguments, which the message quotes.
pub fn print_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // The help is our own text, with its styles on a terminal; a reader that went away is no fault.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let _ = io::stderr()
        .lock()
        .write_all(printer::lines(&error.to_string()).as_bytes());
    ExitCode::from(2)
}

/// Prints a fault to standard error: the sentence, its causes, and what to do on a line of its own.
pub fn print_fault(fault: &Fault) {
    let mut text = String::new();
    let causes: String = fault.causes.iter().map(|cause| format!(": {cause}")).collect();
    line!(&mut text, "error: {}{causes}", fault.message);
    if let Some(hint) = &fault.hint {
        line!(&mut text, "hint: {hint}");
    }
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints a line to standard error that is no fault: a `hint`, a `note` or a `warning`.
pub fn print_aside(kind: &str, text: &str) {
    let _ = writeln!(io::stderr().lock(), "{kind}: {}", printer::one_line(text));
}
