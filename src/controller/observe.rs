//! Observe: one object as one snapshot, from the stores for telling and from the API server for deciding a write.

mod seen;

pub use seen::{Past, Seen, policy, snapshot, whole_seconds};

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use serde_json::Value;

use super::index::{Desired, Lead, Meeting, Sight, Target, WatchKey, Watched};
use super::origin::Tenant;
use super::tool::ToolKey;
use super::{Context, Key, judge, tool};
use crate::cluster::ApiError;
use crate::crd::{DriftReport, DriftWatch, FREEZE_ANNOTATION, WatchRef};
use crate::engine::argo_cd::state::OperationPhase;
use crate::engine::diff::Apart;
use crate::engine::plan::Memory;
use crate::engine::{Assessment, Beside, Policy, Snapshot, Tool};
use crate::report::{HistoryEntry, ReportStatus, memory};

/// How soon a watch tells which rules are not in force: a commit assesses all objects at once, and is told once.
const SOON: Duration = Duration::from_secs(1);

/// One object with everything that a reconcile needs of it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What the engine may know.
    pub snapshot: Snapshot,

    /// What the watch asks for.
    pub policy: Arc<Policy>,

    /// The watch that leads.
    pub key: WatchKey,

    /// The watch as its user wrote it.
    pub watch: Arc<DriftWatch>,

    /// The report, where there is one.
    pub report: Option<Arc<DriftReport>>,

    /// Git's document as the source has it; `None` where it has none.
    pub desired: Option<Arc<Desired>>,
}

impl Scene {
    /// What is to be remembered of it.
    pub fn sight(&self, assessment: &Assessment) -> Sight {
        let Snapshot { live, seen, now, .. } = &self.snapshot;
        let apart = live.as_ref().and_then(|_| Apart::where_both_meet(&assessment.drifts));
        let meeting = |(desired, apart): (_, Vec<_>)| Meeting {
            desired,
            apart: apart.into(),
            at: *now,
        };
        Sight {
            live: *seen,
            met: self.desired.clone().zip(apart).map(meeting),
            dropped: (live.is_some() && self.desired.is_none()).then(|| self.key.clone()),
        }
    }

    /// What the report says; nothing where there is none.
    pub fn status(&self) -> &ReportStatus {
        static NONE: LazyLock<ReportStatus> = LazyLock::new(ReportStatus::default);
        self.report
            .as_ref()
            .and_then(|report| report.status.as_ref())
            .unwrap_or(&NONE)
    }

    /// Who offers a plan here, and what was offered before.
    pub fn memory(&self) -> Memory {
        let report = self.report.as_ref().and_then(|report| report.uid()).unwrap_or_default();
        Memory {
            report,
            watch: self.watch.uid().unwrap_or_default(),
            ..memory(self.status())
        }
    }
}

/// A [`Scene`] read from the API server, with what stops every write.
#[derive(Clone, Debug)]
pub struct FreshScene {
    /// The scene.
    pub scene: Scene,

    /// Where a freeze annotation stands, in words.
    pub frozen: Option<String>,
}

/// The report of an object as the store has it.
pub fn report(context: &Context, target: &Target) -> Option<Arc<DriftReport>> {
    let named = context
        .reports
        .get(&ObjectRef::new(&target.report_name()).within(&target.namespace));
    named.filter(|report| report.spec.target == target.target_ref())
}

/// The scene as the stores have it; `None` when no watch governs the object, nor did.
///
/// One that its watch no longer names, but that still has a report, is told as orphaned.
pub fn from_stores(context: &Context, target: &Target) -> Option<Scene> {
    let report = report(context, target);
    let live = context.live.get(target.kind, &target.namespace, &target.name);
    let led = led(context, target, report.as_deref())?;
    let tool = led
        .watched
        .tool
        .as_ref()
        .map_or(Tool::Unknown, |key| context.tools.tool(key, &led.watched.surroundings));
    Some(scene(
        context,
        target,
        led,
        Observed {
            live,
            tool,
            report,
            judge: context.judge.known(),
        },
    ))
}

/// The scene as the API server has it now: the object, the tool's object, the report, and every place of a freeze
/// annotation. `None` also where the watch is not the one that was read, or says something else by now: what it says
/// now was not assessed yet.
///
/// # Errors
/// The first request that fails.
pub async fn fresh(context: &Context, target: &Target) -> Result<Option<FreshScene>, ApiError> {
    let live = context
        .cluster
        .get_governed(target.kind, &target.namespace, &target.name)
        .await?;
    let report = context
        .cluster
        .report_of(&target.namespace, &target.target_ref())
        .await?
        .map(Arc::new);
    // After the report: what stands now, unchanged, judged whatever is in there.
    let judge = judge::now(context).await?;
    let Some(led) = led(context, target, report.as_deref()) else {
        return Ok(None);
    };
    let sources = &context.settings.sources;
    let tenant = Tenant {
        watch: &led.key.namespace,
        own_namespace: &sources.own_namespace,
    };
    let seen_alive = context.tools.argo_cd_seen_alive();
    let tool = tool::fresh(
        &context.cluster,
        tenant,
        &sources.argo_cd,
        led.watched.tool.as_ref(),
        seen_alive,
    )
    .await?;
    let watch = context.cluster.get_watch(&led.key.namespace, &led.key.name).await?;
    if !is_in_force(&led.watched, watch.as_ref()) {
        return Ok(None);
    }
    let scene = scene(
        context,
        target,
        led,
        Observed {
            live,
            tool,
            report,
            judge,
        },
    );
    let namespace = context.cluster.get_namespace(&target.namespace).await?;
    let frozen = frozen(
        namespace
            .as_ref()
            .and_then(|namespace| namespace.annotations.get(FREEZE_ANNOTATION)),
        watch
            .as_ref()
            .and_then(|watch| watch.annotations().get(FREEZE_ANNOTATION)),
        scene
            .report
            .as_ref()
            .and_then(|report| report.annotations().get(FREEZE_ANNOTATION)),
    );
    Ok(Some(FreshScene { scene, frozen }))
}

