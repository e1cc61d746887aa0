//! How often the tools that sync are written to, whatever the number of heals, and in which order.
//!
//! A clear of an operation state may be followed by a sync of a whole application: there is one in ten seconds. Within
//! a process heals stand in line, in the order in which they were approved, and whose turn it is holds it until its
//! clear is answered. Other processes, a later leader and the command line among them, are told by an annotation of the
//! controller's Lease (`lease::last_clear`), and their heals stand in the same line as far as their reports can be read
//! ([`super::elsewhere`]).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::cluster::{ApiError, Cluster};
use crate::engine::plan::{Plan, StepKind};
use crate::lease::last_clear::{self, Place};
use crate::report::TURN;

use super::elsewhere::Elsewhere;

/// Between two clears of operation states: each may be followed by a sync of a whole application.
pub const CLEAR_PAUSE: Duration = Duration::from_secs(10);

/// Between two requests for a comparison that are made again because nobody answered the first.
const ASK_PAUSE: Duration = Duration::from_secs(10);

/// How long a heal that began stands in line before it comes to its clear: its first steps take seconds, and nobody
/// waits for one that is held up.
const COMES: Duration = Duration::from_secs(10);

/// How long one stands in line, or holds the turn, that is not heard of: longer than any pause after which a heal looks
/// again.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// The longest pause after which one that stands in line looks again: those before it may leave.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The shortest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

/// Holds such writes apart.
#[derive(Debug, Default)]
pub struct Pace {
    /// Where other processes are told.
    lease: Option<Place>,
    line: Mutex<Line>,
    asked: Mutex<Option<Instant>>,
}

/// Who stands in line to clear.
#[derive(Debug, Default)]
struct Line {
    /// By the time of the approval, then in the order in which they came.
    waiting: BTreeMap<Key, Waiting>,

    /// How many came so far.
    count: u64,

    /// Whose turn it is, and since when it was last heard of.
    turn: Option<(String, Instant)>,

    /// When the last clear was answered, and of which plan it was.
    cleared: Option<(Instant, String)>,

    /// Since when a heal of another process stands before all of this one's, by its plan.
    first_elsewhere: BTreeMap<String, Instant>,
}

/// When a plan was approved, as which it came, and its hash.
type Key = (Timestamp, u64, String);

#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// Since when it could clear; `None` before it came so far.
    ready: Option<Instant>,

    /// When it was last heard of.
    seen: Instant,
}

/// That it is not a heal's turn yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotYourTurn {
    /// What it waits for, with its place.
    pub why: String,

    /// When to ask again.
    pub after: Duration,
}

impl Line {
    fn forget(&mut self, now: Instant) {
        self.waiting
            .retain(|_, one| now.duration_since(one.seen) < if one.ready.is_some() { FORGOTTEN } else { COMES });
        if self
            .turn
            .as_ref()
            .is_some_and(|(_, seen)| now.duration_since(*seen) >= FORGOTTEN)
        {
            self.turn = None;
        }
    }

    /// The place of a plan, a new one where it has none.
    fn key(&mut self, approved: Timestamp, plan: &str) -> Key {
        let found = self
            .waiting
            .keys()
            .find(|(at, _, of)| *at == approved && of == plan)
            .cloned();
        found.unwrap_or_else(|| {
            self.count += 1;
            (approved, self.count, plan.to_owned())
        })
    }

    fn enter(&mut self, approved: Timestamp, plan: &str, now: Instant) {
        let key = self.key(approved, plan);
        self.waiting.entry(key).or_insert(Waiting { ready: None, seen: now });
    }

    fn leave(&mut self, plan: &str) {
        self.waiting.retain(|(_, _, of), _| of != plan);
        if self.turn.as_ref().is_some_and(|(of, _)| of == plan) {
            self.turn = None;
        }
    }

    /// Asks for the turn of a plan; where it is given, nobody else has it until [`Line::leave`]. `others` stand in line
    /// in other processes.
    fn ask(&mut self, approved: Timestamp, plan: &str, now: Instant, others: &[Elsewhere]) -> Result<(), NotYourTurn> {
        self.forget(now);
        let (elsewhere, others) = self.elsewhere(approved, plan, now, others);
        let key = self.key(approved, plan);
        let ready = self.waiting.get(&key).and_then(|one| one.ready).unwrap_or(now);
        self.waiting.insert(
            key.clone(),
            Waiting {
                ready: Some(ready),
                seen: now,
            },
        );
        let rest = self
            .cleared
            .as_ref()
            .filter(|(_, of)| of != plan)
            .map(|(at, _)| CLEAR_PAUSE.saturating_sub(now.duration_since(*at)));
        let rest = rest.unwrap_or_default();
        let ahead = self.waiting.range(..&key).count();
        let is_taken = self.turn.as_ref().is_some_and(|(of, _)| of != plan);
        if !is_taken && rest.is_zero() && (ahead + elsewhere == 0 || self.turn.is_some()) {
            self.turn = Some((plan.to_owned(), now));
            return Ok(());
        }
        let before = u32::try_from(ahead + elsewhere).unwrap_or(u32::MAX);
        let after = rest
            .saturating_add(CLEAR_PAUSE.saturating_mul(before))
            .clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        Err(NotYourTurn {
            why: self.place(&key, elsewhere, others),
            after,
        })
    }

