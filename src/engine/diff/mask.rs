//! Values that may be shown: secrets are masked before anything leaves the engine.
//!
//! A value reaches a report, a status, a log or a terminal only as [`Shown`], and only a [`Masker`] makes one. What is
//! masked always reads `(masked)`, so two secrets cannot be told apart, nor their lengths.

mod clients;
mod names;
mod phrases;
mod server;
mod text;
mod walk;
mod webhooks;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::object::{FieldPath, Segment};
use names::Names;
use walk::Walk;
use work::Budget;

/// What stands in the place of a secret.
pub const MASKED: &str = "(masked)";

/// The longest a shown value gets, in bytes of JSON: enough to recognise a probe or an environment, and little enough
/// that a status of 64 KiB holds dozens.
pub const SHOWN_BYTES: usize = 1024;

/// A value that may be shown.
///
/// It prints as compact JSON of at most [`SHOWN_BYTES`]. A longer one is cut, says how many bytes were left out, and
/// serializes as a string. It is for people: nothing may be made from it again.
#[derive(Clone, PartialEq)]
pub struct Shown(Value);

/// Makes values fit to be shown.
///
/// # Guarantees
/// Masked are: values of environment variables, headers, flags, annotations and keys whose name has a word such as
/// `PASSWORD`, `TOKEN` or `API_KEY`; passwords in URLs and data source names; what the path of a webhook's address
/// gives away; what well-known clients take by short flags (`mysql -p`, `curl -u`); PEM blocks; `Bearer` and `Basic`
/// tokens and those of well-known services; annotations that repeat the object. This holds at any depth, also in JSON
/// within a string.
///
/// A name that ends in `FILE`, `PATH` or `DIR` tells where a secret lies, and its value is shown where it is a path;
/// one that ends in `NAME` tells which object holds it. `true`, `false`, nothing and `$(OTHER)` are no secrets.
///
/// What it takes grows with what it reads, and it reads 256 KiB of the texts of one object at most: the rest is masked.
///
/// # Caveats
/// A secret in plain words under a plain name is not known for one, unless the masker was told of it
/// ([`Masker::knowing`]).
#[derive(Clone, Default)]
pub struct Masker {
    names: Names,

    /// Longest first, so that a secret which holds another goes as a whole.
    secrets: Vec<String>,

    /// What may still be looked at of the one object that it is for; without it each value and each text has a budget
    /// of its own.
    budget: Option<Arc<Budget>>,

    /// What the containers of that object run, by their names; the desired and the live one may run different programs.
    programs: BTreeMap<String, Vec<Vec<String>>>,
}

/// The shortest value that is hidden because a Secret holds it: `true`, `80` or `admin` would hide half of an object.
const SHORTEST_SECRET: usize = 6;

impl Masker {
    /// A masker for which these words, too, make a name that of a secret.
    pub fn with_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            names: Names {
                words: words.into_iter().map(str::to_lowercase).collect(),
            },
            ..Self::default()
        }
    }

    /// This masker, which also hides these values of Secrets wherever they stand. Values of less than six bytes say too
    /// little.
    #[must_use]
    pub fn knowing(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        self.secrets
            .extend(secrets.into_iter().filter(|secret| secret.len() >= SHORTEST_SECRET));
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self.secrets.dedup();
        self
    }

    /// This masker for one object, as it should be and as it is: what a container runs tells which of its arguments are
    /// secrets, and of all values together so much is looked at, and the rest is masked.
    #[must_use]
    pub fn of_object<'a>(&self, sides: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut programs = self.programs.clone();
        for container in sides.into_iter().flat_map(walk::containers) {
            let (Some(name), program) = (container.get("name").and_then(Value::as_str), walk::program(container))
            else {
                continue;
            };
            programs
                .entry(name.to_owned())
                .or_default()
                .push(program.into_iter().map(str::to_owned).collect());
        }
        Self {
            budget: Some(Arc::new(Budget::of_an_object())),
            programs,
            ..self.clone()
        }
    }

    /// Makes the value at a path fit to be shown.
    pub fn mask(&self, path: &FieldPath, value: &Value) -> Shown {
        let own = Budget::of_an_object();
        let walk = Walk::new(&self.names, self.budget.as_deref().unwrap_or(&own));
        let masked = match path.0.as_slice() {
            [Segment::Field(root), ..] if walk::SECRET_DATA.contains(&root.as_str()) => Value::from(MASKED),
            [.., item @ (Segment::Key(_) | Segment::Index(_)), Segment::Field(field)] if field == "value" => {
                walk.variable(name_of(item), value)
            }
            [.., item @ Segment::Key(_), Segment::Field(field)] if field == "args" && value.is_array() => {
                let programs = name_of(item).and_then(|name| self.programs.get(name));
                walk.arguments(value, programs.map_or(&[], Vec::as_slice))
            }
            [.., Segment::Field(field)] => walk.member(field, value),
            _ => walk.whole(value),
        };
        Shown::cut(self.without_known(masked))
    }

    /// Makes a text fit to be shown that may quote values, such as a server's message.
    pub fn mask_text(&self, text: &str) -> String {
        let own = Budget::of_an_object();
        self.hide_known(Walk::new(&self.names, self.budget.as_deref().unwrap_or(&own)).text(text))
    }

    fn without_known(&self, value: Value) -> Value {
        match value {
            _ if self.secrets.is_empty() => value,
            Value::String(text) => Value::String(self.hide_known(text)),
            Value::Array(items) => items.into_iter().map(|item| self.without_known(item)).collect(),
            Value::Object(entries) => entries
                .into_iter()
                .map(|(name, value)| (self.hide_known(name), self.without_known(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other,
        }
    }

    fn hide_known(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| {
            if text.contains(secret.as_str()) {
                text.replace(secret.as_str(), MASKED)
            } else {
                text
            }
        })
    }
}

impl fmt::Debug for Masker {
    /// How many secrets it knows, and none of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker")
            .field("names", &self.names)
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

impl Shown {
    /// Whether the whole value was a secret.
    pub fn is_masked(&self) -> bool {
        self.0 == MASKED
    }

    /// Cuts what is too long, so that the string that is left has at most [`SHOWN_BYTES`] as JSON.
    fn cut(masked: Value) -> Self {
        let text = masked.to_string();
        if text.len() <= SHOWN_BYTES {
            return Self(masked);
        }
        // Room for the marker with the largest number, and for the two quotes.
        let room = SHOWN_BYTES - marker(usize::MAX).len() - 2;
        let mut bytes = 0;
        let fits = |(_, c): &(usize, char)| {
            bytes += if matches!(c, '"' | '\\') { 2 } else { c.len_utf8() };
            bytes > room
        };
        let end = text.char_indices().find(fits).map_or(text.len(), |(at, _)| at);
        Self(Value::from(format!("{}{}", &text[..end], marker(text.len() - end))))
    }
}

fn marker(omitted: usize) -> String {
    format!("… ({omitted} bytes omitted)")
}

fn name_of(item: &Segment) -> Option<&str> {
    match item {
        Segment::Key(keys) => keys
            .iter()
            .find(|(key, _)| key == "name")
            .and_then(|(_, name)| name.as_str()),
        _ => None,
    }
}

impl From<Shown> for Value {
    fn from(shown: Shown) -> Self {
        shown.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
