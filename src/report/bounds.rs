//! Keeps a status within what etcd and people can bear, whatever the input was.

use serde_json::Value;

use super::clamp::clamp;
use super::cut::{cut, cut_within};
use crate::api::v1alpha1::bounds::{FIELD_LIMIT, FINDING_LIMIT, HISTORY_LIMIT, SUPERSEDED_LIMIT};
use crate::api::v1alpha1::{ReportStatus, Severity};

/// The largest status as JSON, in bytes. etcd takes 1.5 MiB, but every watcher gets every version of it.
pub const STATUS_LIMIT: usize = 64 * 1_024;

/// How long one value may be, tried in this order until the whole fits: the first is the promise, the rest is for the
/// worst input (fifty fields with two long values each are 100 KiB alone).
const VALUE_LIMITS: [usize; 4] = [1_024, 256, 64, 16];

/// Cuts lists and values until the status fits, and whatever the CRD bounds.
///
/// What a person wrote (`approval`) and what heals wrote (`healing`, `history`) stays as it is: it was bounded when it
/// was written, and may not be changed any more.
pub fn fit(mut status: ReportStatus) -> ReportStatus {
    status
        .fields
        .sort_by(|one, other| (weight(one.severity), &one.path).cmp(&(weight(other.severity), &other.path)));
    let omitted = status.fields.len().saturating_sub(FIELD_LIMIT);
    status.fields.truncate(FIELD_LIMIT);
    status.fields_omitted += omitted;
    status.findings.truncate(FINDING_LIMIT);
    keep_last(&mut status.history, HISTORY_LIMIT);
    keep_last(&mut status.superseded_plans, SUPERSEDED_LIMIT);
    let written = (
        status.approval.take(),
        status.healing.take(),
        std::mem::take(&mut status.history),
    );
    status = clamp(status);
    (status.approval, status.healing, status.history) = written;
    for limit in VALUE_LIMITS {
        if size(&status) <= STATUS_LIMIT {
            return status;
        }
        shorten(&mut status, limit);
    }
    while size(&status) > STATUS_LIMIT && status.fields.pop().is_some() {
        status.fields_omitted += 1;
    }
    while size(&status) > STATUS_LIMIT && leave_out(&mut status) {}
    status
}

/// Leaves out one thing more, the least important first; false where nothing is left to leave out.
fn leave_out(status: &mut ReportStatus) -> bool {
    if !status.superseded_plans.is_empty() {
        status.superseded_plans.remove(0);
        return true;
    }
    if let Some(prediction) = &mut status.prediction
        && (prediction.residual.pop().is_some()
            // The last one of a kind stays: without it the report would say that there is none.
            || prediction.overwrites.len() > 1 && prediction.overwrites.pop().is_some()
            || prediction.breaks.len() > 1 && prediction.breaks.pop().is_some()
            || prediction.causes.len() > 1 && prediction.causes.pop().is_some())
    {
        return true;
    }
    if status.findings.pop().is_some() {
        return true;
    }
    // What must be acknowledged stays: without it nobody could approve, and nobody would know why.
    let plan = status.plan.as_mut();
    plan.is_some_and(|plan| plan.cautions.pop_if(|caution| !caution.must_acknowledge).is_some())
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
        field
            .managers
            .iter_mut()
            .for_each(|manager| *manager = cut(manager, limit.max(64)));
    }
    if let Some(prediction) = &mut status.prediction {
        prediction.residual.truncate(limit);
        prediction.breaks.truncate(limit);
        prediction.overwrites.truncate(limit);
        prediction.causes.truncate(limit.min(FIELD_LIMIT));
        for cause in &mut prediction.causes {
            (cause.message, cause.field) = (cut_within(&cause.message, limit), cut(&cause.field, limit.max(64)));
            cause.reason = cut(&cause.reason, limit.max(64));
        }
        prediction
            .residual
            .iter_mut()
            .chain(&mut prediction.breaks)
            .for_each(|path| *path = cut(path, limit));
        for overwrite in &mut prediction.overwrites {
            overwrite.path = cut(&overwrite.path, limit.max(64));
            overwrite.manager = overwrite.manager.take().map(|manager| cut(&manager, limit.max(64)));
            for value in [&mut overwrite.from, &mut overwrite.to].into_iter().flatten() {
                let text = value.to_string();
                if text.len() > limit {
                    *value = Value::from(cut(&text, limit));
                }
            }
        }
        prediction.when = prediction.when.take().map(|when| cut(&when, limit.max(64)));
        if let Some(dry_run) = &mut prediction.dry_run {
            dry_run.message = dry_run.message.take().map(|message| cut_within(&message, limit));
        }
    }
    if let Some(plan) = &mut status.plan {
        for step in &mut plan.steps {
            step.patch = cut(&step.patch, 4 * limit);
            step.summary = cut(&step.summary, limit.max(64));
            step.target = cut(&step.target, limit.max(64));
        }
        plan.dry_run = plan.dry_run.take().map(|answer| cut(&answer, limit.max(64)));
        plan.cautions
            .iter_mut()
            .for_each(|caution| caution.text = cut_within(&caution.text, limit.max(64)));
    }
    for condition in &mut status.conditions {
        condition.message = cut(&condition.message, limit.max(64));
        condition.reason = cut(&condition.reason, limit.max(64));
    }
    if let Some(operation) = &mut status.operation {
        operation.message = operation.message.take().map(|message| cut(&message, limit));
        for name in [
            &mut operation.application,
            &mut operation.kustomization,
            &mut operation.phase,
        ]
        .into_iter()
        .flatten()
        {
            *name = cut(name, limit.max(128));
        }
    }
    if let Some(source) = &mut status.source {
        for text in [
            Some(&mut source.repo_url),
            Some(&mut source.revision),
            Some(&mut source.path),
            source.synced_revision.as_mut(),
        ] {
            text.into_iter().for_each(|text| *text = cut(text, limit.max(256)));
        }
    }
    status.summary = cut(&status.summary, limit.max(256));
    for finding in &mut status.findings {
        finding.message = cut_within(&finding.message, limit);
        finding.evidence = finding.evidence.take().map(|evidence| cut_within(&evidence, limit));
        finding.remedy = finding.remedy.take().map(|remedy| cut(&remedy, limit.max(64)));
        finding.path = finding.path.take().map(|path| cut(&path, limit.max(64)));
    }
}

#[cfg(test)]
mod tests;
