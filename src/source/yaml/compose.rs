//! From one document's text to its tree, by go-yaml's rules for keys, merges and aliases.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::ops::Range;
use std::rc::Rc;

use granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, options,
};
use serde_json::Value;

use super::budget::{Budget, Exceeded, MAX_DEPTH, NODE};
use super::fault::{Caution, Fault};
use super::number::{Numeric, key_text};
use super::remark::told;
use super::resolve::{Scalar, Tag, differs_from_yaml_1_2, reading, resolve};
use super::strict::{Layout, check_anchor, check_block, check_escapes, check_in_brackets};
use super::tree::{Data, Entry, Key, KeyKind, Node};
use crate::engine::object::{FieldPath, Segment};

/// What one text gave.
pub(super) struct Composed {
    /// The tree; `None` for a text without a value.
    pub(super) root: Result<Option<Rc<Node>>, Fault>,

    /// What kubectl reads otherwise than the author may think.
    pub(super) cautions: Vec<Caution>,

    /// Where the quoted values of several lines lie, in bytes.
    pub(super) quoted: Vec<Range<usize>>,

    /// The byte up to which the text was read.
    pub(super) read_to: usize,
}

/// Composes the first document of a text; what follows it is not read by kubectl either.
pub(super) fn compose(text: &str, budget: &mut Budget) -> Composed {
    let mut composer = Composer {
        parser: Parser::new_from_str_with_options(text, limits()),
        text,
        budget,
        anchors: HashMap::new(),
        cautions: Vec::new(),
        path: Vec::new(),
        layout: Layout::of(text),
        quoted: Vec::new(),
        read_to: 0,
    };
    let root = composer.document();
    let read_to = if root.is_ok() { text.len() } else { composer.read_to };
    Composed {
        root,
        cautions: composer.cautions,
        quoted: composer.quoted,
        read_to,
    }
}

fn limits() -> Options {
    options! {
        disallow_directives: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        emit_anchor_events: true,
    }
}

struct Composer<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    budget: &'a mut Budget,
    /// By granit's number; an anchor whose value is still being read is absent, so that a value cannot contain itself.
    anchors: HashMap<usize, Rc<Node>>,
    cautions: Vec<Caution>,
    path: Vec<Segment>,
    layout: Layout,
    quoted: Vec<Range<usize>>,
    read_to: usize,
}

type Composition<T> = Result<T, Fault>;

