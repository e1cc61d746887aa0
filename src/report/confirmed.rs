//! What a dry run adds to a prediction: who stands behind it, and what the rules may know of the answer.

use super::build;
use crate::api::v1alpha1::{ConfirmedBy, DryRunAnswer, DryRunReport, PredictionReport};
use crate::engine::diff::Masker;
use crate::engine::evidence::{DryRun, Evidence, Observed};
use crate::engine::predict::Prediction;
use crate::engine::{Assessment, Snapshot};

/// The prediction with what the server said to it. The verdict stays ours, whatever the server says.
pub(super) fn confirmed(prediction: PredictionReport, dry_run: Option<DryRunReport>) -> PredictionReport {
    let same = dry_run
        .as_ref()
        .is_some_and(|dry_run| dry_run.answer == DryRunAnswer::Same);
    PredictionReport {
        confirmed_by: if same { ConfirmedBy::DryRun } else { ConfirmedBy::Local },
        dry_run,
        ..prediction
    }
}

/// What the rules may know of the server's answer to a dry run of the next sync: from now, or from before to the same
/// question.
pub fn answered(
    snapshot: &Snapshot,
    assessment: &Assessment,
    dry_run: Option<&DryRunReport>,
    masker: &Masker,
) -> Evidence {
    let foretold = |prediction: &Prediction| {
        let sides = [
            snapshot.desired.as_ref().map(|document| &document.value),
            snapshot.live.as_ref(),
        ];
        let masker = masker.of_object(sides.into_iter().flatten());
        let text = prediction.status_text(snapshot.kind, &snapshot.target.name);
        build::text(&masker, &text.unwrap_or_default())
    };
    let Some((prediction, DryRunReport { answer, message, .. })) = assessment.prediction.as_ref().zip(dry_run) else {
        return Evidence::default();
    };
    let dry_run = match (answer, message.clone()) {
        (DryRunAnswer::Same, _) => Observed::Seen(DryRun::Same),
        (DryRunAnswer::Other, Some(server)) => Observed::Seen(DryRun::Other {
            server,
            ours: foretold(prediction),
        }),
        (DryRunAnswer::Undecided, Some(why)) => Observed::Unreadable(why),
        (DryRunAnswer::Other | DryRunAnswer::Undecided, None) => Observed::NotAsked,
    };
    Evidence { dry_run }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::engine::confirm::Confirmation;
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::object::{Document, ObjectId, Origin};
    use crate::engine::phase::Phase;
    use crate::engine::predict::{Cause, Verdict};
    use crate::engine::rules::{Case, diagnose, wants};
    use crate::engine::syncer::{Strategy, Syncer};
    use crate::engine::{Because, Reason, SourceFacts, Tool, Works};

    fn prediction() -> Prediction {
        let cause = Cause {
            reason: "FieldValueForbidden".to_owned(),
            field: "spec.a".to_owned(),
            message: "Forbidden: no".to_owned(),
        };
        Prediction::bare(Strategy::ClientSideApply, Verdict::Refused, vec![cause])
    }

    /// Git and the cluster, which say the same: only the answer is about anything.
    fn snapshot() -> Snapshot {
        let web = json!({"apiVersion": "apps/v1", "kind": "Deployment",
                         "metadata": {"namespace": "shop", "name": "web"}});
        let id = ObjectId::of(&web).unwrap();
        let origin = Origin {
            file: "web.yaml".into(),
            line: 1,
        };
        Snapshot {
            kind: &DEPLOYMENT,
            cluster: String::new(),
            judge: String::new(),
            target: id.clone(),
            live: Some(web.clone()),
            desired: Some(Document { id, value: web, origin }),
            seen: true,
            syncer: Syncer::new(Strategy::ClientSideApply, "argocd-controller"),
            tool: Tool::Unknown,
            source: SourceFacts::default(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// Who stands behind the prediction, and the findings as `rule severity message`.
    fn told(confirmation: &Confirmation) -> (ConfirmedBy, Verdict, Vec<String>) {
        let (masker, prediction, snapshot) = (Masker::default(), prediction(), snapshot());
        let reason = Reason {
            kind: Because::Unknown,
            involved: Vec::new(),
            clause: None,
            works: Works::default(),
        };
        let assessment = Assessment {
            prediction: Some(prediction.clone()),
            reasons: vec![reason],
            ..Assessment::bare(Phase::Conflicted, String::new())
        };
        assert!(wants(&snapshot, &assessment).dry_run);
        let dry_run = build::dry_run("0".repeat(64), confirmation, &masker);
        let evidence = answered(&snapshot, &assessment, Some(&dry_run), &masker);
        let findings = diagnose(&Case::of(&snapshot, &assessment, &evidence));
        let findings = build::findings(&findings, &masker);
        let report = confirmed(build::prediction_report(&prediction, &masker), Some(dry_run));
        let findings = findings
            .iter()
            .map(|finding| format!("{} {:?} {}", finding.rule, finding.severity, finding.message))
            .collect();
        (report.confirmed_by, report.verdict.into(), findings)
    }

    const REFUSED: &str = "next-sync-refused Error the API server will refuse the next sync: spec.a: Forbidden: no";

    #[test]
    fn the_same_answer_confirms_and_adds_no_finding() {
        assert_eq!(
            told(&Confirmation::Same),
            (ConfirmedBy::DryRun, Verdict::Refused, vec![REFUSED.to_owned()])
        );
    }

    #[test]
    fn a_contradiction_is_told_first_with_both_answers_and_the_verdict_stays_ours() {
        let mismatch = "prediction-mismatch Error the server contradicts the prediction in a dry run; we say: \
                        Deployment.apps \"web\" is invalid: spec.a: Forbidden: no; the server says: it accepts the \
                        sync";
        let findings = vec![mismatch.to_owned(), REFUSED.to_owned()];
        assert_eq!(
            told(&Confirmation::Other("it accepts the sync".to_owned())),
            (ConfirmedBy::Local, Verdict::Refused, findings)
        );
    }

    #[test]
    fn an_answer_about_something_else_is_told_last_with_its_reason() {
        let findings = vec![
            REFUSED.to_owned(),
            "prediction-not-confirmed Info not confirmed: no answer within 30 s".to_owned(),
        ];
        let undecided = Confirmation::Undecided("no answer within 30 s".to_owned());
        assert_eq!(told(&undecided), (ConfirmedBy::Local, Verdict::Refused, findings));
    }

    #[test]
    fn however_long_our_words_are_the_servers_are_told_beside_them() {
        let long = |cause: &Cause| Cause {
            message: "x".repeat(4_096),
            ..cause.clone()
        };
        let (masker, snapshot) = (Masker::default(), snapshot());
        let foretold = Prediction::bare(
            Strategy::ClientSideApply,
            Verdict::Refused,
            vec![long(&prediction().causes[0])],
        );
        let assessment = Assessment {
            prediction: Some(foretold),
            ..Assessment::bare(Phase::Conflicted, String::new())
        };
        let dry_run = build::dry_run(
            String::new(),
            &Confirmation::Other("it accepts the sync".to_owned()),
            &masker,
        );
        let evidence = answered(&snapshot, &assessment, Some(&dry_run), &masker);
        let findings = diagnose(&Case::of(&snapshot, &assessment, &evidence));
        let told = build::findings(&findings, &masker).remove(0).message;
        assert!(told.ends_with("; the server says: it accepts the sync"), "{told}");
    }
}
