//! driftmend beside a real Argo CD over the same Deployments: who tells first, and what each costs.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::harness::argo_cd::{ArgoCd, NAMESPACE, Options};
use crate::harness::driftmend::{self as program, Controller};
use crate::harness::object::Object;
use crate::machine;
use crate::manifest;
use crate::stage::Stage;
use crate::table::Spread;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// The name of the Application and of its watch.
const NAME: &str = "shop";

/// What one process group used.
pub struct Used {
    /// Who.
    pub who: &'static str,

    /// `VmRSS` of all its processes, in KiB.
    pub resident: u64,

    /// Processor time in an idle window.
    pub processor: Duration,
}

/// What was measured.
pub struct Beside {
    /// From the PATCH's answer to the report on a watch.
    pub report: Spread,

    /// From the PATCH's answer to `OutOfSync` of the Deployment in the Application, on a watch.
    pub out_of_sync: Spread,

    /// From the Application's failed operation to its class in the report, both on a watch.
    pub classified: Spread,

    /// From `driftmend approve` to the Application Synced after an operation that succeeded.
    pub healed: Spread,

    /// Memory and idle processor time of each.
    pub used: Vec<Used>,
}

/// An object as a watch brought it, and when.
struct Seen {
    object: Value,
    at: Instant,
}

/// Measures on a control plane of its own.
pub fn measure(deployments: usize, tries: usize, window: Duration) -> Result<Beside> {
    let stage = Stage::start()?;
    let argo_cd = ArgoCd::start(&stage.plane, &Options::default())?;
    stage.commit(deployments)?;
    let application = synced_application(&stage, &argo_cd)?;
    let watch = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
        "metadata": {"name": NAME, "namespace": "driftmend"},
        "spec": {"source": {"argoApplication": {"name": NAME}}},
    });
    stage.plane.apply(&watch.to_string())?;
    let controller = stage.controller()?;
    wait_until_in_sync(&controller, deployments)?;
    let applications = follow(
        &stage,
        GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application"),
        NAMESPACE,
    );
    let reports = follow(
        &stage,
        GroupVersionKind::gvk("driftmend.dev", "v1alpha1", "DriftReport"),
        &stage.namespace,
    );
    let used = used(&argo_cd, &controller, window)?;
    let (report, out_of_sync) = side_by_side(&stage, &reports, &applications, deployments, tries)?;
    let (mut classified, mut healed) = (Vec::new(), Vec::new());
    for at in 0..tries.div_ceil(5) {
        let (told, synced) = incident(
            &stage,
            &application,
            &reports,
            &applications,
            &manifest::name(at % deployments),
        )?;
        classified.push(told);
        healed.push(synced);
    }
    stage.stop(controller)?;
    Ok(Beside {
        report,
        out_of_sync,
        classified: Spread::of(classified),
        healed: Spread::of(healed),
        used,
    })
}

fn synced_application(stage: &Stage, argo_cd: &ArgoCd) -> Result<Object> {
    let application = argo_cd.application(NAMESPACE, NAME);
    let manifest = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "project": "default", "source": {"repoURL": stage.git.url("shop.git"), "path": "shop",
                                             "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": stage.namespace},
            "syncPolicy": {"syncOptions": ["ServerSideApply=true"]},
        },
    });
    stage.plane.apply(&manifest.to_string())?;
    sync(&application, &json!({}))?;
    let begun = Instant::now();
    loop {
        let seen = application.read()?;
        if seen["status"]["sync"]["status"] == "Synced" && seen["operation"].is_null() {
            return Ok(application);
        }
        ensure!(
            begun.elapsed() < DEADLINE * 3,
            "the Application is not Synced: {:#}",
            seen["status"]["operationState"]
        );
        thread::sleep(Duration::from_millis(500));
    }
}

fn sync(application: &Object, more: &Value) -> Result<()> {
    let mut sync = json!({"syncOptions": ["ServerSideApply=true"]});
    json_patch::merge(&mut sync, more);
    let operation = json!({"operation": {"initiatedBy": {"username": "ada"}, "sync": sync}});
    application
        .merge_patch("argocd-server", &operation)?
        .success()
        .map(drop)
}

fn wait_until_in_sync(controller: &Controller, deployments: usize) -> Result<()> {
    let begun = Instant::now();
    let wanted = u32::try_from(deployments).ok().map(f64::from);
    loop {
        let in_sync = controller.metric(&format!(
            "driftmend_watch_in_sync{{namespace=\"driftmend\",watch=\"{NAME}\"}}"
        ))?;
        if in_sync == wanted {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < DEADLINE,
            "only {in_sync:?} of {deployments} are in sync; the log:\n{}",
            controller.log()
        );
        thread::sleep(Duration::from_millis(200));
    }
}

