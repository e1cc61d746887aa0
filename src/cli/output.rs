//! What a command prints: the result to standard output, faults to standard error.

use std::error::Error;
use std::io::{self, BufWriter, ErrorKind, Write};

use serde::Serialize;

use super::Fault;

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

/// Writes to standard output piece by piece; a reader that went away is no fault.
pub fn write(pieces: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Fault> {
    let mut out = BufWriter::new(io::stdout().lock());
    match pieces(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Fault::new("failed to write to standard output").because(error)),
        _ => Ok(()),
    }
}

/// Prints a value in one of the formats for programs. The text is not held whole: that of a List may be long.
pub fn print_value<T: Serialize>(value: &T, format: Format) -> Result<(), Fault> {
    write(|out| match format {
        Format::Yaml => serde_yaml::to_writer(out, value).map_err(with_kind),
        Format::Json | Format::Human => {
            serde_json::to_writer_pretty(&mut *out, value)?;
            out.write_all(b"\n")
        }
    })
}

/// The error of the writer that stopped a serializer, or the serializer's own.
fn with_kind(error: serde_yaml::Error) -> io::Error {
    let kind = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map_or(ErrorKind::Other, io::Error::kind);
    io::Error::new(kind, error.to_string())
}

/// Prints a fault to standard error: the sentence, its causes, and what to do on a line of its own.
pub fn print_fault(fault: &Fault) {
    let mut text = format!("error: {}", fault.message);
    for cause in &fault.causes {
        text.push_str(": ");
        text.push_str(cause);
    }
    text.push('\n');
    if let Some(hint) = &fault.hint {
        text.push_str(&format!("hint: {hint}\n"));
    }
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints a line to standard error that is no fault: a `hint`, a `note` or a `warning`.
pub fn print_aside(kind: &str, text: &str) {
    let _ = writeln!(io::stderr().lock(), "{kind}: {text}");
}
