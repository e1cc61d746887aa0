//! Send: one step of a heal as requests, a dry run and the write, each of which leaves an audit line with its answer.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::info;

use super::super::admission;
use super::pace::NotYourTurn;
use super::{Healer, Look, Scene, name, now, with_hint};
use crate::api::v1alpha1::{self as api, DriftReport, Healing, SentRequest};
use crate::cluster::tools::{APPLICATIONS, KUSTOMIZATIONS};
use crate::cluster::{ApiError, DryRun};
use crate::engine::Snapshot;
use crate::engine::object::FieldPath;
use crate::engine::plan::{Approved, Ground, Request, Step, StepKind, Written, undone};
use crate::report::{evidence, shown_patch};

/// The chart's policy that holds a write on a Deployment against its report; its name stands in every refusal of it.
const HEALS_POLICY: &str = "heals.driftmend.dev";

/// How long to wait, in milliseconds, before a write is sent again that this policy refused: the API server reads the
/// report from a cache of its own, which is milliseconds behind what was just recorded there, or seconds on a busy
/// machine.
const BEHIND: [u64; 7] = [50, 100, 200, 400, 800, 1_600, 3_200];

/// Why a step was not carried out.
pub(super) enum Sent {
    Api(ApiError),
    NotYet(NotYourTurn),
    Unrenderable(String),
}

impl<L: Look> Healer<'_, L> {
    /// Tells who had written what, before the first write of a heal.
    pub(super) fn audit_beginning(&self, report: &DriftReport, healing: &Healing, approved: &Approved, scene: &Scene) {
        let steps = &approved.plan().steps;
        let live = scene.snapshot.live.as_ref().unwrap_or(&Value::Null);
        let evidence = evidence(
            scene.snapshot.kind,
            live,
            steps.iter().flat_map(Step::paths),
            self.audit.masker(),
        );
        let approval = report.status.as_ref().and_then(|status| status.approval.as_ref());
        let written = steps
            .iter()
            .map(|step| json!({"kind": api::StepKind::from(step.kind()), "paths": texts(step.paths())}));
        self.audit.line(
            "Begins",
            json!({
                "report": name(report), "target": scene.snapshot.target.to_string(), "uid": healing.uid,
                "plan": healing.plan_hash,
                "approvedBy": healing.by, "approvedAt": approval.map(|approval| approval.at),
                "reason": approval.and_then(|approval| approval.reason.as_deref()),
                "healer": healing.healer, "startedAt": healing.started_at, "steps": written.collect::<Vec<_>>(),
                "evidence": evidence,
            }),
        );
    }

    /// Sends one step: a dry run of the very same request, then the request; `None` where there is nothing to send.
    pub(super) async fn send(
        &self,
        step: &Step,
        ground: &Ground<'_>,
        scene: &Scene,
        approved: Timestamp,
    ) -> Result<Option<SentRequest>, Sent> {
        let target = &scene.snapshot.target;
        let rendered = step
            .render(ground)
            .map_err(|error| Sent::Unrenderable(error.to_string()))?;
        let Some(request) = rendered else { return Ok(None) };
        let answer = self
            .patch(&request, &scene.snapshot, DryRun::Yes)
            .await
            .map_err(Sent::Api)?;
        if let [first, ..] = undone(ground.kind, step, ground.live, &answer).as_slice() {
            let by = admission::likely(self.cluster).await;
            return Err(Sent::Unrenderable(format!(
                "{first} would not come out as it is written: admission changes it ({by})"
            )));
        }
        let clears = step.kind() == StepKind::ClearOperation;
        if clears {
            self.pace
                .claim(self.cluster, approved, ground.plan)
                .await
                .map_err(Sent::Api)?
                .map_err(Sent::NotYet)?;
        }
        let sent = self
            .write(step.kind(), &request, ground.plan, &scene.snapshot)
            .await
            .map_err(Sent::Api)?;
        if clears {
            self.pace.cleared(ground.plan);
        }
        info!(%target, step = ?step.kind(), "the step was carried out");
        Ok(Some(sent))
    }

    /// Sends a request that is to be stored, and tells of it.
    pub(super) async fn write(
        &self,
        kind: StepKind,
        request: &Request,
        plan: &str,
        snapshot: &Snapshot,
    ) -> Result<SentRequest, ApiError> {
        let is_first = self.outbox.nothing_left(plan).is_some();
        self.outbox.leaves(plan);
        let mut answer = self.patch(request, snapshot, DryRun::No).await;
        for pause in BEHIND {
            if !answer.as_ref().is_err_and(is_behind) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
            answer = self.patch(request, snapshot, DryRun::No).await;
        }
        self.outbox.answered(plan, is_first, &answer);
        let (shown, digest) = shown_patch(&request.patch, self.audit.masker());
        let told = match &answer {
            Ok(object) => stored(object),
            Err(error) => self.audit.masker().mask_text(&with_hint(error)),
        };
        let (_, namespace, object) = address(request, snapshot);
        self.audit.line(
            "Sent",
            json!({
                "target": snapshot.target.to_string(), "plan": plan, "healer": self.identity,
                "step": api::StepKind::from(kind), "written": format!("{namespace}/{object}"),
                "request": shown, "requestDigest": digest, "answer": told, "accepted": answer.is_ok(),
            }),
        );
        answer.map(|_| SentRequest {
            kind: kind.into(),
            at: now(),
            digest,
            answer: told,
        })
    }

    pub(super) async fn patch(
        &self,
        request: &Request,
        snapshot: &Snapshot,
        dry_run: DryRun,
    ) -> Result<Value, ApiError> {
        let (resource, namespace, name) = address(request, snapshot);
        self.cluster
            .patch_object(resource, (namespace, name), &request.patch, request.manager, dry_run)
            .await
    }
}

/// The object that a request is for.
fn address<'a>(
    request: &'a Request,
    Snapshot { kind, target, .. }: &'a Snapshot,
) -> (crate::cluster::Resource<'static>, &'a str, &'a str) {
    match &request.written {
        Written::Target => (
            (*kind).into(),
            target.namespace.as_deref().unwrap_or_default(),
            target.name.as_str(),
        ),
        Written::Application(application) => (APPLICATIONS, application.namespace.as_str(), application.name.as_str()),
        Written::Kustomization(named) => (KUSTOMIZATIONS, named.namespace.as_str(), named.name.as_str()),
    }
}

/// What is told of an object that was stored.
fn stored(object: &Value) -> String {
    let version = object
        .pointer("/metadata/resourceVersion")
        .and_then(Value::as_str)
        .unwrap_or("unknown");
    match object.pointer("/metadata/generation").and_then(Value::as_i64) {
        Some(generation) => format!("resourceVersion {version}, generation {generation}"),
        None => format!("resourceVersion {version}"),
    }
}

fn is_behind(error: &ApiError) -> bool {
    matches!(error, ApiError::Forbidden { user: None, message, .. } if message.contains(HEALS_POLICY))
}

pub(super) fn texts(paths: &[FieldPath]) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}
