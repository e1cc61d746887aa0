//! Cron schedules as Argo CD's sync windows read them.
//!
//! Argo CD takes `robfig/cron` v3 (`parser.go`, `spec.go`) with exactly five fields and no descriptors, and this is
//! that grammar and no other: `@daily` and day of week `7` are errors there, which close every window of the project,
//! `*/2` does not count as a star when days of the month and of the week are combined, and a day that never comes
//! (`30 2`) leaves a window open for ever. A parser that is more generous, or stricter, would tell of syncs that never
//! come.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

/// When a window opens.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    minutes: Bits,
    hours: Bits,
    days: Bits,
    months: Bits,
    weekdays: Bits,
    zone: Option<TimeZone>,
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a schedule that Argo CD takes: {text:?}: {why}")]
pub struct ScheduleError {
    /// The text.
    pub text: String,

    /// What is wrong.
    pub why: String,
}

/// The allowed values of a field, and whether it was a star.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bits {
    set: u64,
    star: bool,
}

impl Bits {
    fn has(self, value: i8) -> bool {
        self.set >> value & 1 == 1
    }
}

/// The allowed range of a field and its names.
struct Bounds {
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds {
    low: 0,
    high: 59,
    names: &[],
};
const HOURS: Bounds = Bounds {
    low: 0,
    high: 23,
    names: &[],
};
const DAYS: Bounds = Bounds {
    low: 1,
    high: 31,
    names: &[],
};
const MONTHS: Bounds = Bounds {
    low: 1,
    high: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
const WEEKDAYS: Bounds = Bounds {
    low: 0,
    high: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// How long a time is looked for before there is none.
const YEARS: i16 = 5;

impl Schedule {
    /// Reads the five fields, perhaps after `TZ=zone` or `CRON_TZ=zone`.
    ///
    /// Source: `Parser.Parse`, `getField` and `getRange` in `parser.go`.
    ///
    /// # Errors
    /// [`ScheduleError`] where Argo CD has one, too.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let fail = |why: String| ScheduleError {
            text: text.to_owned(),
            why,
        };
        let (mut zone, mut rest) = (None, text);
        if let Some(zoned) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            let (name, fields) = zoned
                .split_once(' ')
                .ok_or_else(|| fail("nothing follows the time zone".to_owned()))?;
            zone = Some(time_zone(name).ok_or_else(|| fail(format!("unknown time zone {name}")))?);
            rest = fields.trim();
        }
        if rest.starts_with('@') {
            return Err(fail("words that begin with @ are not taken".to_owned()));
        }
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(fail(format!("it has {} fields and not 5", fields.len())));
        };
        let read = |field: &str, bounds: &Bounds| bits(field, bounds).map_err(fail);
        Ok(Self {
            minutes: read(minutes, &MINUTES)?,
            hours: read(hours, &HOURS)?,
            days: read(days, &DAYS)?,
            months: read(months, &MONTHS)?,
            weekdays: read(weekdays, &WEEKDAYS)?,
            zone,
        })
    }

    /// The first time after this one; `None` where none comes within five years.
    ///
    /// Source: `SpecSchedule.Next` in `spec.go`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        let from = zone.to_datetime(after);
        let last = from.year().checked_add(YEARS)?;
        let mut date = from.date();
        while date.year() <= last {
            if self.day(date) {
                let not_before = if date == from.date() { Some(from) } else { None };
                // A time that the clocks skip in spring does not come that day. One that comes twice in autumn counts
                // once here, and twice in the original.
                let found = self
                    .time(date, not_before)
                    .map(|found| zone.to_ambiguous_timestamp(found));
                if let Some(found) = found.filter(|found| !matches!(found.offset(), AmbiguousOffset::Gap { .. })) {
                    return found.compatible().ok();
                }
            }
            date = self.next_date(date)?;
        }
        None
    }

    /// The next date worth a look: months that never fit are passed over at once.
    fn next_date(&self, date: Date) -> Option<Date> {
        if self.months.has(date.month()) {
            date.tomorrow().ok()
        } else {
            date.last_of_month().tomorrow().ok()
        }
    }

    /// Source: `dayMatches` in `spec.go`: both must fit where one of them is a star, else one is enough.
    fn day(&self, date: Date) -> bool {
        let day = self.days.has(date.day());
        let weekday = self.weekdays.has(date.weekday().to_sunday_zero_offset());
        let fits = if self.days.star || self.weekdays.star {
            day && weekday
        } else {
            day || weekday
        };
        fits && self.months.has(date.month())
    }

    /// The first time of a day, after the given one.
    fn time(&self, date: Date, after: Option<DateTime>) -> Option<DateTime> {
        let hours = (0..24).filter(|hour| self.hours.has(*hour));
        let mut times = hours.flat_map(|hour| {
            (0..60)
                .filter(|minute| self.minutes.has(*minute))
                .map(move |minute| (hour, minute))
        });
        times.find_map(|(hour, minute)| {
            let found = date.to_datetime(Time::new(hour, minute, 0, 0).ok()?);
            after.is_none_or(|after| found > after).then_some(found)
        })
    }
}