    /// How many heals of other processes were approved before this one, and how many stand in line at all. One that
    /// stood before all of ours for so long is not heard of any more.
    fn elsewhere(&mut self, approved: Timestamp, plan: &str, now: Instant, others: &[Elsewhere]) -> (usize, usize) {
        let others: Vec<&Elsewhere> = others
            .iter()
            .filter(|other| !self.waiting.keys().any(|(_, _, ours)| *ours == other.plan))
            .collect();
        // Whoever has the turn asks for it once more without the others, and none of them is found again by that.
        if !others.is_empty() {
            self.first_elsewhere
                .retain(|plan, _| others.iter().any(|other| other.plan == *plan));
        }
        let is_lost = |since: &Instant| now.duration_since(*since) >= FORGOTTEN;
        let waiting: Vec<&Elsewhere> = others
            .into_iter()
            .filter(|other| !self.first_elsewhere.get(&other.plan).is_some_and(is_lost))
            .collect();
        let ours = self.waiting.keys().map(|(at, _, _)| *at).fold(approved, Timestamp::min);
        if let Some(first) = waiting.iter().min().filter(|first| first.approved <= ours) {
            self.first_elsewhere.entry(first.plan.clone()).or_insert(now);
        }
        let ahead = waiting
            .iter()
            .filter(|other| (other.approved, other.plan.as_str()) < (approved, plan))
            .count();
        (ahead, waiting.len())
    }

    /// The place of one that has so many before it in other processes, where so many of them stand in line.
    fn place(&self, key: &Key, elsewhere: usize, others: usize) -> String {
        format!(
            "{TURN}: {} of {}",
            ordinal(self.waiting.range(..key).count() + elsewhere + 1),
            self.waiting.len() + others
        )
    }
}

impl Pace {
    /// Tells other processes by this Lease, where there is one.
    pub fn beside(lease: Option<Place>) -> Self {
        Self {
            lease,
            ..Self::default()
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the heal of an approved plan stand in line where it will have to clear: one that was approved later and is
    /// faster does not overtake it.
    pub fn enter_with(&self, approved: Timestamp, plan: &Plan) {
        if plan.steps.iter().any(|step| step.kind() == StepKind::ClearOperation) {
            self.line().enter(approved, &plan.hash, Instant::now());
        }
    }

    /// Takes a heal that ended, or was taken back, out of the line.
    pub(super) fn leave(&self, plan: &str) {
        self.line().leave(plan);
    }

    /// For how long a heal has been standing in line, ready to clear.
    pub(super) fn waited(&self, plan: &str) -> Duration {
        let line = self.line();
        let of_plan = line
            .waiting
            .iter()
            .find(|((_, _, of), _)| of == plan)
            .and_then(|(_, one)| one.ready);
        of_plan.map(|since| since.elapsed()).unwrap_or_default()
    }

    /// Asks for the turn to clear, here and of the other processes, whose heals stand in line as `others`; nothing is
    /// written.
    ///
    /// # Errors
    /// Those of reading the Lease; the inner one says that it is not the heal's turn.
    pub(super) async fn turn(
        &self,
        cluster: &Cluster,
        approved: Timestamp,
        plan: &str,
        others: &[Elsewhere],
    ) -> Result<Result<(), NotYourTurn>, ApiError> {
        if let Err(not_yet) = self.line().ask(approved, plan, Instant::now(), others) {
            return Ok(Err(not_yet));
        }
        let Some(lease) = &self.lease else { return Ok(Ok(())) };
        let wait = last_clear::wait(cluster, lease, plan).await?;
        Ok(wait.map_or(Ok(()), |after| Err(self.elsewhere(approved, plan, after))))
    }

    /// Tells the other processes that a clear is about to be sent; the turn is this heal's.
    ///
    /// # Errors
    /// Those of writing the Lease; the inner one says that another process was first.
    pub(super) async fn claim(
        &self,
        cluster: &Cluster,
        approved: Timestamp,
        plan: &str,
    ) -> Result<Result<(), NotYourTurn>, ApiError> {
        // Whoever has the turn has had those of other processes before it.
        if let Err(not_yet) = self.line().ask(approved, plan, Instant::now(), &[]) {
            return Ok(Err(not_yet));
        }
        let Some(lease) = &self.lease else { return Ok(Ok(())) };
        let wait = last_clear::claim(cluster, lease, plan).await?;
        Ok(wait.map_or(Ok(()), |after| Err(self.elsewhere(approved, plan, after))))
    }

    fn elsewhere(&self, approved: Timestamp, plan: &str, after: Duration) -> NotYourTurn {
        let mut line = self.line();
        let key = line.key(approved, plan);
        let why = format!("{}, after another process", line.place(&key, 0, 0));
        NotYourTurn {
            why,
            after: after.clamp(SHORTEST_PAUSE, LONGEST_PAUSE),
        }
    }

    /// Records the clear of a plan: the turn is the next one's, when its time has come.
    pub(super) fn cleared(&self, plan: &str) {
        let mut line = self.line();
        line.leave(plan);
        line.cleared = Some((Instant::now(), plan.to_owned()));
    }

    /// Whether a request may be made again now; if so, that is recorded.
    pub(super) fn may_ask_again(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let may = asked.is_none_or(|asked| asked.elapsed() >= ASK_PAUSE);
        if may {
            *asked = Some(Instant::now());
        }
        may
    }
}

/// 1st, 2nd, 3rd, 4th …
fn ordinal(number: usize) -> String {
    let end = match (number % 10, number % 100) {
        (1, last) if last != 11 => "st",
        (2, last) if last != 12 => "nd",
        (3, last) if last != 13 => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

#[cfg(test)]
mod tests;