/// Follows a kind in a namespace.
fn follow(stage: &Stage, kind: GroupVersionKind, namespace: &str) -> Receiver<Seen> {
    let (sender, receiver) = channel();
    let api: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), namespace, &ApiResource::from_gvk(&kind));
    let events = watcher(api, watcher::Config::default())
        .default_backoff()
        .applied_objects();
    stage.runtime.spawn(async move {
        let mut events = events
            .inspect_err(|error| eprintln!("a watch is interrupted: {error}"))
            .boxed();
        while let Some(event) = events.next().await {
            let at = Instant::now();
            let Ok(object) = event else { continue };
            let name = object.name_any();
            let mut object = serde_json::to_value(object).unwrap_or_default();
            object["metadata"]["name"] = name.into();
            if sender.send(Seen { object, at }).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Waits for an object that fits, and gives the time at which it came.
fn wait_for(seen: &Receiver<Seen>, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Result<Instant> {
    let begun = Instant::now();
    while let Some(left) = DEADLINE.checked_sub(begun.elapsed()) {
        let next = seen
            .recv_timeout(left)
            .with_context(|| format!("unable to see {what} within {} s", DEADLINE.as_secs()))?;
        if fits(&next.object) {
            return Ok(next.at);
        }
    }
    bail!("unable to see {what} within {} s", DEADLINE.as_secs())
}

fn phase_of<'a>(name: &'a str, phase: &'a str) -> impl FnMut(&Value) -> bool + 'a {
    move |report| report["spec"]["target"]["name"] == name && report["status"]["phase"] == phase
}

fn resource_is<'a>(name: &'a str, status: &'a str) -> impl FnMut(&Value) -> bool + 'a {
    move |application| {
        let mut resources = application["status"]["resources"].as_array().into_iter().flatten();
        resources.any(|resource| {
            resource["kind"] == "Deployment" && resource["name"] == name && resource["status"] == status
        })
    }
}

/// Edits one Deployment after the other, and takes each edit back.
fn side_by_side(
    stage: &Stage,
    reports: &Receiver<Seen>,
    applications: &Receiver<Seen>,
    deployments: usize,
    tries: usize,
) -> Result<(Spread, Spread)> {
    let api = stage.deployments();
    let (mut told, mut compared) = (Vec::new(), Vec::new());
    for at in 0..tries {
        let name = manifest::name(at % deployments);
        stage
            .runtime
            .block_on(api.patch(&name, &manifest::by(manifest::PERSON), &manifest::probe_switch()))?;
        let patched = Instant::now();
        told.push(wait_for(reports, "the report", phase_of(&name, "Conflicted"))?.saturating_duration_since(patched));
        compared.push(
            wait_for(applications, "OutOfSync", resource_is(&name, "OutOfSync"))?.saturating_duration_since(patched),
        );
        stage
            .runtime
            .block_on(api.patch(&name, &manifest::by(manifest::PERSON), &manifest::probe_back()?))?;
        wait_for(reports, "the quiet report", phase_of(&name, "InSync"))?;
        wait_for(applications, "Synced", resource_is(&name, "Synced"))?;
    }
    Ok((Spread::of(told), Spread::of(compared)))
}

/// One incident from the hand change to the end: how long the class and the heal took.
fn incident(
    stage: &Stage,
    application: &Object,
    reports: &Receiver<Seen>,
    applications: &Receiver<Seen>,
    name: &str,
) -> Result<(Duration, Duration)> {
    stage.runtime.block_on(stage.deployments().patch(
        name,
        &manifest::by(manifest::PERSON),
        &manifest::probe_switch(),
    ))?;
    wait_for(applications, "OutOfSync", resource_is(name, "OutOfSync"))?;
    sync(
        application,
        &json!({"resources": [{"group": "apps", "kind": "Deployment", "name": name}]}),
    )?;
    let state = |application: &Value, phase: &str| {
        application["status"]["operationState"]["phase"] == phase && application["operation"].is_null()
    };
    let failed = wait_for(applications, "the failed sync", |seen| state(seen, "Failed"))?;
    let class = |report: &Value| {
        report["spec"]["target"]["name"] == name && report["status"]["operation"]["class"] == "FailedAtRevision"
    };
    let mut plan = String::new();
    let classified = wait_for(reports, "the class", |report| {
        plan = report["status"]["plan"]["hash"].as_str().unwrap_or_default().to_owned();
        class(report)
    })?;
    if plan.is_empty() {
        wait_for(reports, "the plan", |report| {
            plan = report["status"]["plan"]["hash"].as_str().unwrap_or_default().to_owned();
            class(report) && !plan.is_empty()
        })?;
    }
    let (namespace, admin) = (&stage.namespace, stage.plane.admin());
    let approved = Instant::now();
    program::run(admin, &["approve", name, "-n", namespace, "--plan", &plan])?.success()?;
    program::run(admin, &["heal", name, "-n", namespace, "--plan", &plan, "--allow-http"])?.success()?;
    let synced = wait_for(applications, "Synced", |seen| {
        state(seen, "Succeeded") && resource_is(name, "Synced")(seen)
    })?;
    wait_for(reports, "the quiet report", phase_of(name, "InSync"))?;
    Ok((
        classified.saturating_duration_since(failed),
        synced.saturating_duration_since(approved),
    ))
}

fn used(argo_cd: &ArgoCd, controller: &Controller, window: Duration) -> Result<Vec<Used>> {
    let ids = argo_cd.process_ids();
    let of = |ids: &[u32]| -> Result<(u64, Duration)> {
        let resident = ids
            .iter()
            .map(|id| Ok(machine::memory(*id)?.resident))
            .sum::<Result<u64>>()?;
        Ok((
            resident,
            ids.iter()
                .map(|id| machine::processor_time(*id))
                .sum::<Result<Duration>>()?,
        ))
    };
    let groups: Vec<(&'static str, Vec<u32>)> = std::iter::once(("driftmend", vec![controller.id()]))
        .chain(ids.into_iter().map(|(name, id)| (name, vec![id])))
        .collect();
    let before: Vec<(u64, Duration)> = groups.iter().map(|(_, ids)| of(ids)).collect::<Result<_>>()?;
    thread::sleep(window);
    groups
        .iter()
        .zip(before)
        .map(|((who, ids), (_, earlier))| {
            let (resident, processor) = of(ids)?;
            Ok(Used {
                who,
                resident,
                processor: processor.saturating_sub(earlier),
            })
        })
        .collect()
}
