//! What is written to the status of a watch, and how often.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::events;
use super::said::{self, Seen};
use crate::cluster::Resource;
use crate::cluster::live::{Live, Standing};
use crate::cluster::resources::merge_patch;
use crate::controller::index::{Rendition, WatchKey, Watched};
use crate::controller::observe::whole_seconds;
use crate::controller::queue::Next;
use crate::controller::{Context, Key, ReconcileError};
use crate::crd::{DriftWatch, DriftWatchStatus, SourceFailure, WARNING_LIMIT};
use crate::metrics::WatchCounts as WatchGauges;
use crate::report::conditions::{self, MASS_DRIFT};
use crate::report::{Notice, clamp, printer};

/// Between writes of counts alone this long passes.
pub(super) const QUIET: Duration = Duration::from_secs(60);

/// Between writes of how large a mass drift is: somebody looks at it now, and two thousand Deployments join one after
/// the other.
pub(super) const QUIET_IN_MASS: Duration = Duration::from_secs(5);

pub(super) async fn publish(
    context: &Context,
    key: &WatchKey,
    watch: &DriftWatch,
    failure: Option<SourceFailure>,
    generation: Option<i64>,
) -> Result<Next, ReconcileError> {
    let now = whole_seconds(Timestamp::now());
    let watched = context.index.watch(key);
    let counts = context.index.counts(key);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    context.metrics.watch(
        &key.namespace,
        &key.name,
        WatchGauges {
            governed: count(counts.governed),
            in_sync: count(counts.in_sync),
            pending: count(counts.pending),
            drifted: count(counts.drifted),
            conflicted: count(counts.conflicted),
            drifted_denied: count(counts.denied.saturating_sub(counts.conflicted_denied)),
            conflicted_denied: count(counts.conflicted_denied),
        },
    );
    let empty = Arc::new(Rendition::default());
    let rendition = watched.as_ref().map_or(&empty, |watched| &watched.rendition);
    let default = DriftWatchStatus::default();
    let old = watch.status.as_ref().unwrap_or(&default);
    let mut not_governed = rendition.not_governed.clone();
    let others = context.index.led_by_others(key);
    not_governed.extend(
        others
            .iter()
            .take(WARNING_LIMIT)
            .map(|(target, leader)| format!("{target}: led by the older watch {leader}")),
    );
    if others.len() > WARNING_LIMIT {
        not_governed.push(format!("{} more that other watches lead", others.len() - WARNING_LIMIT));
    }
    let seen = Seen {
        watched: watched.as_deref(),
        failure: failure.as_ref(),
        counts,
        others: (
            others.len(),
            others
                .into_iter()
                .map(|(_, leader)| leader)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
        ),
        mass: context.index.mass(key, now).map(|mass| (mass.members, mass.governed)),
    };
    let said = said::conditions(&seen);
    let out_of_reach = watched.iter().flat_map(|watched| out_of_reach(&context.live, watched));
    let idle = said::idle_rules(watch, context.index.covered(key), now);
    let idle = out_of_reach.chain(idle).collect();
    let new = clamp(printer::told(DriftWatchStatus {
        counts,
        revision: watched.as_ref().map(|watched| watched.rendition.revision.clone()),
        short_revision: watched
            .as_ref()
            .map(|watched| watched.rendition.revision.chars().take(7).collect()),
        revision_since: watched.as_ref().map(|watched| watched.since),
        not_governed,
        warnings: warnings(watched.as_deref(), idle),
        conditions: conditions::merge(&old.conditions, said, generation, now),
        observed_generation: generation,
        source_failure: failure,
        controller: Some(context.controller.clone()),
    }));
    if new == *old {
        return Ok(Next::Done);
    }
    let quiet = quiet(old, &new);
    let wait = quiet.saturating_sub(context.index.watch_written_ago(key).unwrap_or(quiet));
    if !urgent(old, &new) && !wait.is_zero() {
        context.queue.after(Key::Counts(key.clone()), wait);
        return Ok(Next::After(wait));
    }
    // A watch without a status has none of the default's values stored, either.
    let stored = watch
        .status
        .as_ref()
        .map_or_else(|| Value::Object(serde_json::Map::new()), as_json);
    let patch = merge_patch(&stored, &as_json(&new));
    context.cluster.patch_watch_status(watch, patch).await?;
    context.index.wrote_watch(key);
    // (client sends) Events for what changed
    events::announce(context, watch, (old, &new)).await;
    Ok(Next::Done)
}

/// The governed kinds that nothing is known of: their objects are not assessed.
fn out_of_reach(live: &Live, watched: &Watched) -> Vec<Notice> {
    let kinds: BTreeSet<_> = watched.rendition.desired.keys().map(|target| target.kind).collect();
    let told = kinds.into_iter().filter_map(|kind| match live.standing(kind) {
        Standing::Absent(why) => Some(Notice {
            path: None,
            file: None,
            line: None,
            message: format!("no {kind} is assessed: {why} ({})", Resource::from(kind)),
        }),
        Standing::Filling | Standing::Held => None,
    });
    told.collect()
}

/// Which rules do nothing or are not in force, and what is odd in the source.
fn warnings(watched: Option<&Watched>, idle: Vec<Notice>) -> Vec<Notice> {
    let rules = watched.map(|watched| watched.ignored.warnings()).unwrap_or_default();
    let rules = rules.into_iter().map(|message| Notice {
        path: None,
        file: None,
        line: None,
        message,
    });
    let of_source = watched
        .into_iter()
        .flat_map(|watched| watched.rendition.warnings.iter().cloned());
    let mut told: Vec<Notice> = idle.into_iter().chain(rules).chain(of_source).collect();
    let all = told.len() + watched.map_or(0, |watched| watched.rendition.more_warnings);
    if all > WARNING_LIMIT {
        told.truncate(WARNING_LIMIT - 1);
        told.push(Notice {
            path: None,
            file: None,
            line: None,
            message: format!("and {} more warnings", all - told.len()),
        });
    }
    told
}

fn as_json(status: &DriftWatchStatus) -> Value {
    serde_json::to_value(status).unwrap_or_default()
}

/// Whether a person would want to see the change now: another commit, another spec, a failure that came or went, or the
/// end of the first look at everything that a commit names.
pub(super) fn urgent(old: &DriftWatchStatus, new: &DriftWatchStatus) -> bool {
    let states = |status: &DriftWatchStatus| -> Vec<_> {
        status
            .conditions
            .iter()
            .map(|condition| (condition.type_.clone(), condition.status, condition.reason.clone()))
            .collect()
    };
    let assessed = |status: &DriftWatchStatus| {
        let counts = status.counts;
        counts.in_sync + counts.pending + counts.drifted + counts.conflicted == counts.governed
    };
    old.revision != new.revision
        || old.observed_generation != new.observed_generation
        || old.controller != new.controller
        || states(old) != states(new)
        || !assessed(old) && assessed(new)
}

/// How long passes between a write and this one, where it is not urgent.
pub(super) fn quiet(old: &DriftWatchStatus, new: &DriftWatchStatus) -> Duration {
    fn mass_drift(status: &DriftWatchStatus) -> Option<&str> {
        status
            .conditions
            .iter()
            .find(|condition| condition.type_ == MASS_DRIFT)
            .map(|condition| condition.message.as_str())
    }
    if mass_drift(old) == mass_drift(new) {
        QUIET
    } else {
        QUIET_IN_MASS
    }
}
