//! What a controller writes and costs in a window of time, idle and among restless Deployments.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::harness::driftmend::Controller;
use crate::stage::{Stage, USER};
use crate::{audit, machine, manifest};

/// How often each restless Deployment changes: a Pod that starts, crashes and is started again takes longer.
const TURN: Duration = Duration::from_secs(5);

/// Patches under way at once; the turns must not starve what is measured.
const CONCURRENCY: usize = 4;

/// What goes on meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrest {
    /// Nothing.
    None,

    /// The status of each Deployment flips: ours to one unavailable replica, the deployment controller's back to none.
    Status,

    /// A tool rewrites an annotation of each Deployment.
    Annotation,
}

/// What a window showed.
pub struct Window {
    /// How long it was.
    pub length: Duration,

    /// The controller's requests that store something, but for the Lease.
    pub writes: Counted,

    /// Its writes of the Lease.
    pub lease: usize,

    /// Its requests that read.
    pub reads: Counted,

    /// How many assessments it made.
    pub assessments: f64,

    /// The requests that the Git server had.
    pub git: usize,

    /// The processor time that it used.
    pub processor: Duration,

    /// How many patches made the unrest.
    pub patches: usize,
}

/// Requests by verb and resource.
pub struct Counted(BTreeMap<String, usize>);

impl Counted {
    /// How many.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|(asked, count)| format!("{count} {asked}")).collect();
        f.write_str(if parts.is_empty() { "none" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// Watches a controller for a while.
pub fn window(
    stage: &Stage,
    controller: &Controller,
    deployments: usize,
    length: Duration,
    unrest: Unrest,
) -> Result<Window> {
    let restless = Restless::start(stage, deployments, unrest);
    let log = stage.plane.audit_log();
    let (mark, assessed, used) = (
        audit::mark(&log)?,
        assessments(controller)?,
        machine::processor_time(controller.id())?,
    );
    stage.git.take_requests();
    let begun = Instant::now();
    thread::sleep(length);
    let length = begun.elapsed();
    let requests = audit::requests(&log, &mark, USER)?;
    let processor = machine::processor_time(controller.id())?.saturating_sub(used);
    let assessments = assessments(controller)? - assessed;
    let git = stage.git.take_requests().len();
    let lease = requests.get("update leases").copied().unwrap_or_default();
    let (writes, reads) = requests
        .into_iter()
        .filter(|(asked, _)| asked != "update leases")
        .partition(|(asked, _)| audit::is_write(asked));
    Ok(Window {
        length,
        writes: Counted(writes),
        lease,
        reads: Counted(reads),
        assessments,
        git,
        processor,
        patches: restless.end(),
    })
}

fn assessments(controller: &Controller) -> Result<f64> {
    Ok(controller
        .metric("driftmend_assessment_duration_seconds_count")?
        .unwrap_or_default())
}

/// Deployments that keep changing until it ends.
struct Restless {
    stop: CancellationToken,
    patches: Arc<AtomicUsize>,
}

impl Restless {
    fn start(stage: &Stage, deployments: usize, unrest: Unrest) -> Self {
        let (stop, patches) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let (ended, sent, api) = (stop.clone(), patches.clone(), stage.deployments());
        if unrest == Unrest::None {
            return Self { stop, patches };
        }
        stage.runtime.spawn(ended.run_until_cancelled_owned(async move {
            let mut turns = tokio::time::interval(TURN);
            for turn in 1.. {
                turns.tick().await;
                let one = async |at: usize| {
                    let name = manifest::name(at);
                    let answer = match unrest {
                        Unrest::Annotation => {
                            api.patch(&name, &manifest::by("tool"), &manifest::restless_annotation(turn))
                                .await
                        }
                        // Under the deployment controller's own name: nobody else writes a Deployment's status.
                        _ => {
                            api.patch_status(
                                &name,
                                &manifest::by("kube-controller-manager"),
                                &manifest::flipped_status(),
                            )
                            .await
                        }
                    };
                    match answer {
                        Ok(_) => sent.fetch_add(1, Ordering::Relaxed),
                        Err(error) => {
                            eprintln!("unable to patch {name}: {error}");
                            0
                        }
                    }
                };
                stream::iter(0..deployments)
                    .map(one)
                    .buffer_unordered(CONCURRENCY)
                    .for_each(|_| async {})
                    .await;
            }
        }));
        Self { stop, patches }
    }

    fn end(self) -> usize {
        self.stop.cancel();
        self.patches.load(Ordering::Relaxed)
    }
}
