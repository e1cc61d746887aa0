//! Asks jq which fields an expression names: in a child process, since jq has no end of its own.
//!
//! jq is a whole language. An expression in somebody's Application may run for ever or eat all memory, so that it is evaluated by
//! a process of its own: this program again, as `driftmend jq-paths`, with limits of memory and of processor time that it sets itself,
//! and killed when it is not heard of. What comes back is data: JSON Pointers.

mod evaluate;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use evaluate::serve;

/// The subcommand that evaluates.
pub const SUBCOMMAND: &str = "jq-paths";

/// How much processor time one expression may take over one pair. Source: `DefaultJQExecutionTimeout` of Argo CD's
/// `diff_normalizer.go` is as long, but by the clock: there a good rule is out of force on a machine that is busy with something else.
pub const LIMIT: Duration = Duration::from_secs(1);

/// How long it may take by the clock: ten times as much, for the processors are not its own.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many bytes of pointers an expression may give: no Deployment has so many fields.
const MOST_BYTES: u64 = 4 << 20;

/// Why an expression gave no paths.
#[derive(Debug, thiserror::Error)]
pub enum JqError {
    /// The child did not start or did not answer.
    #[error("failed to evaluate the jq expression {expression:?}: {reason}")]
    Child {
        /// The expression.
        expression: String,

        /// What happened.
        reason: String,
    },

    /// The child was killed.
    #[error("the jq expression {expression:?} did not end within {} s of processor time", LIMIT.as_secs())]
    TimeOver {
        /// The expression.
        expression: String,
    },

    /// The text is no jq.
    #[error("{expression:?} is not a jq expression: {reason}")]
    Syntax {
        /// The expression.
        expression: String,

        /// Where jq stops.
        reason: String,
    },
}

impl JqError {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Child { .. } | Self::TimeOver { .. } => "the rule is not in force; write a simpler expression, or a JSON Pointer",
            Self::Syntax { .. } => "the rule is not in force; try the expression with jq's `path(…)`",
        }
    }
}

/// What finds the paths of an expression.
pub trait Ask {
    /// The JSON Pointers of what the expression names in each object.
    ///
    /// An expression that fails over an object names nothing there: `.a[]` over an object without `a`.
    ///
    /// # Errors
    /// [`JqError`].
    fn pointers(&self, expression: &str, objects: &[&Value]) -> Result<Vec<Vec<String>>, JqError>;
}

/// What the child is asked.
#[derive(Serialize, Deserialize)]
struct Question {
    expression: String,
    objects: Vec<Value>,
}

/// What the child answers.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Pointers(Vec<Vec<String>>),
    Syntax(String),
}

/// A child process for each question.
#[derive(Clone, Debug)]
pub struct Child {
    program: PathBuf,
}

impl Child {
    /// A child that runs this program.
    ///
    /// # Errors
    /// The system does not tell where the program lies.
    pub fn of_this_program() -> std::io::Result<Self> {
        Ok(Self { program: std::env::current_exe()? })
    }
}

impl Ask for Child {
    fn pointers(&self, expression: &str, objects: &[&Value]) -> Result<Vec<Vec<String>>, JqError> {
        answer_of(Command::new(&self.program).arg(SUBCOMMAND), expression, objects)
    }
}

/// Asks the child that this command starts.
fn answer_of(command: &mut Command, expression: &str, objects: &[&Value]) -> Result<Vec<Vec<String>>, JqError> {
    let failed = |reason: String| JqError::Child { expression: expression.to_owned(), reason };
    let question = Question { expression: expression.to_owned(), objects: objects.iter().map(|object| (*object).clone()).collect() };
    let question = serde_json::to_vec(&question).map_err(|error| failed(error.to_string()))?;
    let mut child = command
        .env_clear()
        // mimalloc would take a gibibyte of address space beforehand, and the limit of the child's memory would mean nothing.
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    // The child reads all before it writes, so that neither waits for the other.
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // A child that died early does not read; its silence is the answer.
        let _ = stdin.map(|mut stdin| stdin.write_all(&question));
        let mut text = Vec::new();
        let read = stdout.map(|stdout| stdout.take(MOST_BYTES).read_to_end(&mut text));
        let _ = sender.send(read.map(|outcome| outcome.map(|_| text)));
    });
    let answered = receiver.recv_timeout(PATIENCE);
    // Also after an answer: a child that goes on is not waited for.
    let _ = child.kill();
    let ended = child.wait();
    let text = match answered {
        Err(mpsc::RecvTimeoutError::Timeout) => return Err(JqError::TimeOver { expression: expression.to_owned() }),
        _ if ended.is_ok_and(evaluate::ran_out_of_time) => {
            return Err(JqError::TimeOver { expression: expression.to_owned() });
        }
        Ok(Some(Ok(text))) => text,
        Ok(Some(Err(error))) => return Err(failed(error.to_string())),
        Ok(None) | Err(mpsc::RecvTimeoutError::Disconnected) => return Err(failed("no answer".to_owned())),
    };
    match serde_json::from_slice(&text) {
        Ok(Answer::Pointers(found)) if found.len() == objects.len() => Ok(found),
        Ok(Answer::Syntax(reason)) => Err(JqError::Syntax { expression: expression.to_owned(), reason }),
        // Out of memory, or more paths than are read.
        _ => Err(failed("it takes more than an expression may".to_owned())),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// What comes of a child that is this shell script, whatever it is asked.
    fn ask(script: &str) -> Result<Vec<Vec<String>>, JqError> {
        answer_of(Command::new("/bin/sh").args(["-c", &format!("cat >/dev/null; {script}")]), ".spec", &[&Value::Null])
    }

    #[test]
    fn a_child_that_waits_for_a_processor_is_waited_for_and_one_that_works_too_long_is_not() {
        let slow = ask(r#"sleep 1.5; echo '{"pointers": [["/spec"]]}'"#);
        assert_eq!(slow.unwrap(), [["/spec"]]);
        let busy = ask("ulimit -S -t 1; while :; do :; done");
        assert!(matches!(busy, Err(JqError::TimeOver { .. })), "{busy:?}");
        let gone = ask("kill -ABRT $$");
        assert!(matches!(gone, Err(JqError::Child { .. })), "{gone:?}");
    }
}
