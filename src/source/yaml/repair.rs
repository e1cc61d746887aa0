//! Lines of quoted text that begin where granit takes none: go-yaml lets the next line of a quoted value begin
//! anywhere, as old kustomize writes it. Blanks before such a line change nothing, since its indentation is no part of
//! the value.
//!
//! The lines are found by their letters alone, all in one reading; what the parser then makes of the text tells whether
//! each of them was one ([`are_within`]). Where not, nothing of it is used.

use std::ops::Range;

/// More than the collections of a manifest are usually indented by; where it is not enough, the fault stays.
pub(super) const INDENTATION: &str = "                                ";

/// The blanks that are put into one text at most: room for a quarter of a million lines.
const MOST_BLANKS: usize = 8 << 20;

/// A text with blanks before every line that goes on with a quoted value, and the places of the blanks in it; none
/// where there are too many.
pub(super) fn indented(text: &str) -> (String, Vec<usize>) {
    let mut starts = continued(text);
    if starts.len() * INDENTATION.len() > MOST_BLANKS {
        starts.clear();
    }
    let mut repaired = String::with_capacity(text.len() + starts.len() * INDENTATION.len());
    let mut places = Vec::with_capacity(starts.len());
    let mut copied = 0;
    for start in starts {
        repaired.push_str(&text[copied..start]);
        places.push(repaired.len());
        repaired.push_str(INDENTATION);
        copied = start;
    }
    repaired.push_str(&text[copied..]);
    (repaired, places)
}

/// Whether each place that the parser has come to lies within one of these values. Both are in the order of the text.
pub(super) fn are_within(places: &[usize], quoted: &[Range<usize>], read_to: usize) -> bool {
    let mut ranges = quoted.iter().peekable();
    places.iter().take_while(|place| **place < read_to).all(|place| {
        while ranges.next_if(|range| range.end <= *place).is_some() {}
        ranges.peek().is_some_and(|range| range.contains(place))
    })
}

/// Where the lines begin that go on with a quoted value, as far as its letters tell.
fn continued(text: &str) -> Vec<usize> {
    let mut scan = Scan {
        text,
        at: 0,
        starts: Vec::new(),
    };
    while scan.at < text.len() {
        scan.line();
    }
    scan.starts
}

struct Scan<'a> {
    text: &'a str,
    /// The byte that is looked at next.
    at: usize,
    starts: Vec<usize>,
}

impl Scan<'_> {
    /// Reads what begins on this line, and goes to the line after its end.
    fn line(&mut self) {
        let begin = self.at;
        self.blanks();
        // The column that a block of text must go beyond.
        let mut parent = self.at - begin;
        while self.rest().starts_with('-') && self.rest()[1..].starts_with([' ', '\n']) {
            parent = self.at - begin;
            self.at += 1;
            self.blanks();
        }
        if let Some(value) = self.behind_key() {
            parent = self.at - begin;
            self.at = value;
            self.blanks();
        }
        while self.rest().starts_with(['!', '&']) {
            self.at += self.rest().find([' ', '\n']).unwrap_or(self.rest().len());
            self.blanks();
        }
        match self.rest().chars().next() {
            Some('\'' | '"') => self.quoted(),
            Some('[' | '{') => self.brackets(),
            Some('|' | '>') => {
                self.next_line();
                return self.block(parent);
            }
            _ => {}
        }
        self.next_line();
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn next_line(&mut self) {
        self.at += self.rest().find('\n').map_or(self.rest().len(), |newline| newline + 1);
    }

    /// Where the value begins, where a key stands here. A quoted key ends on its line.
    fn behind_key(&self) -> Option<usize> {
        let line = self.rest().split('\n').next().unwrap_or_default();
        if line.starts_with(['[', '{', '#', '|', '>']) {
            return None;
        }
        let from = match line.chars().next().filter(|sign| matches!(sign, '\'' | '"')) {
            Some(quote) => 2 + line[1..].find(quote)?,
            None => 0,
        };
        let colon = line[from..]
            .match_indices(':')
            .map(|(at, _)| from + at)
            .find(|at| matches!(line.as_bytes().get(at + 1), None | Some(b' ')))?;
        (from == 0 || line[from..colon].trim().is_empty()).then_some(self.at + colon + 1)
    }

    /// Goes behind the closing quote, and notes the lines in between that have something on them.
    fn quoted(&mut self) {
        let (bytes, quote) = (self.text.as_bytes(), self.text.as_bytes()[self.at]);
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\n' => {
                    let line = self.text[self.at + 1..].split('\n').next().unwrap_or_default();
                    if !line.trim().is_empty() {
                        self.starts.push(self.at + 1);
                    }
                }
                b'\\' if quote == b'"' && bytes.get(self.at + 1) != Some(&b'\n') => self.at += 1,
                b'\'' if quote == b'\'' && bytes.get(self.at + 1) == Some(&b'\'') => self.at += 1,
                byte if *byte == quote => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.text.len();
    }

    /// Goes behind the closing bracket.
    fn brackets(&mut self) {
        let bytes = self.text.as_bytes();
        let (mut depth, mut before) = (0_usize, b'[');
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\'' | b'"' if b"[{,:".contains(&before) => {
                    before = *byte;
                    self.quoted();
                    continue;
                }
                b'#' if matches!(bytes[self.at - 1], b' ' | b'\n') => {
                    self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if !byte.is_ascii_whitespace() {
                before = *byte;
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Goes behind a block of text: lines that are empty or begin beyond the column.
    fn block(&mut self, parent: usize) {
        while self.at < self.text.len() {
            let line = self.rest().split('\n').next().unwrap_or_default();
            let indent = line.len() - line.trim_start_matches(' ').len();
            if !line.trim().is_empty() && indent <= parent {
                return;
            }
            self.next_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn lines(text: &str) -> Vec<&str> {
        continued(text)
            .into_iter()
            .map(|start| text[start..].split('\n').next().unwrap_or_default())
            .collect()
    }

    #[test]
    fn lines_of_quoted_values_are_found_wherever_they_stand() {
        let text = "a: 'one\ntwo''s\n\nthree' # four\n- b: \"x \\\"\\\n  y\"\n\"k\": !!str 'p\nq'\n- 'r\n  s'\nf: \
                    ['t\n  u', \"v\",\n  w]\n";
        assert_eq!(
            lines(text),
            ["two''s", "three' # four", "  y\"", "q'", "  s'", "  u', \"v\","]
        );
    }

    #[test]
    fn a_block_of_text_has_no_quoted_value() {
        let text = "a: |\n  'one\n  two'\nb:\n- c: >-\n    d: 'x\n    y'\n  e: it's\n# 'comment\nf: 'g\n  h'\n";
        assert_eq!(lines(text), ["  h'"]);
    }
}
