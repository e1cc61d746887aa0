//! What a scalar means: go-yaml v2's rules, as `sigs.k8s.io/yaml` hands them on to JSON.
//!
//! Source: `resolve` of `go.yaml.in/yaml/v2/resolve.go` and `decoder.scalar` of `decode.go`.

use serde_json::Value;

use super::number::{Numeric, parse_float, parse_integer, through_json};

/// How a scalar is written, as far as its meaning depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// No tag, no quotes: the text decides.
    Plain,

    /// No tag, but quotes or a block: a string. So are the tags `!` and `!!str`.
    Quoted,

    Bool,
    Int,
    Float,
    Null,
    Binary,
    Timestamp,
    Merge,

    /// Any other tag. kubectl passes over it and takes a string.
    Custom,
}

impl Tag {
    /// A tag of YAML itself, by its name without the prefix `tag:yaml.org,2002:`.
    pub(super) fn core(name: &str) -> Self {
        match name {
            "str" => Self::Quoted,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "float" => Self::Float,
            "null" => Self::Null,
            "binary" => Self::Binary,
            "timestamp" => Self::Timestamp,
            "merge" => Self::Merge,
            _ => Self::Custom,
        }
    }
}

/// What a scalar is before it goes through JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Number(Numeric),
    Text(String),
}

impl Scalar {
    /// The word of go-yaml for the type, used in its messages.
    fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(Numeric::Float(_)) => "float",
            Self::Number(_) => "int",
            Self::Text(_) => "str",
        }
    }

    /// The value as JSON; `None` for infinities and what is not a number, which JSON cannot say.
    pub(super) fn into_value(self) -> Option<Value> {
        match self {
            Self::Null => Some(Value::Null),
            Self::Bool(flag) => Some(Value::Bool(flag)),
            Self::Number(number) => through_json(number),
            Self::Text(text) => Some(Value::String(text)),
        }
    }
}

/// Reads a scalar as kubectl does.
///
/// # Errors
/// A message where the tag and the text do not fit each other. It does not tell the text, which may be secret.
pub(super) fn resolve(text: &str, tag: Tag) -> Result<Scalar, String> {
    let wanted = match tag {
        Tag::Plain => return Ok(implicit(text)),
        Tag::Quoted | Tag::Merge | Tag::Custom => return Ok(Scalar::Text(text.to_owned())),
        Tag::Binary => {
            let bytes = base64(text).ok_or("a !!binary value is not base64")?;
            return Ok(Scalar::Text(lossy(&bytes)));
        }
        Tag::Timestamp if is_timestamp(text) => return Ok(Scalar::Text(text.to_owned())),
        Tag::Timestamp => "timestamp",
        Tag::Bool => "bool",
        Tag::Int => "int",
        Tag::Float => "float",
        Tag::Null => "null",
    };
    match implicit(text) {
        Scalar::Number(Numeric::Int(number)) if tag == Tag::Float => Ok(Scalar::Number(Numeric::Float(number as f64))),
        found if found.type_name() == wanted => Ok(found),
        found => Err(format!(
            "unable to read a !!{} as the !!{wanted} that its tag demands",
            found.type_name()
        )),
    }
}

/// Bytes as text with U+FFFD for each byte that is not UTF-8, as Go's `encoding/json` prints them.
fn lossy(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// Whether YAML 1.2's core schema would read a plain scalar as another value than kubectl.
///
/// Source: YAML 1.2.2, section 10.3.2.
pub(super) fn differs_from_yaml_1_2(text: &str) -> bool {
    let ours = implicit(text);
    let theirs = core_schema(text);
    match (&ours, &theirs) {
        (Scalar::Number(ours), Scalar::Number(theirs)) => through_json(*ours) != through_json(*theirs),
        _ => ours != theirs,
    }
}

/// What kubectl takes the text of a plain scalar for, in words that do not tell the text.
pub(super) fn reading(text: &str) -> &'static str {
    let digits = text.trim_start_matches(['+', '-']);
    match implicit(text) {
        Scalar::Null => "null",
        Scalar::Bool(_) => "a boolean",
        Scalar::Text(_) => "text",
        Scalar::Number(_) if digits.starts_with("0b") => "a binary number",
        Scalar::Number(_) if digits.contains('_') => "a number with separators",
        Scalar::Number(Numeric::Int(_) | Numeric::Unsigned(_)) if digits.starts_with('0') => "an octal number",
        Scalar::Number(_) => "a number",
    }
}

