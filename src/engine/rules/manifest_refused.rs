//! The API server does not take a manifest, whatever is live.

use super::{Check, Rule, Weight, nothing};

/// The rule.
pub static RULE: Rule = Rule {
    id: "manifest-refused",
    title: "The API server refuses this object",
    severity: Weight::Error,
    milder: &[],
    meaning: "The Kubernetes API server's validation does not take this manifest, whatever is in the cluster: every \
              sync of it fails.",
    remedy: "Correct the field that the message names; the message is the server's own.",
    in_check: true,
    wants: nothing,
    check: Check::Manifest,
};
