//! Quantities: read, compared by value, and written as the server writes them.
//!
//! Source: `staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go` ParseQuantity, RoundUp and CanonicalizeBytes.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::tree::Tree;

/// The suffixes of powers of ten, as exponents.
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

/// The suffixes of powers of 1024, in order from the first power.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The most digits that ParseQuantity reads without arbitrary precision (`maxInt64Factors`).
const FAST_DIGITS: i32 = 18;

/// With fewer decimal places than this, a binary product that an i128 cannot hold is above the cap of an int64 (2^127 /
/// 10^19 > 2^63).
const BINARY_CAP_PLACES: i32 = 19;

/// Which suffixes a quantity is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    DecimalExponent,
    Binary,
    Decimal,
}

/// A quantity: `mantissa` times ten to the `exponent`, and how to write it.
///
/// Two quantities are equal when their values are, whatever their texts.
#[derive(Clone, Debug)]
pub struct Quantity {
    mantissa: i128,
    exponent: i32,
    format: Format,
    /// The text as read, where ParseQuantity keeps it for being canonical enough.
    kept: Option<String>,
}

/// To what a quantity is rounded up when the server reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// As every quantity: to billionths.
    Nano,

    /// As in a resource list: to thousandths.
    ///
    /// Source: `pkg/apis/core/v1/defaults.go` SetDefaults_ResourceList.
    Milli,
}

/// What the server says to a text that is no quantity: one whose suffix has allowed letters only is told as that, and
/// all others by the form.
///
/// Source: `ErrFormatWrong`, `ErrSuffix` and `parseQuantityString`.
pub fn fault(text: &str) -> Option<&'static str> {
    const FORMAT: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    const SUFFIX: &str = "unable to parse quantity's suffix";
    if parse(text).is_some() {
        return None;
    }
    let text = text.trim();
    let digits = |text: &str| text.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = &unsigned[unsigned.len() - digits(unsigned)..];
    let number = whole
        .strip_prefix('.')
        .map_or(whole, |fraction| &fraction[fraction.len() - digits(fraction)..]);
    let letters = number.trim_start_matches(|letter| "eEinumkKMGTP".contains(letter));
    let power = letters.strip_prefix(['+', '-']).unwrap_or(letters);
    Some(
        if text.is_empty() || digits(power) != 0 || suffix_of(number).is_some() {
            FORMAT
        } else {
            SUFFIX
        },
    )
}

/// Reads a quantity; `None` where the text is not one, or its value has more than 38 digits.
pub fn parse(text: &str) -> Option<Quantity> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number_end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if text.is_empty() || fraction.contains('.') {
        return None;
    }
    let (base, power, format) = suffix_of(suffix)?;
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let length = i32::try_from(whole.len()).ok()?;
    let sign = if text.starts_with('-') { -1 } else { 1 };

    let fast = if base == 10 {
        power.checked_sub(places).is_some_and(|scale| scale >= -9) && length + places <= FAST_DIGITS
    } else {
        // 15 digits less about three for every power of 1024, and an int64 must hold the product.
        fraction.is_empty()
            && 15 - length - power * 3 / 10 > 0
            && digits
                .checked_mul(1 << power)
                .is_some_and(|value| i64::try_from(value).is_ok())
    };
    if !fast && !number.contains(|c: char| c.is_ascii_digit()) {
        return None; // only the fast path takes a suffix without digits, for zero
    }
    let mut quantity = if base == 10 {
        Quantity {
            mantissa: digits,
            exponent: power.checked_sub(places)?,
            format,
            kept: None,
        }
    } else {
        match digits.checked_mul(1 << power) {
            Some(mantissa) => Quantity {
                mantissa,
                exponent: -places,
                format,
                kept: None,
            },
            None if places < BINARY_CAP_PLACES => Quantity {
                mantissa: i64::MAX.into(),
                exponent: 0,
                format,
                kept: None,
            },
            None => return None,
        }
    };
    if fast {
        let written = format!("{whole}{fraction}");
        let canonical = if base == 10 {
            quantity.exponent % 3 == 0 && !written.ends_with("000") && !written.starts_with('0')
        } else {
            power % 10 == 0 && digits % 8 != 0
        };
        quantity.kept = canonical.then(|| text.to_owned());
    } else {
        quantity.round_up(-9)?;
        quantity.cap_binary();
    }
    quantity.mantissa *= sign;
    Some(quantity)
}

/// The text that the server prints for `text`; `None` where it is not a quantity.
pub fn canonical(text: &str, rounding: Rounding) -> Option<String> {
    let mut quantity = parse(text)?;
    if rounding == Rounding::Milli {
        quantity.round_up(-3)?;
    }
    Some(quantity.to_string())
}

/// Whether two values of a manifest, strings or numbers, are quantities of the same value.
pub fn same_value(one: &Value, other: &Value) -> bool {
    match (
        text_of(one).and_then(|text| parse(&text)),
        text_of(other).and_then(|text| parse(&text)),
    ) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// The text that the server parses for a JSON value, which may be a number.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number_text(number)),
        _ => None,
    }
}

/// [`text_of`] without a copy of the text.
pub fn text_in<'t>(value: &'t Tree<'_>) -> Option<Cow<'t, str>> {
    match value {
        Tree::Text(text) => Some(Cow::Borrowed(text)),
        Tree::Number(number) => Some(Cow::Owned(number_text(number))),
        _ => None,
    }
}

