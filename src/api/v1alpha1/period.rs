//! A span of time as people write it in Kubernetes: `30s`, `10m`, `1h30m`.

use std::borrow::Cow;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span of time of at least one millisecond, written `30s`, `10m` or `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(SignedDuration);

/// A text that is not a span of time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a span of time: {0:?}; write it like 30s, 10m or 1h30m")]
pub struct PeriodError(String);

impl Period {
    /// A whole number of seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(SignedDuration::from_secs(seconds))
    }

    /// For arithmetic with timestamps.
    pub fn signed(self) -> SignedDuration {
        self.0
    }

    /// For timers.
    pub fn unsigned(self) -> std::time::Duration {
        self.0.unsigned_abs()
    }
}

impl std::str::FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || PeriodError(text.to_owned());
        let (mut total, mut rest) = (SignedDuration::ZERO, text);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(fail)?;
            let count: i64 = rest[..digits].parse().map_err(|_| fail())?;
            let unit = &rest[digits..];
            let length = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
            let milliseconds = match &unit[..length] {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                _ => return Err(fail()),
            };
            let part = count
                .checked_mul(milliseconds)
                .map(SignedDuration::from_millis)
                .ok_or_else(fail)?;
            total = total.checked_add(part).ok_or_else(fail)?;
            rest = &unit[length..];
        }
        if total.is_zero() { Err(fail()) } else { Ok(Self(total)) }
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0.as_millis();
        for (unit, length) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
            if rest >= length {
                write!(f, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$", "maxLength": 32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["30s", "10m", "1h30m", "250ms", "24h"] {
            assert_eq!(
                text.parse::<Period>().map(|period| period.to_string()),
                Ok(text.to_owned())
            );
        }
        assert_eq!(
            "90s".parse::<Period>().map(|period| period.to_string()),
            Ok("1m30s".to_owned())
        );
    }

    #[test]
    fn refuses_what_is_no_span_of_time() {
        for text in [
            "",
            "10",
            "s",
            "1d",
            "-5s",
            "0s",
            "9999999999999999999s",
            "9223372036854775807h",
            "1.5h",
        ] {
            assert_eq!(text.parse::<Period>(), Err(PeriodError(text.to_owned())));
        }
    }
}
