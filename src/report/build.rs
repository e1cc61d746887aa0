//! From an assessment to the types that are shown: the only way in, and every value passes the mask on it.

use serde_json::Value;

use super::cut::{cut, cut_within};
use crate::api::v1alpha1::{
    self as api, CautionReport, ConfirmedBy, Counts, DryRunAnswer, DryRunReport, FieldReport, FindingReport,
    ObjectReport, OperationReport, OverwriteReport, PlanReport, PredictionReport, SourceReport, StepReport, Warning,
};
use crate::engine::argo_cd::application::REFRESH;
use crate::engine::confirm::Confirmation;
use crate::engine::diff::{Change, Drift, Masker, Severity};
use crate::engine::flux::reconciliation::REQUESTED_AT;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::{FieldPath, ObjectId};
use crate::engine::plan::{Act, Caution, Plan, Step, Written};
use crate::engine::predict::{Cause, Overwrite, Prediction};
use crate::engine::rules::{Finding, prediction_mismatch};
use crate::engine::syncer::Strategy;
use crate::engine::tool_object::message::comparable;
use crate::engine::{Assessment, Snapshot, Tool};

/// The longest message that is shown, in bytes: a server's message may embed a whole pod spec.
const MESSAGE_LIMIT: usize = 1_024;

/// Everything told of one object on the command line.
pub fn object_report(
    target: &ObjectId,
    assessment: &Assessment,
    found: &[Finding],
    masker: &Masker,
    warnings: Vec<Warning>,
) -> ObjectReport {
    ObjectReport {
        object: target.clone().into(),
        phase: assessment.phase.into(),
        summary: text(masker, &assessment.summary),
        fields: assessment.drifts.iter().map(|drift| field(drift, masker)).collect(),
        prediction: assessment
            .prediction
            .as_ref()
            .map(|prediction| prediction_report(prediction, masker)),
        refusals: Vec::new(),
        findings: findings(found, masker),
        places: Vec::new(),
        warnings,
    }
}

/// A change as it may be shown.
pub(super) struct ShownChange {
    pub(super) path: String,
    pub(super) desired: Option<Value>,
    pub(super) live: Option<Value>,
}

pub(super) fn change(change: &Change, masker: &Masker) -> ShownChange {
    let shown = |value: &Option<Value>| value.as_ref().map(|value| shown_json(masker, &change.path, value));
    ShownChange {
        path: change.path.to_string(),
        desired: shown(&change.desired),
        live: shown(&change.live),
    }
}

/// One field.
pub fn field(drift: &Drift, masker: &Masker) -> FieldReport {
    let ShownChange { path, desired, live } = change(&drift.change, masker);
    let first = drift.owners.first();
    let mut managers: Vec<String> = drift.owners.iter().map(|owner| owner.manager.clone()).collect();
    managers.sort();
    managers.dedup();
    if managers.len() < 2 {
        managers.clear();
    }
    FieldReport {
        path,
        change: drift.change.kind.into(),
        severity: drift.severity.into(),
        moved: drift.moved.map(Into::into),
        desired,
        live,
        manager: first.map(|owner| owner.manager.clone()),
        managers,
        operation: first.map(|owner| owner.operation.into()),
        subresource: first.and_then(|owner| owner.subresource.clone()),
        time: first.and_then(|owner| owner.time),
        reason: drift.reason.clone(),
    }
}

/// A value as it may be shown.
fn shown_json(masker: &Masker, path: &FieldPath, value: &Value) -> Value {
    masker.mask(path, value).into()
}

