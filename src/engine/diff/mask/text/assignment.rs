//! Assignments in a text, such as `password=...`: where the value ends, and whether it is hidden.

use crate::engine::diff::mask::names::{Names, Promise, is_flag};
use crate::engine::diff::mask::server;
use crate::engine::diff::mask::work::looked_at;

/// A name and where its value stands.
pub(super) struct Assignment<'a> {
    pub(super) key: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,

    /// Whether the key stands where a field of a structure does: not so in `Invalid value: "x"`.
    pub(super) is_member: bool,

    /// Whether `merge` stands before it.
    is_after_merge: bool,

    /// Whether an operator follows it.
    is_before_operator: bool,

    /// Whether it is an attribute, as in XML.
    pub(super) is_attribute: bool,

    /// Whether the name is a flag and the value the next argument.
    is_gap: bool,

    /// Whether nothing but its sign parts name and value, as in `web:v1`.
    is_tight: bool,
}

impl<'a> Assignment<'a> {
    /// Reads what stands on both sides of a sign; `None` where that is no pair, or one that cannot matter.
    pub(super) fn read(text: &'a str, sign: usize, names: &Names, ends: &mut Ends) -> Option<Self> {
        let (before, kind) = (&text[..sign], text.as_bytes()[sign]);
        let is_gap = matches!(kind, b' ' | b'\t' | b',');
        let left = if kind == b'=' {
            before.trim_end_matches([' ', '\t'])
        } else {
            before
        };
        let is_quoted = left.ends_with(['"', '\'']);
        let left = left.trim_end_matches(['"', '\'', '\\']);
        let key_start = left
            .rfind(|c: char| !(c.is_alphanumeric() || "_.-/".contains(c)))
            .map_or(0, |at| at + char_length(left, at));
        let key = &left[key_start..];
        let can_matter = ["name", "value"].iter().any(|known| key.eq_ignore_ascii_case(known))
            || names.promise(key) != Promise::Open;
        if !can_matter || (is_gap && !key.starts_with('-')) {
            return None;
        }
        let after = &text[sign + 1..];
        let rest = after.trim_start_matches([' ', '\t']);
        let begin = text.len() - rest.len();
        let line = before[..key_start].trim_end_matches([' ', '\t', '-', '+', '"', '\'']);
        let is_line = (line.is_empty() || line.ends_with('\n')) && !is_gap && (rest.len() < after.len());
        let quote = rest.len() - rest.trim_start_matches('\\').len();
        let opens = rest[quote..].chars().next().filter(|c| "\"'`".contains(*c));
        let (start, end) = match opens {
            Some(c) => (
                begin + quote + 1,
                begin + quote + 1 + quoted_length(&rest[quote + 1..], &rest[..quote], c),
            ),
            None if kind == b':' && rest.starts_with(['{', '[', '(', '&', '*', '|']) => return None,
            // In JSON what has no quotes is a number or a word, such as `null`.
            None if is_quoted && kind == b':' => (begin, ends.of(End::Member, text, begin)),
            None if is_line || names_header(key) => (begin, ends.of(End::Line, text, begin)),
            None => (begin, ends.of(End::Word, text, begin)),
        };
        looked_at(sign - line.len() + opens.map_or(0, |_| end - start));
        let member = before[..key_start].trim_end_matches(['"', '\'', '\\', ' ', '\t']);
        Some(Self {
            key,
            start,
            end,
            is_member: member.is_empty() || member.ends_with([',', '{', '-', '+', '\n']),
            is_after_merge: member.ends_with("merge"),
            is_before_operator: server::is_operator(&text[end..]),
            is_attribute: kind == b'=' && opens.is_some(),
            is_gap,
            is_tight: kind == b':' && opens.is_none() && rest.len() == after.len(),
        })
    }

    /// Whether the server tells by which field it merges a list: `does not contain declared merge key: name`.
    ///
    /// Source: `ErrNoMergeKey` of apimachinery `pkg/util/mergepatch/errors.go`.
    fn names_merge_key(&self, value: &str) -> bool {
        self.is_after_merge && self.key == "key" && server::is_merge_key(value)
    }

    /// Whether it is the key of a label or a taint in a selector or a toleration, which the server prints as a whole:
    /// `{"key":"tier","operator":"in"}`.
    fn names_label(&self) -> bool {
        self.is_before_operator && self.key.eq_ignore_ascii_case("key")
    }

    pub(super) fn hides(&self, value: &str, names: &Names) -> bool {
        let is_judged = server::is_judgement(value);
        let is_image = self.is_tight && (self.key.contains('/') || !names.ends_in_secret(self.key));
        let is_next = self.is_gap && is_flag(value);
        !self.names_merge_key(value)
            && !self.names_label()
            && !is_judged
            && !is_image
            && !is_next
            && names.hide(self.key, value)
    }
}

/// What a value without quotes ends with.
#[derive(Clone, Copy)]
enum End {
    /// A value of JSON.
    Member,

    /// All of a line.
    Line,

    /// A word.
    Word,
}

/// Where the last value of each sort ended: up to there nothing ends one, and it need not be looked for again from
/// every sign in between.
#[derive(Default)]
pub(super) struct Ends(pub(super) [usize; 3]);

impl Ends {
    fn of(&mut self, kind: End, text: &str, begin: usize) -> usize {
        let known = &mut self.0[kind as usize];
        if *known < begin {
            let ends = |c: char| match kind {
                End::Member => ",}]".contains(c),
                End::Line => "\n\"".contains(c),
                End::Word => c.is_whitespace() || c == '"',
            };
            *known = text[begin..].find(ends).map_or(text.len(), |at| begin + at);
            looked_at(*known - begin);
        }
        *known
    }
}

/// A header's value has words: `Authorization: Bearer x`.
fn names_header(key: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie", "set-cookie"]
        .iter()
        .any(|name| key.eq_ignore_ascii_case(name))
}

fn char_length(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

/// Up to the closing quote, which is escaped as the opening one was; the whole text where it does not close.
fn quoted_length(text: &str, escape: &str, quote: char) -> usize {
    let closing = format!("{escape}{quote}");
    text.match_indices(&closing)
        .map(|(at, _)| at)
        .find(|at| !text[..*at].ends_with('\\'))
        .unwrap_or(text.len())
}
