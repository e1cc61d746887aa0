//! From a person's patch to the metric and to the report.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use driftmend::api::v1alpha1::{DriftReport, Phase};
use futures::{StreamExt, TryStreamExt};
use kube::runtime::{WatchStreamExt, watcher};

use crate::harness::driftmend::Controller;
use crate::manifest;
use crate::stage::Stage;
use crate::table::Spread;

/// How often /metrics is asked, which bounds how exact the latency is.
const POLL: Duration = Duration::from_millis(2);

/// How long a patch may take to be told.
const DEADLINE: Duration = Duration::from_secs(60);

/// The latencies of many patches, each measured from the answer to the PATCH.
pub struct Latencies {
    /// Until /metrics says that the next sync will be refused.
    pub metric: Spread,

    /// Until a watch shows the report as conflicted.
    pub report: Spread,
}

/// What a watch showed of a report, and when.
struct Told {
    name: String,
    phase: Phase,
    at: Instant,
}

/// Patches one Deployment after the other, takes each patch back, and waits until it is in sync again.
pub fn measure(stage: &Stage, controller: &Controller, deployments: usize, patches: usize) -> Result<Latencies> {
    let told = follow(stage);
    let (mut metric, mut report) = (Vec::new(), Vec::new());
    let api = stage.deployments();
    for at in 0..patches {
        let name = manifest::name(at % deployments);
        stage
            .runtime
            .block_on(api.patch(&name, &manifest::by(manifest::PERSON), &manifest::probe_switch()))?;
        let patched = Instant::now();
        let (seen, conflicted) = wait(controller, &told, &name, Phase::Conflicted)?;
        metric.push(seen.saturating_duration_since(patched));
        report.push(conflicted.saturating_duration_since(patched));
        stage
            .runtime
            .block_on(api.patch(&name, &manifest::by(manifest::PERSON), &manifest::probe_back()?))?;
        wait(controller, &told, &name, Phase::InSync)?;
    }
    Ok(Latencies {
        metric: Spread::of(metric),
        report: Spread::of(report),
    })
}

/// Follows the reports, with the time at which each change arrived.
fn follow(stage: &Stage) -> Receiver<Told> {
    let (sender, receiver): (Sender<Told>, _) = channel();
    let events = watcher(stage.reports(), watcher::Config::default())
        .default_backoff()
        .applied_objects();
    stage.runtime.spawn(async move {
        let mut events = events
            .inspect_err(|error| eprintln!("the watch of reports is interrupted: {error}"))
            .boxed();
        while let Some(event) = events.next().await {
            let Ok(report) = event else { continue };
            if let Some(told) = told(&report)
                && sender.send(told).is_err()
            {
                return;
            }
        }
    });
    receiver
}

fn told(report: &DriftReport) -> Option<Told> {
    Some(Told {
        name: report.spec.target.name.clone(),
        phase: report.status.as_ref()?.phase,
        at: Instant::now(),
    })
}

/// Waits until metric and report say the phase, and gives the time of each.
fn wait(controller: &Controller, told: &Receiver<Told>, name: &str, phase: Phase) -> Result<(Instant, Instant)> {
    let (begun, label) = (Instant::now(), format!("name=\"{name}\""));
    let (mut metric, mut report) = (None, None);
    loop {
        if metric.is_none() {
            let refused = controller
                .metrics()?
                .lines()
                .any(|line| line.starts_with("driftmend_next_sync_refused{") && line.contains(&label));
            metric = (refused == (phase == Phase::Conflicted)).then(Instant::now);
        }
        report = report.or_else(|| {
            told.try_iter()
                .find(|told| told.name == name && told.phase == phase)
                .map(|told| told.at)
        });
        if let (Some(metric), Some(report)) = (metric, report) {
            return Ok((metric, report));
        }
        if begun.elapsed() > DEADLINE {
            bail!(
                "unable to see {name} {phase:?} within {} s: metric {metric:?}, report {report:?}",
                DEADLINE.as_secs()
            );
        }
        thread::sleep(POLL);
    }
}
