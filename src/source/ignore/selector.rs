//! Which objects a rule is for, as Argo CD (globs) and Flux (regular expressions and label selectors) say it.

use kube::core::{Expression, Selector as Labels, SelectorExt};
use regex_automata::meta::{BuildError, Regex};
use regex_automata::util::syntax;
use serde::Deserialize;
use serde_json::Value;

use super::reading::shown;
use crate::engine::argo_cd::glob;
use crate::engine::kind::KINDS;
use crate::engine::object::ObjectId;

/// The longest glob, regular expression or name, in bytes: four times the longest name there is.
const LONGEST_WORD: usize = 1_024;

/// The longest label selector, in bytes.
const LONGEST_SELECTOR: usize = 4_096;

/// How many bytes one regular expression may take: a few hundred steps, and no count of a count of them.
const MOST_OF_A_REGEX: usize = 32 << 10;

/// What each takes besides its steps.
const POOL: usize = 1 << 10;

/// How deep its groups may be.
const DEEPEST_REGEX: u32 = 32;

/// Which objects a rule is for.
#[derive(Debug, PartialEq)]
pub(super) enum Target {
    /// Every Deployment.
    Any,

    /// Argo CD's: group and kind are globs, an empty name or namespace is any.
    ///
    /// Source: `ignoreNormalizer.Normalize` of `util/argo/normalizers/diff_normalizer.go`.
    Globs {
        /// Glob of the API group.
        group: String,

        /// Glob of the kind.
        kind: String,

        /// The name, or empty.
        name: String,

        /// The namespace, or empty.
        namespace: String,
    },

    /// Flux's.
    Selected(Box<Compiled>),
}

impl Target {
    /// Whether the rule is for an object; labels and annotations are those of `object`.
    pub(super) fn selects(&self, id: &ObjectId, object: &Value) -> bool {
        let (group, version) = id.api_version.split_once('/').unwrap_or(("", &id.api_version));
        let own_namespace = id.namespace.as_deref().unwrap_or_default();
        match self {
            Self::Any => true,
            Self::Globs {
                group: groups,
                kind,
                name,
                namespace,
            } => {
                glob::matches(groups, group)
                    && glob::matches(kind, &id.kind)
                    && (name.is_empty() || *name == id.name)
                    && (namespace.is_empty() || namespace == own_namespace)
            }
            Self::Selected(compiled) => {
                let words = [group, version, &id.kind, &id.name, own_namespace];
                compiled
                    .words
                    .iter()
                    .zip(words)
                    .all(|(pattern, word)| pattern.fits(word))
                    && compiled.labels.matches(&texts(object, "/metadata/labels"))
                    && compiled.annotations.matches(&texts(object, "/metadata/annotations"))
            }
        }
    }

    /// Whether any object of a governed kind may be selected: rules for other kinds are of no use here.
    pub(super) fn may_select_governed(&self) -> bool {
        KINDS.iter().any(|of| match self {
            Self::Any => true,
            Self::Globs { group, kind, .. } => glob::matches(group, of.group) && glob::matches(kind, of.kind),
            Self::Selected(compiled) => {
                let [group, _, kind, ..] = &compiled.words;
                group.fits(of.group) && kind.fits(of.kind)
            }
        })
    }

    /// Whether a target of globs is short enough to be asked again and again.
    pub(super) fn check(&self) -> Result<(), SelectorError> {
        match self {
            Self::Globs {
                group,
                kind,
                name,
                namespace,
            } => [group, kind, name, namespace]
                .into_iter()
                .try_for_each(|text| short(text)),
            Self::Any | Self::Selected(_) => Ok(()),
        }
    }
}

fn short(text: &str) -> Result<(), SelectorError> {
    if text.len() > LONGEST_WORD {
        return Err(SelectorError::TooLong {
            text: shown(text),
            length: text.len(),
            most: LONGEST_WORD,
        });
    }
    Ok(())
}

fn texts(object: &Value, pointer: &str) -> std::collections::BTreeMap<String, String> {
    let entries = object.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Flux's selector as it is written. Words are regular expressions that must fit the whole word; an absent one fits
/// all.
///
/// Source: `SelectorRegex` of `fluxcd/pkg/ssa/jsondiff`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Selector {
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
    label_selector: String,
    annotation_selector: String,
}

/// Flux's selector, ready to be asked.
#[derive(Debug)]
pub(super) struct Compiled {
    /// As it is written; what is written alike selects alike.
    written: Selector,

    /// Group, version, kind, name, namespace.
    words: [Word; 5],
    labels: Labels,
    annotations: Labels,
}

impl PartialEq for Compiled {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

/// What a word of an object must be.
#[derive(Debug)]
enum Word {
    /// Anything.
    Any,

    /// This one: what most people write.
    Exact(String),

