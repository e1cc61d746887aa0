//! Secrets inside a text, found by their shape or by the name before them.
//!
//! Each pass hides rather too much than too little: a text is for people, and nothing reads it back.

use super::names::{Names, Promise, is_flag, is_plain};
use super::work::looked_at;
use super::{MASKED, clients, phrases, server, webhooks};

/// What an access token of a well-known service begins with.
const TOKEN_STARTS: &[&str] = &[
    "AGE-SECRET-KEY-",
    "AIza",
    "AKIA",
    "ASIA",
    "ATATT3x",
    "GOCSPX-",
    "PMAK-",
    "SG.",
    "dckr_pat_",
    "doo_v1_",
    "dop_v1_",
    "eyJ",
    "gho_",
    "ghp_",
    "ghr_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "gldt-",
    "glpat-",
    "glrt-",
    "hf_",
    "hvb.",
    "hvs.",
    "lin_api_",
    "npm_",
    "nvapi-",
    "phc_",
    "pul-",
    "pypi-",
    "rk_live_",
    "shpat_",
    "sk-",
    "sk_live_",
    "sk_test_",
    "sntrys_",
    "tskey-auth-",
    "whsec_",
    "xapp-",
    "xkeysib-",
    "xoxa-",
    "xoxb-",
    "xoxe.",
    "xoxp-",
    "xoxs-",
    "ya29.",
];

/// The shortest of those tokens; what is shorter is a word that begins alike.
const TOKEN_LENGTH: usize = 16;

/// Words that follow `bearer` or `basic` in a sentence.
const AFTER_SCHEME: &[&str] = &[
    "auth",
    "authentication",
    "authorization",
    "credentials",
    "is",
    "not",
    "or",
    "realm",
    "scheme",
    "token",
    "tokens",
    "was",
];

/// What is read of a text that is not JSON: many times what is shown, and little enough that no text costs seconds.
const TEXT_BYTES: usize = 16 * 1024;

/// The longest name of a variable, in bytes; what is longer is none, and the value beside it is masked as that of an
/// unknown one.
const LONGEST_NAME: usize = 512;

/// Masks every secret that can be told in a text of bounded length.
pub(super) fn mask(text: &str, names: &Names) -> String {
    let text = phrases::hide(&clients::hide_in_text(&pem_blocks(text)), names);
    let mut masked = String::with_capacity(text.len());
    let mut scheme = false;
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let hidden = if scheme { after_scheme(word) } else { None };
        let word_masked = hidden.unwrap_or_else(|| tokens(&user_info(word)));
        masked.push_str(&word_masked);
        masked.push_str(&piece[word.len()..]);
        scheme = is_scheme(word) || (scheme && word.is_empty());
    }
    assignments(&masked, names)
}

/// The beginning of a text that is too long, up to a gap, so that nothing is cut through; and how many bytes that
/// leaves out.
pub(super) fn beginning(text: &str) -> (&str, usize) {
    if text.len() <= TEXT_BYTES {
        return (text, 0);
    }
    let limit = (0..=TEXT_BYTES)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let end = text[..limit].rfind(char::is_whitespace).unwrap_or(0);
    (&text[..end], text.len() - end)
}

/// `-----BEGIN …` to the end of `-----END …-----`, or of the text.
fn pem_blocks(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, block)) = rest.split_once("-----BEGIN ") {
        out.push_str(before);
        out.push_str(MASKED);
        rest = block
            .split_once("-----END ")
            .and_then(|(_, end)| end.split_once("-----"))
            .map_or("", |(_, after)| after);
    }
    out + rest
}

