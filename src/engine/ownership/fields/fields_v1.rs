//! The text of a set in `managedFields`: `FieldsV1`.

use serde_json::{Map, Value};

use super::{FieldSet, Node};
use crate::engine::object::{FieldPath, Segment};
use crate::engine::ownership::element::{Element, Parsed};

/// A value that is not FieldsV1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unable to read fieldsV1 at \"{path}\": {what}")]
pub struct FieldsError {
    /// The node under which it stops making sense.
    pub path: FieldPath,

    /// What stands there.
    pub what: String,
}

impl FieldsError {
    /// The same, told from one step further up.
    fn below(mut self, segment: &Segment) -> Self {
        self.path.0.insert(0, segment.clone());
        self
    }
}

impl Node {
    /// Reads a node. Source: `readIterV1`: `.` makes it a member, and so does having nothing below.
    pub(super) fn read(value: &Value) -> Result<Self, FieldsError> {
        let fail = |what: &str| FieldsError {
            path: FieldPath::root(),
            what: what.to_owned(),
        };
        let keys = match value {
            Value::Object(keys) => keys,
            Value::Null => {
                return Ok(Self {
                    member: true,
                    below: FieldSet::default(),
                });
            }
            _ => return Err(fail("a value that is not a map")),
        };
        let mut nodes = Vec::with_capacity(keys.len());
        for (key, value) in keys.iter().filter(|(key, _)| *key != ".") {
            match Element::parse(key) {
                Parsed::Element(element) => {
                    let child = Self::read(value).map_err(|error| error.below(element.segment()))?;
                    nodes.push((element, child));
                }
                Parsed::Unknown => {}
                Parsed::Malformed => return Err(fail(key)),
            }
        }
        // As a server writes them they are in order, each once.
        if !nodes.is_sorted_by(|(one, _), (other, _)| one < other) {
            nodes.sort_by(|(one, _), (other, _)| one.cmp(other));
            nodes.dedup_by(|(later, more), (first, node)| {
                let same = later == first;
                if same {
                    node.add(more);
                }
                same
            });
        }
        Ok(Self {
            member: nodes.is_empty() || keys.contains_key("."),
            below: FieldSet { nodes },
        })
    }

    /// Writes a node. Source: `emitContentsV1`: `.` only where something is below.
    pub(super) fn write(&self) -> Value {
        let mut keys = Map::new();
        if self.member && !self.below.is_empty() {
            keys.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (element, node) in &self.below.nodes {
            keys.insert(element.wire(), node.write());
        }
        Value::Object(keys)
    }
}
