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
        if ESCAPED.contains(&c) { out.push_str(&format!("\\u{:04x}", u32::from(c))) } else { out.push(c) }
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
