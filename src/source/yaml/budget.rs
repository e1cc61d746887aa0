//! How much one file may ask for, so that a hostile one gets an error within a second and 64 MiB.

use serde_json::Value;

/// The largest file that is read: 4 MiB holds some 700 Deployments with their `managedFields`, and etcd itself stores
/// no object above 1.5 MiB.
pub const MAX_FILE_BYTES: usize = 4 << 20;

/// How deep values may nest: `serde_json` reads back at most 127 levels, and the deepest schemas of public CRDs stay
/// below 60.
pub const MAX_DEPTH: usize = 100;

/// What the tree takes for each value while it is read, at most.
pub(super) const NODE: usize = 120;

/// How many values one document may write out: 200,000 take 24 MiB in the tree.
pub const MAX_NODES: usize = 200_000;

/// How much memory the values of one file may take once aliases are expanded: 24 MiB, which with the tree (24 MiB) and
/// the text in both encodings (8 MiB) stays below 64 MiB.
pub const MAX_BYTES: usize = 24 << 20;

/// How many remarks are kept of one file: nobody reads more, and each takes memory.
pub const MAX_REMARKS: usize = 100;

/// How many documents of one file may fail before the rest of it is left unread: a file with more is not a manifest.
pub const MAX_PROBLEMS: usize = 20;

/// How many remarks of each list are kept of a revision: as many as anybody scrolls through; the rest is counted.
pub const MAX_OF_REVISION: usize = 100;

/// How long a name, a path or a sentence in a remark may be: a status shows about as much, and a file could have one of
/// megabytes, which a hundred remarks would each repeat.
pub const MAX_TEXT_BYTES: usize = 300;

/// The memory of one value in a list or at the root: `serde_json::Value` is 32 bytes.
const VALUE: usize = 32;

/// The memory of a map's first node: eleven places for a 24-byte key and a 32-byte value, and the links.
const MAP_NODE: usize = 632;

/// The memory of one entry in a large map: its nodes are at worst six elevenths full.
const MAP_ENTRY: usize = MAP_NODE / 6;

/// What a list or a scalar with `content` bytes of its own takes.
pub(super) fn plain_cost(content: usize) -> usize {
    content.saturating_add(VALUE)
}

/// What a map with so many entries takes, keys and values not counted.
pub(super) fn map_cost(entries: usize) -> usize {
    match entries {
        0 => VALUE,
        _ => MAP_NODE.max(entries.saturating_mul(MAP_ENTRY)).saturating_add(VALUE),
    }
}

/// The memory of a value that was read, as it is charged: the whole tree with its texts.
pub fn cost(value: &Value) -> usize {
    match value {
        Value::String(text) => plain_cost(text.len()),
        Value::Array(items) => items.iter().map(cost).fold(plain_cost(0), usize::saturating_add),
        Value::Object(fields) => {
            let entries = fields
                .iter()
                .map(|(name, value)| name.len().saturating_add(cost(value)));
            entries.fold(map_cost(fields.len()), usize::saturating_add)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => plain_cost(0),
    }
}

/// What is left of the limits while a file is read.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    nodes: usize,
    bytes: usize,
}

/// A file that asks for more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    Nodes,
    Bytes,
}

impl Exceeded {
    pub(super) fn message(self) -> String {
        match self {
            Self::Nodes => format!("the document holds more than {MAX_NODES} values"),
            Self::Bytes => format!(
                "the values of the file take more than {} MiB once aliases are expanded",
                MAX_BYTES >> 20
            ),
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            nodes: MAX_NODES,
            bytes: MAX_BYTES,
        }
    }
}

impl Budget {
    /// Charges values that are held in the tree.
    pub(super) fn spend_nodes(&mut self, count: usize) -> Result<(), Exceeded> {
        self.nodes = self.nodes.checked_sub(count).ok_or(Exceeded::Nodes)?;
        Ok(())
    }

    /// Charges a finished document.
    pub(super) fn spend_bytes(&mut self, cost: usize) -> Result<(), Exceeded> {
        self.bytes = self.bytes.checked_sub(cost).ok_or(Exceeded::Bytes)?;
        Ok(())
    }

    /// Whether a value of this cost could still be paid: asked for each collection, so that a bomb ends where it is
    /// written and not where it is expanded.
    pub(super) fn affords(&self, cost: usize) -> Result<(), Exceeded> {
        if cost > self.bytes {
            Err(Exceeded::Bytes)
        } else {
            Ok(())
        }
    }
}
