//! What go-yaml refuses and a YAML 1.2 parser takes: such a file is no manifest to kubectl, so it is none here.

use granit_parser::{ScalarStyle, Span, StructureStyle};

use super::fault::Fault;

/// The first character that go-yaml's reader refuses.
///
/// Source: `yaml_parser_update_buffer` of `go.yaml.in/yaml/v2/readerc.go`.
pub(super) fn check_characters(text: &str) -> Result<(), Fault> {
    let ascii = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~');
    let beyond =
        |c: char| matches!(c, '\u{85}' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}');
    let allowed = |c: char| ascii(c) || beyond(c);
    match text.char_indices().find(|(_, c)| !allowed(*c)) {
        Some((byte, _)) => Err(Fault::at_byte(
            text,
            byte,
            "control characters are not allowed",
            "write it as an escape in double quotes",
        )),
        None => Ok(()),
    }
}

/// A document that begins with its end `...` is empty to kubectl, whatever follows.
pub(super) fn check_beginning(text: &str) -> Result<(), Fault> {
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    match lines.next() {
        Some((index, line)) if line.split_ascii_whitespace().next() == Some("...") && line.starts_with('.') => {
            Err(Fault::at(
                index + 1,
                1,
                "the document ends before it begins: kubectl reads nothing behind `...`",
                "delete the line",
            ))
        }
        _ => Ok(()),
    }
}

/// In a bracket, YAML 1.2 lets text begin with `?` and `:` and lets a key's colon touch what follows; kubectl reads
/// something else there or nothing.
///
/// Source: `yaml_parser_fetch_next_token` and `yaml_parser_scan_plain_scalar` of `go.yaml.in/yaml/v2/scannerc.go`.
pub(super) fn check_in_brackets(text: &str, span: &Span, style: ScalarStyle) -> Result<(), Fault> {
    let (Some(range), ScalarStyle::Plain) = (span.byte_range(), style) else {
        return Ok(());
    };
    let behind = text.as_bytes().get(range.end..).unwrap_or_default();
    if text[range].starts_with(['?', ':']) || matches!(behind, [b':', b',' | b'[' | b']' | b'{' | b'}', ..]) {
        let message = "kubectl reads `?` and `:` at this place in a bracket otherwise";
        return Err(Fault::at_span(
            span,
            message,
            "quote the text, or put a blank behind the colon",
        ));
    }
    Ok(())
}

/// A block of text whose indentation is not given must not begin with a tab.
///
/// Source: `yaml_parser_scan_block_scalar_breaks` of `go.yaml.in/yaml/v2/scannerc.go`.
pub(super) fn check_block(text: &str, span: &Span, style: ScalarStyle) -> Result<(), Fault> {
    let (Some(start), ScalarStyle::Literal | ScalarStyle::Folded) = (span.start.byte_offset(), style) else {
        return Ok(());
    };
    // The span begins with the first text of the block; empty lines and the header stand before it.
    let header_end = text[..start].trim_end().len();
    let header = text[..header_end].rsplit('\n').next().unwrap_or_default();
    let indentation = |(at, _): (usize, &str)| {
        header[at + 1..]
            .trim_start_matches(['+', '-'])
            .starts_with(|c: char| c.is_ascii_digit())
    };
    let given = header.match_indices(['|', '>']).any(indentation);
    let first_line = text[header_end..start]
        .find('\n')
        .map_or(start, |newline| header_end + newline + 1);
    let tab = text[first_line..start]
        .find('\t')
        .or_else(|| text[start..].starts_with('\t').then_some(start - first_line));
    match tab {
        Some(at) if !given => {
            let message = "a block of text begins with a tab, where kubectl looks for its indentation";
            let hint = "give the indentation behind the bar, such as `|2`, or write the text in double quotes";
            Err(Fault::at_byte(text, first_line + at, message, hint))
        }
        _ => Ok(()),
    }
}

/// YAML 1.1 has anchors of letters, digits, `-` and `_`; to YAML 1.2 the colon of `&a: x` belongs to the name as well.
///
/// Source: `yaml_parser_scan_anchor` of `go.yaml.in/yaml/v2/scannerc.go`.
pub(super) fn check_anchor(name: &str, span: &Span) -> Result<(), Fault> {
    match name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    {
        true => Ok(()),
        false => Err(Fault::at_span(
            span,
            "kubectl takes only letters, digits, `-` and `_` in the name of an anchor",
            "rename the anchor",
        )),
    }
}

/// YAML 1.2 took `\/` and pairs of surrogates over from JSON; YAML 1.1, and so kubectl, has neither.
///
/// Source: `yaml_parser_scan_flow_scalar` of `go.yaml.in/yaml/v2/scannerc.go`.
pub(super) fn check_escapes(text: &str, span: &Span, style: ScalarStyle) -> Result<(), Fault> {
    let (Some(range), Some(raw)) = (span.byte_range(), span.slice(text)) else {
        return Ok(());
    };
    if style != ScalarStyle::DoubleQuoted || !raw.contains('\\') {
        return Ok(());
    }
    let mut escapes = raw.match_indices('\\');
    while let Some((at, _)) = escapes.next() {
        let rest = &raw[at + 1..];
        let problem = match rest.as_bytes().first() {
            Some(b'/') => Some(("kubectl does not know the escape `\\/`", "write `/`")),
            Some(b'u') if is_surrogate(rest.get(1..5)) => Some((
                "kubectl does not take half a character as an escape",
                "write the character itself, or `\\U` with eight digits",
            )),
            Some(b'\\') => {
                escapes.next();
                None
            }
            _ => None,
        };
        if let Some((message, hint)) = problem {
            return Err(Fault::at_byte(text, range.start + at, message, hint));
        }
    }
    Ok(())
}

