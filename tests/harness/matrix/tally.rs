//! What came of a run, by kind.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Case;
use super::play::Played;
use super::tool::Way;

/// The counts of a run.
#[derive(Default)]
pub struct Tally {
    cases: usize,
    unplayed: usize,
    judged: usize,
    refused: usize,
    by: BTreeMap<String, usize>,
    faults: BTreeMap<&'static str, usize>,
    times: BTreeMap<&'static str, Vec<Duration>>,
    wrong: Vec<String>,
    known: Vec<String>,
}

impl Tally {
    /// Counts a case.
    pub fn add<W: Way>(&mut self, case: &Case<W>, mut played: Played) {
        self.cases += 1;
        self.judged += played.judged;
        self.refused += played.refused;
        let words = [
            format!("union {}", case.kind.name),
            format!("way {}", case.way),
            format!("hand {:?}", case.hand),
            format!("Git {:?}", case.git),
        ];
        let went: Vec<String> = played
            .went
            .into_iter()
            .map(|(of, word)| format!("{of}: {word}"))
            .collect();
        let known = [
            ("without a plan", played.unhealed.take()),
            ("known and open", played.open.pop()),
        ];
        let known = known.into_iter().filter_map(|(what, words)| Some((what, words?)));
        self.known
            .extend(known.map(|(what, words)| format!("{what}: {case} ({}): {words}", went.join("; "))));
        for (kind, words) in &played.faults {
            self.wrong
                .push(format!("{kind} in {case} ({}): {words}", went.join("; ")));
        }
        for word in words.into_iter().chain(went) {
            *self.by.entry(word).or_default() += 1;
        }
        for (of, time) in played.times {
            self.times.entry(of).or_default().push(time);
        }
        for (kind, _) in played.faults {
            *self.faults.entry(kind).or_default() += 1;
        }
    }

    /// Counts a case that could not be played to its end.
    pub fn unplayed<W: Way>(&mut self, case: &Case<W>, why: &anyhow::Error) {
        self.unplayed += 1;
        self.wrong.push(format!("not played: {case}: {why:#}"));
    }

    /// What is wrong, a line each.
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, count) in &self.by {
            writeln!(f, "  {count:>4} {word}")?;
        }
        for words in &self.known {
            writeln!(f, "  {words}")?;
        }
        for (of, times) in &self.times {
            let mut times = times.clone();
            times.sort();
            let at = |part: usize| {
                times
                    .get((times.len() * part / 100).min(times.len().saturating_sub(1)))
                    .copied()
                    .unwrap_or_default()
            };
            writeln!(
                f,
                "  {of}: p50 {} ms, p99 {} ms ({} times)",
                at(50).as_millis(),
                at(99).as_millis(),
                times.len()
            )?;
        }
        let count = |kind: &str| self.faults.get(kind).copied().unwrap_or_default();
        write!(
            f,
            "{} cases, {} syncs held against a prediction, {} refused syncs: {} traps, {} false sentences, {} lost \
             approvals, {} failed heals, {} untold; {} not played to their end",
            self.cases,
            self.judged,
            self.refused,
            count("trap"),
            count("false sentence"),
            count("lost approval"),
            count("failed heal"),
            count("untold"),
            self.unplayed
        )
    }
}
