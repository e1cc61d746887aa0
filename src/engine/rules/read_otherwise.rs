//! kubectl reads something else than what seems to stand in a file.

use super::{Check, Rule, Weight, nothing};

/// The rule.
pub static RULE: Rule = Rule {
    id: "read-otherwise",
    title: "kubectl reads something else than what seems to stand here",
    severity: Weight::Warning,
    milder: &[],
    meaning: "kubectl reads YAML 1.1 and keeps the last of two equal keys: the value that it sends may not be the one \
              that was meant.",
    remedy: "Write the value so that it has only one reading: quote text, delete the second key.",
    in_check: true,
    wants: nothing,
    check: Check::Manifest,
};
