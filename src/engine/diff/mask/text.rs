//! Secrets inside a text, found by their shape or by the name before them.
//!
//! Each pass hides rather too much than too little: a text is for people, and nothing reads it back.

mod assignment;

use super::names::{Names, Promise, is_plain};
use super::{MASKED, clients, phrases, server, webhooks};
use assignment::{Assignment, Ends};

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
