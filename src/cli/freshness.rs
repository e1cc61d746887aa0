//! How old is what the controller wrote: told by the Lease that it renews, since a status is written only when
//! something changed.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::Api;

use super::Fault;
use crate::api::v1alpha1::{ControllerRef, DriftWatch};
use crate::cluster::resources::MANAGER;
use crate::cluster::{ApiError, Call, Cluster, Verb};
use crate::report::human::age;

/// The least that is granted to a Lease: twice that of the controller's own, so that neither a roll-out of the
/// controller (it hands the Lease over with a duration of a second) nor clocks that differ by some seconds are told as
/// its end.
const LEAST: i64 = 30;

/// Whether the controller that wrote the watches still does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Freshness {
    /// It renewed its Lease a moment ago: whatever changed until then is told.
    Running {
        /// When it did.
        renewed: Timestamp,

        /// The Lease, as `namespace/name`.
        lease: String,
    },

    /// Nobody renews the Lease: nothing that changed since is told.
    Stale {
        /// When it was renewed last; `None` where it never was, or is gone.
        renewed: Option<Timestamp>,

        /// What is the matter with the Lease.
        why: String,
    },

    /// No watch says which controller wrote it.
    Unwritten,

    /// Nobody knows.
    Unknown {
        /// Why not.
        why: String,

        /// What would let it be known.
        hint: Option<String>,
    },
}

impl Freshness {
    /// Finds out about the controllers that wrote these watches; of several the worst is told. The Lease may be out of
    /// a reader's rights.
    pub(super) async fn of(cluster: &Cluster, watches: &[DriftWatch], now: Timestamp) -> Result<Self, Fault> {
        let mut controllers: Vec<&ControllerRef> = watches
            .iter()
            .filter_map(|watch| watch.status.as_ref()?.controller.as_ref())
            .collect();
        controllers.sort();
        controllers.dedup();
        let mut worst = None;
        for controller in controllers {
            let one = Self::of_one(cluster, controller, now).await?;
            if worst.as_ref().is_none_or(|worst| one.rank() > Self::rank(worst)) {
                worst = Some(one);
            }
        }
        Ok(worst.unwrap_or(Self::Unwritten))
    }

