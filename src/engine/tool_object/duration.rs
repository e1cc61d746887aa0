//! Spans of time as Go writes and reads them: `300ms`, `-1.5h`, `2h45m`.

use jiff::SignedDuration;

/// A text that Go's `time.ParseDuration` does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a span of time as Go reads it: {0:?}")]
pub struct DurationError(pub String);

/// Reads what `time.ParseDuration` reads.
///
/// Fractions of a nanosecond are dropped and a total beyond Go's 292 years is refused, as there.
///
/// # Errors
/// [`DurationError`] with the text.
pub fn duration(text: &str) -> Result<SignedDuration, DurationError> {
    let fail = || DurationError(text.to_owned());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned == "0" {
        return Ok(SignedDuration::ZERO);
    }
    let (mut total, mut rest) = (0_i128, unsigned);
    if rest.is_empty() {
        return Err(fail());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(fail)?;
        let (number, after) = rest.split_at(end);
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(fail());
        }
        let unit = nanoseconds(unit).ok_or_else(fail)?;
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| fail())?
        };
        total = whole
            .checked_mul(unit)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(fail)?;
        // Digits beyond the fifteenth are less than a nanosecond in every unit.
        let digits = &fraction[..fraction.len().min(15)];
        if !digits.is_empty() {
            let part: i128 = digits.parse().map_err(|_| fail())?;
            total += part * unit / 10_i128.pow(u32::try_from(digits.len()).unwrap_or(15));
        }
        rest = next;
    }
    let signed = if text.starts_with('-') { -total } else { total };
    i64::try_from(signed)
        .map(SignedDuration::from_nanos)
        .map_err(|_| fail())
}

/// Reads a span of time, or a bare number as seconds.
///
/// Source: `parseStringToDuration` in `pkg/apis/application/v1alpha1/types.go` of Argo CD.
///
/// # Errors
/// [`DurationError`] with the text.
pub fn duration_or_seconds(text: &str) -> Result<SignedDuration, DurationError> {
    text.parse().map(SignedDuration::from_secs).or_else(|_| duration(text))
}

fn nanoseconds(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn spans_are_read_as_by_go() {
        for (text, seconds) in [
            ("0", 0.0),
            ("5s", 5.0),
            ("3m0s", 180.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            (".5s", 0.5),
            ("1.s", 1.0),
            ("-2m", -120.0),
            ("+2m", 120.0),
            ("1500ms", 1.5),
            ("2us", 2e-6),
        ] {
            assert_eq!(duration(text).map(|span| span.as_secs_f64()), Ok(seconds), "{text}");
        }
        for text in [
            "", "5", "s", ".s", "1d", "1 h", "1h ", "--1s", "1.2.3s", "3000000h", "-",
        ] {
            assert_eq!(duration(text), Err(DurationError(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_bare_number_is_seconds_where_argo_cd_takes_it_so() {
        assert_eq!(duration_or_seconds("15"), Ok(SignedDuration::from_secs(15)));
        assert_eq!(duration_or_seconds("2m"), Ok(SignedDuration::from_secs(120)));
        assert_eq!(duration_or_seconds("soon"), Err(DurationError("soon".to_owned())));
    }
}
