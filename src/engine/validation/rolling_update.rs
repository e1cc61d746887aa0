//! The amounts of pods by which a roll-out goes on, as several kinds bound them.

use serde_json::Value;

use super::causes::Causes;
use super::content;
use super::node::Node;
use crate::engine::schema::Tree;

/// `ValidatePositiveIntOrPercent`.
pub(super) fn validate_amount(bound: &Node<'_>, out: &mut Causes) {
    match bound.value() {
        Tree::Text(text) => {
            if let Some(fault) = content::percent(text) {
                out.invalid(bound, bound.value(), &fault);
            }
        }
        _ => out.nonnegative(bound),
    }
}

/// `IsNotMoreThan100Percent`.
pub(super) fn validate_at_most_all(bound: &Node<'_>, out: &mut Causes) {
    if bound.value().as_str().is_some() && amount(bound) > 100 {
        out.invalid(bound, bound.value(), "must not be greater than 100%");
    }
}

/// A strategy of a type that the server does not know, as it shows it: neither bound is a pointer in the internal type,
/// and only a known type fills them in.
pub(super) fn shown_strategy(type_: &str, rolling: &Node<'_>) -> String {
    let internal = if rolling.is_set() {
        let shown = |name| {
            rolling
                .set(name)
                .map_or_else(|| "0".to_owned(), |bound| bound.value().to_string())
        };
        format!(
            "{{\"MaxUnavailable\":{},\"MaxSurge\":{}}}",
            shown("maxUnavailable"),
            shown("maxSurge")
        )
    } else {
        "null".to_owned()
    };
    format!("{{\"Type\":{},\"RollingUpdate\":{internal}}}", Value::from(type_))
}

/// `getIntOrPercentValue`; 0 where it is neither.
pub(super) fn amount(bound: &Node<'_>) -> i64 {
    bound
        .integer()
        .or_else(|| percent(bound.text()))
        .or_else(|| bound.text().parse().ok())
        .unwrap_or(0)
}

/// `getPercentValue`: digits alone, and a percent sign.
fn percent(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('%')?;
    let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}
