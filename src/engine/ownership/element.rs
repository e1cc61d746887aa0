//! One key of FieldsV1 (`f:name`, `k:{"name":"web"}`, `v:"x"`, `i:3`) as a segment of a path, and back.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::engine::object::{Segment, key_default};

/// A segment with the one text that FieldsV1 has for it, so that two spellings of a list key are one element.
#[derive(Clone, Debug)]
pub(super) struct Element {
    segment: Segment,

    /// The text; empty for a field, by far the most frequent, whose name is its text but for the prefix.
    wire: String,
}

/// What a key of FieldsV1 turned out to be.
pub(super) enum Parsed {
    /// A step into the object.
    Element(Element),

    /// Of a type that this version does not know; the API server passes over these too (`readIterV1`).
    Unknown,

    /// Not a key of FieldsV1.
    Malformed,
}

impl Element {
    /// Reads a key. Source: `DeserializePathElement` of structured-merge-diff's `fieldpath/serialize-pe.go`.
    pub(super) fn parse(wire: &str) -> Parsed {
        let Some((kind, body)) = wire.split_once(':').filter(|(kind, _)| kind.len() == 1) else {
            return Parsed::Malformed;
        };
        if kind == "k"
            && let Some(keys) = plain_keys(body)
        {
            return Parsed::Element(Self {
                segment: Segment::Key(keys),
                wire: wire.to_owned(),
            });
        }
        let segment = match kind {
            "f" => Some(Segment::Field(body.to_owned())),
            "v" => serde_json::from_str(body).ok().map(Segment::Value),
            "i" => body.parse().ok().map(Segment::Index),
            "k" => serde_json::from_str::<Map<String, Value>>(body)
                .ok()
                .filter(|keys| !keys.is_empty())
                .map(|keys| Segment::Key(keys.into_iter().collect())),
            _ => return Parsed::Unknown,
        };
        segment.map_or(Parsed::Malformed, |segment| Parsed::Element(Self::from(segment)))
    }

    /// The element of a segment. Keys of a list item are put in alphabetical order, as the server stores them.
    pub(super) fn of(segment: &Segment) -> Self {
        Self::from(segment.clone())
    }

    /// The key as FieldsV1 has it.
    pub(super) fn wire(&self) -> String {
        match &self.segment {
            Segment::Field(name) => format!("f:{name}"),
            _ => self.wire.clone(),
        }
    }

    /// How it stands to the element of a field, without making that one.
    pub(super) fn cmp_field(&self, name: &str) -> Ordering {
        match &self.segment {
            Segment::Field(own) => own.as_str().cmp(name),
            // `i:`, `k:` and `v:` come after `f:`.
            _ => Ordering::Greater,
        }
    }

    /// The step into the object.
    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Whether both name the same item of a keyed list, when a key that one leaves out has its default.
    pub(super) fn is_same_item(&self, other: &Self) -> bool {
        let (Segment::Key(left), Segment::Key(right)) = (&self.segment, &other.segment) else {
            return false;
        };
        covers(left, right) && covers(right, left)
    }
}

impl From<Segment> for Element {
    fn from(mut segment: Segment) -> Self {
        let wire = match &mut segment {
            Segment::Field(_) => String::new(),
            Segment::Value(value) => format!("v:{}", go_json(value)),
            Segment::Index(index) => format!("i:{index}"),
            Segment::Key(keys) => {
                keys.sort_by(|left, right| left.0.cmp(&right.0));
                let mut wire = "k:{".to_owned();
                for (at, (name, value)) in keys.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    wire.extend([comma, &Value::from(name.as_str()).to_string(), ":", &go_json(value)]);
                }
                wire.push('}');
                wire
            }
        };
        Self { segment, wire }
    }
}

