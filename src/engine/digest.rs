//! Content hashes of values, and of a live object as far as an approval depends on it.

use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The SHA-256 of a value's canonical JSON (sorted keys, no white space), as 64 hexadecimal digits.
pub fn digest(value: &Value) -> String {
    digest_of(value)
}

pub(super) fn digest_of(content: &impl Serialize) -> String {
    /// The room that most objects need as text.
    const USUAL: usize = 16 * 1024;
    let mut text = Vec::with_capacity(USUAL);
    // Neither a value nor a part of one fails to be written.
    let _ = serde_json::to_writer(&mut text, content);
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(&text) {
        digits.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or_default()));
    }
    digits
}

/// The digest of a live object without what moves by itself.
///
/// Left out are the status, the resourceVersion, the times in managedFields, the entries of the status subresource, and
/// the revision annotation, which the deployment controller writes through that subresource: a crash-looping pod moves
/// all of these and changes nothing that a person approved.
pub fn live_digest(live: &Value) -> String {
    digest_of(&Lasting(live, Part::Object))
}

/// A part of a live object, which is written without what moves by itself.
struct Lasting<'a>(&'a Value, Part);

/// The parts of a live object that hold what moves by itself, and the rest.
#[derive(Clone, Copy)]
enum Part {
    Object,
    Metadata,
    Annotations,
    ManagedFields,
    Entry,
    Rest,
}

impl Part {
    fn below(self, name: &str) -> Self {
        match (self, name) {
            (Self::Object, "metadata") => Self::Metadata,
            (Self::Metadata, "annotations") => Self::Annotations,
            (Self::Metadata, "managedFields") => Self::ManagedFields,
            _ => Self::Rest,
        }
    }

    fn moves(self, name: &str) -> bool {
        match self {
            Self::Object => name == "status",
            Self::Metadata => name == "resourceVersion",
            Self::Annotations => name == "deployment.kubernetes.io/revision",
            Self::Entry => name == "time",
            Self::ManagedFields | Self::Rest => false,
        }
    }
}

impl Serialize for Lasting<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value, part) = *self;
        match (value, part) {
            (value, Part::Rest) => value.serialize(serializer),
            (Value::Array(entries), Part::ManagedFields) => {
                let kept = entries
                    .iter()
                    .filter(|entry| entry.get("subresource").and_then(Value::as_str) != Some("status"));
                serializer.collect_seq(kept.map(|entry| Lasting(entry, Part::Entry)))
            }
            (Value::Object(_), Part::ManagedFields) => value.serialize(serializer),
            (Value::Object(members), part) => {
                let kept = members.iter().filter(|(name, _)| !part.moves(name));
                serializer.collect_map(kept.map(|(name, member)| (name, Lasting(member, part.below(name)))))
            }
            (value, _) => value.serialize(serializer),
        }
    }
}
