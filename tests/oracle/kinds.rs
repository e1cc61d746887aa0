//! Which of the governed kinds a run is about.

use std::env;

use anyhow::{Context, Result};
use driftmend::engine::kind::{KINDS, Kind};

/// How many of a hundred cases are of each kind but the first, which has all the others: the cases of a run share one
/// time, however many kinds there are.
const SHARE: usize = 20;

/// The one kind that a person wants to know about, by this variable of the environment.
///
/// # Errors
///
/// When it names none of the governed kinds; the error lists those.
pub fn named_by(variable: &str) -> Result<Option<&'static Kind>> {
    let Some(name) = env::var(variable).ok().filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let found = KINDS.iter().copied().find(|kind| kind.kind == name);
    found.map(Some).with_context(|| {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.kind).collect();
        format!(
            "{variable} is {name:?}, which is no governed kind: there are {}",
            names.join(", ")
        )
    })
}

/// How many of so many cases are of which kind.
pub fn shares(count: usize) -> Vec<(&'static Kind, usize)> {
    let share = count * SHARE / 100;
    let first = count.saturating_sub(share * (KINDS.len() - 1));
    let of = |(at, kind): (usize, &&'static Kind)| (*kind, if at == 0 { first } else { share });
    KINDS.iter().enumerate().map(of).collect()
}
