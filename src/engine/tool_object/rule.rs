//! The rules of a tool that say what is to be ignored, as a change that one covers names them.

/// Whether a rule with this reason stands in an object of this kind, which has a space behind it.
pub(in crate::engine) fn is_rule_of(kind: &str, reason: &str) -> bool {
    reason.starts_with(kind) && reason.contains(" ignores ")
}
