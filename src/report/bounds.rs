//! Keeps a status within what etcd and people can bear, whatever the input was.

use serde_json::Value;

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
    }
    if let Some(plan) = &mut status.plan {
        plan.steps.iter_mut().for_each(|step| step.patch = cut(&step.patch, 4 * limit));
    }
    for finding in &mut status.findings {
        finding.message = cut(&finding.message, limit);
        finding.evidence = finding.evidence.take().map(|evidence| cut(&evidence, limit));
    }
}

fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
