//! Whether the reports of a watch are the whole truth: its own status says what it has not read, does not lead, or
//! tells nowhere else.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::Fault;
use crate::api::v1alpha1::{Condition, ConditionStatus, DriftReport, DriftWatch, DriftWatchStatus, WatchRef};
use crate::cluster::{ApiError, Call, Cluster, Verb};
use crate::report::conditions::{MASS_DRIFT, READY};
use crate::report::human::age;

/// The watches that stand behind some reports, and what is to be said about them.
pub(super) struct Watches {
    /// Those that could be read.
    pub(super) found: Vec<DriftWatch>,

    /// Why others could not, each a sentence.
    pub(super) missing: Vec<String>,
}

impl Watches {
    /// The watches of a namespace, or of all, and those elsewhere that the reports name.
    pub(super) async fn read(
        cluster: &Cluster,
        namespace: Option<&str>,
        reports: &[DriftReport],
    ) -> Result<Self, ApiError> {
        let api: Api<DriftWatch> = match namespace {
            Some(namespace) => Api::namespaced(cluster.client(), namespace),
            None => Api::all(cluster.client()),
        };
        let call = Call::new(Verb::List, "driftwatches.driftmend.dev");
        let call = if let Some(namespace) = namespace {
            call.namespace(namespace)
        } else {
            call
        };
        let mut found = cluster.call(call, api.list(&ListParams::default())).await?.items;
        let known: BTreeSet<(String, String)> = found.iter().map(key).collect();
        let named = reports.iter().map(|report| {
            (
                report.spec.watch_ref.namespace.clone(),
                report.spec.watch_ref.name.clone(),
            )
        });
        let mut missing = Vec::new();
        for (namespace, name) in named.collect::<BTreeSet<_>>().difference(&known) {
            match one(
                cluster,
                &WatchRef {
                    namespace: namespace.clone(),
                    name: name.clone(),
                },
            )
            .await?
            {
                Ok(watch) => found.push(watch),
                Err(why) => missing.push(why),
            }
        }
        Ok(Self { found, missing })
    }

    /// The watch of one report.
    pub(super) async fn of(cluster: &Cluster, report: &DriftReport) -> Result<Self, ApiError> {
        Ok(match one(cluster, &report.spec.watch_ref).await? {
            Ok(watch) => Self {
                found: vec![watch],
                missing: Vec::new(),
            },
            Err(why) => Self {
                found: Vec::new(),
                missing: vec![why],
            },
        })
    }

    /// What keeps the reports from being the whole truth, worst cases of each watch, one line each. `reports` are all
    /// that were listed; `None` where one was asked for by name.
    pub(super) fn complaints(&self, reports: Option<&[DriftReport]>, now: Timestamp) -> Vec<String> {
        let of = |watch: &DriftWatch| {
            let (namespace, name) = key(watch);
            complaint(watch, reports, now).map(|what| format!("watch {namespace}/{name}: {what}"))
        };
        self.missing
            .iter()
            .cloned()
            .chain(self.found.iter().filter_map(of))
            .collect()
    }

    /// How many objects these watches lead.
    pub(super) fn governed(&self) -> usize {
        self.found
            .iter()
            .filter_map(|watch| watch.status.as_ref())
            .map(|status| status.counts.governed)
            .sum()
    }
}

/// One watch that a report names; why it cannot be had, where it cannot.
async fn one(cluster: &Cluster, named: &WatchRef) -> Result<Result<DriftWatch, String>, ApiError> {
    let WatchRef { namespace, name } = named;
    match cluster.get_watch(namespace, name).await {
        Ok(Some(watch)) => Ok(Ok(watch)),
        Ok(None) => Ok(Err(format!(
            "watch {namespace}/{name}: it is gone, and what its reports say is followed up by nobody"
        ))),
        Err(error @ ApiError::Forbidden { .. }) => {
            let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            Ok(Err(format!(
                "watch {namespace}/{name}: whether it is well may not be read{hint}"
            )))
        }
        Err(error) => Err(error),
    }
}

fn key(watch: &DriftWatch) -> (String, String) {
    (watch.namespace().unwrap_or_default(), watch.name_any())
}

/// Why what is told of a watch's objects is not the whole truth; `None` where it is.
fn complaint(watch: &DriftWatch, reports: Option<&[DriftReport]>, now: Timestamp) -> Option<String> {
    let unseen = || "no controller has looked at it yet: nothing is assessed".to_owned();
    let Some(status) = &watch.status else {
        return Some(unseen());
    };
    let Some(ready) = condition(status, READY) else {
        return Some(unseen());
    };
    if ready.status != ConditionStatus::True {
        return Some(format!("not ready: {}: {}", ready.reason, ready.message));
    }
    if status.observed_generation < watch.metadata.generation {
        return Some("its spec was changed and has not been looked at yet".to_owned());
    }
    if let Some(failure) = &status.source_failure {
        let since = age(now, failure.since);
        return Some(format!(
            "its source cannot be read, for {since} now: {}: {}; an older commit stays in force",
            failure.reason, failure.message
        ));
    }
    if let Some(mass) = condition(status, MASS_DRIFT).filter(|mass| mass.status == ConditionStatus::True) {
        return Some(format!("mass drift: {}", mass.message));
    }
    let counts = status.counts;
    let assessed = counts.in_sync + counts.pending + counts.drifted + counts.conflicted;
    if assessed < counts.governed {
        let open = counts.governed - assessed;
        return Some(match counts.governed {
            1 => "its one object is not assessed yet".to_owned(),
            all => format!(
                "{open} of its {all} objects {} not assessed yet",
                if open == 1 { "is" } else { "are" }
            ),
        });
    }
    let wrong = counts.drifted + counts.conflicted;
    let (namespace, name) = key(watch);
    let told = |reports: &[DriftReport]| {
        let named = |report: &&DriftReport| {
            (&report.spec.watch_ref.namespace, &report.spec.watch_ref.name) == (&namespace, &name)
        };
        reports.iter().filter(named).count()
    };
    let told = reports.map(told).filter(|told| *told < wrong)?;
    let verb = if wrong == 1 { "is" } else { "are" };
    Some(format!(
        "{wrong} of its objects {verb} not what Git says, and of those {told} with a report here: look with -A; \
         one in a namespace that is not there has none"
    ))
}

