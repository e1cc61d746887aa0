//! Keeps a status within what etcd and people can bear, whatever the input was.

use serde_json::Value;

use super::cut::cut;
use super::status::ReportStatus;
use crate::engine::diff::Severity;

/// The largest status as JSON, in bytes. etcd takes 1.5 MiB, but every watcher gets every version of it.
pub const STATUS_LIMIT: usize = 64 * 1_024;

/// The most fields in a status.
pub const FIELD_LIMIT: usize = 50;

/// The most findings in a status.
pub const FINDING_LIMIT: usize = 20;

/// The most finished heals in a status.
pub const HISTORY_LIMIT: usize = 10;

/// The most superseded plans in a status.
pub const SUPERSEDED_LIMIT: usize = 20;

/// How long one value may be, tried in this order until the whole fits: the first is the promise, the rest is for the
/// worst input (fifty fields with two long values each are 100 KiB alone).
const VALUE_LIMITS: [usize; 4] = [1_024, 256, 64, 16];

/// Cuts lists and values until the status fits.
pub fn fit(mut status: ReportStatus) -> ReportStatus {
    status.fields.sort_by(|one, other| (weight(one.severity), &one.path).cmp(&(weight(other.severity), &other.path)));
    let omitted = status.fields.len().saturating_sub(FIELD_LIMIT);
    status.fields.truncate(FIELD_LIMIT);
    status.fields_omitted += omitted;
    status.findings.truncate(FINDING_LIMIT);
    keep_last(&mut status.history, HISTORY_LIMIT);
    keep_last(&mut status.superseded_plans, SUPERSEDED_LIMIT);
    for limit in VALUE_LIMITS {
        if size(&status) <= STATUS_LIMIT {
            return status;
        }
        shorten(&mut status, limit);
    }
    while size(&status) > STATUS_LIMIT && status.fields.pop().is_some() {
        status.fields_omitted += 1;
    }
    status
}

fn weight(severity: Severity) -> u8 {
    match severity {
        Severity::Drift => 0,
        Severity::Pending => 1,
        Severity::Info => 2,
        Severity::Ignored => 3,
    }
}

fn keep_last<T>(list: &mut Vec<T>, limit: usize) {
    list.drain(..list.len().saturating_sub(limit));
}

fn size(status: &ReportStatus) -> usize {
    serde_json::to_vec(status).map_or(usize::MAX, |bytes| bytes.len())
}

fn shorten(status: &mut ReportStatus, limit: usize) {
    for field in &mut status.fields {
        for value in [&mut field.desired, &mut field.live].into_iter().flatten() {
            let text = value.to_string();
            if text.len() > limit {
                *value = Value::from(cut(&text, limit));
            }
        }
        field.path = cut(&field.path, limit.max(256));
        field.reason = field.reason.take().map(|reason| cut(&reason, limit));
        field.managers.truncate(8);
    }
    if let Some(prediction) = &mut status.prediction {
        prediction.residual.truncate(limit);
        prediction.causes.truncate(limit.min(FIELD_LIMIT));
        prediction.causes.iter_mut().for_each(|cause| cause.message = cut(&cause.message, limit));
        prediction.residual.iter_mut().for_each(|path| *path = cut(path, limit));
        if let Some(dry_run) = &mut prediction.dry_run {
            dry_run.message = dry_run.message.take().map(|message| cut(&message, limit));
        }
    }
    if let Some(plan) = &mut status.plan {
        plan.steps.iter_mut().for_each(|step| step.patch = cut(&step.patch, 4 * limit));
    }
    for finding in &mut status.findings {
        finding.message = cut(&finding.message, limit);
        finding.evidence = finding.evidence.take().map(|evidence| cut(&evidence, limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::diff::ChangeKind;
    use crate::engine::predict::{Cause, Strategy, Verdict};
    use crate::report::{FieldReport, FindingReport, PlanReport, PredictionReport, StepReport, WrittenObject};

    fn long(letters: usize) -> String {
        "ü".repeat(letters)
    }

    /// The worst that an input can give: everything long, everything many, nothing in one byte a character.
    fn worst() -> ReportStatus {
        let field = |at: usize| FieldReport {
            path: format!(".spec.template.spec.containers[name=\"{at}\"].env[name=\"{}\"]", long(2_000)),
            change: ChangeKind::Changed,
            severity: if at.is_multiple_of(2) { Severity::Ignored } else { Severity::Drift },
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
            severity: crate::engine::diagnose::Weight::Error,
            path: None,
            message: long(5_000),
            evidence: Some(long(5_000)),
            remedy: Some(long(500)),
        };
        let cause = Cause { reason: "FieldValueInvalid".to_owned(), field: long(400), message: long(5_000) };
        let object =
            |name: String| WrittenObject { api_version: "apps/v1".to_owned(), kind: "Deployment".to_owned(), namespace: long(63), name };
        let step = StepReport {
            kind: crate::engine::plan::StepKind::Restore,
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
                when: None,
                confirmed_by: crate::report::ConfirmedBy::Local,
                dry_run: Some(crate::report::DryRunReport {
                    question: "0".repeat(64),
                    answer: crate::report::DryRunAnswer::Other,
                    message: Some(long(5_000)),
                }),
            }),
            plan: Some(PlanReport {
                hash: "0".repeat(64),
                serial: 1,
                expires: jiff::Timestamp::UNIX_EPOCH,
                cautions: vec![long(200); 4],
                steps: vec![step; 4],
                dry_run: None,
            }),
            ..ReportStatus::default()
        }
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
}
