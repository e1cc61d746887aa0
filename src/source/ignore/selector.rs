//! Which objects a rule is for, as Argo CD (globs) and Flux (regular expressions and label selectors) say it.

use kube::core::{Expression, Selector as Labels, SelectorExt};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::engine::object::ObjectId;

/// Which objects a rule is for.
#[derive(Clone, Debug)]
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
    Selected(Compiled),
}

impl Target {
    /// Whether the rule is for an object; labels and annotations are those of `object`.
    pub(super) fn selects(&self, id: &ObjectId, object: &Value) -> bool {
        let (group, version) = id.api_version.split_once('/').unwrap_or(("", &id.api_version));
        let own_namespace = id.namespace.as_deref().unwrap_or_default();
        match self {
            Self::Any => true,
            Self::Globs { group: groups, kind, name, namespace } => {
                glob(groups, group)
                    && glob(kind, &id.kind)
                    && (name.is_empty() || *name == id.name)
                    && (namespace.is_empty() || namespace == own_namespace)
            }
            Self::Selected(compiled) => {
                let words = [group, version, &id.kind, &id.name, own_namespace];
                compiled.words.iter().zip(words).all(|(pattern, word)| pattern.as_ref().is_none_or(|pattern| pattern.is_match(word)))
                    && compiled.labels.matches(&texts(object, "/metadata/labels"))
                    && compiled.annotations.matches(&texts(object, "/metadata/annotations"))
            }
        }
    }
}

fn texts(object: &Value, pointer: &str) -> std::collections::BTreeMap<String, String> {
    let entries = object.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// Flux's selector as it is written. Words are regular expressions that must fit the whole word; an absent one fits all.
///
/// Source: `SelectorRegex` of `fluxcd/pkg/ssa/jsondiff`.
#[derive(Clone, Default, Deserialize)]
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
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    /// Group, version, kind, name, namespace.
    words: [Option<Regex>; 5],
    labels: Labels,
    annotations: Labels,
}

/// Why a selector is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum SelectorError {
    /// A word is no regular expression.
    #[error("{pattern:?} is not a regular expression")]
    Pattern { pattern: String, source: regex::Error },

    /// A term of a label selector does not read as one.
    #[error("{term:?} is not a term of a label selector")]
    Term { term: String },
}

impl Selector {
    pub(super) fn compile(&self) -> Result<Compiled, SelectorError> {
        let word = |pattern: &String| match pattern.as_str() {
            "" => Ok(None),
            // Anchored as a whole: `a|b` must not become `^a` or `b$`.
            _ => Regex::new(&format!("^(?:{pattern})$"))
                .map(Some)
                .map_err(|source| SelectorError::Pattern { pattern: pattern.clone(), source }),
        };
        Ok(Compiled {
            words: [word(&self.group)?, word(&self.version)?, word(&self.kind)?, word(&self.name)?, word(&self.namespace)?],
            labels: labels(&self.label_selector)?,
            annotations: labels(&self.annotation_selector)?,
        })
    }
}

/// Reads a label selector in the words of `kubectl -l`: `app=web,tier in (a,b),!canary`.
///
/// Source: `k8s.io/apimachinery/pkg/labels/selector.go`.
fn labels(text: &str) -> Result<Labels, SelectorError> {
    let terms = split_terms(text);
    let expressions =
        terms.into_iter().map(|term| expression(term.trim()).ok_or_else(|| SelectorError::Term { term: term.trim().to_owned() }));
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

/// Whether a text fits a glob of `*` (any text), `?` (one character), `[…]` (one of these) and `{…,…}` (one of these words).
///
/// Argo CD's globs know no separators here. Source: `util/glob/glob.go` with `github.com/gobwas/glob`.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (mut expression, mut braces) = (String::from("^"), 0_usize);
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '[' => {
                let class: String = rest.by_ref().take_while(|c| *c != ']').collect();
                let negated = class.strip_prefix('!');
                expression.push_str(&format!(
                    "[{}{}]",
                    if negated.is_some() { "^" } else { "" },
                    negated.unwrap_or(&class).replace('\\', "")
                ));
            }
            '{' => {
                braces += 1;
                expression.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                expression.push(')');
            }
            ',' if braces > 0 => expression.push('|'),
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression.push('$');
    // What is no glob matches nothing, as in Argo CD.
    Regex::new(&expression).is_ok_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn globs_are_argo_cds() {
        for (pattern, text, fits) in [
            ("apps", "apps", true),
            ("*", "", true),
            ("a*s", "apps", true),
            ("Deploy?ent", "Deployment", true),
            ("[A-D]eployment", "Deployment", true),
            ("[!D]eployment", "Deployment", false),
            ("{Deployment,StatefulSet}", "Deployment", true),
            ("Deploy", "Deployment", false),
            ("", "apps", false),
            ("a.ps", "apps", false),
            ("[", "[", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn label_selectors_are_those_of_kubectl() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "a"}}});
        let id = ObjectId { api_version: "apps/v1".to_owned(), kind: "Deployment".to_owned(), namespace: None, name: "web".to_owned() };
        for (text, fits) in [
            ("", true),
            ("app", true),
            ("!canary, app=web", true),
            ("tier in (a, b),app==web", true),
            ("tier notin (a,b)", false),
            ("app!=web", false),
            ("canary", false),
        ] {
            let selector = Selector { label_selector: text.to_owned(), ..Selector::default() }.compile().unwrap();
            assert_eq!(Target::Selected(selector).selects(&id, &object), fits, "{text}");
        }
        for text in ["a b", "tier of (a)", "=web", "app=web,"] {
            assert!(Selector { label_selector: text.to_owned(), ..Selector::default() }.compile().is_err(), "{text}");
        }
    }

    #[test]
    fn words_of_flux_must_fit_whole() {
        let id = ObjectId {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
        };
        for (name, fits) in [("web", true), ("we", false), ("web|api", true), ("w.*", true), ("api|we", false)] {
            let selector = Selector { kind: "Deployment".to_owned(), name: name.to_owned(), ..Selector::default() }.compile().unwrap();
            assert_eq!(Target::Selected(selector).selects(&id, &Value::Null), fits, "{name}");
        }
        assert!(Selector { name: "(".to_owned(), ..Selector::default() }.compile().is_err());
    }
}