fn is_scheme(word: &str) -> bool {
    let last = word
        .rsplit(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    ["bearer", "basic"]
        .iter()
        .any(|scheme| last.eq_ignore_ascii_case(scheme))
}

/// The word after `Bearer` or `Basic`, with the punctuation that closes it kept.
fn after_scheme(word: &str) -> Option<String> {
    let body = word.trim_end_matches(|c| "\"'`,;)}]\\".contains(c));
    let is_word =
        body.is_empty() || AFTER_SCHEME.iter().any(|plain| body.eq_ignore_ascii_case(plain)) || is_plain(body);
    (!is_word).then(|| format!("{MASKED}{}", &word[body.len()..]))
}

/// The password of `scheme://user:password@host` and of `user:password@tcp(host)`, and secrets in the path; over http
/// also a lone user, which is a token.
fn user_info(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(start) = rest.find("://").map(|at| at + 3) {
        let (scheme, after) = rest.split_at(start);
        // A list of addresses has signs between them; without these the next `://` belongs to a password.
        let end = after
            .find("://")
            .and_then(|next| after[..next].rfind(['"', '\'', ',']))
            .unwrap_or(after.len());
        out.push_str(scheme);
        out.push_str(&webhooks::hide(&address(scheme, &after[..end])));
        rest = &after[end..];
    }
    if out.is_empty() { data_source(word) } else { out + rest }
}

/// What stands behind `://`, its password masked. A password may hold any sign, even `/` and `@`.
fn address(scheme: &str, url: &str) -> String {
    let authority = url.split(['/', '"', '\'']).next().unwrap_or_default();
    let is_port = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let has_user = authority.contains('@') || authority.rsplit_once(':').is_some_and(|(_, port)| !is_port(port));
    let quote = url.find(['"', '\'']).unwrap_or(url.len());
    let Some(at) = url[..quote].rfind('@').or_else(|| url.rfind('@')).filter(|_| has_user) else {
        return url.to_owned();
    };
    let (user, host) = url.split_at(at);
    match user.split_once(':') {
        Some((_, password)) if is_plain(password) => url.to_owned(),
        Some((name, _)) => format!("{name}:{MASKED}{host}"),
        None if scheme.ends_with("http://") || scheme.ends_with("https://") => format!("{MASKED}{host}"),
        None => url.to_owned(),
    }
}

/// A data source name of Go's drivers. What follows the `@` of an image is its digest.
fn data_source(word: &str) -> String {
    let Some(at) = word.rfind('@').filter(|at| !word[at + 1..].starts_with("sha")) else {
        return word.to_owned();
    };
    let start = word[..at].rfind(['"', '\'']).map_or(0, |quote| quote + 1);
    match word[start..at].split_once(':') {
        // Signs alone are no user: the server lists those that a name must not have.
        Some((user, password)) if !password.is_empty() && !is_plain(password) && is_user(user) => {
            format!("{}{user}:{MASKED}{}", &word[..start], &word[at..])
        }
        _ => word.to_owned(),
    }
}

fn is_user(name: &str) -> bool {
    name.is_empty() || name.contains(char::is_alphanumeric)
}

/// Tokens that tell themselves by how they begin.
fn tokens(word: &str) -> String {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let mut out = String::new();
    let mut rest = word;
    while let Some(start) = rest.find(is_inside) {
        let length = rest[start..].find(|c| !is_inside(c)).unwrap_or(rest.len() - start);
        let (before, token, after) = (&rest[..start], &rest[start..start + length], &rest[start + length..]);
        let is_token = token.len() >= TOKEN_LENGTH && TOKEN_STARTS.iter().any(|begin| token.starts_with(begin));
        out.push_str(before);
        out.push_str(if is_token { MASKED } else { token });
        rest = after;
    }
    out + rest
}

/// `name=value`, `name: value`, `--name value`, `"--name", "value"`, and the `name`, `value` pairs of a printed
/// environment, in JSON, YAML or Go.
fn assignments(text: &str, names: &Names) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let mut at = 0;
    let mut variable: Option<Promise> = None;
    let mut ends = Ends::default();
    while let Some(found) = text[at..].find(['=', ':', ',', ' ', '\t', '{', '}']) {
        let sign = at + found;
        at = sign + 1;
        if matches!(text.as_bytes()[sign], b'{' | b'}') {
            variable = None;
            continue;
        }
        let Some(pair) = Assignment::read(text, sign, names, &mut ends) else {
            continue;
        };
        let value = &text[pair.start..pair.end];
        let hide = match pair.key.to_ascii_lowercase().as_str() {
            "name" => {
                variable = (value.len() <= LONGEST_NAME).then(|| names.promise(value));
                false
            }
            "value" if pair.is_member || (pair.is_attribute && variable.is_some()) => {
                variable.is_none_or(|promise| promise.hides(value)) && !is_plain(value) && !server::is_type(value)
            }
            _ => pair.hides(value, names),
        };
        if hide {
            out.push_str(&text[copied..pair.start]);
            out.push_str(MASKED);
            copied = pair.end;
            at = pair.end;
        }
    }
    out + &text[copied..]
}

/// A name and where its value stands.
struct Assignment<'a> {
    key: &'a str,
    start: usize,
    end: usize,

    /// Whether the key stands where a field of a structure does: not so in `Invalid value: "x"`.
    is_member: bool,

    /// Whether `merge` stands before it.
    is_after_merge: bool,

    /// Whether an operator follows it.
    is_before_operator: bool,

    /// Whether it is an attribute, as in XML.
    is_attribute: bool,

    /// Whether the name is a flag and the value the next argument.
    is_gap: bool,

    /// Whether nothing but its sign parts name and value, as in `web:v1`.
    is_tight: bool,
}

impl<'a> Assignment<'a> {
    /// Reads what stands on both sides of a sign; `None` where that is no pair, or one that cannot matter.
    fn read(text: &'a str, sign: usize, names: &Names, ends: &mut Ends) -> Option<Self> {
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

    fn hides(&self, value: &str, names: &Names) -> bool {
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
struct Ends([usize; 3]);

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