/// How far the tool's own operation is, where a tool is known.
pub fn operation(snapshot: &Snapshot, assessment: &Assessment, masker: &Masker) -> Option<OperationReport> {
    match &snapshot.tool {
        Tool::Unknown => None,
        Tool::ArgoCd(argo_cd) => {
            let application = &argo_cd.application;
            let standing = assessment.standing.as_ref()?;
            let state = application.state.as_ref();
            Some(OperationReport {
                application: Some(format!("{}/{}", application.namespace, application.name)),
                kustomization: None,
                class: standing.name().to_owned(),
                phase: state.map(|state| state.phase.as_str().to_owned()),
                message: state
                    .map(|state| text(masker, &comparable(&state.message)))
                    .filter(|message| !message.is_empty()),
                started_at: state
                    .and_then(|state| state.started_at.as_ref())
                    .map(|started| started.time),
                until: standing.until(),
                failed_clears: None,
            })
        }
        Tool::Flux(flux) => {
            let kustomization = &flux.kustomization;
            let ready = kustomization.condition("Ready");
            Some(OperationReport {
                application: None,
                kustomization: Some(format!("{}/{}", kustomization.namespace, kustomization.name)),
                class: flux.reconciliation().name().to_owned(),
                phase: ready.map(|ready| ready.reason.clone()),
                message: ready
                    .map(|ready| text(masker, &comparable(&ready.message)))
                    .filter(|message| !message.is_empty()),
                started_at: None,
                until: None,
                failed_clears: None,
            })
        }
    }
}

/// What the next sync gives.
pub fn prediction_report(prediction: &Prediction, masker: &Masker) -> PredictionReport {
    PredictionReport {
        strategy: prediction.strategy.into(),
        verdict: prediction.verdict.into(),
        causes: prediction
            .causes
            .iter()
            .map(|cause| shown_cause(cause, masker))
            .collect(),
        residual: prediction.residual.iter().map(ToString::to_string).collect(),
        breaks: prediction.breaks.iter().map(ToString::to_string).collect(),
        overwrites: prediction
            .overwrites
            .iter()
            .map(|overwrite| overwrite_report(overwrite, masker))
            .collect(),
        when: None,
        confirmed_by: ConfirmedBy::Local,
        dry_run: None,
    }
}

fn overwrite_report(overwrite: &Overwrite, masker: &Masker) -> OverwriteReport {
    let shown = |value: &Option<Value>| value.as_ref().map(|value| shown_json(masker, &overwrite.path, value));
    let owner = overwrite.owners.first();
    OverwriteReport {
        path: overwrite.path.to_string(),
        from: shown(&overwrite.from),
        to: shown(&overwrite.to),
        manager: owner.map(|owner| owner.manager.clone()),
        subresource: owner.and_then(|owner| owner.subresource.clone()),
    }
}

/// What the server said to a dry run of the next sync.
pub fn dry_run(question: String, confirmation: &Confirmation, masker: &Masker) -> DryRunReport {
    let (answer, message) = match confirmation {
        Confirmation::Same => (DryRunAnswer::Same, None),
        Confirmation::Other(said) => (DryRunAnswer::Other, Some(text(masker, said))),
        Confirmation::Undecided(why) => (DryRunAnswer::Undecided, Some(text(masker, why))),
    };
    DryRunReport {
        question,
        answer,
        message,
    }
}

/// A cause as it may be shown.
pub(super) fn shown_cause(cause: &Cause, masker: &Masker) -> api::Cause {
    let message = text(masker, &cause.message);
    Cause {
        message,
        ..cause.clone()
    }
    .into()
}

/// What is wrong and what to do, worst first.
pub fn findings(findings: &[Finding], masker: &Masker) -> Vec<FindingReport> {
    // Two messages that were cut before, and our words around them.
    let limit = |finding: &Finding| {
        if finding.rule == prediction_mismatch::RULE.id {
            3 * MESSAGE_LIMIT
        } else {
            MESSAGE_LIMIT
        }
    };
    let one = |finding: &Finding| FindingReport {
        rule: finding.rule.to_owned(),
        severity: finding.weight.into(),
        path: finding.path.as_ref().map(ToString::to_string),
        message: cut_within(&masker.mask_text(&finding.message), limit(finding)),
        evidence: finding.evidence.as_deref().map(|evidence| text(masker, evidence)),
        remedy: finding.remedy.clone(),
    };
    findings.iter().map(one).collect()
}

/// How many fields there are of each kind.
pub fn counts(assessment: &Assessment) -> Counts {
    let count = |severity| assessment.of(severity).count();
    Counts {
        drifted: count(Severity::Drift),
        refused: assessment
            .prediction
            .as_ref()
            .map_or(0, |prediction| prediction.causes.len()),
        pending: count(Severity::Pending),
        info: count(Severity::Info),
        ignored: count(Severity::Ignored),
    }
}

