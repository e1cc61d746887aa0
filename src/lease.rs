//! One leader at a time, by a Lease (coordination.k8s.io/v1).
//!
//! The rules are client-go's (`tools/leaderelection/leaderelection.go`): a write replaces exactly the version that was
//! read, and whether a holder is dead is judged only by how long its record has not changed before this process's own
//! eyes, on a monotonic clock. `election` holds the rules without any request, and this file sends what they decide.
//!
//! A Lease coordinates and does not fence: a leader that hangs for longer than the lease may still have a write on the
//! way. So each write of the controller is conditional (uid, resourceVersion) as well, and the epoch says under whose
//! lead it was made.

mod election;
pub mod last_clear;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cluster::{ApiError, Call, Cluster, Verb};
use election::{Candidate, Proposal};

/// How long a lease lasts, and how it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// After this long without a change others may take the Lease.
    pub duration: Duration,

    /// After this long without a successful renewal the leader stops, well before others may start.
    pub renew_deadline: Duration,

    /// How often it is renewed, or looked at.
    pub retry: Duration,
}

/// The times of kube-controller-manager and kube-scheduler (component-base, `config/v1alpha1/defaults.go`): 5 s between
/// the moment that a leader stops and the moment that another may start, and a new leader at most 17 s after a crash.
/// The renewal is the controller's only write when nothing happens.
impl Default for LeaseTimes {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// Whether this process may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// Another leads, or nobody.
    Standby,

    /// This process leads.
    Leading {
        /// The Lease's `leaseTransitions`: it grows with every new leader.
        epoch: u32,

        /// The lead ends here, unless it is renewed before; a renewal wakes nobody.
        until: Instant,
    },
}

impl Leadership {
    /// Gives the epoch of a lead that holds at this moment; ask right before a write.
    ///
    /// It looks at the clock as well: in a process that was held up, nobody may have told `Standby` yet.
    pub fn epoch(self, now: Instant) -> Option<u32> {
        match self {
            Self::Leading { epoch, until } if now < until => Some(epoch),
            Self::Leading { .. } | Self::Standby => None,
        }
    }
}

/// Where the Lease is, and who wants it.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// The Lease's namespace.
    pub namespace: String,

    /// The Lease's name.
    pub name: String,

    /// Who this process is; see [`identity`].
    pub identity: String,

    /// How long, and how often.
    pub times: LeaseTimes,
}

/// Makes a holder identity that no other process has, from a readable part such as the pod's name.
///
/// A name alone is not enough: a container restarts under its pod's name, and would take the Lease of its past self for
/// its own.
pub fn identity(pod: &str) -> String {
    // Each `RandomState` has keys of its own, and no other source of randomness is needed here.
    format!("{pod}_{:016x}", RandomState::new().build_hasher().finish())
}

/// Takes part in the election until `shutdown`, then hands the Lease over.
///
/// # Guarantees
///
/// `Leading` is told only while the Lease is held, and `Standby` at the latest `renew_deadline` after the last
/// successful renewal was *sent*, also when the API server hangs. At shutdown `Standby` is told before the Lease is
/// released.
///
/// # Assumptions
///
/// Who acts under the lead has stopped before `shutdown` is cancelled. Clocks of different machines run equally fast,
/// within `duration - renew_deadline` each `duration`; what they show does not matter.
///
/// # Caveats
///
/// When a person deletes the Lease, a process that starts in the same seconds may lead beside the old leader, for
/// `renew_deadline` at most.
pub async fn run(
    cluster: Cluster,
    settings: LeaseSettings,
    leadership: watch::Sender<Leadership>,
    shutdown: CancellationToken,
) {
    let mut candidate = Candidate::new(settings.identity.clone(), settings.times);
    let retry = settings.times.retry;
    // Half the deadline, so that a request that hangs leaves time for another (kube-controller-manager does the same).
    let keeper = Keeper {
        cluster: cluster.with_limit(settings.times.renew_deadline / 2),
        settings,
    };
    while !shutdown.is_cancelled() {
        let lead = candidate.leadership(Instant::now());
        tokio::select! {
            result = keeper.turn(&mut candidate) => log(result),
            () = end_of(lead) => warn!("the Lease could not be renewed in time"),
            () = shutdown.cancelled() => {}
        }
        let lead = candidate.leadership(Instant::now());
        tell(&leadership, lead);
        tokio::select! {
            () = tokio::time::sleep(retry) => {}
            () = end_of(lead) => {}
            () = shutdown.cancelled() => {}
        }
        tell(&leadership, candidate.leadership(Instant::now()));
    }
    tell(&leadership, Leadership::Standby);
    log(keeper.release(&candidate).await);
}

