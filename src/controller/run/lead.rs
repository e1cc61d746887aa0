//! The lease: who leads, and what the leader alone may do.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::RunSettings;
use crate::cluster::{Cluster, Gate};
use crate::lease::{self, Leadership, LeaseSettings, LeaseTimes};
use crate::metrics::Metrics;

/// Takes part in the election, or leads at once where no Lease was asked for.
pub(super) fn lead(
    cluster: &Cluster,
    run: &RunSettings,
    metrics: &Metrics,
    stop: &CancellationToken,
    sender: tokio::sync::watch::Sender<Leadership>,
) -> tokio::task::JoinHandle<()> {
    metrics.leads(false);
    let (cluster, stop) = (cluster.clone(), stop.clone());
    let settings = run.lease.clone().map(|name| LeaseSettings {
        namespace: run.settings.sources.own_namespace.clone(),
        name,
        identity: lease::identity(&run.instance),
        times: LeaseTimes::default(),
    });
    tokio::spawn(async move {
        match settings {
            Some(settings) => lease::run(cluster, settings, sender, stop).await,
            None => {
                // Ten years: a process that runs alone leads as long as it runs.
                let until = tokio::time::Instant::now() + Duration::from_secs(315_360_000);
                let _ = sender.send(Leadership::Leading { epoch: 0, until });
                stop.cancelled().await;
            }
        }
    })
}

/// What every write passes: a process that hung through the end of its lead sends nothing more when it goes on, whoever
/// told it or did not.
pub(super) fn gate(leadership: &tokio::sync::watch::Receiver<Leadership>) -> Gate {
    let leadership = leadership.clone();
    Arc::new(move || leadership.borrow().epoch(tokio::time::Instant::now()).is_some())
}
