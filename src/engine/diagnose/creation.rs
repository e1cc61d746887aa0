//! The next sync will not create what is not live.

use super::{Finding, Weight};
use crate::engine::predict::{Cause, Prediction};

/// The rule that finds it.
pub const CREATION_REFUSED: &str = "creation-refused";

/// One finding for each cause for which a creation fails; `None` where it does not. Nobody but Git is to blame: there
/// is no live object.
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
    use jiff::{SignedDuration, Timestamp};
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::object::{Document, ObjectId, Origin};
    use crate::engine::phase::Phase;
    use crate::engine::predict::predict_new;
    use crate::engine::syncer::{Strategy, Syncer};
    use crate::engine::{Mode, Policy, Remedy, Snapshot, SourceFacts, Tool, assess};

    #[test]
    fn each_cause_is_told_and_what_is_created_is_not() {
        let name = |name: &str| {
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                                       "metadata": {"name": name, "managedFields": []}})
        };
        let syncer = Syncer::new(Strategy::ServerSideApply, "me");
        let refused = creation_refused(&predict_new(&DEPLOYMENT, &name("web"), None, &syncer)).unwrap();
        let evidence: Vec<&str> = refused
            .iter()
            .filter_map(|finding| finding.evidence.as_deref())
            .collect();
        assert_eq!(evidence, ["metadata.managedFields must be nil"]);
        let several = predict_new(&DEPLOYMENT, &name("WEB"), None, &Syncer::new(Strategy::Replace, "me"));
        assert_eq!(
            creation_refused(&several).map(|told| told.len()),
            Some(several.causes.len())
        );
        assert!(
            told(&several.causes).ends_with(&format!("(and {} more)", several.causes.len() - 1)),
            "{}",
            told(&several.causes)
        );
        let taken = Prediction {
            causes: Vec::new(),
            ..several
        };
        assert_eq!(creation_refused(&taken), None);
    }

    #[test]
    fn what_will_not_be_created_is_conflicted_or_still_missing_and_new_where_nobody_knows_the_tool() {
        let value =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "managedFields": []}});
        let id = ObjectId::of(&value).unwrap();
        let snapshot = |seen: bool| Snapshot {
            kind: &DEPLOYMENT,
            cluster: String::new(),
            judge: String::new(),
            target: id.clone(),
            desired: Some(Document {
                id: id.clone(),
                value: value.clone(),
                origin: Origin {
                    file: "web.yaml".into(),
                    line: 1,
                },
            }),
            live: None,
            seen,
            syncer: Syncer::new(Strategy::ServerSideApply, "me"),
            tool: Tool::default(),
            source: SourceFacts::default(),
            now: Timestamp::UNIX_EPOCH,
        };
        let policy = Policy {
            mode: Mode::Alert,
            remedy: Remedy::Choose,
            ignore: Vec::new(),
            plan_ttl: SignedDuration::ZERO,
        };
        let bare = [
            "Git has it and it has not been in the cluster yet",
            "Git has it, it was in the cluster, and it is gone",
        ];
        for (seen, phase, without) in [
            (false, Phase::Conflicted, Phase::Pending),
            (true, Phase::Missing, Phase::Missing),
        ] {
            let found = assess(&snapshot(seen), &policy);
            let summary = format!(
                "{}; the next sync will not create it: metadata.managedFields must be nil",
                bare[usize::from(seen)]
            );
            assert_eq!(
                (found.phase, &found.summary, found.findings.len()),
                (phase, &summary, 1)
            );
            let unknown = found.without_prediction();
            assert_eq!(
                (unknown.phase, unknown.summary.as_str(), unknown.findings.len()),
                (without, bare[usize::from(seen)], 0)
            );
        }
    }
}
