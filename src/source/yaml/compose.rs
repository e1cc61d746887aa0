//! From one document's text to its tree, by go-yaml's rules for keys, merges and aliases.

mod map;

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, options,
};

use super::budget::{Budget, Exceeded, MAX_DEPTH};
use super::fault::{Caution, Fault};
use super::remark::told;
use super::resolve::{Tag, differs_from_yaml_1_2, reading, resolve};
use super::strict::{Layout, check_anchor, check_block, check_escapes, check_in_brackets};
use super::tree::Node;
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

/// The column that the next lines of a plain scalar in this collection must reach: libyaml's `indent + 1`.
fn inner_indent(style: StructureStyle, span: &Span, outer: usize) -> usize {
    match style {
        StructureStyle::Block => span.start.col() + 1,
        StructureStyle::Flow => outer,
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
