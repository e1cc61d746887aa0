//! The next sync will not create what is not live.

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::predict::Cause;

/// The rule.
pub static RULE: Rule = Rule {
    id: "creation-refused",
    title: "The API server refuses to create the object",
    severity: Weight::Error,
    milder: &[],
    meaning: "The object is not in the cluster, and the next sync will not bring it there: the API server refuses \
              Git's document. Nobody but Git is to blame, since there is no live object.",
    remedy: "Change Git.",
    in_check: false,
    wants: nothing,
    check: Check::Absent(check),
};

/// One finding for each cause for which a creation fails.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let one = |cause: &Cause| Finding {
        rule: RULE.id,
        weight: RULE.severity,
        path: None,
        message: "the API server will refuse to create it at the next sync".to_owned(),
        evidence: Some(cause.told()),
        remedy: Some("change Git".to_owned()),
    };
    let causes = case.prediction().into_iter().flat_map(|prediction| &prediction.causes);
    causes.map(one).collect()
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
    use crate::engine::predict::{Prediction, predict_new};
    use crate::engine::rules::tests::findings;
    use crate::engine::syncer::{Strategy, Syncer};
    use crate::engine::{Assessment, Mode, Policy, Remedy, Snapshot, SourceFacts, Tool, assess};

    /// What Git has and the cluster has not, and which no server creates.
    fn absent(seen: bool) -> Snapshot {
        let value =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "managedFields": []}});
        let id = ObjectId::of(&value).unwrap();
        Snapshot {
            kind: &DEPLOYMENT,
            cluster: String::new(),
            judge: String::new(),
            target: id.clone(),
            desired: Some(Document {
                id,
                value,
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
        }
    }

    /// What is told of this prediction.
    fn told(prediction: &Prediction) -> Vec<Finding> {
        let assessment = Assessment {
            is_absent: true,
            prediction: Some(prediction.clone()),
            ..Assessment::bare(Phase::Conflicted, String::new())
        };
        findings(&absent(false), &assessment)
    }

    #[test]
    fn each_cause_is_told_and_what_is_created_is_not() {
        let name = |name: &str| {
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                                       "metadata": {"name": name, "managedFields": []}})
        };
        let syncer = Syncer::new(Strategy::ServerSideApply, "me");
        let refused = told(&predict_new(&DEPLOYMENT, &name("web"), None, &syncer));
        let evidence: Vec<&str> = refused
            .iter()
            .filter_map(|finding| finding.evidence.as_deref())
            .collect();
        assert_eq!(evidence, ["metadata.managedFields must be nil"]);
        let several = predict_new(&DEPLOYMENT, &name("WEB"), None, &Syncer::new(Strategy::Replace, "me"));
        assert_eq!(told(&several).len(), several.causes.len());
        let clause = Cause::told_of(&several.causes);
        assert!(
            clause.ends_with(&format!("(and {} more)", several.causes.len() - 1)),
            "{clause}"
        );
        let taken = Prediction {
            causes: Vec::new(),
            ..several
        };
        assert_eq!(told(&taken), []);
    }

    #[test]
    fn what_will_not_be_created_is_conflicted_or_still_missing_and_new_where_nobody_knows_the_tool() {
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
            let found = assess(&absent(seen), &policy);
            let summary = format!(
                "{}; the next sync will not create it: metadata.managedFields must be nil",
                bare[usize::from(seen)]
            );
            assert_eq!(
                (found.phase, &found.summary, findings(&absent(seen), &found).len()),
                (phase, &summary, 1)
            );
            let unknown = found.without_prediction();
            let findings = findings(&absent(seen), &unknown);
            assert_eq!(
                (unknown.phase, unknown.summary.as_str(), findings.len()),
                (without, bare[usize::from(seen)], 0)
            );
        }
    }
}
