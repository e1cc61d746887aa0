//! The rules of the election: what to write, given what was read and when.
//!
//! No request, no clock of its own: `now` is a monotonic clock and decides, `wall` is only written down for people.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::core::ObjectMeta;
use tokio::time::{Duration, Instant};

use super::{Leadership, LeaseTimes};

/// One process's part in the election.
#[derive(Debug)]
pub(super) struct Candidate {
    identity: String,
    times: LeaseTimes,
    seen: Option<Seen>,
    lead: Leadership,
}

/// What was seen last, and since when it is so.
#[derive(Debug)]
struct Seen {
    /// `None` when there is no Lease any more.
    record: Option<LeaseSpec>,

    /// When it was first seen like this.
    since: Instant,

    /// The highest epoch ever seen; it outlives a Lease that is deleted.
    epoch: u32,
}

/// A write that takes, keeps or hands over the Lease, if nobody else writes first.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Proposal {
    /// Only if there is none.
    Create(LeaseSpec),

    /// Only if it still has the resourceVersion of this metadata.
    Replace(Box<ObjectMeta>, LeaseSpec),
}

impl Proposal {
    const fn spec(&self) -> &LeaseSpec {
        match self {
            Self::Create(spec) | Self::Replace(_, spec) => spec,
        }
    }
}

impl Candidate {
    pub(super) const fn new(identity: String, times: LeaseTimes) -> Self {
        Self {
            identity,
            times,
            seen: None,
            lead: Leadership::Standby,
        }
    }

    /// Says whether it leads at this moment.
    pub(super) fn leadership(&self, now: Instant) -> Leadership {
        if self.lead.epoch(now).is_some() {
            self.lead
        } else {
            Leadership::Standby
        }
    }

    /// Takes in what was read, and says what to write; `now` is when the answer came, so that nothing seems older than
    /// it is.
    pub(super) fn propose(&mut self, found: Option<Lease>, now: Instant, wall: Timestamp) -> Option<Proposal> {
        let (metadata, record) = match found {
            Some(lease) => (Some(lease.metadata), Some(lease.spec.unwrap_or_default())),
            None => (None, None),
        };
        let first_look = self.seen.is_none();
        self.observe(record.clone(), now);
        let claim = self.claim(record.as_ref(), first_look, now)?;
        let spec = self.record(claim, record, wall);
        Some(match metadata {
            Some(metadata) => Proposal::Replace(Box::new(metadata), spec),
            None => Proposal::Create(spec),
        })
    }

    /// Notes that the server took a proposal which was sent at `sent`: the lead counts from there, since the others'
    /// wait begins later.
    pub(super) fn won(&mut self, proposal: &Proposal, sent: Instant) {
        let spec = proposal.spec();
        self.lead = Leadership::Leading {
            epoch: epoch_of(spec),
            until: sent + self.times.renew_deadline,
        };
        self.observe(Some(spec.clone()), sent);
    }

    /// Says how to hand the Lease over; `None` when it is not this process's.
    ///
    /// Holder and duration are those of client-go's `release`.
    pub(super) fn release(&self, found: Option<Lease>, wall: Timestamp) -> Option<Proposal> {
        let Lease { metadata, spec } = found?;
        let spec = spec.filter(|spec| holder(spec) == Some(&self.identity))?;
        let released = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(wall)),
            ..spec
        };
        Some(Proposal::Replace(Box::new(metadata), released))
    }

    fn observe(&mut self, record: Option<LeaseSpec>, now: Instant) {
        if record.as_ref().and_then(holder) != Some(&self.identity) && record.is_some() {
            self.lead = Leadership::Standby;
        }
        let highest = self.seen.as_ref().map_or(0, |seen| seen.epoch);
        let epoch = record.as_ref().map_or(highest, |record| highest.max(epoch_of(record)));
        match &mut self.seen {
            Some(seen) if seen.record == record => {}
            seen => {
                *seen = Some(Seen {
                    record,
                    since: now,
                    epoch,
                })
            }
        }
    }

    /// Decides whether the Lease may be written, and under which epoch.
    fn claim(&self, record: Option<&LeaseSpec>, first_look: bool, now: Instant) -> Option<Claim> {
        let seen = self.seen.as_ref()?;
        let next = Claim::Take {
            epoch: seen.epoch.saturating_add(1),
        };
        let expired = now.saturating_duration_since(seen.since) >= self.patience(record);
        match record {
            Some(spec) if holder(spec) == Some(&self.identity) => Some(Claim::Keep),
            Some(spec) => (holder(spec).is_none() || expired).then_some(next),
            None => match self.lead.epoch(now) {
                Some(epoch) => Some(Claim::Take { epoch }),
                None if first_look => Some(Claim::Take { epoch: 0 }),
                // Somebody deleted it, and its holder may not have noticed yet.
                None => expired.then_some(next),
            },
        }
    }

    /// Gives how long a record must stay the same for its holder to be dead: what the holder itself promised.
    fn patience(&self, record: Option<&LeaseSpec>) -> Duration {
        let promised = record
            .and_then(|record| record.lease_duration_seconds)
            .and_then(|seconds| u64::try_from(seconds).ok());
        promised.map_or(self.times.duration, Duration::from_secs)
    }

    fn record(&self, claim: Claim, old: Option<LeaseSpec>, wall: Timestamp) -> LeaseSpec {
        let old = old.unwrap_or_default();
        let (acquire_time, epoch) = match claim {
            Claim::Keep => (old.acquire_time.clone(), epoch_of(&old)),
            Claim::Take { epoch } => (Some(MicroTime(wall)), epoch),
        };
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            // The API wants whole seconds, and at least one.
            lease_duration_seconds: Some(i32::try_from(self.times.duration.as_secs().max(1)).unwrap_or(i32::MAX)),
            acquire_time,
            renew_time: Some(MicroTime(wall)),
            lease_transitions: Some(i32::try_from(epoch).unwrap_or(i32::MAX)),
            ..old
        }
    }
}

/// Why a process may write the Lease.
#[derive(Clone, Copy, Debug)]
enum Claim {
    /// It holds it.
    Keep,

    /// It is free, under this epoch.
    Take { epoch: u32 },
}

/// Gives who holds it; a released Lease has an empty holder.
fn holder(spec: &LeaseSpec) -> Option<&String> {
    spec.holder_identity.as_ref().filter(|holder| !holder.is_empty())
}

fn epoch_of(spec: &LeaseSpec) -> u32 {
    spec.lease_transitions
        .and_then(|transitions| u32::try_from(transitions).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
