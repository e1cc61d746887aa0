//! The next sync meets a conflict: the API server answers 409 to what the tool sends.

use super::{Check, Rule, Weight, nothing};

/// The rule.
pub static RULE: Rule = Rule {
    id: "next-sync-conflict",
    title: "The next sync of this object meets a conflict",
    severity: Weight::Error,
    milder: &[],
    meaning: "The sync would change what it may not: with server-side apply that is not forced, a field that another \
              manager owns; in every strategy, an object of another version than the manifest names.",
    remedy: "Take the field out of the manifest, let the other manager give it up, or force the sync; take \
             `metadata.resourceVersion` out of the manifest.",
    in_check: true,
    wants: nothing,
    check: Check::Manifest,
};