    /// What fits a regular expression as a whole.
    Fits(Box<Regex>),
}

impl Word {
    fn fits(&self, word: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == word,
            Self::Fits(regex) => regex.is_match(word),
        }
    }
}

/// Why a selector is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum SelectorError {
    /// A word is no regular expression.
    #[error("{pattern:?} is not a regular expression")]
    Pattern { pattern: String, source: Box<BuildError> },

    /// A regular expression is too large, alone or beside the others of its object.
    #[error("the regular expression {pattern:?} is too large, or one too many: the rule is not in force")]
    TooLarge { pattern: String },

    /// A word has too many letters.
    #[error("{text:?} has {length} bytes and may have {most}: the rule is not in force")]
    TooLong { text: String, length: usize, most: usize },

    /// A term of a label selector does not read as one.
    #[error("{term:?} is not a term of a label selector")]
    Term { term: String },
}

impl Selector {
    /// Makes it ready, at the cost of what is left of a budget of bytes.
    pub(super) fn compile(self, budget: &mut usize) -> Result<Compiled, SelectorError> {
        let mut word = |pattern: &str| word(pattern, budget);
        let words = [
            word(&self.group)?,
            word(&self.version)?,
            word(&self.kind)?,
            word(&self.name)?,
            word(&self.namespace)?,
        ];
        Ok(Compiled {
            words,
            labels: labels(&self.label_selector)?,
            annotations: labels(&self.annotation_selector)?,
            written: self,
        })
    }
}

fn word(pattern: &str, budget: &mut usize) -> Result<Word, SelectorError> {
    short(pattern)?;
    if pattern.is_empty() {
        return Ok(Word::Any);
    }
    if pattern
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/'))
    {
        return Ok(Word::Exact(pattern.to_owned()));
    }
    let most = MOST_OF_A_REGEX.min(*budget);
    // Nothing that is built while it is asked: its size is then what it says. Classes are those of Go, of ASCII alone.
    let settings = Regex::config()
        .nfa_size_limit(Some(most))
        .hybrid(false)
        .dfa(false)
        .onepass(false)
        .backtrack(false);
    let regex = Regex::builder()
        .configure(settings)
        .syntax(
            syntax::Config::new()
                .unicode(false)
                .utf8(false)
                .nest_limit(DEEPEST_REGEX),
        )
        // Anchored as a whole: `a|b` must not become `^a` or `b$`.
        .build(&format!("^(?:{pattern})$"));
    let too_large = || SelectorError::TooLarge {
        pattern: shown(pattern),
    };
    let regex = regex.map_err(|error| match error.size_limit() {
        Some(_) => too_large(),
        None => SelectorError::Pattern {
            pattern: shown(pattern),
            source: Box::new(error),
        },
    })?;
    // As much again for what it works with, and its pool of that.
    *budget = budget
        .checked_sub(2 * regex.memory_usage() + POOL)
        .ok_or_else(too_large)?;
    Ok(Word::Fits(Box::new(regex)))
}

/// Reads a label selector in the words of `kubectl -l`: `app=web,tier in (a,b),!canary`.
///
/// Source: `k8s.io/apimachinery/pkg/labels/selector.go`.
fn labels(text: &str) -> Result<Labels, SelectorError> {
    if text.len() > LONGEST_SELECTOR {
        return Err(SelectorError::TooLong {
            text: shown(text),
            length: text.len(),
            most: LONGEST_SELECTOR,
        });
    }
    let terms = split_terms(text);
    let expressions = terms.into_iter().map(|term| {
        expression(term.trim()).ok_or_else(|| SelectorError::Term {
            term: shown(term.trim()),
        })
    });
    expressions.collect()
}

/// The terms between the commas that stand outside parentheses.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                terms.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[begin..]);
    if text.trim().is_empty() { Vec::new() } else { terms }
}

fn expression(term: &str) -> Option<Expression> {
    let key = |text: &str| {
        let text = text.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        (!text.is_empty() && text.chars().all(fits)).then(|| text.to_owned())
    };
    if let Some(absent) = term.strip_prefix('!') {
        return key(absent).map(Expression::DoesNotExist);
    }
    if let Some(body) = term.strip_suffix(')') {
        let (head, values) = body.split_once('(')?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        return match head.trim_end().rsplit_once(char::is_whitespace)? {
            (name, "in") => Some(Expression::In(key(name)?, values)),
            (name, "notin") => Some(Expression::NotIn(key(name)?, values)),
            _ => None,
        };
    }
    if let Some((name, value)) = term.split_once("!=") {
        return Some(Expression::NotEqual(key(name)?, value.trim().to_owned()));
    }
    if let Some((name, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return Some(Expression::Equal(key(name)?, value.trim().to_owned()));
    }
    key(term).map(Expression::Exists)
}

#[cfg(test)]
mod tests;
