//! The words of a refusal: `field.Error` of Kubernetes.
//!
//! Source: `staging/src/k8s.io/apimachinery/pkg/util/validation/field/errors.go`, `Error.ErrorBody`.

use serde_json::Value;

use super::Cause;
use super::node::Node;
use crate::engine::schema::Tree;

/// Collects causes in the order in which the server tells them.
#[derive(Debug, Default)]
pub(super) struct Causes(Vec<Cause>);

/// How the bad value is printed in a message.
pub(super) trait Shown {
    fn shown(&self) -> String;
}

/// JSON that a caller has put into the order of Go's struct.
pub(super) struct Raw<'a>(pub(super) &'a str);

impl Shown for Raw<'_> {
    fn shown(&self) -> String {
        escape_html(self.0)
    }
}

impl Shown for str {
    /// Go's `%q`, which for what a manifest can hold is JSON's quoting.
    fn shown(&self) -> String {
        Value::from(self).to_string()
    }
}

impl Shown for i64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for usize {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Tree<'_> {
    /// `json.Marshal`, which escapes `<`, `>` and `&`; a plain string is `%q`, which does not.
    fn shown(&self) -> String {
        match self {
            Tree::Text(text) => text.shown(),
            other => escape_html(&other.to_string()),
        }
    }
}

impl Shown for Value {
    fn shown(&self) -> String {
        Tree::of(self).shown()
    }
}

fn escape_html(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

impl Causes {
    pub(super) fn required(&mut self, at: &Node<'_>, detail: &str) {
        self.push("FieldValueRequired", at, "Required value", None, detail);
    }

    pub(super) fn forbidden(&mut self, at: &Node<'_>, detail: &str) {
        self.push("FieldValueForbidden", at, "Forbidden", None, detail);
    }

    pub(super) fn invalid<S: Shown + ?Sized>(&mut self, at: &Node<'_>, bad: &S, detail: &str) {
        self.push("FieldValueInvalid", at, "Invalid value", Some(bad.shown()), detail);
    }

    /// One cause for each of the reasons for which the text is malformed.
    pub(super) fn invalid_text(&mut self, at: &Node<'_>, bad: &str, details: Vec<String>) {
        for detail in details {
            self.invalid(at, bad, &detail);
        }
    }

    /// A cause where there is a reason against the number.
    pub(super) fn invalid_number(&mut self, at: &Node<'_>, number: i64, detail: Option<String>) {
        if let Some(detail) = detail {
            self.invalid(at, &number, &detail);
        }
    }

    pub(super) fn duplicate<S: Shown + ?Sized>(&mut self, at: &Node<'_>, bad: &S) {
        self.push("FieldValueDuplicate", at, "Duplicate value", Some(bad.shown()), "");
    }

    pub(super) fn not_found(&mut self, at: &Node<'_>, bad: &str, detail: &str) {
        self.push("FieldValueNotFound", at, "Not found", Some(bad.shown()), detail);
    }

    pub(super) fn not_supported<S: Shown + ?Sized>(&mut self, at: &Node<'_>, bad: &S, supported: &[&str]) {
        let quoted: Vec<String> = supported.iter().map(|value| value.shown()).collect();
        let detail = if quoted.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", quoted.join(", "))
        };
        self.push(
            "FieldValueNotSupported",
            at,
            "Unsupported value",
            Some(bad.shown()),
            &detail,
        );
    }

    pub(super) fn too_long(&mut self, at: &Node<'_>, limit: usize) {
        self.push(
            "FieldValueTooLong",
            at,
            "Too long",
            None,
            &format!("may not be more than {limit} bytes"),
        );
    }

    pub(super) fn too_many(&mut self, at: &Node<'_>, actual: usize, limit: usize) {
        self.push(
            "FieldValueTooMany",
            at,
            "Too many",
            Some(actual.shown()),
            &format!("must have at most {limit} items"),
        );
    }

    /// `ValidateNonnegativeField`.
    pub(super) fn nonnegative(&mut self, at: &Node<'_>) {
        if let Some(value) = at.integer().filter(|value| *value < 0) {
            self.invalid(at, &value, "must be greater than or equal to 0");
        }
    }

    /// A word out of a closed set; the empty word is reported as absent.
    pub(super) fn word(&mut self, at: &Node<'_>, supported: &[&str]) {
        match at.text() {
            "" => self.required(at, ""),
            word if supported.contains(&word) => {}
            word => self.not_supported(at, word, supported),
        }
    }

    /// A word out of a closed set, or nothing.
    pub(super) fn word_if_set(&mut self, at: &Node<'_>, supported: &[&str]) {
        if at.is_set() && !supported.contains(&at.text()) {
            self.not_supported(at, at.text(), supported);
        }
    }

    /// A word out of a closed set, for a field whose zero value is none of them and that is reported like any other
    /// word.
    pub(super) fn word_or_empty(&mut self, at: &Node<'_>, supported: &[&str]) {
        if !supported.contains(&at.text()) {
            self.not_supported(at, at.text(), supported);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn into_vec(self) -> Vec<Cause> {
        self.0
    }

    fn push(&mut self, reason: &str, at: &Node<'_>, kind: &str, shown: Option<String>, detail: &str) {
        let mut message = kind.to_owned();
        for part in shown
            .iter()
            .map(String::as_str)
            .chain(Some(detail).filter(|detail| !detail.is_empty()))
        {
            message.push_str(": ");
            message.push_str(part);
        }
        self.0.push(Cause {
            reason: reason.to_owned(),
            field: at.path(),
            message,
        });
    }
}