fn is_surrogate(digits: Option<&str>) -> bool {
    digits
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .is_some_and(|code| (0xD800..=0xDFFF).contains(&code))
}

/// Where values lie in a text that has a tab in its indentation or one of Unicode's line ends: whether go-yaml takes
/// those depends on what they stand in. Nearly every text has neither, and then nothing is recorded.
pub(super) struct Layout {
    wanted: bool,
    /// Where tabs and Unicode's line ends are part of a value, or of no meaning.
    free: Vec<(usize, usize)>,
    /// Where plain scalars lie, and the column that their next line must reach.
    plain: Vec<(usize, usize, usize)>,
    open_flows: usize,
    last_end: usize,
}

/// The line ends that YAML 1.2 dropped. NEL is also changed into a blank or `\n` inside a value.
const UNICODE_LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

impl Layout {
    pub(super) fn of(text: &str) -> Self {
        let tabbed = text.contains('\t') && text.lines().any(|line| line.trim_start_matches(' ').starts_with('\t'));
        let wanted = tabbed || text.contains(UNICODE_LINE_ENDS);
        Self {
            wanted,
            free: Vec::new(),
            plain: Vec::new(),
            open_flows: 0,
            last_end: 0,
        }
    }

    pub(super) fn scalar(&mut self, span: &Span, style: ScalarStyle, indent: usize) {
        if let (true, Some(range)) = (self.wanted, span.byte_range()) {
            match style {
                ScalarStyle::Plain => self.plain.push((range.start, range.end, indent)),
                _ => self.free.push((range.start, range.end)),
            }
            self.last_end = range.end;
        }
    }

    /// A collection begins; gives what [`Layout::close`] takes.
    pub(super) fn open(&mut self, span: &Span, style: StructureStyle) -> Option<usize> {
        let outermost = style == StructureStyle::Flow && self.open_flows == 0;
        self.open_flows += usize::from(style == StructureStyle::Flow);
        span.start.byte_offset().filter(|_| outermost)
    }

    /// The end event of a collection.
    pub(super) fn end(&mut self, span: &Span) {
        self.last_end = span.end.byte_offset().unwrap_or(self.last_end);
    }

    /// A collection is whole.
    pub(super) fn close(&mut self, start: Option<usize>) {
        if let Some(start) = start {
            self.open_flows = 0;
            if self.wanted {
                self.free.push((start, self.last_end));
            }
        }
    }

    /// Whether each tab in the indentation and each of Unicode's line ends stands where go-yaml takes it.
    ///
    /// Source: `yaml_parser_scan_to_next_token` and `yaml_parser_scan_plain_scalar` of
    /// `go.yaml.in/yaml/v2/scannerc.go`.
    pub(super) fn check(&self, text: &str) -> Result<(), Fault> {
        if !self.wanted {
            return Ok(());
        }
        let ranges = united(self.free.clone());
        let free = |at: usize| {
            let before = ranges.partition_point(|(start, _)| *start <= at);
            before.checked_sub(1).is_some_and(|last| at < ranges[last].1)
        };
        for (at, c) in text.match_indices(UNICODE_LINE_ENDS) {
            if c == "\u{85}" || !free(at) {
                let message = "kubectl takes this character for the end of the line";
                return Err(Fault::at_byte(
                    text,
                    at,
                    message,
                    "write it as an escape in double quotes: `\\N`, `\\L` or `\\P`",
                ));
            }
        }
        let (mut start, mut blank_to) = (0, 0);
        for line in text.split_inclusive('\n') {
            let blanks = line.len() - line.trim_start_matches(' ').len();
            let at = start + blanks;
            if line[blanks..].starts_with('\t') && !free(at) {
                if !self.continues_plain(text, blank_to, at, blanks) {
                    let message = "a tab stands in the indentation, where kubectl takes none";
                    return Err(Fault::at_byte(
                        text,
                        at,
                        message,
                        "replace the tab by blanks, or empty the line",
                    ));
                }
                blank_to = at;
            }
            start += line.len();
        }
        Ok(())
    }

    /// Whether a plain scalar goes on here, or could: nothing but white space since its end, and indented far enough.
    /// What lies before `blank_to` is known to be white space or a plain scalar.
    fn continues_plain(&self, text: &str, blank_to: usize, at: usize, column: usize) -> bool {
        let before = self.plain.partition_point(|(start, ..)| *start <= at);
        let last = before.checked_sub(1).map(|last| self.plain[last]);
        last.is_some_and(|(_, end, indent)| {
            column >= indent && (at < end || text[end.max(blank_to)..at].trim().is_empty())
        })
    }

    /// Whether brackets are open here.
    pub(super) fn in_brackets(&self) -> bool {
        self.open_flows > 0
    }
}

/// The same places as ranges in order that do not overlap.
fn united(mut ranges: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    ranges.sort_unstable();
    let mut out: Vec<(usize, usize)> = Vec::new();
    for (start, end) in ranges {
        match out.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => out.push((start, end)),
        }
    }
    out
}
