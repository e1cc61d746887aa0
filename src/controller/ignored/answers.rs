//! What jq said, failures too, so that it is asked once and not at every event.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::trouble::Trouble;
use crate::engine::digest::digest;
use crate::source::ignore::jq::{Ask, Child, JqError};

/// How many bytes the answers of one namespace may take.
const OF_ONE: usize = 4 << 20;

/// How many bytes all answers may take.
const OF_ALL: usize = 16 << 20;

/// How long a failure is believed: a machine that was too busy for a good expression is not so for ever.
const FAILED: Duration = Duration::from_secs(600);

/// How long one assessment may ask, the wait for others included: it holds a place of its namespace, and a run that
/// does not end is taken for a controller that hangs.
const ONE_ASSESSMENT: Duration = Duration::from_secs(120);

/// What an answer takes besides its texts, in bytes.
const OVERHEAD: usize = 160;

/// jq's answers, each asked once: a question is a process, and an assessment is asked for at every event.
pub struct Answers {
    questions: Box<dyn Questions>,
    kept: Mutex<Kept>,
}

impl Default for Answers {
    fn default() -> Self {
        Self::from(Box::new(OwnChild))
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

/// What jq found, or why it found nothing.
type Found = Result<Vec<Vec<String>>, JqError>;

/// Who is asked what is not known yet.
pub(super) trait Questions: Send + Sync {
    /// What an expression names in each object, and how long that took; `None` where it was not tried.
    fn ask(&self, expression: &str, objects: &[&Value]) -> (Found, Option<Duration>);
}

/// This program's own child, made for each question.
struct OwnChild;

impl Questions for OwnChild {
    fn ask(&self, expression: &str, objects: &[&Value]) -> (Found, Option<Duration>) {
        match Child::of_this_program() {
            // It may take a second, and wait for others: other tasks of this thread go elsewhere meanwhile.
            Ok(child) => tokio::task::block_in_place(|| child.timed(expression, objects)),
            Err(error) => (
                Err(JqError::Child {
                    expression: expression.to_owned(),
                    reason: error.to_string(),
                }),
                None,
            ),
        }
    }
}

/// Asks about one Deployment as it is now, in the name of one list of rules.
pub(super) struct Asking<'a> {
    answers: &'a Answers,
    namespace: &'a str,

    /// What the list's questions cost lately.
    trouble: &'a Trouble,

    /// When the assessment began to ask.
    begun: Instant,

    /// What all its questions are about: up to a hundred rules ask about the same two objects, which are copied and
    /// digested once.
    about: OnceCell<About>,
}

/// The objects of a question, and their digest.
struct About {
    objects: Vec<Value>,
    digest: String,
}

impl<'a> Asking<'a> {
    /// Begins to ask; the objects of the first question are those of all.
    pub(super) fn new(answers: &'a Answers, namespace: &'a str, trouble: &'a Trouble) -> Self {
        Self {
            answers,
            namespace,
            trouble,
            begun: Instant::now(),
            about: OnceCell::new(),
        }
    }

