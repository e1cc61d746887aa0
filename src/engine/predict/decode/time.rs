//! Times as Go reads them: RFC 3339, and what is said to a text that is none.
//!
//! Source: `parse` of Go's `time/format.go` with the layout of `UnmarshalJSON` in apimachinery's
//! `pkg/apis/meta/v1/time.go`.

use jiff::civil::Date;
use serde_json::Value;

/// `time.RFC3339`.
const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";

/// A part of the layout, and how many digits it takes at least and at most.
enum Part {
    Literal(&'static str),
    Number {
        name: &'static str,
        least: usize,
        most: usize,
        range: Option<(&'static str, u32, u32)>,
    },
}

use Part::{Literal, Number};

const PARTS: &[Part] = &[
    Number {
        name: "2006",
        least: 4,
        most: 4,
        range: None,
    },
    Literal("-"),
    Number {
        name: "01",
        least: 2,
        most: 2,
        range: Some(("month", 1, 12)),
    },
    Literal("-"),
    Number {
        name: "02",
        least: 2,
        most: 2,
        range: None,
    },
    Literal("T"),
    Number {
        name: "15",
        least: 1,
        most: 2,
        range: Some(("hour", 0, 23)),
    },
    Literal(":"),
    Number {
        name: "04",
        least: 2,
        most: 2,
        range: Some(("minute", 0, 59)),
    },
    Literal(":"),
    Number {
        name: "05",
        least: 2,
        most: 2,
        range: Some(("second", 0, 59)),
    },
];

/// Why the text is no time, in Go's words; none where it is one.
pub(super) fn fault(text: &str) -> Option<String> {
    let quoted = |text: &str| Value::from(text).to_string();
    let failed = |why: String| Some(format!("parsing time {} as {}: {why}", quoted(text), quoted(LAYOUT)));
    let out_of_range = |what: &str| Some(format!("parsing time {}: {what} out of range", quoted(text)));
    let mut rest = text;
    let mut numbers = Vec::new();
    for part in PARTS {
        let (name, after) = match part {
            Literal(literal) => (*literal, rest.strip_prefix(literal)),
            Number { name, least, most, .. } => {
                let digits = rest.bytes().take(*most).take_while(u8::is_ascii_digit).count();
                (*name, rest.get(digits..).filter(|_| digits >= *least))
            }
        };
        let Some(after) = after else {
            return failed(format!("cannot parse {} as {}", quoted(rest), quoted(name)));
        };
        if let Number { range, .. } = part {
            let number = rest[..rest.len() - after.len()].parse::<u32>().unwrap_or_default();
            numbers.push(number);
            if let Some((what, ..)) = range.filter(|(_, least, most)| !(*least..=*most).contains(&number)) {
                return out_of_range(what);
            }
        }
        rest = after;
    }
    let rest = without_fraction(rest);
    let after = match rest.strip_prefix('Z') {
        Some(after) => after,
        None => match offset(rest) {
            Ok(after) => after,
            Err(Some(what)) => return out_of_range(what),
            Err(None) => return failed(format!("cannot parse {} as \"Z07:00\"", quoted(rest))),
        },
    };
    if !after.is_empty() {
        return Some(format!("parsing time {}: extra text: {}", quoted(text), quoted(after)));
    }
    let number = |at: usize| numbers.get(at).copied().unwrap_or_default();
    let day = Date::new(
        i16::try_from(number(0)).unwrap_or_default(),
        i8::try_from(number(1)).unwrap_or_default(),
        i8::try_from(number(2)).unwrap_or_default(),
    );
    day.is_err()
        .then(|| format!("parsing time {}: day out of range", quoted(text)))
}

/// What follows the seconds, without a fraction of one, which no layout need name.
fn without_fraction(rest: &str) -> &str {
    let Some(fraction) = rest.strip_prefix(['.', ',']) else {
        return rest;
    };
    let after = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
    if after.len() == fraction.len() { rest } else { after }
}

/// What follows an offset such as `+02:00`; where it is none, what of it is out of range.
fn offset(rest: &str) -> Result<&str, Option<&'static str>> {
    let (sign, after) = rest.split_at_checked(6).ok_or(None)?;
    let digits = |range: std::ops::Range<usize>| {
        sign.get(range)
            .filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_offset = sign.starts_with(['+', '-']) && sign.get(3..4) == Some(":");
    let (Some(hours), Some(minutes)) = (digits(1..3).filter(|_| is_offset), digits(4..6)) else {
        return Err(None);
    };
    match (hours.parse().unwrap_or(0), minutes.parse().unwrap_or(0)) {
        (25_u32.., _) => Err(Some("time zone offset hour")),
        (_, 61_u32..) => Err(Some("time zone offset minute")),
        _ => Ok(after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_text_that_is_no_time_is_told_with_the_part_at_which_reading_ended() {
        let cannot = |text: &str, rest: &str, part: &str| {
            format!("parsing time \"{text}\" as \"{LAYOUT}\": cannot parse \"{rest}\" as \"{part}\"")
        };
        for (text, told) in [
            ("", cannot("", "", "2006")),
            ("yesterday", cannot("yesterday", "yesterday", "2006")),
            ("2026", cannot("2026", "", "-")),
            ("2026-1-1", cannot("2026-1-1", "1-1", "01")),
            ("2026-01-01", cannot("2026-01-01", "", "T")),
            ("2026-01-01T00:00:00", cannot("2026-01-01T00:00:00", "", "Z07:00")),
            (
                "2026-13-01T00:00:00Z",
                "parsing time \"2026-13-01T00:00:00Z\": month out of range".to_owned(),
            ),
            (
                "2026-02-30T00:00:00Z",
                "parsing time \"2026-02-30T00:00:00Z\": day out of range".to_owned(),
            ),
            (
                "2026-01-01T00:00:00Z ",
                "parsing time \"2026-01-01T00:00:00Z \": extra text: \" \"".to_owned(),
            ),
        ] {
            assert_eq!(fault(text), Some(told), "{text}");
        }
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.123Z",
            "2026-01-01T00:00:00+02:00",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
    }
}
