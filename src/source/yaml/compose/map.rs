//! Maps: their entries, keys and merges.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::rc::Rc;

use granit_parser::{Event, ScalarStyle, Span, StructureStyle};
use serde_json::Value;

use super::{Composer, Composition, inner_indent, read_tag};
use crate::engine::object::Segment;
use crate::source::yaml::budget::NODE;
use crate::source::yaml::fault::Fault;
use crate::source::yaml::number::{Numeric, key_text};
use crate::source::yaml::remark::told;
use crate::source::yaml::resolve::{Scalar, Tag, differs_from_yaml_1_2, resolve};
use crate::source::yaml::tree::{Data, Entry, Key, KeyKind, Node};

impl<'a> Composer<'a> {
    pub(super) fn entries(
        &mut self,
        style: StructureStyle,
        span: &Span,
        indent: usize,
        depth: usize,
    ) -> Composition<Vec<Entry>> {
        let indent = inner_indent(style, span, indent);
        let mut map = MapBuilder::default();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                self.layout.end(&span);
                return Ok(map.entries);
            }
            if is_merge(&event) {
                self.layout.scalar(&span, ScalarStyle::Plain, indent);
                let (event, value_span) = self.next()?;
                let named = matches!(event, Event::Alias(_));
                let value = self.node(event, value_span, indent, depth + 1)?;
                if named && !matches!(value.data, Data::Map(_)) {
                    return Err(not_mergeable(&span));
                }
                self.merge(&mut map, &value, &span)?;
                continue;
            }
            let key = self.key(event, span, indent, depth)?;
            self.path.push(Segment::Field(told(&key.text)));
            let (event, value_span) = self.next()?;
            let value = self.node(event, value_span, indent, depth + 1)?;
            let entry = Entry {
                key,
                line: span.start.line(),
                merged: false,
                value,
            };
            if let Some(earlier) = map.put(entry)
                && !earlier.merged
            {
                let message = format!(
                    "the key is set twice, first on line {}: kubectl takes the last value",
                    earlier.line
                );
                self.caution(&span, message, "delete one of them");
            }
            self.path.pop();
        }
    }

    fn key(&mut self, event: Event<'a>, span: Span, indent: usize, depth: usize) -> Composition<Key> {
        let text = self.text;
        let fault = |message: &str| Fault::at_span(&span, message, key_hint(text, &span));
        let no_key = || fault("a null or a number beyond 64 bits cannot be a key");
        if matches!(event, Event::MappingStart(..) | Event::SequenceStart(..)) {
            return Err(fault("a map or a list cannot be a key"));
        }
        if let Event::Scalar(text, style, 0, tag) = &event {
            self.budget
                .spend_nodes(1)
                .map_err(|exceeded| Self::exceeded(&span, exceeded))?;
            self.check_scalar(&span, *style, indent)?;
            let tag = read_tag(tag.as_deref(), *style);
            let scalar =
                resolve(text, tag).map_err(|message| Fault::at_span(&span, message, "correct the tag or the key"))?;
            let key = key_of(scalar).ok_or_else(no_key)?;
            if tag == Tag::Plain && differs_from_yaml_1_2(text) {
                self.caution_reading(&span, text);
            }
            return Ok(key);
        }
        let node = self.node(event, span, indent, depth)?;
        match &node.data {
            Data::Scalar(value) => key_of_value(value).ok_or_else(no_key),
            _ => Err(fault("a map or a list cannot be a key")),
        }
    }

    /// Puts the entries of another map, or of several, into this one. Unlike YAML's own rule they go before what this
    /// map has set itself so far, since go-yaml goes by the order of the text.
    ///
    /// Source: `decoder.merge` of `go.yaml.in/yaml/v2/decode.go`.
    fn merge(&mut self, map: &mut MapBuilder, value: &Node, span: &Span) -> Composition<()> {
        let sources: Vec<&Node> = match &value.data {
            Data::Map(_) => vec![value],
            // Backwards, so that the first of the list has the last word.
            Data::List(items) => items.iter().rev().map(Rc::as_ref).collect(),
            Data::Scalar(_) => return Err(not_mergeable(span)),
        };
        for source in sources {
            let Data::Map(entries) = &source.data else {
                return Err(not_mergeable(span));
            };
            // A long key is copied each time, although in the end it stands there once.
            let copied = entries.iter().map(|entry| 1 + entry.key.text.len() / NODE).sum();
            self.budget
                .spend_nodes(copied)
                .map_err(|exceeded| Self::exceeded(span, exceeded))?;
            for entry in entries {
                if let Some(earlier) = map.put(Entry {
                    merged: true,
                    ..entry.clone()
                }) && !earlier.merged
                {
                    self.path.push(Segment::Field(told(&entry.key.text)));
                    let message = format!(
                        "`<<` replaces the value of line {}: kubectl goes by the order of the text",
                        earlier.line
                    );
                    self.caution(span, message, "put `<<` before the keys that it must not replace");
                    self.path.pop();
                }
            }
        }
        Ok(())
    }
}

/// A map while it is read: entries in order, and where each key is.
#[derive(Default)]
struct MapBuilder {
    pub(super) entries: Vec<Entry>,
    places: HashMap<Key, usize>,
}

impl MapBuilder {
    /// Sets a key and gives back what it had before.
    fn put(&mut self, entry: Entry) -> Option<Entry> {
        match self.places.entry(entry.key.clone()) {
            Slot::Occupied(place) => self
                .entries
                .get_mut(*place.get())
                .map(|old| std::mem::replace(old, entry)),
            Slot::Vacant(place) => {
                place.insert(self.entries.len());
                self.entries.push(entry);
                None
            }
        }
    }
}

fn not_mergeable(span: &Span) -> Fault {
    Fault::at_span(
        span,
        "`<<` takes a map or a list of maps",
        "give it a map, or an alias of one",
    )
}

fn is_merge(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, style, _, tag) if text == "<<" => {
            matches!(read_tag(tag.as_deref(), *style), Tag::Plain | Tag::Merge)
        }
        _ => false,
    }
}

fn key_of(scalar: Scalar) -> Option<Key> {
    let (text, kind) = match scalar {
        Scalar::Text(text) => (text, KeyKind::Text),
        Scalar::Bool(flag) => (flag.to_string(), KeyKind::Bool),
        Scalar::Number(Numeric::Int(number)) => (number.to_string(), KeyKind::Int),
        Scalar::Number(Numeric::Float(number)) => (key_text(number), KeyKind::Float),
        Scalar::Number(Numeric::Unsigned(_)) | Scalar::Null => return None,
    };
    Some(Key { text, kind })
}

fn key_of_value(value: &Value) -> Option<Key> {
    key_of(match value {
        Value::String(text) => Scalar::Text(text.clone()),
        Value::Bool(flag) => Scalar::Bool(*flag),
        Value::Number(number) => Scalar::Number(
            number
                .as_i64()
                .map(Numeric::Int)
                .or_else(|| number.as_f64().map(Numeric::Float))?,
        ),
        _ => return None,
    })
}

fn key_hint(text: &str, span: &Span) -> String {
    match crate::source::yaml::fault::template_hint(text, span.start.line()) {
        Some(hint) => hint.to_owned(),
        None => "quote the key, or write it as text".to_owned(),
    }
}
