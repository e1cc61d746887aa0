//! Secrets on the command lines of well-known clients, whose short flags promise nothing by their name: `-p` is a
//! password for one program and a port for the next.

mod known;
mod scope;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::MASKED;
use super::names::is_plain;
use super::work::looked_at;
use known::{CLIENTS, Client, PRINTERS, READERS};
use scope::Scope;

/// What replaces each word of a command line; `None` where it stays. `in_shell` where a shell reads it, in which `$X`
/// is a variable.
pub(super) fn hide(words: &[&str], in_shell: bool) -> Vec<Option<String>> {
    let mut hidden = vec![None; words.len()];
    let mut scope: Option<Scope> = None;
    let secret = |value: &str| {
        let value = value.trim_matches(['"', '\'']);
        !(is_plain(value) || in_shell && is_variable(value))
    };
    for (at, word) in words.iter().enumerate() {
        if let Some(begun) = Scope::of(word) {
            scope = Some(begun);
            continue;
        }
        let Some(current) = &mut scope else { continue };
        current.meet(word);
        let flag = at.checked_sub(1).map(|before| words[before]);
        if current.is_over(word, flag) {
            // What follows a program that only calls another one is not its own.
            scope = None;
            continue;
        }
        let earlier = at.checked_sub(2).map(|before| words[before]);
        hidden[at] = match (current.value(word, flag, earlier), current.takes_last(words, at)) {
            (Some(from), _) => secret(&word[from..]).then(|| format!("{}{MASKED}", &word[..from])),
            (None, true) => secret(word).then(|| MASKED.to_owned()),
            (None, false) => None,
        };
    }
    hidden
}

/// Whether this word names one of the programs, by path or alone.
pub(super) fn is_client(word: &str) -> bool {
    Scope::of(word).is_some()
}

/// `args` without the program that takes them: where there is a user, `-psecret` is that user's password, and
/// `-u user:secret` holds one.
pub(super) fn hide_alone(words: &[&str]) -> Vec<Option<String>> {
    let number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || ".:-/".contains(c));
    let has_user = words
        .iter()
        .any(|word| word.starts_with("-u") && !word.starts_with("-u:"));
    let pair = |value: &str| {
        let (user, secret) = value.split_once(':')?;
        (!user.is_empty() && !secret.starts_with("//") && !number(secret) && !is_plain(secret))
            .then(|| format!("{user}:{MASKED}"))
    };
    let one = |at: usize, word: &&str| {
        if at > 0 && matches!(words[at - 1], "-u" | "--user") {
            return pair(word);
        }
        if let Some(value) = word.strip_prefix("--user=") {
            return pair(value).map(|hidden| format!("--user={hidden}"));
        }
        match (word.strip_prefix("-p"), word.strip_prefix("-u")) {
            (Some(secret), _) if has_user && !secret.is_empty() && !number(secret) && !is_plain(secret) => {
                Some(format!("-p{MASKED}"))
            }
            (_, Some(value)) => pair(value).map(|hidden| format!("-u{hidden}")),
            _ => None,
        }
    };
    words.iter().enumerate().map(|(at, word)| one(at, word)).collect()
}

/// `$X`, `${X}`, or the beginning of `$(…)`: what a shell puts something else in the place of.
fn is_variable(value: &str) -> bool {
    let Some(name) = value.strip_prefix('$') else {
        return false;
    };
    let name = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'))
        .unwrap_or(name);
    name.starts_with('(') || name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The clients by their names.
static BY_NAME: LazyLock<HashMap<&'static str, Vec<&'static Client>>> = LazyLock::new(|| {
    let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
    for client in CLIENTS {
        for name in client.names {
            by_name.entry(*name).or_default().push(client);
        }
    }
    by_name
});

/// A word of a text and where it stands, without its quotes.
struct Word {
    start: usize,
    end: usize,

    /// Whether it is all that stands between two quotes.
    is_quoted: bool,
}

/// The same within a text, such as a script or the `Args:[]string{…}` of a message: every command in it.
pub(super) fn hide_in_text(text: &str) -> String {
    hide_within(text, QUOTES)
}

/// How deep quotes within quotes are followed: a script in a list in a message that was quoted once more.
const QUOTES: usize = 4;

fn hide_within(text: &str, depth: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let commands = commands(text);
    let mut following = commands.iter().skip(1);
    for command in &commands {
        let next = following.next();
        let words = words_of(text, command);
        let printed = command.is_piped && next.is_some_and(|next| prints_secret(&words, &words_of(text, next)));
        let hidden = if printed {
            hide_printed(&words)
        } else if words.iter().any(|word| is_client(word)) {
            hide(&words, true)
        } else {
            vec![None; words.len()]
        };
        for (word, hidden) in command.words.iter().zip(hidden) {
            let inside = &text[word.start..word.end];
            let is_text =
                word.is_quoted && depth > 0 && inside.contains(|c: char| c.is_whitespace() || "\"'".contains(c));
            let hidden = hidden.or_else(|| {
                is_text
                    .then(|| hide_within(inside, depth - 1))
                    .filter(|hidden| hidden != inside)
            });
            let Some(hidden) = hidden else { continue };
            out.push_str(&text[copied..word.start]);
            out.push_str(&hidden);
            copied = word.end;
        }
    }
    out + &text[copied..]
}

fn words_of<'a>(text: &'a str, command: &Command) -> Vec<&'a str> {
    command.words.iter().map(|word| &text[word.start..word.end]).collect()
}

