//! What was measured, as one table.

use std::fmt;
use std::time::Duration;

/// One figure.
pub struct Row {
    name: String,
    value: String,
    unit: &'static str,
    how: String,
}

/// All figures, in the order in which they were measured.
#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// Adds a figure, and prints it at once: a run takes minutes.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        value: impl fmt::Display,
        unit: &'static str,
        how: impl Into<String>,
    ) {
        let row = Row {
            name: name.into(),
            value: value.to_string(),
            unit,
            how: how.into(),
        };
        eprintln!("  {}: {} {}", row.name, row.value, row.unit);
        self.0.push(row);
    }

    /// Adds the median, the 99th percentile and the longest of many durations.
    pub fn add_spread(&mut self, name: &str, spread: &Spread, unit: Unit, how: &str) {
        let rows = [
            ("p50", spread.percentile(50)),
            ("p99", spread.percentile(99)),
            ("longest", spread.percentile(100)),
        ];
        for (which, duration) in rows {
            self.add(format!("{name}, {which}"), unit.show(duration), unit.name(), how);
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: fn(&Row) -> &str| {
            self.0
                .iter()
                .map(|row| of(row).chars().count())
                .max()
                .unwrap_or_default()
        };
        let (names, values, units) = (width(|row| &row.name), width(|row| &row.value), width(|row| row.unit));
        for Row { name, value, unit, how } in &self.0 {
            writeln!(f, "{name:<names$}  {value:>values$} {unit:<units$}  {how}")?;
        }
        Ok(())
    }
}

/// In which unit durations are shown.
#[derive(Clone, Copy)]
pub enum Unit {
    /// With one decimal.
    Milliseconds,

    /// Whole.
    Microseconds,
}

impl Unit {
    fn show(self, duration: Duration) -> String {
        match self {
            Self::Milliseconds => format!("{:.1}", duration.as_secs_f64() * 1e3),
            Self::Microseconds => format!("{:.0}", duration.as_secs_f64() * 1e6),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
        }
    }
}

/// Many durations of the same thing, in order of length.
pub struct Spread(Vec<Duration>);

impl Spread {
    /// Sorts them.
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort();
        Self(durations)
    }

    /// The shortest one that is not shorter than this share of all (nearest rank).
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}
