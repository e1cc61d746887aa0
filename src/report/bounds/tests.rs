//! The worst status, and what of it is cut first.

use super::*;
use crate::api::v1alpha1::bounds::CONDITION_LIMIT;
use crate::api::v1alpha1::{
    Approval, Cause, CautionReport, ChangeKind, Condition, ConditionStatus, Decision, FieldReport, FindingReport,
    Healing, HealingStep, OverwriteReport, PlanReport, PredictionReport, SourceReport, StepReport, StepState, Strategy,
    Verdict, WrittenObject,
};
use crate::report::evidence::worst_entry;

fn long(letters: usize) -> String {
    "ü".repeat(letters)
}

/// The worst that an input can give: everything long, everything many, nothing in one byte a character.
fn worst() -> ReportStatus {
    let field = |at: usize| FieldReport {
        path: format!(
            ".spec.template.spec.containers[name=\"{at}\"].env[name=\"{}\"]",
            long(2_000)
        ),
        change: ChangeKind::Changed,
        severity: if at.is_multiple_of(2) {
            Severity::Ignored
        } else {
            Severity::Drift
        },
        moved: None,
        desired: Some(Value::from(long(50_000))),
        live: Some(Value::from(long(50_000))),
        manager: Some("kubectl-edit".to_owned()),
        managers: vec![long(128); 40],
        operation: None,
        subresource: None,
        time: None,
        reason: Some(long(5_000)),
    };
    let finding = FindingReport {
        rule: "next-sync-refused".to_owned(),
        severity: crate::api::v1alpha1::Weight::Error,
        path: None,
        message: long(5_000),
        evidence: Some(long(5_000)),
        remedy: Some(long(500)),
    };
    let cause = Cause {
        reason: "FieldValueInvalid".to_owned(),
        field: long(400),
        message: long(5_000),
    };
    let object = |name: String| WrittenObject {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: long(63),
        name,
    };
    let step = StepReport {
        kind: crate::api::v1alpha1::StepKind::Restore,
        target: long(300),
        object: Some(object(long(253))),
        summary: long(600),
        patch: long(40_000),
    };
    ReportStatus {
        summary: long(500),
        fields: (0..500).map(field).collect(),
        findings: vec![finding; 100],
        prediction: Some(PredictionReport {
            strategy: Strategy::Replace,
            verdict: Verdict::Refused,
            causes: vec![cause; 200],
            residual: vec![long(1_000); 2_000],
            breaks: vec![long(1_000); 2_000],
            overwrites: vec![
                OverwriteReport {
                    path: long(2_000),
                    from: Some(Value::from(long(50_000))),
                    to: Some(Value::from(long(50_000))),
                    manager: Some(long(2_000)),
                    subresource: Some(long(2_000)),
                };
                200
            ],
            when: None,
            confirmed_by: crate::api::v1alpha1::ConfirmedBy::Local,
            dry_run: Some(crate::api::v1alpha1::DryRunReport {
                question: "0".repeat(64),
                answer: crate::api::v1alpha1::DryRunAnswer::Other,
                message: Some(long(5_000)),
            }),
        }),
        plan: Some(PlanReport {
            waits: Some(long(200)),
            hash: "0".repeat(64),
            serial: 1,
            expires: jiff::Timestamp::UNIX_EPOCH,
            cautions: vec![
                CautionReport {
                    id: long(60),
                    text: long(200),
                    must_acknowledge: false
                };
                4
            ],
            steps: vec![step; 4],
            dry_run: None,
        }),
        ..ReportStatus::default()
    }
}

#[test]
fn what_people_and_heals_wrote_counts_and_is_not_cut() {
    let condition = |at: usize| Condition {
        type_: format!("Type{at}"),
        status: ConditionStatus::True,
        reason: long(400),
        message: long(5_000),
        last_transition_time: jiff::Timestamp::UNIX_EPOCH,
        observed_generation: None,
    };
    let history: Vec<_> = (0..10).map(worst_entry).collect();
    let (evidence, evidence_omitted) = (history[0].evidence.clone(), history[0].evidence_omitted);
    let step = HealingStep {
        brings: Some(vec!["0".repeat(16); 100]),
        kind: crate::api::v1alpha1::StepKind::Restore,
        state: StepState::Begun,
        paths: vec![long(100); 59],
        begun_at: None,
        stale: None,
        revision: None,
    };
    let healing = Healing {
        plan_hash: "0".repeat(64),
        uid: "0".repeat(36),
        judge: "0".repeat(80),
        by: long(253),
        healer: long(253),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        steps: vec![step],
        removed: Some("0".repeat(700)),
        evidence,
        evidence_omitted,
        requests: Vec::new(),
    };
    let approval = Approval {
        decision: Decision::Approved,
        plan_hash: "0".repeat(64),
        by: long(253),
        at: jiff::Timestamp::UNIX_EPOCH,
        reason: Some(long(1_024)),
        break_glass: None,
        acknowledged: vec![long(64); 16],
        until: None,
    };
    let source = SourceReport {
        repo_url: long(3_000),
        revision: long(3_000),
        path: long(3_000),
        synced_revision: Some(long(3_000)),
        in_sync_digest: Some(long(3_000)),
        first_seen: None,
    };
    let status = ReportStatus {
        conditions: (0..30).map(condition).collect(),
        approval: Some(approval.clone()),
        healing: Some(healing.clone()),
        history: history.clone(),
        source: Some(source),
        ..worst()
    };
    let fitted = fit(status);
    assert!(size(&fitted) <= STATUS_LIMIT, "{} bytes", size(&fitted));
    assert_eq!(
        (fitted.approval, fitted.healing, fitted.history),
        (Some(approval), Some(healing), history)
    );
    assert_eq!(fitted.conditions.len(), CONDITION_LIMIT);
    assert_eq!(fitted.fields.len() + fitted.fields_omitted, 500);
}

#[test]
fn the_worst_status_fits_and_keeps_drift_before_what_is_ignored() {
    let fitted = fit(worst());
    assert!(size(&fitted) <= STATUS_LIMIT, "{} bytes", size(&fitted));
    assert_eq!(fitted.fields.len() + fitted.fields_omitted, 500);
    assert!(!fitted.fields.is_empty());
    assert!(fitted.fields.iter().all(|field| field.severity == Severity::Drift));
}

#[test]
fn what_the_sync_harms_is_told_however_much_is_left_out() {
    let mut status = worst();
    while leave_out(&mut status) {}
    let left = status.prediction.unwrap();
    assert_eq!(
        (
            left.overwrites.len(),
            left.breaks.len(),
            left.causes.len(),
            left.harms()
        ),
        (1, 1, 1, true)
    );
}

#[test]
fn a_small_status_is_left_as_it_is() {
    let mut small = worst();
    small.fields.truncate(1);
    small.fields[0] = FieldReport {
        path: ".spec.replicas".to_owned(),
        desired: Some(Value::from(1)),
        live: Some(Value::from(2)),
        managers: Vec::new(),
        reason: None,
        ..small.fields[0].clone()
    };
    small.findings.clear();
    small.prediction = None;
    small.plan = None;
    assert_eq!(fit(small.clone()), small);
}
