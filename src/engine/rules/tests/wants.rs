//! What is asked of the cluster, and what a rule makes of the answer.

use pretty_assertions::assert_eq;

use super::*;
use crate::engine::evidence::{DryRun, Evidence, Observed, Wants};

/// An object whose next sync ends like this.
fn foretold(verdict: Verdict) -> Assessment {
    Assessment {
        prediction: Some(Prediction::bare(Strategy::ClientSideApply, verdict, Vec::new())),
        ..Assessment::bare(Phase::Drifted, String::new())
    }
}

#[test]
fn a_dry_run_is_asked_for_where_the_next_sync_fails_and_nothing_where_it_succeeds() {
    let scene = snapshot(git(), git());
    for (verdict, dry_run) in [
        (Verdict::Clean, false),
        (Verdict::Reverts, false),
        (Verdict::Residual, false),
        (Verdict::Conflict, true),
        (Verdict::Refused, true),
    ] {
        assert_eq!(wants(&scene, &foretold(verdict)), Wants { dry_run }, "{verdict:?}");
    }
    let unknown = Assessment::bare(Phase::Drifted, String::new());
    assert_eq!(wants(&scene, &unknown), Wants::default());
    // There is nothing that a dry run of ours could change.
    let absent = Snapshot { live: None, ..scene };
    assert_eq!(wants(&absent, &foretold(Verdict::Refused)), Wants::default());
}

#[test]
fn what_was_not_asked_says_nothing_and_what_was_not_answered_says_why() {
    let (scene, found) = (snapshot(git(), git()), foretold(Verdict::Refused));
    let told = |dry_run: Observed<DryRun>| -> Vec<(&str, String)> {
        let evidence = Evidence { dry_run };
        let findings = diagnose(&Case::of(&scene, &found, &evidence));
        findings
            .into_iter()
            .map(|finding| (finding.rule, finding.message))
            .collect()
    };
    assert_eq!(told(Observed::NotAsked), []);
    assert_eq!(told(Observed::Seen(DryRun::Same)), []);
    assert_eq!(
        told(Observed::Unreadable("no answer within 30 s".to_owned())),
        [(
            "prediction-not-confirmed",
            "not confirmed: no answer within 30 s".to_owned()
        )]
    );
}
