//! The way through a value, down to JSON within its strings.

use serde_json::{Map, Value};

use super::names::{Names, Promise, is_flag, is_plain};
use super::work::{Budget, looked_at};
use super::{MASKED, clients, marker, server, text};

/// Annotations whose value is a whole object or a part of it.
const OBJECT_ANNOTATIONS: &[&str] = &["kubectl.kubernetes.io/last-applied-configuration"];

/// What a Secret holds, and what a path without its object may lead into.
pub(super) const SECRET_DATA: &[&str] = &["data", "stringData", "binaryData"];

/// Fields of a Pod that name Secrets and tokens and hold none, besides those ending in `Ref`.
const REFERENCES: &[&str] = &["imagePullSecrets", "secret", "serviceAccountToken", "tokenRequests"];

/// How deep JSON within strings is followed; what lies deeper is masked. Each level may nest 128 deep, and the stack is
/// small.
const LEVELS: usize = 4;

/// How often a text may be read again, on the whole, for brackets in it that begin no JSON; behind them everything is
/// masked. Templates and broken JSON take a few times.
const READ_AGAIN: usize = 16;

/// A walk that masks what it passes.
pub(super) struct Walk<'a> {
    names: &'a Names,
    budget: &'a Budget,
    level: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(names: &'a Names, budget: &'a Budget) -> Self {
        Self {
            names,
            budget,
            level: 0,
        }
    }

    /// The value of an environment variable or header. Where its name is not known it may be a secret.
    pub(super) fn variable(&self, name: Option<&str>, value: &Value) -> Value {
        match (name, value) {
            (Some(name), value) => self.named(name, value),
            (None, Value::String(text)) if !is_plain(text) => Value::from(MASKED),
            (None, value) => self.whole(value),
        }
    }

    /// A field or map key with its value. `key` is a field of selectors and references, never a secret.
    pub(super) fn member(&self, field: &str, value: &Value) -> Value {
        match (field, value) {
            (field, _) if OBJECT_ANNOTATIONS.contains(&field) => Value::from(MASKED),
            ("key", value) => self.whole(value),
            // An image's tag follows a colon, as a password does elsewhere.
            ("image", Value::String(image)) if !image.contains("://") && !image.contains(char::is_whitespace) => {
                value.clone()
            }
            (field, value) => self.named(field.rsplit('/').next().unwrap_or(field), value),
        }
    }

    /// Arguments of a container that may run any of these programs.
    pub(super) fn arguments(&self, value: &Value, programs: &[Vec<String>]) -> Value {
        let programs: Vec<Vec<&str>> = programs
            .iter()
            .map(|program| program.iter().map(String::as_str).collect())
            .collect();
        Value::Array(self.list(value.as_array().map_or(&[], Vec::as_slice), &programs))
    }

    /// A value with the name that may give it away.
    fn named(&self, name: &str, value: &Value) -> Value {
        let hide = match value {
            Value::String(text) => self.names.hide(name, text),
            Value::Null | Value::Bool(_) => false,
            Value::Array(items) if items.is_empty() => false,
            Value::Object(members) if members.is_empty() => false,
            Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                !REFERENCES.contains(&name) && self.names.promise(name) == Promise::Secret
            }
        };
        if hide { Value::from(MASKED) } else { self.whole(value) }
    }

    pub(super) fn whole(&self, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
            Value::String(text) => Value::from(self.string(text)),
            Value::Array(items) => Value::Array(self.list(items, &[])),
            Value::Object(members) => Value::Object(self.map(members)),
        }
    }

    /// A string, which may be JSON in itself.
    fn string(&self, text: &str) -> String {
        match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => self.inside(text, &inner),
            _ => self.text(text),
        }
    }

    /// A text for people, which may quote JSON and JSON in strings.
    pub(super) fn text(&self, text: &str) -> String {
        let reason = server::reason(text);
        let (text, omitted) = text::beginning(text);
        if !self.budget.take(text.len()) {
            return MASKED.to_owned();
        }
        let masked = text::mask(&self.quoted(text), self.names);
        match reason.filter(|reason| omitted > reason.len()) {
            Some(reason) => format!("{masked}{} {reason}", marker(omitted - reason.len())),
            None if omitted > 0 => masked + &marker(omitted),
            None => masked,
        }
    }

    /// A text with the JSON masked that stands in it.
    fn quoted(&self, text: &str) -> String {
        looked_at(text.len());
        let mut out = String::with_capacity(text.len());
        let (mut copied, mut at, mut failed) = (0, 0, 0);
        // No string begins before this place: a quote that did not close leaves none behind it that does.
        let mut unclosed = 0;
        while let Some(found) = text[at..].find(['{', '[', '"']) {
            let start = at + found;
            at = start + 1;
            let is_string = text[start..].starts_with('"');
            if is_string && start < unclosed {
                continue;
            }
            let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
            let masked = match values.next() {
                Some(Ok(Value::String(inner))) if inner.contains('"') => {
                    Value::from(self.deeper().map_or(MASKED.to_owned(), |walk| walk.string(&inner))).to_string()
                }
                Some(Ok(inner @ (Value::Object(_) | Value::Array(_)))) => {
                    self.inside(&text[start..start + values.byte_offset()], &inner)
                }
                Some(Err(error)) => {
                    let read = read_until(&text[start..], &error);
                    looked_at(read);
                    if is_string {
                        unclosed = start + read;
                        continue;
                    }
                    failed += read;
                    if failed <= READ_AGAIN * text.len() {
                        continue;
                    }
                    return out + &text[copied..start] + MASKED;
                }
                _ => continue,
            };
            out.push_str(&text[copied..start]);
            out.push_str(&masked);
            copied = start + values.byte_offset();
            at = copied;
        }
        out + &text[copied..]
    }

    /// JSON that stood in a string, with its own spacing where it has no secret.
    fn inside(&self, text: &str, inner: &Value) -> String {
        let Some(walk) = self.deeper() else {
            return MASKED.to_owned();
        };
        let masked = walk.whole(inner);
        // A key given twice is read once: the text may hold more than what was looked at.
        let signs = |json: &str| json.chars().filter(|c| !c.is_whitespace()).count();
        if masked == *inner && signs(text) == signs(&masked.to_string()) {
            text.to_owned()
        } else {
            masked.to_string()
        }
    }

    fn deeper(&self) -> Option<Self> {
        (self.level < LEVELS).then(|| Self {
            level: self.level + 1,
            ..*self
        })
    }

    fn map(&self, members: &Map<String, Value>) -> Map<String, Value> {
        let is_secret = members.get("kind").and_then(Value::as_str) == Some("Secret");
        let name = members.get("name").and_then(Value::as_str);
        let mask = |(field, value): (&String, &Value)| {
            let masked = match field.as_str() {
                data if is_secret && SECRET_DATA.contains(&data) => Value::from(MASKED),
                "value" if name.is_some() => self.variable(name, value),
                "args" if value.is_array() => {
                    Value::Array(self.list(value.as_array().map_or(&[], Vec::as_slice), &[program(members)]))
                }
                field => self.member(field, value),
            };
            (self.text(field), masked)
        };
        members.iter().map(mask).collect()
    }

    /// A list, in which a flag may stand before its value: the arguments of one of these programs, where they are
    /// known, or of one that the list names.
    fn list(&self, items: &[Value], programs: &[Vec<&str>]) -> Vec<Value> {
        if self.budget.is_spent() {
            return vec![Value::from(MASKED); items.len().min(1)];
        }
        let words: Vec<&str> = items.iter().map(|item| item.as_str().unwrap_or_default()).collect();
        let of = |program: &[&str]| {
            let all: Vec<&str> = program.iter().chain(&words).copied().collect();
            let named = all.iter().any(|word| clients::is_client(word));
            if named {
                clients::hide(&all, false).split_off(program.len())
            } else {
                clients::hide_alone(&words)
            }
        };
        let mut hidden = of(programs.first().map_or(&[], Vec::as_slice));
        for program in programs.iter().skip(1) {
            hidden = hidden
                .into_iter()
                .zip(of(program))
                .map(|(one, other)| one.or(other))
                .collect();
        }
        let flags = std::iter::once(None).chain(items.iter().map(|item| {
            item.as_str()
                .filter(|text| text.starts_with('-') && !text.contains('='))
        }));
        let one = |((flag, item), hidden): ((Option<&str>, &Value), Option<String>)| {
            hidden.map_or_else(|| self.item(flag, item), Value::from)
        };
        flags.zip(items).zip(hidden).map(one).collect()
    }

    fn item(&self, flag: Option<&str>, item: &Value) -> Value {
        let Some(text) = item.as_str() else {
            return self.whole(item);
        };
        if flag.is_some_and(|flag| !is_flag(text) && self.names.hide(flag, text)) {
            return Value::from(MASKED);
        }
        match text.split_once('=') {
            Some((name, value)) if is_name(name) && self.names.hide(name, value) => {
                Value::from(format!("{name}={MASKED}"))
            }
            _ => Value::from(self.string(text)),
        }
    }
}

/// How many bytes JSON's reader took before it stopped.
fn read_until(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    (lines.map(str::len).sum::<usize>() + error.column()).clamp(1, text.len().max(1))
}

/// The containers of an object that has a template of Pods.
pub(super) fn containers(object: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    let lists = ["containers", "initContainers", "ephemeralContainers"].into_iter();
    let pod = object.pointer("/spec/template/spec");
    lists
        .filter_map(move |list| pod?.get(list)?.as_array())
        .flatten()
        .filter_map(Value::as_object)
}

/// What a container runs: its command, or what its image is called.
pub(super) fn program(container: &Map<String, Value>) -> Vec<&str> {
    match (
        container.get("command").and_then(Value::as_array),
        container.get("image").and_then(Value::as_str),
    ) {
        (Some(command), _) if !command.is_empty() => command.iter().filter_map(Value::as_str).collect(),
        (_, Some(image)) => image
            .split('@')
            .next()
            .and_then(|image| image.rsplit('/').next()?.split(':').next())
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether this may be a flag or a variable, so that all behind its `=` is its value.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}