/// Where desired comes from.
pub fn source(snapshot: &Snapshot) -> SourceReport {
    SourceReport {
        repo_url: snapshot.source.repo_url.clone(),
        revision: snapshot.source.revision.clone(),
        path: snapshot
            .desired
            .as_ref()
            .map(|document| document.origin.file.to_string())
            .unwrap_or_default(),
        synced_revision: snapshot.source.synced_revision.clone(),
        in_sync_digest: snapshot
            .source
            .met_digest(snapshot.desired.as_ref().map(|document| &document.value)),
        first_seen: snapshot.source.first_seen,
    }
}

/// A plan for people: its patches masked.
pub fn plan(plan: &Plan, target: &ObjectId, masker: &Masker) -> PlanReport {
    PlanReport {
        hash: plan.hash.clone(),
        serial: plan.serial,
        expires: plan.expires,
        cautions: plan
            .cautions
            .iter()
            .map(|caution| caution_report(caution, masker))
            .collect(),
        waits: plan.waits.clone(),
        steps: plan
            .steps
            .iter()
            .map(|step| step_report(step, target, masker))
            .collect(),
        dry_run: None,
    }
}

fn caution_report(caution: &Caution, masker: &Masker) -> CautionReport {
    let shown = |path: &FieldPath, value: &Value| shown_json(masker, path, value).to_string();
    // A text of ours; each value in it is masked as what its path names.
    let told = caution.told(shown);
    CautionReport {
        id: caution.id.to_owned(),
        text: cut_within(&told, MESSAGE_LIMIT),
        must_acknowledge: caution.must_acknowledge,
    }
}

fn step_report(step: &Step, target: &ObjectId, masker: &Masker) -> StepReport {
    let patch = match step {
        Step::Restore { operations, .. } => {
            let operations = serde_json::to_value(operations).unwrap_or_default();
            let shown: Vec<Value> = operations
                .as_array()
                .into_iter()
                .flatten()
                .map(|operation| masked_operation(operation, masker))
                .collect();
            Value::from(shown).to_string()
        }
        Step::Transfer { .. } => "metadata.managedFields only".to_owned(),
        Step::HandBack { syncer, .. } => match syncer.strategy {
            Strategy::ServerSideApply => "metadata.managedFields only".to_owned(),
            Strategy::ClientSideApply | Strategy::Replace => format!("metadata.annotations[{LAST_APPLIED}] only"),
        },
        Step::OnApplication(step) => match &step.act {
            Act::Refresh => format!("metadata.annotations[{REFRESH}] only"),
            Act::Clear { .. } => "status.operationState and the annotation that asks for a comparison".to_owned(),
            Act::Start { .. } => {
                "operation, and status.operationState where that says that an operation runs and there is none"
                    .to_owned()
            }
        },
        Step::Reconcile { .. } => format!("metadata.annotations[{REQUESTED_AT}] only"),
    };
    let shown = match step.written() {
        Written::Target => target.to_string(),
        Written::Application(application) => application.to_string(),
        Written::Kustomization(kustomization) => kustomization.to_string(),
    };
    StepReport {
        kind: step.kind().into(),
        target: shown,
        object: Some(step.written().object(target).into()),
        summary: text(masker, &step.summary()),
        patch: cut(&patch, 4 * MESSAGE_LIMIT),
    }
}

/// One operation of a JSON Patch with its value masked as the field that its pointer names.
pub(super) fn masked_operation(operation: &Value, masker: &Masker) -> Value {
    let mut shown = operation.clone();
    // A document as text, of which nothing is masked by its path.
    if operation
        .get("path")
        .and_then(Value::as_str)
        .is_some_and(|pointer| pointer.contains("last-applied-configuration"))
    {
        if let Some(value) = shown.get_mut("value") {
            *value = Value::from("(what was applied)");
        }
        return shown;
    }
    let path = operation
        .get("path")
        .and_then(Value::as_str)
        .map(|pointer| FieldPath::of(&pointer.split('/').skip(1).collect::<Vec<_>>()));
    if let (Some(path), Some(value)) = (path, shown.get_mut("value")) {
        *value = shown_json(masker, &path, value);
    }
    shown
}

/// A text that may quote values of the object: masked and cut within, so that a reason at its end stays.
pub fn text(masker: &Masker, text: &str) -> String {
    cut_within(&masker.mask_text(text), MESSAGE_LIMIT)
}

#[cfg(test)]
mod tests;