/// Whether a watch assesses what it names.
pub(super) fn is_ready(watch: &DriftWatch) -> bool {
    let ready = watch.status.as_ref().and_then(|status| condition(status, READY));
    ready.is_some_and(|ready| ready.status == ConditionStatus::True)
}

fn condition<'a>(status: &'a DriftWatchStatus, type_: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}

/// Why there is nothing to report on: no watch governs the namespace, or it is not there at all.
pub(super) async fn unwatched(cluster: &Cluster, namespace: Option<&str>) -> Result<Fault, Fault> {
    const HINT: &str = "a watch in the controller's own namespace may govern what is there: `driftmend report -A` and \
                        `kubectl get driftwatches -A` show all";
    let Some(namespace) = namespace else {
        return Ok(
            Fault::new("there is no DriftWatch in this cluster: nothing is governed")
                .hint("create one: driftmend's README shows the first".to_owned()),
        );
    };
    match cluster.get_namespace(namespace).await {
        Ok(None) => {
            Ok(Fault::new(format!("there is no namespace {namespace}")).hint("correct -n, or the context".to_owned()))
        }
        // Who may not read the namespace is told what is known all the same.
        Ok(Some(_)) | Err(ApiError::Forbidden { .. }) => {
            Ok(Fault::new(format!("no DriftWatch stands in namespace {namespace}")).hint(HINT.to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    fn watch(generation: i64, status: Value) -> DriftWatch {
        serde_json::from_value(json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
            "metadata": {"name": "all", "namespace": "shop", "generation": generation},
            "spec": {"source": {"git": {"url": "https://git.example/shop.git"}}}, "status": status,
        }))
        .unwrap()
    }

    fn conditions(ready: (&str, &str, &str), mass: &str) -> Value {
        let one = |type_: &str, status: &str, reason: &str, message: &str| {
            json!({"type": type_, "status": status,
            "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
        };
        json!([
            one("MassDrift", mass, "TooManyAtOnce", "6 of 10"),
            one("Ready", ready.0, ready.1, ready.2)
        ])
    }

    fn healthy(more: &Value) -> Value {
        let mut status = json!({
            "observedGeneration": 2, "counts": {"governed": 3, "inSync": 2, "pending": 1},
            "conditions": conditions(("True", "Assessing", ""), "False"),
        });
        json_patch::merge(&mut status, more);
        status
    }

    #[test]
    fn a_watch_that_is_well_is_passed_over_and_each_reason_for_doubt_is_told() {
        let now: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
        let failure = json!({"reason": "GitTimeout", "message": "no answer", "since": "2026-01-01T00:00:00Z"});
        for (watch, expected) in [
            (watch(2, healthy(&json!({}))), None),
            (
                watch(2, Value::Null),
                Some("no controller has looked at it yet: nothing is assessed"),
            ),
            (
                watch(2, json!({})),
                Some("no controller has looked at it yet: nothing is assessed"),
            ),
            (
                watch(3, healthy(&json!({}))),
                Some("its spec was changed and has not been looked at yet"),
            ),
            (
                watch(
                    2,
                    healthy(&json!({"conditions": conditions(("False", "LedByAnother", "by shop/older"), "False")})),
                ),
                Some("not ready: LedByAnother: by shop/older"),
            ),
            (
                watch(
                    2,
                    healthy(&json!({"conditions": conditions(("Unknown", "X", "y"), "False")})),
                ),
                Some("not ready: X: y"),
            ),
            (
                watch(2, healthy(&json!({"sourceFailure": failure}))),
                Some("its source cannot be read, for 1 h now: GitTimeout: no answer; an older commit stays in force"),
            ),
            (
                watch(
                    2,
                    healthy(&json!({"conditions": conditions(("True", "Assessing", ""), "True")})),
                ),
                Some("mass drift: 6 of 10"),
            ),
            (
                watch(2, healthy(&json!({"counts": {"inSync": 0}}))),
                Some("2 of its 3 objects are not assessed yet"),
            ),
            (
                watch(2, healthy(&json!({"counts": {"inSync": 1}}))),
                Some("1 of its 3 objects is not assessed yet"),
            ),
            (
                watch(
                    2,
                    healthy(&json!({"counts": {"governed": 1, "inSync": 0, "pending": 0}})),
                ),
                Some("its one object is not assessed yet"),
            ),
            (
                watch(2, healthy(&json!({"counts": {"inSync": 1, "drifted": 1}}))),
                Some(
                    "1 of its objects is not what Git says, and of those 0 with a report here: look with -A; one \
                     in a namespace that is not there has none",
                ),
            ),
        ] {
            assert_eq!(complaint(&watch, Some(&[]), now).as_deref(), expected);
        }
    }
}