    fn about(&self, objects: &[&Value]) -> &About {
        self.about.get_or_init(|| {
            let objects: Vec<Value> = objects.iter().map(|object| lasting(object)).collect();
            let digest = digest(&Value::from_iter(objects.iter().cloned()));
            About { objects, digest }
        })
    }
}

impl Answers {
    /// Answers that come from somewhere else than from a child.
    pub(super) fn from(questions: Box<dyn Questions>) -> Self {
        Self {
            questions,
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ask for Asking<'_> {
    fn pointers(&self, expression: &str, objects: &[&Value]) -> Found {
        let about = self.about(objects);
        let question = digest(&Value::from_iter([expression, &about.digest]));
        if let Some(answer) = self.answers.kept().get(self.namespace, &question, Instant::now()) {
            return (*answer).as_ref().map(Clone::clone).map_err(again);
        }
        let not_asked = |reason: String| {
            Err(JqError::Child {
                expression: expression.to_owned(),
                reason,
            })
        };
        if let Some(left) = self.trouble.rests(Instant::now()) {
            return not_asked(format!(
                "the expressions of its object took too long or failed too often; the next is tried in {} min",
                left.as_secs().div_ceil(60)
            ));
        }
        if self.begun.elapsed() >= ONE_ASSESSMENT {
            return not_asked(format!("those before it took {} s together", ONE_ASSESSMENT.as_secs()));
        }
        let (answer, took) = self
            .answers
            .questions
            .ask(expression, &about.objects.iter().collect::<Vec<_>>());
        // What was not tried says nothing.
        let Some(took) = took else { return answer };
        let now = Instant::now();
        // A text that is no jq is found out at once.
        let failed = matches!(answer, Err(JqError::Child { .. } | JqError::TimeOver { .. }));
        self.trouble.took(took, failed, now);
        let kept = Arc::new(answer.as_ref().map(Clone::clone).map_err(again));
        self.answers.kept().put(self.namespace, question, kept, now);
        answer
    }
}

/// The object without what moves by itself and is no field to ignore: status, managedFields and the counters of its
/// versions. What is not asked about cannot change the answer.
fn lasting(object: &Value) -> Value {
    let Value::Object(fields) = object else {
        return object.clone();
    };
    let of_metadata = |value: &Value| match value {
        Value::Object(metadata) => {
            let lasting = |name: &str| !matches!(name, "managedFields" | "resourceVersion" | "generation");
            metadata
                .iter()
                .filter(|(name, _)| lasting(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        }
        other => other.clone(),
    };
    let part = |(name, value): (&String, &Value)| {
        (
            name.clone(),
            if name == "metadata" {
                of_metadata(value)
            } else {
                value.clone()
            },
        )
    };
    fields.iter().filter(|(name, _)| *name != "status").map(part).collect()
}

/// The same failure once more.
fn again(error: &JqError) -> JqError {
    match error {
        JqError::Child { expression, reason } => JqError::Child {
            expression: expression.clone(),
            reason: reason.clone(),
        },
        JqError::TimeOver { expression } => JqError::TimeOver {
            expression: expression.clone(),
        },
        JqError::Syntax { expression, reason } => JqError::Syntax {
            expression: expression.clone(),
            reason: reason.clone(),
        },
    }
}

/// What was found, shared.
type Answer = Arc<Found>;

/// The answers by namespace: whoever asks the most forgets its own first.
#[derive(Default)]
struct Kept {
    namespaces: HashMap<String, OfOne>,
    bytes: usize,
}

/// The answers of one namespace in two generations: what was not asked for since the older one closed is forgotten with
/// it.
#[derive(Default)]
struct OfOne {
    young: HashMap<String, (Answer, Instant)>,
    old: HashMap<String, (Answer, Instant)>,
    young_bytes: usize,
    old_bytes: usize,
}

impl Kept {
    fn get(&mut self, namespace: &str, question: &str, now: Instant) -> Option<Answer> {
        let of_one = self.namespaces.get_mut(namespace)?;
        if let Some((_, (answer, since))) = of_one.old.remove_entry(question) {
            let size = size(&answer);
            of_one.old_bytes -= size;
            self.bytes -= size;
            if !is_over(&answer, since, now) {
                self.add(namespace, question.to_owned(), answer.clone(), since);
                return Some(answer);
            }
            return None;
        }
        let (answer, since) = of_one.young.get(question)?;
        (!is_over(answer, *since, now)).then(|| answer.clone())
    }

    fn put(&mut self, namespace: &str, question: String, answer: Answer, now: Instant) {
        self.add(namespace, question, answer, now);
        while self.bytes > OF_ALL {
            let of = |of_one: &OfOne| of_one.young_bytes + of_one.old_bytes;
            let Some(most) = self
                .namespaces
                .iter()
                .max_by_key(|(_, of_one)| of(of_one))
                .map(|(name, _)| name.clone())
            else {
                return;
            };
            if let Some(forgotten) = self.namespaces.remove(&most) {
                self.bytes -= of(&forgotten);
            }
        }
    }

    fn add(&mut self, namespace: &str, question: String, answer: Answer, since: Instant) {
        let of_one = self.namespaces.entry(namespace.to_owned()).or_default();
        let size = size(&answer);
        if let Some((before, _)) = of_one.young.insert(question, (answer, since)) {
            let before = self::size(&before);
            of_one.young_bytes -= before;
            self.bytes -= before;
        }
        of_one.young_bytes += size;
        self.bytes += size;
        if of_one.young_bytes > OF_ONE / 2 {
            self.bytes -= of_one.old_bytes;
            of_one.old = std::mem::take(&mut of_one.young);
            of_one.old_bytes = std::mem::take(&mut of_one.young_bytes);
        }
    }
}

/// Whether an answer is a failure that is believed no more.
fn is_over(answer: &Answer, since: Instant, now: Instant) -> bool {
    answer.is_err() && now.saturating_duration_since(since) >= FAILED
}

/// How many bytes an answer takes, its question included.
fn size(answer: &Answer) -> usize {
    let text = |text: &String| text.len() + size_of::<String>();
    OVERHEAD
        + match answer.as_ref() {
            Ok(found) => found
                .iter()
                .map(|pointers| size_of::<Vec<String>>() + pointers.iter().map(text).sum::<usize>())
                .sum::<usize>(),
            Err(JqError::Child { expression, reason } | JqError::Syntax { expression, reason }) => {
                text(expression) + text(reason)
            }
            Err(JqError::TimeOver { expression }) => text(expression),
        }
}

#[cfg(test)]
mod tests;
