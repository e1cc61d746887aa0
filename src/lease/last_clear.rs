//! When an operation state was cleared last, in an annotation of the Lease: a later leader and the command line read it
//! there.
//!
//! The annotation is written just before a clear is sent, by a replace of the version that was read: of two processes
//! one is first. Who may not write the Lease, as people may not, reads it all the same.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::PostParams;

use crate::cluster::{ApiError, Call, Cluster, Verb};

/// The annotation: a time, and the hash of the plan.
pub const LAST_CLEAR: &str = "driftmend.dev/last-clear";

/// Between two clears of different plans: the pause within a process, and what a request takes after it was announced.
const PAUSE: SignedDuration = SignedDuration::from_secs(12);

/// A time that is further ahead was not written by a clock that one could wait for.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// How often the Lease is written again that its holder renewed meanwhile, every other second.
const TRIES: usize = 5;

/// Where the Lease is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its namespace.
    pub namespace: String,

    /// Its name.
    pub name: String,
}

/// How long a clear of a plan has to wait for that of another process; nothing is written.
///
/// # Errors
/// Requests that may succeed later. Who may not read the Lease knows of no other process.
pub async fn wait(cluster: &Cluster, place: &Place, plan: &str) -> Result<Option<Duration>, ApiError> {
    let found = read(cluster, place).await?;
    Ok(found.and_then(|lease| left(said(&lease), plan, Timestamp::now())))
}

/// Announces a clear that is about to be sent, or says how long it has to wait.
///
/// # Errors
/// `Conflict` where the Lease changes faster than it can be written, and requests that may succeed later.
pub async fn claim(cluster: &Cluster, place: &Place, plan: &str) -> Result<Option<Duration>, ApiError> {
    let api: Api<Lease> = Api::namespaced(cluster.client(), &place.namespace);
    let mut tries = TRIES;
    loop {
        let Some(mut lease) = read(cluster, place).await? else {
            return Ok(None);
        };
        let now = Timestamp::now();
        if let Some(left) = left(said(&lease), plan, now) {
            return Ok(Some(left));
        }
        lease
            .metadata
            .annotations
            .get_or_insert_default()
            .insert(LAST_CLEAR.to_owned(), announcement(plan, now));
        tries -= 1;
        match cluster
            .call(
                call(Verb::Update, place),
                api.replace(&place.name, &PostParams::default(), &lease),
            )
            .await
        {
            Ok(_) | Err(ApiError::Forbidden { .. }) => return Ok(None),
            Err(ApiError::Conflict { .. }) if tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// The Lease; `None` where there is none, or one that may not be read.
async fn read(cluster: &Cluster, place: &Place) -> Result<Option<Lease>, ApiError> {
    let api: Api<Lease> = Api::namespaced(cluster.client(), &place.namespace);
    match ApiError::optional(cluster.call(call(Verb::Get, place), api.get(&place.name)).await) {
        Err(ApiError::Forbidden { .. }) => Ok(None),
        answer => answer,
    }
}

fn call(verb: Verb, place: &Place) -> Call {
    Call::new(verb, "leases.coordination.k8s.io")
        .namespace(&place.namespace)
        .name(&place.name)
}

fn said(lease: &Lease) -> Option<&str> {
    lease.metadata.annotations.as_ref()?.get(LAST_CLEAR).map(String::as_str)
}

fn announcement(plan: &str, now: Timestamp) -> String {
    format!("{now:.0} {plan}")
}

/// How long the clear of a plan has to wait, by what the annotation says. Its own is no other one.
fn left(said: Option<&str>, plan: &str, now: Timestamp) -> Option<Duration> {
    let (at, of) = said?.split_once(' ')?;
    let age = now.duration_since(at.parse().ok()?);
    let is_another = of != plan && age > -AHEAD;
    Duration::try_from(PAUSE - age)
        .ok()
        .filter(|left| is_another && !left.is_zero())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn a_clear_waits_for_that_of_another_process_and_not_for_its_own() {
        let now: Timestamp = "2026-01-05T10:00:00Z".parse().unwrap();
        let after = |seconds: i64| now + SignedDuration::from_secs(seconds);
        let written = announcement("one", now);
        assert_eq!(written, "2026-01-05T10:00:00Z one");
        let left =
            |said: &str, plan: &str, seconds: i64| left(Some(said), plan, after(seconds)).map(|left| left.as_secs());
        assert_eq!(left(&written, "two", 0), Some(12));
        assert_eq!(left(&written, "two", 11), Some(1));
        assert_eq!((left(&written, "two", 12), left(&written, "two", 3_600)), (None, None));
        assert_eq!(left(&written, "one", 0), None, "its own");
        assert_eq!(left(&written, "two", -5), Some(17), "clocks that differ a little");
        assert_eq!(left(&written, "two", -600), None, "a time that nobody waits for");
        for odd in ["", "yesterday one", "2026-01-05T10:00:00Z"] {
            assert_eq!(left(odd, "two", 0), None, "{odd}");
        }
    }
}