/// The keys of a list item where they are written as this module writes them, in order and with nothing to escape,
/// which is nearly always so; `None` leaves the text to a JSON parser.
fn plain_keys(body: &str) -> Option<Vec<(String, Value)>> {
    /// Numbers of so few digits have one spelling and fit an i64.
    const DIGITS: usize = 18;
    let is_plain = |text: &str| {
        text.bytes()
            .all(|c| matches!(c, b' '..=b'~') && !matches!(c, b'"' | b'\\' | b'<' | b'>' | b'&'))
    };
    let mut keys: Vec<(String, Value)> = Vec::with_capacity(2);
    let mut rest = body.strip_prefix('{')?;
    loop {
        let (name, after) = rest.strip_prefix('"')?.split_once("\":")?;
        let (value, after) = if let Some(text) = after.strip_prefix('"') {
            let (text, after) = text.split_once('"')?;
            (is_plain(text).then(|| Value::from(text))?, after)
        } else {
            let (digits, after) = after.split_at(after.find([',', '}'])?);
            let plain = digits.bytes().all(|c| c.is_ascii_digit())
                && digits.len() <= DIGITS
                && (digits == "0" || !digits.starts_with('0'));
            (Value::from(plain.then(|| digits.parse::<u64>().ok())??), after)
        };
        if !is_plain(name) || keys.last().is_some_and(|(last, _)| last.as_str() >= name) {
            return None;
        }
        keys.push((name.to_owned(), value));
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (after == "}").then_some(keys),
        }
    }
}

/// Whether every key of `asked` has the same value in `item`, by default where `item` leaves it out.
fn covers(item: &[(String, Value)], asked: &[(String, Value)]) -> bool {
    asked.iter().all(|(name, wanted)| {
        let held = item.iter().find(|(held, _)| held == name).map(|(_, value)| value);
        held.or_else(|| key_default(name)) == Some(wanted)
    })
}

/// JSON as Go's encoder writes it, which escapes what HTML would read.
fn go_json(value: &Value) -> String {
    const ESCAPED: [char; 5] = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    let text = value.to_string();
    if !text.contains(ESCAPED) {
        return text;
    }
    let mut out = String::new();
    for c in text.chars() {
        if ESCAPED.contains(&c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)))
        } else {
            out.push(c)
        }
    }
    out
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Element {}

impl PartialOrd for Element {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Element {
    /// As the texts of FieldsV1 are ordered.
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.segment, &other.segment) {
            (_, Segment::Field(name)) => self.cmp_field(name),
            (Segment::Field(_), _) => Ordering::Less,
            _ => self.wire.cmp(&other.wire),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_keys_are_read_as_a_json_parser_reads_them() {
        for (body, plain) in [
            (r#"{"name":"web"}"#, true),
            (r#"{"containerPort":8080,"protocol":"TCP"}"#, true),
            (r#"{"containerPort":0,"protocol":""}"#, true),
            (r#"{"mountPath":"/etc/a b"}"#, true),
            (r#"{"protocol":"TCP","containerPort":8080}"#, false),
            (r#"{"name":"a","name":"b"}"#, false),
            (r#"{"name":"a\"b"}"#, false),
            (r#"{"name":"a<b"}"#, false),
            (r#"{"name":"é"}"#, false),
            (r#"{ "name":"a"}"#, false),
            (r#"{"name": "a"}"#, false),
            (r#"{"name":"a"} "#, false),
            (r#"{"port":080}"#, false),
            (r#"{"port":-1}"#, false),
            (r#"{"port":1.0}"#, false),
            (r#"{"port":}"#, false),
            (r#"{"port":12345678901234567890}"#, false),
            (r#"{"a":true}"#, false),
            ("{}", false),
            ("", false),
        ] {
            let keys = plain_keys(body);
            assert_eq!(keys.is_some(), plain, "{body}");
            if let Some(keys) = keys {
                let parsed: Map<String, Value> = serde_json::from_str(body).unwrap();
                assert_eq!(keys, parsed.into_iter().collect::<Vec<_>>(), "{body}");
                assert_eq!(Element::from(Segment::Key(keys)).wire, format!("k:{body}"));
            }
        }
    }
}
