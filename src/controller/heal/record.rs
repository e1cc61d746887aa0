//! Record: what a report remembers of a heal that ended, or that never came to a write.

use serde_json::{Value, json};
use tracing::{info, warn};

use super::{name, now};
use crate::cluster::{ApiError, Cluster, DryRun};
use crate::crd::DriftReport;
use crate::engine::ArgoCd;
use crate::engine::operation::comparable;
use crate::engine::plan::Refusal;
use crate::report::{HISTORY_LIMIT, Heal, HealResult, Healing, HistoryEntry, cut, fitting_entry};

/// The longest message of a removed operation state that is kept, in bytes.
const REMOVED_MESSAGE: usize = 512;

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
    let entry = fitting_entry(HistoryEntry {
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
    });
    let mut history = report.status.as_ref().map(|status| status.history.clone()).unwrap_or_default();
    history.push(entry.clone());
    history.drain(..history.len().saturating_sub(HISTORY_LIMIT));
    cluster.patch_report_status(report, json!({"healing": null, "heal": result, "history": history}), DryRun::No).await?;
    match result {
        HealResult::Healed => info!(report = %name(report), message, "the heal ended"),
        HealResult::Failed => warn!(report = %name(report), message, "the heal failed"),
    }
    Ok(entry)
}

/// Takes back that a heal began, where nothing was written: the approval is not spent, and holds as soon as the plan is needed again.
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
    let revision = state.result.as_ref().and_then(|result| result.revision.as_ref()).map(ToString::to_string);
    let kept = json!({
        "phase": state.phase.as_str(),
        "startedAt": state.started_at.as_ref().map(|started| &started.text),
        "finishedAt": state.finished_at,
        "retryCount": state.retry_count,
        "revision": revision,
        "message": cut(&comparable(&state.message), REMOVED_MESSAGE),
    });
    Some(kept.to_string())
}