/// Waits until a lead is over; for ever when there is none.
async fn end_of(lead: Leadership) {
    match lead {
        Leadership::Leading { until, .. } => tokio::time::sleep_until(until).await,
        Leadership::Standby => std::future::pending().await,
    }
}

/// Stores the lead, and wakes who waits for a change of it.
fn tell(leadership: &watch::Sender<Leadership>, lead: Leadership) {
    leadership.send_if_modified(|told| {
        let epoch = |lead: Leadership| match lead {
            Leadership::Leading { epoch, .. } => Some(epoch),
            Leadership::Standby => None,
        };
        let changed = epoch(*told) != epoch(lead);
        if changed {
            info!(
                epoch = epoch(lead),
                "{}",
                if lead == Leadership::Standby {
                    "standing by"
                } else {
                    "leading"
                }
            );
        }
        *told = lead;
        changed
    });
}

fn log(result: Result<(), ApiError>) {
    if let Err(error) = result {
        warn!(
            error = &error as &dyn std::error::Error,
            hint = error.hint(),
            "the Lease is out of reach"
        );
    }
}

/// Sends what the rules decide.
struct Keeper {
    cluster: Cluster,
    settings: LeaseSettings,
}

impl Keeper {
    /// Reads the Lease and writes what the candidate proposes.
    async fn turn(&self, candidate: &mut Candidate) -> Result<(), ApiError> {
        let found = self.get().await?;
        let Some(proposal) = candidate.propose(found, Instant::now(), Timestamp::now()) else {
            return Ok(());
        };
        let sent = Instant::now();
        match self.send(&proposal).await {
            Ok(()) => candidate.won(&proposal, sent),
            Err(ApiError::Conflict { .. }) => info!("another process was first to write the Lease"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Hands the Lease over, so that nobody has to wait until it expires.
    async fn release(&self, candidate: &Candidate) -> Result<(), ApiError> {
        match candidate.release(self.get().await?, Timestamp::now()) {
            Some(proposal) => self.send(&proposal).await,
            None => Ok(()),
        }
    }

    async fn get(&self) -> Result<Option<Lease>, ApiError> {
        let name = &self.settings.name;
        ApiError::optional(
            self.cluster
                .call(self.call(Verb::Get).name(name), self.api().get(name))
                .await,
        )
    }

    async fn send(&self, proposal: &Proposal) -> Result<(), ApiError> {
        let (name, parameters) = (&self.settings.name, PostParams::default());
        match proposal {
            Proposal::Create(spec) => {
                let metadata = ObjectMeta {
                    name: Some(name.clone()),
                    ..ObjectMeta::default()
                };
                let lease = Lease {
                    metadata,
                    spec: Some(spec.clone()),
                };
                self.cluster
                    .call(self.call(Verb::Create), self.api().create(&parameters, &lease))
                    .await
            }
            // The metadata that was read holds the resourceVersion that the server compares.
            Proposal::Replace(metadata, spec) => {
                let lease = Lease {
                    metadata: metadata.as_ref().clone(),
                    spec: Some(spec.clone()),
                };
                self.cluster
                    .call(
                        self.call(Verb::Update).name(name),
                        self.api().replace(name, &parameters, &lease),
                    )
                    .await
            }
        }
        .map(drop)
    }

    fn api(&self) -> Api<Lease> {
        Api::namespaced(self.cluster.client(), &self.settings.namespace)
    }

    fn call(&self, verb: Verb) -> Call {
        Call::new(verb, "leases.coordination.k8s.io").namespace(&self.settings.namespace)
    }
}

#[cfg(test)]
mod tests;
