//! Waiting for something that happens by itself, without sleeping longer than it takes.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often is looked: a kubectl takes about 60 ms of one core, and what is waited for needs that core too.
const POLL: Duration = Duration::from_millis(200);

/// Looks until `look` breaks with a value; as long as it continues, it says what it sees instead.
///
/// # Errors
///
/// When `look` fails, and when the time is over: then with what was seen last.
pub fn until<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Result<ControlFlow<T, String>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match look()? {
            ControlFlow::Break(value) => return Ok(value),
            ControlFlow::Continue(seen) if begun.elapsed() > deadline => {
                bail!(
                    "unable to see {what} within {} s; seen last: {}",
                    deadline.as_secs(),
                    seen.trim()
                )
            }
            ControlFlow::Continue(_) => thread::sleep(POLL),
        }
    }
}

/// The same where a look that fails is only one more look: on a machine that stalls, kubectl may give up on a server
/// that is well.
///
/// # Errors
///
/// When the time is over: then with what was seen last, or why nothing was.
pub fn patiently<T>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Result<ControlFlow<T, String>>,
) -> Result<T> {
    until(what, deadline, || {
        Ok(look().unwrap_or_else(|error| ControlFlow::Continue(format!("{error:#}"))))
    })
}
