//! The next sync will not create what is not live.

use super::{Finding, Weight};
use crate::engine::predict::{Cause, Prediction};

/// One finding for each cause for which a creation fails; `None` where it does not. Nobody but Git is to blame: there is no live object.
pub fn creation_refused(prediction: &Prediction) -> Option<Vec<Finding>> {
    let finding = |cause: &Cause| Finding {
        rule: "next-sync-refused",
        weight: Weight::Error,
        path: None,
        message: "the API server will refuse to create it at the next sync".to_owned(),
        evidence: Some(sentence(cause)),
        remedy: Some("change Git".to_owned()),
    };
    (!prediction.causes.is_empty()).then(|| prediction.causes.iter().map(finding).collect())
}

/// Causes in one clause: the first, and how many more there are.
pub fn told(causes: &[Cause]) -> String {
    match causes {
        [] => String::new(),
        [one] => sentence(one),
        [first, more @ ..] => format!("{} (and {} more)", sentence(first), more.len()),
    }
}

fn sentence(cause: &Cause) -> String {
    if cause.field.is_empty() { cause.message.clone() } else { format!("{}: {}", cause.field, cause.message) }
}