/// One field: ranges separated by commas. Empty ones are passed over, so that a lone comma never fits.
fn bits(field: &str, bounds: &Bounds) -> Result<Bits, String> {
    let mut all = Bits { set: 0, star: false };
    for range in field.split(',').filter(|range| !range.is_empty()) {
        let Bits { set, star } = range_bits(range, bounds)?;
        all = Bits {
            set: all.set | set,
            star: all.star | star,
        };
    }
    Ok(all)
}

/// `number`, `number-number`, `*` or `?`, each perhaps with `/step`. A number with a step goes up to the end.
fn range_bits(range: &str, bounds: &Bounds) -> Result<Bits, String> {
    let mut parts = range.split('/');
    let ends: Vec<&str> = parts.next().unwrap_or_default().split('-').collect();
    let star = ends[0] == "*" || ends[0] == "?";
    let (low, mut high) = match ends[..] {
        _ if star => (bounds.low, bounds.high),
        [one] => (number(one, bounds.names)?, number(one, bounds.names)?),
        [low, high] => (number(low, bounds.names)?, number(high, bounds.names)?),
        _ => return Err(format!("too many hyphens: {range}")),
    };
    let step = match (parts.next(), parts.next()) {
        (None, _) => 1,
        (Some(step), None) => {
            if ends.len() == 1 {
                high = bounds.high;
            }
            number(step, &[])?
        }
        (Some(_), Some(_)) => return Err(format!("too many slashes: {range}")),
    };
    if low < bounds.low || high > bounds.high || low > high {
        return Err(format!("{range} is not within {} to {}", bounds.low, bounds.high));
    }
    if step == 0 {
        return Err(format!("a step of 0: {range}"));
    }
    let set = (low..=high)
        .step_by(step as usize)
        .fold(0, |set, value| set | 1 << value);
    Ok(Bits {
        set,
        star: star && step == 1,
    })
}

fn number(text: &str, names: &[&str]) -> Result<u32, String> {
    let named = names
        .iter()
        .position(|name| text.eq_ignore_ascii_case(name))
        .and_then(|at| u32::try_from(at).ok());
    // Months count from 1, days of the week from 0.
    let first = u32::from(names.len() == 12);
    named
        .map(|at| at + first)
        .map_or_else(|| text.parse().map_err(|_| format!("not a number: {text:?}")), Ok)
}