/// Whether a watch, read fresh, is the one that everything was made for: not gone or going, not made anew, and with the
/// same spec.
pub fn is_in_force(watched: &Watched, fresh: Option<&DriftWatch>) -> bool {
    fresh.is_some_and(|watch| watch.metadata.deletion_timestamp.is_none() && watched.says_the_same(watch))
}

/// Where a freeze annotation stands. Any value but `false` counts: a person in a hurry writes `now`, a name, or
/// nothing.
pub fn frozen(namespace: Option<&String>, watch: Option<&String>, report: Option<&String>) -> Option<String> {
    let places = [("namespace", namespace), ("watch", watch), ("report", report)];
    let (place, value) = places
        .into_iter()
        .find_map(|(place, value)| Some((place, value.filter(|value| *value != "false")?)))?;
    Some(match value.as_str() {
        "" | "true" => format!("the annotation {FREEZE_ANNOTATION} on the {place}"),
        reason => format!("the annotation {FREEZE_ANNOTATION} on the {place}: {reason}"),
    })
}

/// The watch that speaks for an object, and what it says of it.
struct Led {
    key: WatchKey,
    watched: Arc<Watched>,
    desired: Option<Arc<Desired>>,
}

fn led(context: &Context, target: &Target, report: Option<&DriftReport>) -> Option<Led> {
    if let Some(Lead { key, watched, desired }) = context.index.lead(target) {
        return Some(Led {
            key,
            watched,
            desired: Some(desired),
        });
    }
    let of_report = report.map(|report| &report.spec.watch_ref);
    let of_report = of_report.map(|watch| WatchKey {
        namespace: watch.namespace.clone(),
        name: watch.name.clone(),
    });
    let key = of_report.or_else(|| context.index.dropped(target).map(|(key, _)| key))?;
    let passed_over =
        |watched: &Watched| watched.rendition.passed_over.contains(target) || context.index.is_let_go(target);
    let watched = context.index.watch(&key).filter(|watched| !passed_over(watched))?;
    Some(Led {
        key,
        watched,
        desired: None,
    })
}

/// What was read of one object.
struct Observed {
    live: Option<Value>,
    tool: Tool,
    report: Option<Arc<DriftReport>>,
    judge: String,
}

fn scene(context: &Context, target: &Target, led: Led, observed: Observed) -> Scene {
    let Led { key, watched, desired } = led;
    let Observed {
        live,
        tool,
        report,
        judge,
    } = observed;
    let remembered = context.index.remembered(target).seen_from(&key);
    // The tool's word counts for what was there before this process looked: of what came since, the cluster itself
    // tells.
    let brought = || desired.as_ref().is_some_and(|desired| desired.synced.is_some()) || tool.applied(&target.id());
    let reported = report
        .as_ref()
        .is_some_and(|report| report.status.as_ref().is_some_and(|status| status.target_uid.is_some()));
    let before = live.is_some() || remembered.live || reported || remembered.first_seen.is_none() && brought();
    let dropped = context.index.dropped(target).filter(|_| desired.is_none());
    let past = Past::of(
        remembered,
        dropped.map(|(_, at)| at),
        report.as_deref(),
        &watched.rendition.revision,
    );
    let beside = watched
        .tool
        .as_ref()
        .map(|key| beside(context, (key, &tool), target))
        .unwrap_or_default();
    let seen = Seen {
        live,
        tool,
        judge,
        before,
        past,
        beside,
    };
    let mut snapshot = snapshot(context.cluster_id.clone(), target, &watched, desired.as_deref(), seen);
    let changes = watched.ignored.changes();
    let policy = policy(&watched, &mut snapshot, &context.jq);
    if watched.ignored.changes() != changes {
        context.queue.after(Key::Counts(key.clone()), SOON);
    }
    Scene {
        snapshot,
        policy,
        key,
        watch: watched.watch.clone(),
        report,
        desired,
    }
}

/// What is known of the others that this object of a tool syncs: by their last assessments, and by what their reports
/// tell of heals.
///
/// The reports are gone through only where there is a state that may be cleared: most objects are looked at beside
/// an operation that succeeded.
fn beside(context: &Context, (key, tool): (&ToolKey, &Tool), target: &Target) -> Beside {
    let refused = context.index.refused_beside(key, target);
    let state = tool.argo_cd().and_then(|argo_cd| argo_cd.application.state.as_ref());
    if state.is_none_or(|state| state.phase == OperationPhase::Succeeded && state.result.is_some()) {
        return Beside {
            refused,
            ..Beside::default()
        };
    }
    let watches = context.index.watches_of(key);
    let this = target.target_ref();
    let is_of_another = |report: &&Arc<DriftReport>| {
        let WatchRef { namespace, name } = &report.spec.watch_ref;
        let is_watched = watches
            .iter()
            .any(|watch| watch.namespace == *namespace && watch.name == *name);
        is_watched && (report.namespace().as_ref(), &report.spec.target) != (Some(&target.namespace), &this)
    };
    let reports = context.reports.state();
    let others = reports
        .iter()
        .filter(is_of_another)
        .filter_map(|report| report.status.as_ref());
    let failed_clears = others
        .flat_map(|status| status.history.iter().filter_map(HistoryEntry::failed_clear))
        .collect();
    Beside { refused, failed_clears }
}
