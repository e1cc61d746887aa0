//! Reads YAML and JSON the way kubectl does: go-yaml's YAML 1.1 as `sigs.k8s.io/yaml` applies it, then JSON.
//!
//! `defaultMode: 0644` is 420, `yes` is a boolean, `<<` merges in the order of the text, and of two equal keys the last
//! one counts. Where YAML 1.2 would give another value, the document comes with a warning. The parsing is
//! granit-parser's; what go-yaml refuses and granit takes is refused in `strict`, so that a file which kubectl cannot
//! read is none here either.
//!
//! One document that cannot be read does not lose the others of its file, but the file then has a problem.

pub mod budget;
mod compose;
mod fault;
mod json;
mod lines;
mod number;
mod remark;
mod repair;
mod resolve;
mod strict;
mod text;
mod tree;

#[cfg(test)]
mod tests;

pub use budget::cost;
pub use lines::Lines;
pub use number::json_text;
pub use remark::{Remark, Remarks, told};

use serde_json::Value;

use budget::{Budget, MAX_FILE_BYTES, MAX_PROBLEMS, MAX_REMARKS};
use compose::{Composed, compose};
use fault::{Caution, Fault};
use text::Chunk;

/// What a file gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The documents that could be read, in the order of the file. Empty and `null` documents are passed over.
    pub documents: Vec<Document>,

    /// What kubectl reads otherwise than the author may think.
    pub warnings: Vec<Remark>,

    /// Why documents were not read. A file with a problem is not read whole.
    pub problems: Vec<Remark>,
}

/// One document of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The value; always a map.
    pub value: Value,

    /// The line at which it begins, from 1.
    pub line: usize,

    /// The line of each field in `value`.
    pub lines: Lines,
}

impl Document {
    /// The line of the field that a JSON Pointer names; where it is absent, that of its nearest parent that is there.
    pub fn line_of(&self, pointer: &str) -> usize {
        self.lines.line_of(&self.value, pointer).unwrap_or(self.line)
    }
}

/// Reads a file. `file` is only what remarks call it.
///
/// # Guarantees
/// It does not panic, and takes at most a second and 64 MiB, whatever the bytes are: see [`budget`].
pub fn load(bytes: &[u8], file: &str) -> Loaded {
    let mut loader = Loader {
        file,
        loaded: Loaded::default(),
        budget: Budget::default(),
        spent: false,
    };
    if bytes.len() > MAX_FILE_BYTES {
        let message = format!("the file is larger than the {} MiB that are read", MAX_FILE_BYTES >> 20);
        loader
            .loaded
            .problems
            .push(Remark::file(file, message, "split the file"));
        return loader.loaded;
    }
    let text = text::decode(bytes);
    if let Some(line) = text.invalid_at {
        let message = "the file is not UTF-8: kubectl reads U+FFFD for each such byte";
        loader
            .loaded
            .warnings
            .push(Remark::line(file, line, message, "save it as UTF-8"));
    }
    loader.stream(&text.content);
    loader.loaded
}

struct Loader<'a> {
    file: &'a str,
    loaded: Loaded,
    budget: Budget,
    /// Whether the rest of the file stays unread.
    spent: bool,
}

