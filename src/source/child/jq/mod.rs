//! Asks jq which fields an expression names: in a child process, since jq has no end of its own.
//!
//! jq is a whole language. An expression in somebody's Application may run for ever or eat all memory. What comes back
//! is data: JSON Pointers.

mod evaluate;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use evaluate::serve;

use super::{Bounds, Ending, Job, MIB, Places, ask};

/// How much processor time one expression may take over one pair. Source: `DefaultJQExecutionTimeout` of Argo CD's
/// `diff_normalizer.go` is as long, but by the clock: there a good rule is out of force on a machine that is busy with
/// something else.
pub const LIMIT: Duration = Duration::from_secs(1);

/// How much memory one child may have, in bytes: jq, its standard library and a pair of the largest objects that a
/// server stores need a third of it.
pub const MEMORY: u64 = 128 * MIB;

/// How many may be at work at once in this process.
pub const AT_ONCE: u64 = 2;

/// How long one may take by the clock: ten times as much, for the processors are not its own.
const CLOCK: Duration = Duration::from_secs(10);

/// How long a question waits for others: longer than those before it can take in all fairness.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many bytes of pointers an expression may give: no Deployment has so many fields.
const MOST_BYTES: u64 = 4 * MIB;

const BOUNDS: Bounds = Bounds {
    memory: MEMORY,
    processor: LIMIT,
    file: 0,
    clock: CLOCK,
    answer: MOST_BYTES,
};

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
            Self::Child { .. } | Self::TimeOver { .. } => {
                "the rule is not in force; write a simpler expression, or a JSON Pointer"
            }
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

/// A child process for each question, two at once in this process and one for each namespace.
#[derive(Clone, Copy, Debug)]
pub struct Child(());

impl Child {
    /// A child that runs this program.
    ///
    /// # Errors
    /// The system does not tell where the program lies.
    pub fn of_this_program() -> std::io::Result<Self> {
        super::program::program().map(|_| Self(()))
    }
}

fn places() -> &'static Places {
    static PLACES: OnceLock<Places> = OnceLock::new();
    PLACES.get_or_init(|| Places::new(AT_ONCE, 1))
}

impl Ask for Child {
    fn pointers(&self, expression: &str, objects: &[&Value]) -> Result<Vec<Vec<String>>, JqError> {
        self.timed(expression, objects).0
    }
}

impl Child {
    /// The same, and how long the child was at work; `None` where it did not begin, since others had its place.
    pub fn timed(&self, expression: &str, objects: &[&Value]) -> (Result<Vec<Vec<String>>, JqError>, Option<Duration>) {
        let namespace = objects
            .iter()
            .find_map(|object| object.pointer("/metadata/namespace")?.as_str())
            .unwrap_or_default();
        let Some(_place) = places().take(namespace, 1, PATIENCE) else {
            let reason = format!("others had not ended after {} s", PATIENCE.as_secs());
            return (
                Err(JqError::Child {
                    expression: expression.to_owned(),
                    reason,
                }),
                None,
            );
        };
        let begun = Instant::now();
        (Self::evaluated(expression, objects), Some(begun.elapsed()))
    }

    fn evaluated(expression: &str, objects: &[&Value]) -> Result<Vec<Vec<String>>, JqError> {
        let failed = |reason: String| JqError::Child {
            expression: expression.to_owned(),
            reason,
        };
        let question = Question {
            expression: expression.to_owned(),
            objects: objects.iter().map(|object| (*object).clone()).collect(),
        };
        let question = serde_json::to_vec(&question).map_err(|error| failed(error.to_string()))?;
        let answer = ask(Job::Jq, &BOUNDS, &question, |answer| {
            let mut text = Vec::new();
            answer.read_to_end(&mut text)?;
            Ok(serde_json::from_slice(&text)?)
        });
        match answer {
            Ok(Answer::Pointers(found)) if found.len() == objects.len() => Ok(found),
            Ok(Answer::Pointers(_)) => Err(failed("it answers about other objects".to_owned())),
            Ok(Answer::Syntax(reason)) => Err(JqError::Syntax {
                expression: expression.to_owned(),
                reason,
            }),
            Err(ending) => Err(of_ending(expression, ending)),
        }
    }
}

fn of_ending(expression: &str, ending: Ending) -> JqError {
    let expression = expression.to_owned();
    match ending {
        Ending::Clock(_) | Ending::Processor(_) => JqError::TimeOver { expression },
        Ending::Memory(limit) => JqError::Child {
            expression,
            reason: format!("it takes more than {} MiB of memory", limit / MIB),
        },
        Ending::Answer(_) => JqError::Child {
            expression,
            reason: "it names more fields than an object may have".to_owned(),
        },
        other => JqError::Child {
            expression,
            reason: other.to_string(),
        },
    }
}
