//! Plays cases by number, as many at once as the machine bears.

use std::env;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::play::play;
use super::tally::Tally;
use super::witness::Witness;
use super::{Case, Tool};
use crate::harness::{shared, shared_controller};

/// How many cases are played at once: two cores are busy then, and Argo CD still answers within a second.
const AT_ONCE: usize = 8;

/// Plays as many cases as CI has time for, or as many as `HEALS_N` says, of `HEALS_SEED`; with `HEALS_ABOUT` those
/// alone that have all of its words, which stand between commas; with `HEALS_AT` one alone, and no further ones after
/// `HEALS_MINUTES`.
pub fn run<T: Tool>(count: usize) -> Result<()> {
    let (count, seed) = (number("HEALS_N")?.unwrap_or(count), number("HEALS_SEED")?.unwrap_or(1));
    let (about, at) = (env::var("HEALS_ABOUT").unwrap_or_default(), number("HEALS_AT")?);
    let at_once = number("HEALS_AT_ONCE")?.unwrap_or(AT_ONCE);
    // What is begun is played to its end.
    let until = number("HEALS_MINUTES")?.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes as u64));
    let named = |case: &Case<T::Way>| {
        about.split(',').all(|word| case.to_string().contains(word)) && at.is_none_or(|at| at == case.number)
    };
    let last = at.map_or(count, |at| at + 1);
    let cases: Vec<Case<T::Way>> = (0..last)
        .map(|number| Case::of(seed as u64, number))
        .filter(named)
        .collect();
    shared_controller();
    let ours = [("DriftReport", "driftreports"), ("DriftWatch", "driftwatches")]
        .map(|(kind, plural)| ["driftmend.dev", "v1alpha1", kind, plural]);
    let witness = Witness::start(shared(), &[&[T::OBJECTS][..], &ours].concat())?;
    tell(&format!(
        "{} cases of seed {seed} beside {}, {at_once} at once",
        cases.len(),
        T::OBJECTS[2]
    ));
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if until.is_some_and(|until| Instant::now() > until) {
                        break;
                    }
                    let played = play::<T>(case, &witness);
                    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                    let known = tally.wrong().len();
                    match played {
                        Ok(played) => tally.add(case, played),
                        Err(error) => tally.unplayed(case, &error),
                    }
                    // At once: a run by hand takes an hour.
                    tally.wrong()[known..].iter().for_each(|wrong| tell(wrong));
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tell(&format!("{tally}"));
    if !tally.wrong().is_empty() {
        bail!(
            "{} are wrong (again by `make heals SEED={seed} NUMBER=…`):\n{}",
            tally.wrong().len(),
            tally.wrong().join("\n")
        );
    }
    Ok(())
}

/// Prints past the test harness, which keeps what a test that passes says.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn number(name: &str) -> Result<Option<usize>> {
    let given = env::var(name).ok().filter(|text| !text.is_empty());
    given
        .map(|text| {
            text.parse()
                .with_context(|| format!("{name} is {text:?}, not a number"))
        })
        .transpose()
}
