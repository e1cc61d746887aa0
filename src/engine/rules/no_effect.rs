//! The API server drops a field of a manifest, or writes it itself.

use super::{Check, Rule, Weight, nothing};

/// The rule.
pub static RULE: Rule = Rule {
    id: "no-effect",
    title: "This field has no effect",
    severity: Weight::Warning,
    milder: &[],
    meaning: "The API server drops this field, or writes it itself: what the manifest says there is never kept.",
    remedy: "Correct the name of the field, or remove it.",
    in_check: true,
    wants: nothing,
    check: Check::Manifest,
};
