//! What a dry run adds to a prediction: who stands behind it, and a finding where the server says something else.

use super::build;
use super::told::{ConfirmedBy, DryRunAnswer, DryRunReport, FindingReport, PredictionReport};
use crate::engine::diagnose::Weight;
use crate::engine::diff::Masker;
use crate::engine::kind::Kind;
use crate::engine::predict::Prediction;

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

/// The findings with what the dry run adds: a contradiction comes first, since it puts the others in doubt.
pub(super) fn with_dry_run(
    kind: &'static Kind,
    mut findings: Vec<FindingReport>,
    prediction: Option<&Prediction>,
    name: &str,
    dry_run: Option<&DryRunReport>,
    masker: &Masker,
) -> Vec<FindingReport> {
    let (
        Some(prediction),
        Some(DryRunReport {
            answer,
            message: Some(said),
            ..
        }),
    ) = (prediction, dry_run)
    else {
        return findings;
    };
    let finding = |rule: &str, severity, message, remedy: Option<&str>| FindingReport {
        rule: rule.to_owned(),
        severity,
        path: None,
        message,
        evidence: None,
        remedy: remedy.map(str::to_owned),
    };
    match answer {
        DryRunAnswer::Same => {}
        DryRunAnswer::Other => {
            let ours = build::text(masker, &prediction.status_text(kind, name).unwrap_or_default());
            let message =
                format!("the server contradicts the prediction in a dry run; we say: {ours}; the server says: {said}");
            let remedy = "look for admission that changes the object on its way in; if there is none, the \
                          prediction is wrong: report it as a fault of driftmend, with this message";
            findings.insert(0, finding("prediction-mismatch", Weight::Error, message, Some(remedy)));
        }
        DryRunAnswer::Undecided => {
            findings.push(finding(
                "prediction-not-confirmed",
                Weight::Info,
                format!("not confirmed: {said}"),
                None,
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::engine::confirm::Confirmation;
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::predict::{Cause, Strategy, Verdict};

    fn prediction() -> Prediction {
        let cause = Cause {
            reason: "FieldValueForbidden".to_owned(),
            field: "spec.a".to_owned(),
            message: "Forbidden: no".to_owned(),
        };
        Prediction::bare(Strategy::ClientSideApply, Verdict::Refused, vec![cause])
    }

    /// Who stands behind the prediction, and the findings as `rule severity message`.
    fn told(confirmation: &Confirmation) -> (ConfirmedBy, Verdict, Vec<String>) {
        let (masker, prediction) = (Masker::default(), prediction());
        let dry_run = build::dry_run("0".repeat(64), confirmation, &masker);
        let before = FindingReport {
            rule: "next-sync-refused".to_owned(),
            severity: Weight::Error,
            path: None,
            message: "it will be refused".to_owned(),
            evidence: None,
            remedy: None,
        };
        let findings = with_dry_run(
            &DEPLOYMENT,
            vec![before],
            Some(&prediction),
            "web",
            Some(&dry_run),
            &masker,
        );
        let report = confirmed(build::prediction_report(&prediction, &masker), Some(dry_run));
        let findings = findings
            .iter()
            .map(|finding| format!("{} {:?} {}", finding.rule, finding.severity, finding.message))
            .collect();
        (report.confirmed_by, report.verdict, findings)
    }

    const REFUSED: &str = "next-sync-refused Error it will be refused";

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
}
