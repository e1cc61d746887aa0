//! Record: what a report remembers of a heal that ended, or that never came to a write.

use serde_json::{Value, json};
use tracing::{info, warn};

use super::{Audit, name, now};
use crate::api::v1alpha1::bounds::HISTORY_LIMIT;
use crate::api::v1alpha1::{DriftReport, Heal, HealResult, Healing, HistoryEntry};
use crate::cluster::{ApiError, Cluster, DryRun};
use crate::engine::argo_cd::ArgoCd;
use crate::engine::plan::Refusal;
use crate::engine::tool_object::message::comparable;
use crate::report::{cut, fitting_entry, printer};

/// The message of a heal whose healer is gone. Of a heal of somebody else the chart's policy takes no other words than
/// this and the next.
pub const ABANDONED: &str = "interrupted: its healer did not come back";

/// The message of a heal whose watch is gone, or that no watch names any more.
pub const UNGOVERNED: &str = "interrupted: no watch governs it any more";

/// The longest message of a removed operation state that is kept, in bytes; it is cut further where the whole would be
/// longer as JSON than an entry of the history has room for beside what was sent.
const REMOVED_MESSAGE: [usize; 4] = [512, 256, 128, 16];
const REMOVED: usize = 1_024;

/// The longest of its other texts.
const REMOVED_WORD: usize = 64;

/// Ends the heal of a report and moves it into the history.
///
/// # Errors
///
/// `Conflict` when the report changed since it was read.
pub async fn end(
    cluster: &Cluster,
    report: &DriftReport,
    healing: &Healing,
    result: HealResult,
    message: &str,
) -> Result<HistoryEntry, ApiError> {
    // Escaped before it is measured: that makes a text longer.
    let entry = fitting_entry(printer::told(HistoryEntry {
        plan_hash: healing.plan_hash.clone(),
        by: healing.by.clone(),
        healer: healing.healer.clone(),
        started_at: healing.started_at,
        finished_at: now(),
        result,
        message: message.to_owned(),
        removed: healing.removed.clone(),
        evidence: healing.evidence.clone(),
        evidence_omitted: healing.evidence_omitted,
        requests: healing.requests.clone(),
    }));
    let mut history = report
        .status
        .as_ref()
        .map(|status| status.history.clone())
        .unwrap_or_default();
    history.push(entry.clone());
    history.drain(..history.len().saturating_sub(HISTORY_LIMIT));
    cluster
        .patch_report_status(
            report,
            json!({"healing": null, "heal": Heal::from(result), "history": history}),
            DryRun::No,
        )
        .await?;
    match result {
        HealResult::Healed => info!(report = %name(report), message, "the heal ended"),
        HealResult::Failed => warn!(report = %name(report), message, "the heal failed"),
        HealResult::NotCarriedOut => info!(report = %name(report), message, "the heal ended before its first write"),
    }
    Ok(entry)
}

/// Ends a heal whose healer cannot end it any more, or is not to: what it came to is not known.
///
/// # Errors
///
/// `Conflict` when the report changed since it was read.
pub async fn interrupt(
    cluster: &Cluster,
    audit: &Audit,
    report: &DriftReport,
    healing: &Healing,
    why: &str,
) -> Result<(), ApiError> {
    let entry = end(cluster, report, healing, HealResult::Failed, why).await?;
    audit.line(
        "Ended",
        json!({"report": name(report), "plan": entry.plan_hash, "result": entry.result, "message": entry.message}),
    );
    Ok(())
}

/// Tells what a report remembers of heals before it is removed: its watch belongs to a tenant, who may take that away
/// and not the record.
pub fn tell_removed(audit: &Audit, report: &DriftReport, why: &str) {
    let Some(status) = &report.status else { return };
    let told = |plan: &str, what: &str, record: Value| {
        audit.line(
            "Removed",
            json!({"report": name(report), "uid": report.metadata.uid, "plan": plan, "why": why, what: record}),
        );
    };
    for entry in &status.history {
        told(&entry.plan_hash, "entry", json!(entry));
    }
    if let Some(healing) = &status.healing {
        told(&healing.plan_hash, "healing", json!(healing));
    }
}

/// Takes back that a heal began, where nothing was written: the approval is not spent, and holds as soon as the plan is
/// needed again.
///
/// # Errors
///
/// `Conflict` when the report changed since it was read.
pub async fn take_back(cluster: &Cluster, report: &DriftReport, refusal: &Refusal) -> Result<(), ApiError> {
    let patch = json!({"healing": Value::Null, "heal": Heal::AwaitingApproval});
    cluster.patch_report_status(report, patch, DryRun::No).await?;
    info!(report = %name(report), why = %refusal, "the heal is taken back before its first write");
    Ok(())
}

/// The operation state that is about to go, as a report keeps it.
pub fn removed(argo_cd: &ArgoCd) -> Option<String> {
    let state = argo_cd.application.state.as_ref()?;
    let compared = argo_cd
        .application
        .sync
        .as_ref()
        .and_then(|sync| sync.revision.as_ref());
    let revision = state
        .result
        .as_ref()
        .and_then(|result| result.revision.as_ref())
        .or(compared)
        .map(ToString::to_string);
    let word = |text: &str| cut(text, REMOVED_WORD);
    let kept = |message: usize| {
        json!({
            "phase": word(state.phase.as_str()),
            "startedAt": state.started_at.as_ref().map(|started| word(&started.text)),
            "finishedAt": state.finished_at,
            "retryCount": state.retry_count,
            "revision": revision.as_deref().map(word),
            "message": cut(&comparable(&state.message), message),
        })
        .to_string()
    };
    // As it stands in the status: a text within JSON, whose quotes are escaped.
    let fits = |text: &String| json!(printer::one_line(text)).to_string().len() <= REMOVED;
    REMOVED_MESSAGE.into_iter().map(kept).find(fits)
}