/// What the text of a plain scalar means.
fn implicit(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        _ => {}
    }
    if let Some(number) = special_float(text) {
        return Scalar::Number(Numeric::Float(number));
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => parse_float(&without_separators(text)).map(Numeric::Float),
        Some(b'0'..=b'9' | b'+' | b'-') => {
            let plain = text.replace('_', "");
            parse_integer(&plain)
                .or_else(|| parse_float(&plain).map(Numeric::Float))
                .or_else(|| signed_binary(&plain))
        }
        _ => None,
    };
    number.map_or_else(|| Scalar::Text(text.to_owned()), Scalar::Number)
}

/// The text without underscores that stand between digits, which is where Go's `ParseFloat` takes them.
fn without_separators(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let separates = |at: usize| at > 0 && digit(at - 1) && digit(at + 1);
    text.char_indices()
        .filter(|(at, c)| *c != '_' || !separates(*at))
        .map(|(_, c)| c)
        .collect()
}

/// `0b-11` is -3: go-yaml tries what follows `0b` as a number with a sign of its own.
fn signed_binary(plain: &str) -> Option<Numeric> {
    i64::from_str_radix(plain.strip_prefix("0b")?, 2).ok().map(Numeric::Int)
}

fn special_float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn core_schema(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    let digits = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    let based = |prefix, radix| {
        let digits = text.strip_prefix(prefix).filter(|rest| digits(rest, radix))?;
        u64::from_str_radix(digits, radix).ok().map(Numeric::Unsigned)
    };
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let decimal = || {
        digits(unsigned, 10)
            .then(|| text.parse().ok().map(Numeric::Int))
            .flatten()
    };
    let float = || special_float(text).or_else(|| parse_float(text)).map(Numeric::Float);
    let number = based("0o", 8)
        .or_else(|| based("0x", 16))
        .or_else(decimal)
        .or_else(float);
    match number {
        // A number of up to 63 bits is the same one, signed or not.
        Some(Numeric::Unsigned(number)) => {
            Scalar::Number(i64::try_from(number).map_or(Numeric::Unsigned(number), Numeric::Int))
        }
        Some(number) => Scalar::Number(number),
        None => Scalar::Text(text.to_owned()),
    }
}

/// Whether go-yaml's `parseTimestamp` takes the text: a date, perhaps with a time.
fn is_timestamp(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let numbers: Vec<_> = date.split('-').collect();
    let number = |text: &str, low: u32, high: u32| {
        (1..=2).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit())
            && text.parse().is_ok_and(|n| (low..=high).contains(&n))
    };
    let [year, month, day] = numbers[..] else { return false };
    let date_holds =
        year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()) && number(month, 1, 12) && number(day, 1, 31);
    let time_holds = |time: &str| {
        let clock = time.split(['Z', '+', '-', '.']).next().unwrap_or_default();
        let parts: Vec<_> = clock.split(':').collect();
        matches!(parts[..], [h, m, s] if number(h, 0, 23) && number(m, 0, 59) && number(s, 0, 59))
    };
    date_holds && time.is_none_or(time_holds)
}

/// Standard base64 with padding; line breaks are passed over, as Go's `base64.StdEncoding` does.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let symbols: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    let padding = symbols.iter().rev().take_while(|&&b| b == b'=').count();
    if !symbols.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let (mut bytes, mut buffer, mut bits) = (Vec::with_capacity(symbols.len() / 4 * 3), 0_u32, 0);
    for symbol in &symbols[..symbols.len() - padding] {
        let sextet = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = buffer << 6 | u32::from(sextet);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
        }
    }
    Some(bytes)
}