/// A JSON number as Go's `encoding/json` writes it, which is what kubectl sends.
pub(super) fn number_text(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) if float.fract() == 0.0 && float.abs() < 1e21 => format!("{float:.0}"),
        _ => {
            let text = number.to_string();
            match text.split_once('e') {
                Some((mantissa, power)) if !power.starts_with('-') && !power.starts_with('+') => {
                    format!("{mantissa}e+{power}")
                }
                _ => text,
            }
        }
    }
}

/// Base, power and format of a suffix.
fn suffix_of(suffix: &str) -> Option<(u8, i32, Format)> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((10, *power, Format::Decimal));
    }
    if let Some(at) = BINARY.iter().position(|name| *name == suffix) {
        return Some((2, 10 * (i32::try_from(at).ok()? + 1), Format::Binary));
    }
    let power = suffix.strip_prefix(['e', 'E'])?;
    power.parse().ok().map(|power| (10, power, Format::DecimalExponent))
}

impl Quantity {
    /// Rounds away from zero to a multiple of ten to the `scale`; `None` where the value is too large to hold.
    fn round_up(&mut self, scale: i32) -> Option<()> {
        if self.exponent >= scale || self.mantissa == 0 {
            return Some(());
        }
        self.kept = None;
        let step = 10i128.checked_pow(u32::try_from(scale - self.exponent).ok()?);
        let (quotient, exact) = match step {
            Some(step) => (self.mantissa / step, self.mantissa % step == 0),
            None => (0, false),
        };
        self.mantissa = if exact {
            quotient
        } else {
            quotient + self.mantissa.signum()
        };
        self.exponent = scale;
        Some(())
    }

    /// Caps a binary quantity at an int64, and writes one below 1 with decimal suffixes, as ParseQuantity does.
    fn cap_binary(&mut self) {
        if self.format != Format::Binary {
            return;
        }
        let one = 10i128.pow(u32::try_from(-self.exponent).unwrap_or(0));
        if self.mantissa > i128::from(i64::MAX) * one {
            (self.mantissa, self.exponent) = (i64::MAX.into(), 0);
        } else if self.mantissa > 0 && self.mantissa < one {
            self.format = Format::Decimal;
        }
    }

    /// Mantissa and exponent without trailing zeros.
    fn reduced(&self) -> (i128, i32) {
        let (mut mantissa, mut exponent) = (self.mantissa, self.exponent);
        if mantissa == 0 {
            return (0, 0);
        }
        while mantissa % 10 == 0 {
            (mantissa, exponent) = (mantissa / 10, exponent + 1);
        }
        (mantissa, exponent)
    }

    /// The sum, written with the suffixes of the first where that is not zero; `None` where it is too large to hold.
    ///
    /// Source: `Quantity.Add`.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        let ((one, left), (two, right)) = (self.reduced(), other.reduced());
        let exponent = left.min(right);
        let scaled =
            |mantissa: i128, from: i32| mantissa.checked_mul(10i128.checked_pow(u32::try_from(from - exponent).ok()?)?);
        let mantissa = scaled(one, left)?.checked_add(scaled(two, right)?)?;
        let format = if one == 0 { other.format } else { self.format };
        Some(Self {
            mantissa,
            exponent,
            format,
            kept: None,
        })
    }

    /// The value as an integer, where it is one that can be held.
    pub fn integer(&self) -> Option<i128> {
        let (mantissa, exponent) = self.reduced();
        mantissa.checked_mul(10i128.checked_pow(u32::try_from(exponent).ok()?)?)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.reduced() == other.reduced()
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    /// By value; `None` where the two lie too far apart to be written with one exponent.
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        let ((one, left), (two, right)) = (self.reduced(), other.reduced());
        let scaled =
            |mantissa: i128, exponent: i32| mantissa.checked_mul(10i128.checked_pow(u32::try_from(exponent).ok()?)?);
        let exponent = left.min(right);
        Some(scaled(one, left - exponent)?.cmp(&scaled(two, right - exponent)?))
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(kept) = &self.kept {
            return f.write_str(kept);
        }
        let (mut mantissa, mut exponent) = self.reduced();
        if mantissa == 0 {
            return f.write_str("0");
        }
        // A binary quantity below 1024 or with a fraction is written with decimal suffixes rather than rounded.
        if let Some(mut value) = self
            .integer()
            .filter(|value| self.format == Format::Binary && value.abs() >= 1024)
        {
            let mut times = 0usize;
            while value % 1024 == 0 {
                (value, times) = (value / 1024, times + 1);
            }
            let suffix = times.checked_sub(1).and_then(|at| BINARY.get(at)).unwrap_or(&"");
            return write!(f, "{value}{suffix}");
        }
        while exponent % 3 != 0 {
            (mantissa, exponent) = (mantissa * 10, exponent - 1);
        }
        match (self.format, exponent) {
            (Format::DecimalExponent, 0) => write!(f, "{mantissa}"),
            (Format::DecimalExponent, _) => write!(f, "{mantissa}e{exponent}"),
            _ => write!(
                f,
                "{mantissa}{}",
                DECIMAL
                    .iter()
                    .find(|(_, power)| *power == exponent)
                    .map_or("", |(name, _)| name)
            ),
        }
    }
}

#[cfg(test)]
mod tests;