impl<'a> Composer<'a> {
    fn document(&mut self) -> Composition<Option<Rc<Node>>> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd, _) => return Ok(None),
                (event, span) => {
                    let root = self.node(event, span, 0, 1)?;
                    self.end_of_document()?;
                    self.layout.check(self.text)?;
                    return Ok(Some(root));
                }
            }
        }
    }

    /// go-yaml stops after one document, so that what stands behind `...` is lost without a word.
    fn end_of_document(&mut self) -> Composition<()> {
        self.next()?;
        match self.parser.next() {
            Some(Ok((Event::StreamEnd, _))) | None => {}
            Some(Ok((_, span))) => self.cautions.push(Caution {
                line: span.start.line(),
                path: None,
                message: "what follows the line `...` is not read by kubectl".to_owned(),
                hint: "begin the next document with a line `---`",
            }),
            Some(Err(error)) => return Err(self.scan_fault(&error)),
        }
        Ok(())
    }

    fn next(&mut self) -> Composition<(Event<'a>, Span)> {
        loop {
            match self.parser.next() {
                Some(Ok((Event::Anchor(_, name), span))) => check_anchor(&name, &span)?,
                Some(Ok(next)) => return Ok(next),
                Some(Err(error)) => return Err(self.scan_fault(&error)),
                None => {
                    return Err(Fault::at(
                        1,
                        1,
                        "the text ends before its value does",
                        "mend the YAML at this place",
                    ));
                }
            }
        }
    }

    fn scan_fault(&self, error: &ScanError) -> Fault {
        let fault = Fault::of_scan(error, self.text);
        match error.kind() {
            // Between brackets a tab indents nothing. Outside of them the layout's check refuses it.
            ErrorKind::TabInBlockIndentation if self.layout.in_brackets() => fault.with_indented_line(self.text, error),
            _ => fault,
        }
    }

    fn exceeded(span: &Span, exceeded: Exceeded) -> Fault {
        Fault {
            fatal: true,
            ..Fault::at_span(
                span,
                exceeded.message(),
                "split the file, or write out what its aliases repeat",
            )
        }
    }

    /// The value that begins with this event. `indent` is the column that a plain scalar's next lines must reach.
    fn node(&mut self, event: Event<'a>, span: Span, indent: usize, depth: usize) -> Composition<Rc<Node>> {
        self.budget
            .spend_nodes(1)
            .map_err(|exceeded| Self::exceeded(&span, exceeded))?;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.check_scalar(&span, style, indent)?;
                let tag_read = read_tag(tag.as_deref(), style);
                if tag_read == Tag::Custom {
                    self.caution(
                        &span,
                        "kubectl passes over the tag of this value and reads a string".to_owned(),
                        "delete the tag",
                    );
                }
                let scalar = resolve(&text, tag_read)
                    .map_err(|message| Fault::at_span(&span, message, "correct the tag or the value"))?;
                let value = scalar.into_value().ok_or_else(|| {
                    Fault::at_span(
                        &span,
                        "an infinite number or .nan cannot be said in JSON",
                        "write a number, or quote it if it is text",
                    )
                })?;
                if tag_read == Tag::Plain && differs_from_yaml_1_2(&text) {
                    self.caution_reading(&span, &text);
                }
                (Node::scalar(span.start.line(), value), anchor)
            }
            Event::SequenceStart(style, anchor, _) => {
                let start = self.layout.open(&span, style);
                let items = self.items(style, &span, indent, depth)?;
                self.layout.close(start);
                (Node::list(span.start.line(), items), anchor)
            }
            Event::MappingStart(style, anchor, _) => {
                let start = self.layout.open(&span, style);
                let entries = self.entries(style, &span, indent, depth)?;
                self.layout.close(start);
                (Node::map(span.start.line(), entries), anchor)
            }
            Event::Alias(id) => return self.alias(id, &span),
            _ => {
                return Err(Fault::at_span(
                    &span,
                    "a value is expected here",
                    "mend the YAML at this place",
                ));
            }
        };
        if node.height + depth > MAX_DEPTH + 1 {
            return Err(Fault::at_span(
                &span,
                format!("values nest deeper than {MAX_DEPTH} levels"),
                "flatten the value",
            ));
        }
        self.budget
            .affords(node.cost)
            .map_err(|exceeded| Self::exceeded(&span, exceeded))?;
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    /// Holds a scalar against what go-yaml takes, and records where it lies.
    fn check_scalar(&mut self, span: &Span, style: ScalarStyle, indent: usize) -> Composition<()> {
        self.layout.scalar(span, style, indent);
        if let Some(range) = span.byte_range() {
            self.read_to = self.read_to.max(range.end);
            if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted)
                && span.start.line() != span.end.line()
            {
                self.quoted.push(range);
            }
        }
        check_escapes(self.text, span, style)?;
        check_block(self.text, span, style)?;
        match self.layout.in_brackets() {
            true => check_in_brackets(self.text, span, style),
            false => Ok(()),
        }
    }

    fn alias(&self, id: usize, span: &Span) -> Composition<Rc<Node>> {
        let itself = || Fault::at_span(span, "the value of an anchor contains itself", "write the value out");
        self.anchors.get(&id).map(Rc::clone).ok_or_else(itself)
    }

    fn items(&mut self, style: StructureStyle, span: &Span, indent: usize, depth: usize) -> Composition<Vec<Rc<Node>>> {
        let indent = inner_indent(style, span, indent);
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                self.layout.end(&span);
                return Ok(items);
            }
            self.path.push(Segment::Index(items.len()));
            items.push(self.node(event, span, indent, depth + 1)?);
            self.path.pop();
        }
    }

    fn entries(&mut self, style: StructureStyle, span: &Span, indent: usize, depth: usize) -> Composition<Vec<Entry>> {
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

    /// It does not tell the text nor the value: either may be a password, and what is said of a file is read by more
    /// people than the file.
    fn caution_reading(&mut self, span: &Span, text: &str) {
        let message = format!("kubectl reads this as {}, YAML 1.2 as another value", reading(text));
        self.caution(
            span,
            message,
            "write the value that is meant, or quote it if it is text",
        );
    }

    fn caution(&mut self, span: &Span, message: String, hint: &'static str) {
        if self.cautions.len() < super::budget::MAX_REMARKS {
            let path = Some(told(&FieldPath(self.path.clone()))).filter(|path| !path.is_empty());
            self.cautions.push(Caution {
                line: span.start.line(),
                path,
                message,
                hint,
            });
        }
    }
}

/// A map while it is read: entries in order, and where each key is.
#[derive(Default)]
struct MapBuilder {
    entries: Vec<Entry>,
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

/// The column that the next lines of a plain scalar in this collection must reach: libyaml's `indent + 1`.
fn inner_indent(style: StructureStyle, span: &Span, outer: usize) -> usize {
    match style {
        StructureStyle::Block => span.start.col() + 1,
        StructureStyle::Flow => outer,
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

fn read_tag(tag: Option<&granit_parser::Tag>, style: ScalarStyle) -> Tag {
    match tag {
        None if style == ScalarStyle::Plain => Tag::Plain,
        None => Tag::Quoted,
        Some(tag) if tag.original() == "!" => Tag::Quoted,
        Some(tag) => tag
            .suffix_in_namespace("tag:yaml.org,2002:")
            .map_or(Tag::Custom, |name| Tag::core(&name)),
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
    match super::fault::template_hint(text, span.start.line()) {
        Some(hint) => hint.to_owned(),
        None => "quote the key, or write it as text".to_owned(),
    }
}
