//! What a command prints: the result to standard output, faults to standard error.

use std::io::{ErrorKind, Write};

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
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Fault::new("failed to write to standard output").because(error)),
        _ => Ok(()),
    }
}

/// Prints a value in one of the formats for programs.
pub fn print_value<T: Serialize>(value: &T, format: Format) -> Result<(), Fault> {
    let text = match format {
        Format::Yaml => serde_yaml::to_string(value).map_err(|error| Fault::new("failed to write YAML").because(error))?,
        Format::Json | Format::Human => {
            let mut text = serde_json::to_string_pretty(value).map_err(|error| Fault::new("failed to write JSON").because(error))?;
            text.push('\n');
            text
        }
    };
    print(&text)
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
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