impl Loader<'_> {
    /// Source: `YAMLOrJSONDecoder.Decode` of `k8s.io/apimachinery/pkg/util/yaml/decoder.go`.
    fn stream(&mut self, text: &str) {
        if !json::looks_like_json(text) {
            return self.yaml(text, 1);
        }
        if let Err(exceeded) = json::weigh(text) {
            return self.fault(
                1,
                Fault {
                    fatal: true,
                    ..Fault::at(1, 1, exceeded.message(), "split the file")
                },
            );
        }
        let stream = json::read(text);
        let read_to = stream.elements.last().map_or(0, |element| element.end);
        let count = stream.elements.len();
        let (mut line, mut seen) = (1, 0);
        for element in stream.elements {
            line += newlines(&text[seen..element.start]);
            seen = element.start;
            self.json(&text[element.start..element.end], line, element.value);
        }
        line += newlines(&text[seen..read_to]);
        match stream.error {
            None => {}
            // Up to one object the rest may still be YAML, but not after two.
            Some(error) if count < 2 && !json::is_final(&error) => {
                let rest = &text[read_to..];
                let blank = rest
                    .find(|c: char| !c.is_whitespace() || c == '\n')
                    .map_or(rest.len(), |at| at + usize::from(rest[at..].starts_with('\n')));
                self.yaml(&rest[blank..], line + newlines(&rest[..blank]));
            }
            Some(error) => {
                let message = format!("the file is not JSON from here on: {}", category(&error));
                self.fault(
                    1,
                    Fault::at(
                        error.line(),
                        error.column().max(1),
                        message,
                        "mend the JSON at this place",
                    ),
                );
            }
        }
    }

    fn json(&mut self, text: &str, line: usize, value: Value) {
        // As YAML it has the same fields, and there their lines and the keys set twice are seen.
        let Composed { root, cautions, .. } = compose(text, &mut self.budget.clone());
        let lines = match root {
            Ok(Some(root)) => Lines::new(root.expand(line).1),
            _ => Lines::default(),
        };
        self.cautions(line, cautions);
        self.document(value, line, lines);
    }

    fn yaml(&mut self, text: &str, line: usize) {
        for chunk in text::split(text, line) {
            if self.spent {
                return;
            }
            self.chunk(&chunk);
        }
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) {
        if let Some(line) = chunk.bad_separator {
            let message = "something stands behind `---`, which kubectl refuses";
            self.fault(line, Fault::at(1, 4, message, "put it on the next line"));
        }
        let text = chunk.text.strip_prefix('\u{FEFF}').unwrap_or(chunk.text);
        if let Err(fault) = strict::check_characters(text).and_then(|()| strict::check_beginning(text)) {
            return self.fault(chunk.line, fault);
        }
        let Composed { root, cautions, .. } = self.compose(text);
        match root {
            Ok(None) => {}
            Ok(Some(root)) => {
                self.cautions(chunk.line, cautions);
                // Beside its value a document takes a place, and for each value in it, which is charged at 32 bytes or
                // more, a line in four.
                if let Err(exceeded) = self
                    .budget
                    .spend_bytes(root.cost + root.cost / 8 + size_of::<Document>())
                {
                    let fault = Fault::at(root.line, 1, exceeded.message(), "split the file");
                    return self.fault(chunk.line, Fault { fatal: true, ..fault });
                }
                let (value, lines) = root.expand(chunk.line);
                self.document(value, chunk.line + root.line - 1, Lines::new(lines));
            }
            Err(fault) => self.fault(chunk.line, fault),
        }
    }

    /// Composes a text, with the repairs that it needs.
    fn compose(&self, text: &str) -> Composed {
        /// How much text is read again for repairs, which each cost one more reading: a fifth of a second's worth.
        const READ_AGAIN: usize = 8 << 20;
        /// No text that people wrote needs more, beside the lines of quoted values.
        const REPAIRS: usize = 200;
        let mut composed = compose(text, &mut self.budget.clone());
        let mut repaired = String::new();
        if composed.root.as_ref().is_err_and(|fault| fault.repair.is_some()) {
            // Nearly always it is the next line of a quoted value, and then there are more: all of them at once.
            let (indented, places) = repair::indented(text);
            if !places.is_empty() {
                let anew = compose(&indented, &mut self.budget.clone());
                if repair::are_within(&places, &anew.quoted, anew.read_to) {
                    (composed, repaired) = (anew, indented);
                }
            }
        }
        for _ in 0..REPAIRS.min(READ_AGAIN / text.len().max(1)) {
            let Some((at, blanks)) = composed.root.as_ref().err().and_then(|fault| fault.repair) else {
                break;
            };
            if repaired.is_empty() {
                text.clone_into(&mut repaired);
            }
            repaired.insert_str(at, blanks);
            composed = compose(&repaired, &mut self.budget.clone());
        }
        composed
    }

    fn document(&mut self, value: Value, line: usize, lines: Lines) {
        match value {
            Value::Null => {}
            Value::Object(_) => self.loaded.documents.push(Document { value, line, lines }),
            _ => self.fault(
                line,
                Fault::at(
                    1,
                    1,
                    "the document is not an object",
                    "begin it with `apiVersion:` and `kind:`",
                ),
            ),
        }
    }

    /// Lines of the fault count from `first`.
    fn fault(&mut self, first: usize, fault: Fault) {
        let remark = Remark {
            file: self.file.to_owned(),
            line: Some(first + fault.line - 1),
            column: Some(fault.column),
            path: None,
            // What the parser found may be quoted in it.
            message: told(&fault.message),
            hint: Some(fault.hint),
        };
        self.loaded.problems.push(remark);
        self.spent |= fault.fatal || self.loaded.problems.len() >= MAX_PROBLEMS;
    }

    fn cautions(&mut self, first: usize, cautions: Vec<Caution>) {
        let left = MAX_REMARKS.saturating_sub(self.loaded.warnings.len());
        let file = self.file;
        self.loaded
            .warnings
            .extend(cautions.into_iter().take(left).map(|caution| Remark {
                path: caution.path,
                ..Remark::line(file, first + caution.line - 1, caution.message, caution.hint)
            }));
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

/// Why serde_json stopped, without its line and column: those are told on their own.
fn category(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}
