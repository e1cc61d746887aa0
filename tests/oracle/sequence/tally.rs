//! What came of a run, by kind.

use std::collections::BTreeMap;
use std::fmt;

use super::Known;
use crate::judge::Outcome;
use crate::server::Way;

/// The counts of a run.
#[derive(Default)]
pub struct Tally {
    /// Sequences that were played to their end.
    pub sequences: usize,

    /// States of which the engine was asked.
    pub states: usize,

    /// Writes that the server refused, so that nothing happened.
    pub refused: usize,

    /// Fields that differed, by what is true of them.
    pub truths: BTreeMap<&'static str, usize>,

    /// Real syncs at the end, by what they came to.
    pub syncs: BTreeMap<(Way, Outcome), usize>,

    /// Sequences about which we are wrong, by kind.
    pub wrong: BTreeMap<(&'static str, Way, Known), usize>,

    /// Those that are known and not mended yet.
    pub open: BTreeMap<(&'static str, Way, Known), usize>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((way, outcome), count) in &self.syncs {
            writeln!(f, "  synced {way:?}: {outcome:?} {count}")?;
        }
        for (truth, count) in &self.truths {
            writeln!(f, "  fields {truth}: {count}")?;
        }
        let counts = |counts: &BTreeMap<(&'static str, Way, Known), usize>| {
            let kinds: Vec<String> = counts
                .iter()
                .map(|((kind, way, known), count)| format!("{kind} {way:?} {known:?}: {count}"))
                .collect();
            let by_kind = if kinds.is_empty() {
                String::new()
            } else {
                format!(" ({})", kinds.join(", "))
            };
            (counts.values().sum::<usize>(), by_kind)
        };
        let ((wrong, by_kind), (open, open_by_kind)) = (counts(&self.wrong), counts(&self.open));
        write!(
            f,
            "{} sequences, {} states asked, {} writes refused, {} real syncs; {wrong} wrong{by_kind}, {open} known and \
             open{open_by_kind}",
            self.sequences,
            self.states,
            self.refused,
            self.syncs.values().sum::<usize>()
        )
    }
}