/// Whether the first command prints what the next one reads as a secret: `echo X | docker login --password-stdin`.
fn prints_secret(words: &[&str], next: &[&str]) -> bool {
    let is_named = |word: &&str, name: &str| word.rsplit('/').next() == Some(name);
    words.iter().any(|word| PRINTERS.contains(word))
        && READERS.iter().any(|(name, with)| {
            (name.is_empty() || next.iter().any(|word| is_named(word, name)))
                && (with.is_empty() || next.contains(with))
        })
}

/// Everything behind the program that prints, but its flags and formats.
fn hide_printed(words: &[&str]) -> Vec<Option<String>> {
    let begin = words
        .iter()
        .position(|word| PRINTERS.contains(word))
        .map_or(words.len(), |at| at + 1);
    let is_format =
        |word: &str| word.starts_with(['-', '%']) || is_plain(word) || is_variable(word.trim_matches(['"', '\'']));
    let one = |(at, word): (usize, &&str)| (at >= begin && !is_format(word)).then(|| MASKED.to_owned());
    words.iter().enumerate().map(one).collect()
}

/// One command of a text.
#[derive(Default)]
struct Command {
    words: Vec<Word>,

    /// Whether the next one reads what it prints.
    is_piped: bool,
}

/// What says where a program is, in the place of its name.
const LOOKUPS: &[&str] = &["$(which ", "$(command -v ", "`which ", "`command -v "];

/// The words of a text, command by command.
fn commands(text: &str) -> Vec<Command> {
    let mut commands = vec![Command::default()];
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let last = commands.len() - 1;
        if rest.starts_with(MASKED) {
            // Hidden before, and still the word that it was.
            commands[last].words.push(Word {
                start: at,
                end: at + MASKED.len(),
                is_quoted: false,
            });
            at += MASKED.len();
        } else if rest.starts_with("\\\n") || rest.starts_with("\\\r\n") {
            // The command goes on in the next line.
            at += if rest.starts_with("\\\n") { 2 } else { 3 };
        } else if let Some(lookup) = LOOKUPS.iter().find(|lookup| rest.starts_with(**lookup)) {
            let start = at + lookup.len();
            let end = start + text[start..].find([')', '`', '\n', ' ']).unwrap_or(text.len() - start);
            commands[last].words.push(Word {
                start,
                end,
                is_quoted: false,
            });
            at = end + usize::from(text[end..].starts_with([')', '`']));
        } else if ";|&\n()`{}[]<>".contains(c) {
            commands[last].is_piped = c == '|';
            commands.push(Command::default());
            at += c.len_utf8();
        } else if c.is_whitespace() || c == ',' {
            at += c.len_utf8();
        } else {
            let (word, next) = word(text, at);
            commands[last].words.push(word);
            at = next;
        }
    }
    commands
}

/// The word that begins here, and where to read on: a quoted word without its quotes, and one such as `-p'a b'` up to
/// its last quote.
fn word(text: &str, start: usize) -> (Word, usize) {
    let (word, next) = read_word(text, start);
    looked_at(next - start);
    (word, next)
}

fn read_word(text: &str, start: usize) -> (Word, usize) {
    let body = text[start..].trim_start_matches('\\');
    let escape = &text[start..text.len() - body.len()];
    if let Some(quote) = body.chars().next().filter(|c| "\"'".contains(*c)) {
        let inside = text.len() - body.len() + 1;
        let closing = format!("{escape}{quote}");
        let closes = |at: &usize| !text[..inside + at].ends_with('\\');
        let end = text[inside..]
            .match_indices(&closing)
            .map(|(at, _)| at)
            .find(closes)
            .map_or(text.len(), |at| inside + at);
        return (
            Word {
                start: inside,
                end,
                is_quoted: true,
            },
            (end + closing.len()).min(text.len()),
        );
    }
    let mut end = start;
    let mut quote: Option<char> = None;
    for c in text[start..].chars() {
        let opens_list = || "{[".contains(c) && text[end + 1..].trim_start_matches('\\').starts_with(['"', '\'']);
        let ends = quote.is_none() && (c.is_whitespace() || ";|&()`<>".contains(c) || opens_list());
        if ends {
            break;
        }
        quote = match quote {
            None if "\"'".contains(c) => Some(c),
            Some(open) if open == c => None,
            other => other,
        };
        end += c.len_utf8();
    }
    // A quote that never closes is an apostrophe.
    if quote.is_some() {
        end = start + text[start..].find(char::is_whitespace).unwrap_or(text.len() - start);
    }
    let trimmed = text[start..end].trim_end_matches([',', '"', '\'', '\\']);
    let closes = text[start..end].matches(['"', '\'']).count().is_multiple_of(2);
    let end_of_word = if closes {
        start + text[start..end].trim_end_matches(',').len()
    } else {
        start + trimmed.len()
    };
    (
        Word {
            start,
            end: end_of_word.clamp(start, end),
            is_quoted: false,
        },
        end,
    )
}

#[cfg(test)]
mod tests;
