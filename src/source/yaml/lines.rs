//! On which line a field stands.

use serde_json::Value;

use crate::engine::object::unescape_token;

/// The line of every value of a document: one number each, in the order in which the document is walked.
///
/// It holds only together with the value that it was made for, which is why every question takes that value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(Box<[u32]>);

impl Lines {
    pub(super) fn new(lines: Vec<u32>) -> Self {
        Self(lines.into_boxed_slice())
    }

    /// The line of the field that a JSON Pointer names in `value`; where it is absent, that of its nearest parent that
    /// is there. `None` when nothing is known about the lines of this document.
    pub fn line_of(&self, value: &Value, pointer: &str) -> Option<usize> {
        self.0.get(offset(value, pointer).1).map(|line| *line as usize)
    }

    /// The memory that the numbers take.
    pub fn cost(&self) -> usize {
        size_of_val::<[u32]>(&self.0)
    }

    /// For each item of the list that a JSON Pointer names: the line at which it begins, and its own lines.
    pub fn items(&self, value: &Value, pointer: &str) -> Vec<(Option<usize>, Self)> {
        let (list, start) = offset(value, pointer);
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut at = start + 1;
        let part = |item: &Value| {
            let part = self.0.get(at..at + size(item)).unwrap_or_default();
            at += size(item);
            (part.first().map(|line| *line as usize), Self(part.into()))
        };
        items.iter().map(part).collect()
    }
}

/// The value at the pointer or the last one on the way to it, and how many values are walked before it.
fn offset<'a>(value: &'a Value, pointer: &str) -> (&'a Value, usize) {
    let (mut node, mut at) = (value, 0);
    for token in pointer.split('/').skip(1) {
        let token = unescape_token(token);
        let children: Box<dyn Iterator<Item = (bool, &Value)>> = match node {
            Value::Object(map) => Box::new(map.iter().map(|(key, child)| (*key == token, child))),
            Value::Array(items) => {
                let wanted = token.parse::<usize>().ok();
                Box::new(
                    items
                        .iter()
                        .enumerate()
                        .map(move |(index, child)| (Some(index) == wanted, child)),
                )
            }
            _ => return (node, at),
        };
        let mut before = 1;
        let mut found = None;
        for (wanted, child) in children {
            if wanted {
                found = Some(child);
                break;
            }
            before += size(child);
        }
        match found {
            Some(child) => (node, at) = (child, at + before),
            None => return (node, at),
        }
    }
    (node, at)
}

/// How many values there are in this one, itself included.
fn size(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(size).sum::<usize>(),
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        _ => 1,
    }
}
