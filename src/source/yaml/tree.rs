//! A document as it was written: values that share what aliases share, with the place of each.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::budget::{map_cost, plain_cost};

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    /// The line in the document's text, from 1.
    pub(super) line: usize,

    /// The memory it takes as a value of its own, aliases expanded; an estimate.
    pub(super) cost: usize,

    /// How many levels it has, itself included.
    pub(super) height: usize,

    pub(super) data: Data,
}

#[derive(Debug)]
pub(super) enum Data {
    Scalar(Value),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// One key of a map, in the order in which keys first appear.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,

    /// The line of the key.
    pub(super) line: usize,

    /// Whether it came by `<<` and was not written in this map.
    pub(super) merged: bool,

    pub(super) value: Rc<Node>,
}

/// A key as go-yaml tells keys apart: `1` and `"1"` are two keys until JSON makes them one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) kind: KeyKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum KeyKind {
    Text,
    Int,
    Float,
    Bool,
}

impl Node {
    pub(super) fn scalar(line: usize, value: Value) -> Self {
        let cost = plain_cost(value.as_str().map_or(0, str::len));
        Self {
            line,
            cost,
            height: 1,
            data: Data::Scalar(value),
        }
    }

    pub(super) fn list(line: usize, items: Vec<Rc<Self>>) -> Self {
        let cost = items
            .iter()
            .fold(plain_cost(0), |sum, item| sum.saturating_add(item.cost));
        let height = 1 + items.iter().map(|item| item.height).max().unwrap_or(0);
        Self {
            line,
            cost,
            height,
            data: Data::List(items),
        }
    }

    pub(super) fn map(line: usize, entries: Vec<Entry>) -> Self {
        let own = map_cost(entries.len());
        let cost = entries.iter().fold(own, |sum, entry| {
            sum.saturating_add(entry.key.text.len())
                .saturating_add(entry.value.cost)
        });
        let height = 1 + entries.iter().map(|entry| entry.value.height).max().unwrap_or(0);
        Self {
            line,
            cost,
            height,
            data: Data::Map(entries),
        }
    }

    /// The value, and the line of each value in it in the order in which the value is walked: a map key's line, else
    /// the line at which an item begins. `first` is the line of the file at which the text begins.
    pub(super) fn expand(&self, first: usize) -> (Value, Vec<u32>) {
        let mut lines = Vec::new();
        let value = self.walk(self.line, first, &mut lines);
        (value, lines)
    }

    fn walk(&self, line: usize, first: usize, lines: &mut Vec<u32>) -> Value {
        lines.push(u32::try_from(line + first - 1).unwrap_or(u32::MAX));
        match &self.data {
            Data::Scalar(value) => value.clone(),
            Data::List(items) => Value::Array(items.iter().map(|item| item.walk(item.line, first, lines)).collect()),
            Data::Map(entries) => {
                let mut sorted: BTreeMap<&str, &Entry> = BTreeMap::new();
                for entry in entries {
                    // Of `1` and `"1"` kubectl keeps either, by the order of a Go map; ours is the first.
                    sorted.entry(&entry.key.text).or_insert(entry);
                }
                let mut map = Map::new();
                for (key, entry) in sorted {
                    map.insert(key.to_owned(), entry.value.walk(entry.line, first, lines));
                }
                Value::Object(map)
            }
        }
    }
}
