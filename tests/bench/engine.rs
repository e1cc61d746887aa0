//! The engine alone, in this process and on one thread: the incident from a snapshot to a plan.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use driftmend::engine::kind::DEPLOYMENT;
use driftmend::engine::ownership::Recorded;
use driftmend::engine::phase::Phase;
use driftmend::engine::plan::{Memory, assess_and_propose, propose};
use driftmend::engine::predict::predict;
use driftmend::engine::syncer::{Strategy, Syncer};
use driftmend::engine::{Mode, Policy, Remedy, Snapshot, SourceFacts, Tool, assess, diff};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::table::Spread;
use crate::{machine, manifest};

/// What the engine took, for one strategy.
pub struct Taken {
    /// How the syncing tool writes.
    pub strategy: Strategy,

    /// From snapshot to plan, by the clock on the wall.
    pub whole: Spread,

    /// The processor time of one run, which others on the same cores do not lengthen.
    pub processor: Duration,

    /// The same Deployment before the incident, where nothing is to be found.
    pub in_sync: Spread,

    /// Each step in a loop of its own, by its name.
    pub steps: Vec<(&'static str, Spread)>,
}

/// Makes the incident on the server under both strategies, reads it back, and assesses it again and again.
pub fn measure(stage: &Stage, runs: usize) -> Result<Vec<Taken>> {
    [Strategy::ClientSideApply, Strategy::ServerSideApply]
        .into_iter()
        .map(|strategy| taken(stage, strategy, runs))
        .collect()
}

fn taken(stage: &Stage, strategy: Strategy, runs: usize) -> Result<Taken> {
    let (before, snapshot, policy) = incident(stage, strategy)?;
    ensure!(
        assess(&before, &policy).phase == Phase::InSync,
        "not in sync before the incident"
    );
    let (document, live) = (
        snapshot.desired.as_ref().context("no desired")?,
        snapshot.live.as_ref().context("no live")?,
    );
    let assessment = assess(&snapshot, &policy);
    ensure!(
        assessment.phase == Phase::Conflicted,
        "not the incident: {:?}",
        assessment.phase
    );
    propose(&snapshot, &assessment, &policy, &Memory::default()).context("the incident has no plan")?;
    let text = live.to_string();
    let attribute = || {
        let managed = Recorded::of(black_box(live));
        let syncer = &snapshot.syncer;
        let desired = &document.value;
        diff::classify(&diff::Evidence {
            kind: &DEPLOYMENT,
            desired,
            live,
            managed: &managed,
            syncer,
            witness: snapshot.source.witness(),
            rules: &policy.ignore,
            now: snapshot.now,
        })
        .len()
    };
    let used = machine::processor_time(std::process::id())?;
    let whole = time(runs, || {
        black_box(
            assess_and_propose(black_box(&snapshot), &policy, &Memory::default())
                .1
                .is_ok(),
        )
    });
    let used = machine::processor_time(std::process::id())?.saturating_sub(used);
    Ok(Taken {
        strategy,
        whole,
        in_sync: time(runs, || {
            black_box(
                assess_and_propose(black_box(&before), &policy, &Memory::default())
                    .1
                    .is_err(),
            )
        }),
        processor: used / u32::try_from(runs).unwrap_or(u32::MAX).max(1),
        steps: vec![
            (
                "diff",
                time(runs, || {
                    diff::compare(&DEPLOYMENT, black_box(&document.value), live).len()
                }),
            ),
            ("diff and attribute", time(runs, attribute)),
            (
                "predict",
                time(runs, || {
                    predict(&DEPLOYMENT, black_box(&document.value), live, &snapshot.syncer).verdict
                }),
            ),
            (
                "plan",
                time(runs, || {
                    propose(black_box(&snapshot), &assessment, &policy, &Memory::default()).is_ok()
                }),
            ),
            (
                "parse of live, before it",
                time(runs, || serde_json::from_str::<Value>(black_box(&text)).is_ok()),
            ),
        ],
    })
}

fn time<T>(runs: usize, mut run: impl FnMut() -> T) -> Spread {
    let once = || {
        let begun = Instant::now();
        black_box(run());
        begun.elapsed()
    };
    Spread::of(std::iter::repeat_with(once).take(runs).collect())
}

/// A Deployment that was synced, and the same when it was patched by hand, as the server has them.
fn incident(stage: &Stage, strategy: Strategy) -> Result<(Snapshot, Snapshot, Policy)> {
    let (name, manager) = match strategy {
        Strategy::ServerSideApply => ("engine-server-side", "argocd-controller"),
        _ => ("engine-client-side", "kubectl-client-side-apply"),
    };
    let document = manifest::document(&stage.namespace, name)?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let api: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &stage.namespace, &resource);
    let typed: Api<Deployment> = stage.deployments();
    let (calm, live) = stage.runtime.block_on(async {
        match strategy {
            Strategy::ServerSideApply => {
                api.patch(
                    name,
                    &PatchParams::apply(manager).force(),
                    &Patch::Apply(&document.value),
                )
                .await?;
            }
            _ => {
                let parameters = kube::api::PostParams {
                    field_manager: Some(manager.to_owned()),
                    ..Default::default()
                };
                typed
                    .create(&parameters, &manifest::applied(&stage.namespace, name)?)
                    .await?;
            }
        }
        let calm = serde_json::to_value(api.get(name).await?)?;
        api.patch(name, &manifest::by(manifest::PERSON), &manifest::probe_switch())
            .await?;
        let live = serde_json::to_value(api.get(name).await?)?;
        typed.delete(name, &Default::default()).await?;
        Ok::<_, anyhow::Error>((with_type(calm), with_type(live)))
    })?;
    let now = Timestamp::now();
    let snapshot = Snapshot {
        kind: &DEPLOYMENT,
        cluster: "bench".to_owned(),
        judge: "bench".to_owned(),
        target: document.id.clone(),
        desired: Some(document),
        live: Some(live),
        seen: true,
        syncer: Syncer::new(strategy, manager),
        tool: Tool::default(),
        source: SourceFacts {
            changed_at: Some(now - SignedDuration::from_hours(1)),
            answered_at: Some(now),
            max_age: Some(SignedDuration::from_mins(10)),
            ..SourceFacts::default()
        },
        now,
    };
    let before = Snapshot {
        live: Some(calm),
        ..snapshot.clone()
    };
    Ok((
        before,
        snapshot,
        Policy {
            mode: Mode::Propose,
            remedy: Remedy::Choose,
            ignore: Vec::new(),
            plan_ttl: SignedDuration::from_hours(1),
        },
    ))
}

fn with_type(mut object: Value) -> Value {
    object["apiVersion"] = json!("apps/v1");
    object["kind"] = json!("Deployment");
    object
}
