//! Numbers as Go reads, prints and reads them again on the way from YAML to an object.

use serde_json::{Number, Value};

/// A number that a plain scalar denotes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Numeric {
    Int(i64),
    Unsigned(u64),
    Float(f64),
}

/// Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`; underscores are gone already.
pub(super) fn parse_integer(text: &str) -> Option<Numeric> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    if let Ok(number) = i64::from_str_radix(&format!("{sign}{digits}"), radix) {
        return Some(Numeric::Int(number));
    }
    let signed = text.starts_with(['-', '+']);
    u64::from_str_radix(digits, radix)
        .ok()
        .filter(|_| !signed)
        .map(Numeric::Unsigned)
}

/// go-yaml's `yamlStyleFloat`, then Go's `strconv.ParseFloat`, for which an overflow is an error.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mantissa_holds = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            (digits(whole) && fraction.is_empty()) || ((whole.is_empty() || digits(whole)) && digits(fraction))
        }
        None => digits(mantissa),
    };
    if !mantissa_holds || !exponent.is_none_or(digits) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The value that is left when Go's `encoding/json` has printed the number and `sigs.k8s.io/json` has read it again: a
/// whole float below 1e21 comes back as an integer, an integer beyond 64 bits as a float.
pub(super) fn through_json(number: Numeric) -> Option<Value> {
    let float = |number: f64| Number::from_f64(number).map(Value::Number);
    match number {
        Numeric::Int(number) => Some(Value::from(number)),
        Numeric::Unsigned(number) => float(number as f64),
        Numeric::Float(number) if !number.is_finite() => None,
        Numeric::Float(number) => match json_text(number).parse::<i64>() {
            Ok(whole) => Some(Value::from(whole)),
            Err(_) => float(number),
        },
    }
}

/// How Go's `encoding/json` prints a float: positional from 1e-6 up to 1e21, else with an exponent.
///
/// Source: `floatEncoder.encode` of Go's `encoding/json/encode.go`.
pub fn json_text(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
        _ => text,
    }
}

/// How a float becomes a map key: Go's `strconv.FormatFloat(key, 'g', -1, 32)`.
///
/// Source: `convertToJSONableObject` of `sigs.k8s.io/yaml`.
pub(super) fn key_text(number: f64) -> String {
    match number as f32 {
        _ if number.is_nan() => ".nan".to_owned(),
        narrow if narrow == f32::INFINITY => ".inf".to_owned(),
        narrow if narrow == f32::NEG_INFINITY => "-.inf".to_owned(),
        narrow => {
            let scientific = format!("{narrow:e}");
            let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
            match exponent.parse::<i32>().unwrap_or(0) {
                // "if precision was the shortest possible, use precision 6 for this decision": `formatDigits` of Go's
                // strconv.
                exponent if (-4..6).contains(&exponent) => narrow.to_string(),
                exponent => format!(
                    "{mantissa}e{}{:02}",
                    if exponent < 0 { '-' } else { '+' },
                    exponent.abs()
                ),
            }
        }
    }
}