    async fn of_one(cluster: &Cluster, controller: &ControllerRef, now: Timestamp) -> Result<Self, Fault> {
        let namespace = &controller.namespace;
        let Some(name) = &controller.lease else {
            let hint = "start it with --lease-name, as the chart does".to_owned();
            return Ok(Self::Unknown {
                why: "the controller runs without a Lease".to_owned(),
                hint: Some(hint),
            });
        };
        let lease = format!("{namespace}/{name}");
        let api: Api<Lease> = Api::namespaced(cluster.client(), namespace);
        let call = Call::new(Verb::Get, "leases.coordination.k8s.io")
            .namespace(namespace)
            .name(name);
        match cluster.call(call, api.get(name)).await {
            Ok(found) => Ok(judge(&lease, &found.spec.unwrap_or_default(), now)),
            Err(ApiError::NotFound { .. }) => Ok(Self::Stale {
                renewed: None,
                why: format!("the controller's Lease {lease} is gone"),
            }),
            Err(error @ ApiError::Forbidden { .. }) => Ok(Self::Unknown {
                why: format!("the controller's Lease {lease} may not be read"),
                hint: error.hint(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Running { .. } => 0,
            Self::Unwritten | Self::Unknown { .. } => 1,
            Self::Stale { .. } => 2,
        }
    }

    /// The line that stands before everything else where what follows is not of now, or may not be.
    pub(super) fn warning(&self, now: Timestamp) -> Option<String> {
        match self {
            Self::Running { .. } => None,
            Self::Stale { renewed, why } => {
                let since = renewed
                    .map(|renewed| format!(" since {renewed} ({} ago)", age(now, renewed)))
                    .unwrap_or_default();
                Some(format!(
                    "STALE: {why}{since}: no controller runs, and nothing that changed meanwhile is told"
                ))
            }
            Self::Unwritten => Some(unknown("no watch says which controller wrote it")),
            Self::Unknown { why, .. } => Some(unknown(why)),
        }
    }

    /// The last line: as of when everything before it was so. `written` is when the controller wrote last.
    pub(super) fn footer(&self, written: Option<Timestamp>, now: Timestamp) -> String {
        let known = match self {
            Self::Running { renewed, .. } => Some(*renewed),
            Self::Stale { renewed, .. } => renewed.or(written),
            Self::Unwritten | Self::Unknown { .. } => written,
        };
        let Some(known) = known else {
            return "as of no time: no controller has written anything".to_owned();
        };
        let by = match self {
            Self::Running { lease, .. } => format!("by the controller's Lease {lease}"),
            Self::Stale { .. } => "STALE".to_owned(),
            Self::Unwritten | Self::Unknown { .. } => {
                "when it was written last; whether it is still so is not known".to_owned()
            }
        };
        format!("as of {known} ({} ago), {by}", age(now, known))
    }
}

fn unknown(why: &str) -> String {
    format!("UNKNOWN: {why}: whether what follows is still so is not known")
}

/// What a Lease says, by the clock of this machine.
fn judge(lease: &str, spec: &LeaseSpec, now: Timestamp) -> Freshness {
    let Some(renewed) = spec.renew_time.as_ref().map(|time| whole_seconds(time.0)) else {
        return Freshness::Stale {
            renewed: None,
            why: format!("nobody has ever renewed the controller's Lease {lease}"),
        };
    };
    let limit = i64::from(spec.lease_duration_seconds.unwrap_or_default())
        .saturating_mul(2)
        .max(LEAST);
    let old = now.as_second().saturating_sub(renewed.as_second());
    if old > limit {
        let held = spec.holder_identity.as_deref().is_some_and(|holder| !holder.is_empty());
        let verb = if held { "renewed" } else { "held" };
        return Freshness::Stale {
            renewed: Some(renewed),
            why: format!("nobody has {verb} the controller's Lease {lease}"),
        };
    }
    if old < -limit {
        let why = format!(
            "the controller's Lease {lease} was renewed at {renewed}, which is still to come here: the clocks differ"
        );
        return Freshness::Unknown {
            why,
            hint: Some("set this machine's clock right".to_owned()),
        };
    }
    Freshness::Running {
        renewed: renewed.min(now),
        lease: lease.to_owned(),
    }
}

/// When the controller wrote one of these watches last.
pub(super) fn written(watches: &[DriftWatch]) -> Option<Timestamp> {
    let entries = watches
        .iter()
        .flat_map(|watch| watch.metadata.managed_fields.iter().flatten());
    entries
        .filter(|entry| entry.manager.as_deref() == Some(MANAGER))
        .filter_map(|entry| Some(whole_seconds(entry.time.as_ref()?.0)))
        .max()
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use pretty_assertions::assert_eq;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn spec(holder: &str, renewed: Option<i64>, duration: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            renew_time: renewed.map(|second| MicroTime(at(second))),
            lease_duration_seconds: Some(duration),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_lease_that_nobody_renews_is_told_loudly_and_a_moment_between_two_holders_is_not() {
        let stale = |renewed, why: &str| Freshness::Stale {
            renewed,
            why: why.to_owned(),
        };
        let running = |second| Freshness::Running {
            renewed: at(second),
            lease: "ns/l".to_owned(),
        };
        for (spec, expected) in [
            (spec("a", Some(-2), 15), running(-2)),
            (spec("a", Some(-30), 15), running(-30)),
            (
                spec("a", Some(-31), 15),
                stale(Some(at(-31)), "nobody has renewed the controller's Lease ns/l"),
            ),
            (spec("a", Some(-100), 60), running(-100)),
            (spec("", Some(-3), 1), running(-3)),
            (
                spec("", Some(-31), 1),
                stale(Some(at(-31)), "nobody has held the controller's Lease ns/l"),
            ),
            (
                spec("a", None, 15),
                stale(None, "nobody has ever renewed the controller's Lease ns/l"),
            ),
            // This machine's clock is a little behind.
            (spec("a", Some(5), 15), running(0)),
        ] {
            assert_eq!(judge("ns/l", &spec, at(0)), expected);
        }
        assert!(
            matches!(
                judge("ns/l", &spec("a", Some(3_600), 15), at(0)),
                Freshness::Unknown { .. }
            ),
            "a clock that is wrong is no proof"
        );
    }

    #[test]
    fn the_footer_says_as_of_when_whatever_is_known() {
        let unknown = Freshness::Unknown {
            why: "it runs without one".to_owned(),
            hint: None,
        };
        let gone = Freshness::Stale {
            renewed: None,
            why: "the Lease is gone".to_owned(),
        };
        let old = Freshness::Stale {
            renewed: Some(at(-7_200)),
            why: "nobody has renewed it".to_owned(),
        };
        let fresh = Freshness::Running {
            renewed: at(-2),
            lease: "ns/l".to_owned(),
        };
        let time = |second| at(second).to_string();
        for (freshness, written, footer) in [
            (
                &fresh,
                None,
                format!("as of {} (2 s ago), by the controller's Lease ns/l", time(-2)),
            ),
            (
                &old,
                Some(at(-9_000)),
                format!("as of {} (2 h ago), STALE", time(-7_200)),
            ),
            (&gone, Some(at(-60)), format!("as of {} (1 min ago), STALE", time(-60))),
            (
                &unknown,
                Some(at(-60)),
                format!(
                    "as of {} (1 min ago), when it was written last; whether it is still so is not known",
                    time(-60)
                ),
            ),
            (
                &unknown,
                None,
                "as of no time: no controller has written anything".to_owned(),
            ),
        ] {
            assert_eq!(freshness.footer(written, at(0)), footer);
        }
        let line = format!(
            "STALE: nobody has renewed it since {} (2 h ago): no controller runs, and nothing that changed meanwhile \
             is told",
            time(-7_200)
        );
        assert_eq!(old.warning(at(0)), Some(line));
        let line = "UNKNOWN: it runs without one: whether what follows is still so is not known".to_owned();
        assert_eq!((fresh.warning(at(0)), unknown.warning(at(0))), (None, Some(line)));
    }
}
