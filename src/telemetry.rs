//! What the process says about its own work, on standard error.
//!
//! Nothing is set up by linking this library: the program calls [`init`] once. What a message or a field quotes goes
//! through the printer: a line of the log is one line.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{DefaultFields, FormatFields, Writer};
use tracing_subscriber::util::SubscriberInitExt;

use crate::report::printer;

/// The environment variable with the filter, such as `driftmend=debug`.
const FILTER_VARIABLE: &str = "RUST_LOG";

/// What is logged when nobody says otherwise.
const DEFAULT_FILTER: &str = "info";

/// Laid over every filter: kube's client logs the whole text of an answer that it cannot parse, values of Secrets
/// included.
const NEVER_LOG_ANSWERS: &str = "kube_client::client=error";

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,

    /// One JSON object a line, for a log store.
    Json,
}

impl FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, TelemetryError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(TelemetryError::Format { given: text.to_owned() }),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Why nothing can be logged.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// There is no such format.
    #[error("failed to read log format {given:?}: it is text or json")]
    Format {
        /// What was given.
        given: String,
    },

    /// The filter cannot be read.
    #[error("failed to read the log filter {given:?}")]
    Filter {
        /// What the environment variable holds.
        given: String,

        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },

    /// Something has set up logging before.
    #[error("failed to set up logging")]
    Twice {
        /// What stands in the way.
        source: tracing_subscriber::util::TryInitError,
    },
}

/// Sets up logging for this process, filtered by `RUST_LOG`.
///
/// # Errors
///
/// When the filter cannot be read, or logging is set up already.
pub fn init(format: LogFormat) -> Result<(), TelemetryError> {
    let given = std::env::var(FILTER_VARIABLE).ok();
    subscriber(format, filter(given.as_deref())?, io::stderr)
        .try_init()
        .map_err(|source| TelemetryError::Twice { source })
}

fn filter(given: Option<&str>) -> Result<EnvFilter, TelemetryError> {
    let given = given.filter(|given| !given.trim().is_empty()).unwrap_or(DEFAULT_FILTER);
    let wrong = |source| TelemetryError::Filter {
        given: given.to_owned(),
        source,
    };
    let filter = EnvFilter::builder().parse(given).map_err(wrong)?;
    Ok(filter.add_directive(NEVER_LOG_ANSWERS.parse().map_err(wrong)?))
}

fn subscriber<W>(format: LogFormat, filter: EnvFilter, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    match format {
        LogFormat::Text => Box::new(lines.with_writer(writer).fmt_fields(Fields::default()).finish()),
        LogFormat::Json => Box::new(lines.with_writer(Lines(writer)).json().flatten_event(true).finish()),
    }
}

/// The message and the fields of a line of text. The rest of the line is our own: the time, the level, the module.
#[derive(Default)]
struct Fields(DefaultFields);

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut text = String::new();
        self.0.format_fields(Writer::new(&mut text), fields)?;
        writer.write_str(&printer::one_line(&text))
    }
}

/// Lines of JSON, which the subscriber hands over one by one: there the printer's escapes are JSON's own.
struct Lines<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(self.0.make_writer())
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Self::Writer {
        Line(self.0.make_writer_for(meta))
    }
}

struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .write_all(printer::lines(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use pretty_assertions::assert_eq;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Gives what is written while `work` runs.
    fn logged(format: LogFormat, given: Option<&str>, work: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = subscriber(format, filter(given).unwrap(), move || writer.clone());
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_have_their_fields_at_the_top() {
        let text = logged(LogFormat::Json, None, || tracing::info!(namespace = "shop", "assessed"));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&line["message"], &line["namespace"], &line["level"]),
            (&"assessed".into(), &"shop".into(), &"INFO".into())
        );
    }

    #[test]
    fn text_has_no_colours() {
        let text = logged(LogFormat::Text, Some(""), || tracing::warn!("late"));
        assert!(
            text.ends_with("WARN driftmend::telemetry::tests: late\n") && !text.contains('\u{1b}'),
            "{text:?}"
        );
    }

    #[test]
    fn what_a_line_quotes_moves_no_cursor_and_makes_no_other_line() {
        const HOSTILE: &str = "web\u{1b}[2J\u{9b}31m\n2026-01-05 ERROR forged\u{202e}\u{200b}\u{7f}\t";
        let error = io::Error::other(HOSTILE);
        let work = || {
            let span = tracing::info_span!("heal", target = HOSTILE);
            let _inside = span.enter();
            let error = &error as &dyn std::error::Error;
            tracing::info!(file = HOSTILE, shown = %HOSTILE, debug = ?HOSTILE, error, "read {HOSTILE}");
        };
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged(format, None, work);
            let line = text.strip_suffix('\n').unwrap();
            assert!(!line.contains(printer::is_raw), "{line:?}");
            assert!(line.matches("forged").count() >= 5, "{line:?}");
        }
        let json: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json, None, work)).unwrap();
        assert_eq!(json["file"], HOSTILE);
    }

    #[test]
    fn the_filter_decides_but_answers_of_the_api_server_are_never_logged() {
        let text = logged(LogFormat::Text, Some("trace"), || {
            tracing::debug!("seen");
            tracing::warn!(target: "kube_client::client", "password: hunter2");
        });
        assert!(text.contains("seen") && !text.contains("hunter2"), "{text}");
        assert_eq!(logged(LogFormat::Text, None, || tracing::debug!("x")), "");
    }

    #[test]
    fn a_wrong_filter_or_format_is_told() {
        assert_eq!(
            filter(Some("driftmend=loud")).unwrap_err().to_string(),
            "failed to read the log filter \"driftmend=loud\""
        );
        assert_eq!(
            "xml".parse::<LogFormat>().unwrap_err().to_string(),
            "failed to read log format \"xml\": it is text or json"
        );
        assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
    }
}