/// A time zone of the database that is built in; `None` where it has none of that name.
///
/// Source: Go's `time.LoadLocation` finds zones as files, so a name counts with its case.
pub(super) fn time_zone(name: &str) -> Option<TimeZone> {
    if name.is_empty() || name == "UTC" {
        return Some(TimeZone::UTC);
    }
    TimeZoneDatabase::bundled()
        .get(name)
        .ok()
        .filter(|zone| zone.iana_name() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Recorded from robfig/cron at bc59245fe10e, which Argo CD v3.5.7 uses, with the parser of its sync windows; year
    /// 1 is its "never".
    #[test]
    fn the_next_time_is_the_originals() {
        for (text, after, next) in [
            ("*/15 9-17 * * 1-5", "2026-01-31T23:59:59Z", "2026-02-02T09:00:00Z"),
            ("*/15 9-17 * * 1-5", "2026-03-28T23:30:00Z", "2026-03-30T09:00:00Z"),
            ("0 0 13 * 5", "2026-01-31T23:59:59Z", "2026-02-06T00:00:00Z"),
            ("0 0 13 * 5", "2026-03-28T23:30:00Z", "2026-04-03T00:00:00Z"),
            ("0 0 */2 * 1", "2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z"),
            ("0 0 */2 * 1", "2026-03-28T23:30:00Z", "2026-03-29T00:00:00Z"),
            ("0 0 * * */2", "2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z"),
            ("0 0 * * */2", "2026-03-28T23:30:00Z", "2026-03-29T00:00:00Z"),
            ("0 0 ? * SUN", "2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z"),
            ("0 0 ? * SUN", "2026-03-28T23:30:00Z", "2026-03-29T00:00:00Z"),
            ("30 4 29 2 *", "2026-01-31T23:59:59Z", "2028-02-29T04:30:00Z"),
            ("30 4 29 2 *", "2026-03-28T23:30:00Z", "2028-02-29T04:30:00Z"),
            ("0 0 30 2 *", "2026-01-31T23:59:59Z", "0001-01-01T00:00:00Z"),
            ("0 0 30 2 *", "2026-03-28T23:30:00Z", "0001-01-01T00:00:00Z"),
            ("0 0 , * *", "2026-01-31T23:59:59Z", "0001-01-01T00:00:00Z"),
            ("0 0 , * *", "2026-03-28T23:30:00Z", "0001-01-01T00:00:00Z"),
            ("5/20 * * * *", "2026-01-31T23:59:59Z", "2026-02-01T00:05:00Z"),
            ("5/20 * * * *", "2026-03-28T23:30:00Z", "2026-03-28T23:45:00Z"),
            ("0 0 * JAN-mar mon", "2026-01-31T23:59:59Z", "2026-02-02T00:00:00Z"),
            ("0 0 * JAN-mar mon", "2026-03-28T23:30:00Z", "2026-03-30T00:00:00Z"),
            ("0 0 */1 * 1", "2026-01-31T23:59:59Z", "2026-02-02T00:00:00Z"),
            ("0 0 */1 * 1", "2026-03-28T23:30:00Z", "2026-03-30T00:00:00Z"),
            ("*-5 0 * * *", "2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z"),
            ("*-5 0 * * *", "2026-03-28T23:30:00Z", "2026-03-29T00:00:00Z"),
            (
                "TZ=Europe/Berlin 30 2 * * *",
                "2026-01-31T23:59:59Z",
                "2026-02-01T01:30:00Z",
            ),
            (
                "TZ=Europe/Berlin 30 2 * * *",
                "2026-03-28T23:30:00Z",
                "2026-03-30T00:30:00Z",
            ),
            (
                "TZ=Europe/Berlin 30 2 * * *",
                "2026-11-21T22:00:00Z",
                "2026-11-22T01:30:00Z",
            ),
            (
                "TZ=Europe/Berlin 30 2 * * *",
                "2027-02-28T12:34:56.5Z",
                "2027-03-01T01:30:00Z",
            ),
            (
                "CRON_TZ=America/New_York 0 9 * * *",
                "2026-01-31T23:59:59Z",
                "2026-02-01T14:00:00Z",
            ),
            (
                "CRON_TZ=America/New_York 0 9 * * *",
                "2026-03-28T23:30:00Z",
                "2026-03-29T13:00:00Z",
            ),
            ("0 0 10-20/5 * *", "2026-01-31T23:59:59Z", "2026-02-10T00:00:00Z"),
            ("0 0 10-20/5 * *", "2026-03-28T23:30:00Z", "2026-04-10T00:00:00Z"),
        ] {
            let found = Schedule::parse(text).unwrap().next(time(after));
            let expected = Some(time(next)).filter(|next| *next > time("1970-01-01T00:00:00Z"));
            assert_eq!(found, expected, "{text} after {after}");
        }
    }

    #[test]
    fn what_the_original_refuses_is_refused() {
        for text in [
            "@daily",
            "0 0 * * 7",
            "60 * * * *",
            "* * * *",
            "* * * * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "1-2-3 * * * *",
            "1/2/3 * * * *",
            "a * * * *",
            "",
            "TZ=Nowhere/Land * * * * *",
            "0 0 L * *",
            "0 0 0 * *",
            "0 0 * 0 *",
            "-1 * * * *",
            "0 0 * foo *",
            "TZ=UTC",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Schedule::parse("0 0 * * 7").unwrap_err().to_string(),
            r#"not a schedule that Argo CD takes: "0 0 * * 7": 7 is not within 0 to 6"#
        );
    }

    #[test]
    fn zones_are_known_by_their_exact_names() {
        assert!(time_zone("Europe/Berlin").is_some() && time_zone("").is_some());
        assert!(
            time_zone("europe/berlin").is_none()
                && time_zone("CET-ish").is_none()
                && time_zone("../etc/passwd").is_none()
        );
    }
}
