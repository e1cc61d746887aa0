//! The next sync will not create what is not live.

use super::{Finding, Weight};
use crate::engine::predict::{Cause, Prediction};

/// The rule that finds it.
pub const CREATION_REFUSED: &str = "creation-refused";

/// One finding for each cause for which a creation fails; `None` where it does not. Nobody but Git is to blame: there is no live object.
pub fn creation_refused(prediction: &Prediction) -> Option<Vec<Finding>> {
    let finding = |cause: &Cause| Finding {
        rule: CREATION_REFUSED,
        weight: Weight::Error,
        path: None,
        message: "the API server will refuse to create it at the next sync".to_owned(),
        evidence: Some(cause.told()),
        remedy: Some("change Git".to_owned()),
    };
    (!prediction.causes.is_empty()).then(|| prediction.causes.iter().map(finding).collect())
}

/// Whether a finding is one of those.
pub fn is_of_creation(finding: &Finding) -> bool {
    finding.rule == CREATION_REFUSED
}

/// Causes in one clause: the first, and how many more there are.
pub fn told(causes: &[Cause]) -> String {
    match causes {
        [] => String::new(),
        [one] => one.told(),
        [first, more @ ..] => format!("{} (and {} more)", first.told(), more.len()),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::engine::predict::{Strategy, Syncer, predict_new};

    #[test]
    fn each_cause_is_told_and_what_is_created_is_not() {
        let name = |name: &str| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "managedFields": []}});
        let syncer = Syncer::new(Strategy::ServerSideApply, "me");
        let refused = creation_refused(&predict_new(&name("web"), None, &syncer)).unwrap();
        let evidence: Vec<&str> = refused.iter().filter_map(|finding| finding.evidence.as_deref()).collect();
        assert_eq!(evidence, ["metadata.managedFields must be nil"]);
        let several = predict_new(&name("WEB"), None, &Syncer::new(Strategy::Replace, "me"));
        assert_eq!(creation_refused(&several).map(|told| told.len()), Some(several.causes.len()));
        assert!(told(&several.causes).ends_with(&format!("(and {} more)", several.causes.len() - 1)), "{}", told(&several.causes));
        let taken = Prediction { causes: Vec::new(), ..several };
        assert_eq!(creation_refused(&taken), None);
    }
}
